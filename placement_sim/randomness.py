"""Random numbers keyed by (seed, entity, purpose), so that no draw depends on another.

`generator` feeds whatever is drawn ahead of a run (arrivals, addresses); `mix` turns a key
and a counter into 64 bits on the spot, for draws inside the data path. Adding a disk or
choosing another policy leaves every other draw as it was: that is what pairs comparisons.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

MASK_64 = 0xFFFFFFFFFFFFFFFF
GOLDEN_64 = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53


def stream_key(seed: int, entity: str, purpose: str) -> int:
    """Hash (seed, entity, purpose) to the 64-bit key of one random stream.

    Examples
    --------
    >>> stream_key(1, "disk-0", "service") == stream_key(1, "disk-0", "service")
    True
    >>> stream_key(1, "disk-0", "service") == stream_key(1, "disk-1", "service")
    False
    """
    text = f"{seed}\x1f{entity}\x1f{purpose}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def generator(seed: int, entity: str, purpose: str) -> np.random.Generator:
    """Make the NumPy generator (Philox, counter-based) of one stream.

    Examples
    --------
    >>> a, b = generator(7, "vm-1", "arrivals"), generator(7, "vm-1", "arrivals")
    >>> bool((a.random(3) == b.random(3)).all())
    True
    """
    return np.random.Generator(np.random.Philox(key=stream_key(seed, entity, purpose)))


def mix(key: int, counter: int) -> int:
    """Give 64 random bits for one counter of one key.

    Source: the output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at
    position `counter` of the sequence that starts at `key`.

    Examples
    --------
    >>> mix(0, 0) == 0xE220A8397B1DCDAF
    True
    """
    z = (key + (counter + 1) * GOLDEN_64) & MASK_64
    z = ((z ^ (z >> 30)) * _MIX_1) & MASK_64
    z = ((z ^ (z >> 27)) * _MIX_2) & MASK_64
    return z ^ (z >> 31)


def unit(word: int) -> float:
    """Map 64 random bits to a float in [0, 1).

    Examples
    --------
    >>> unit(0), unit(MASK_64) < 1.0
    (0.0, True)
    """
    return (word >> 11) * _TO_UNIT


def draw(word: int, index: int) -> float:
    """Give the `index`-th uniform draw in [0, 1) that hangs on one random word.

    Examples
    --------
    >>> draw(5, 0) == draw(5, 0), draw(5, 0) == draw(5, 1)
    (True, False)
    """
    return unit(mix(word, index))


def mix_array(key: int, start: int, count: int) -> npt.NDArray[np.uint64]:
    """Give ``mix(key, start) ... mix(key, start + count - 1)``, shape (count,).

    Examples
    --------
    >>> int(mix_array(3, 5, 2)[1]) == mix(3, 6)
    True
    """
    with np.errstate(over="ignore"):
        counters = np.arange(start + 1, start + count + 1, dtype=np.uint64)
        return _finish(np.uint64(key) + counters * np.uint64(GOLDEN_64))


def draw_array(words: npt.NDArray[np.uint64], index: int) -> npt.NDArray[np.float64]:
    """Give ``draw(word, index)`` for each of `words`, same shape.

    Examples
    --------
    >>> float(draw_array(mix_array(3, 5, 2), 1)[0]) == draw(mix(3, 5), 1)
    True
    """
    with np.errstate(over="ignore"):
        mixed = _finish(words + np.uint64(index + 1) * np.uint64(GOLDEN_64))
    return (mixed >> np.uint64(11)).astype(np.float64) * _TO_UNIT


def _finish(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Finish SplitMix64 as `mix` does, on an array."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
    return z ^ (z >> np.uint64(31))
