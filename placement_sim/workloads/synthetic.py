"""Synthetic requests: a law for when, a law for where, shares for how large and which kind.

Each has a stream of its own, keyed by (seed, name, purpose), so that changing one leaves
the draws of the others. Everything is lazy, and the size of a chunk changes no request.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placement_sim.randomness import generator, mix, stream_key
from placement_sim.workloads.requests import READ, WRITE, Requests

NS_PER_S = 1_000_000_000
ZIPF_TABLE_RANKS = 2**20

Ints = npt.NDArray[np.int64]


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be a finite number > 0, got {value!r}")


def _check_share(**values: float) -> None:
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must be in [0, 1], got {value!r}")


def _whole_ns(seconds: npt.NDArray[np.float64]) -> Ints:
    return np.rint(seconds * NS_PER_S).astype(np.int64)


@dataclass(frozen=True)
class Poisson:
    """Independent arrivals in an open loop: exponential gaps, rounded to whole nanoseconds.

    Examples
    --------
    >>> Poisson(1000.0).gaps_ns(generator(1, "vm", "arrivals"), 0, 5).shape
    (5,)
    """

    rate_per_s: float

    def __post_init__(self) -> None:
        _check_positive(**vars(self))

    def gaps_ns(self, rng: np.random.Generator, first: int, count: int) -> Ints:
        """Give the gaps before requests first ... first + count - 1, shape (count,)."""
        return _whole_ns(rng.standard_exponential(count) / self.rate_per_s)

    def wall_ns(self, clock_ns: Ints) -> Ints:
        """Map the sum of gaps to time since the start of the stream, shape as given."""
        return clock_ns


@dataclass(frozen=True)
class FixedRate(Poisson):
    """Evenly spaced arrivals, the first one gap after the start; rounding does not add up.

    Examples
    --------
    >>> FixedRate(3.0).gaps_ns(generator(1, "vm", "arrivals"), 0, 3).tolist()
    [333333333, 333333334, 333333333]
    """

    def gaps_ns(self, rng: np.random.Generator, first: int, count: int) -> Ints:
        """Give the gaps; nothing is drawn."""
        return np.diff(_whole_ns(np.arange(first, first + count + 1) / self.rate_per_s))


@dataclass(frozen=True)
class OnOff(Poisson):
    """Poisson arrivals at `rate_per_s` for exactly `on_s`, then silence for `off_s`, and again.

    Examples
    --------
    >>> OnOff(100.0, 1.0, 9.0).wall_ns(np.array([500_000_000, 1_500_000_000])).tolist()
    [500000000, 10500000000]
    """

    on_s: float
    off_s: float

    def wall_ns(self, clock_ns: Ints) -> Ints:
        """Put the off periods back in; the clock of the gaps runs only in on periods."""
        on_ns, off_ns = max(1, round(self.on_s * NS_PER_S)), round(self.off_s * NS_PER_S)
        return clock_ns + clock_ns // on_ns * off_ns


@dataclass(frozen=True)
class ExponentialThink:
    """Exponential waits of a closed loop between an answer and the next request.

    Examples
    --------
    >>> bool((ExponentialThink(0.5).think_ns(generator(1, "vm", "think"), 9) >= 0).all())
    True
    """

    mean_s: float

    def __post_init__(self) -> None:
        if self.mean_s != 0.0:
            _check_positive(mean_s=self.mean_s)

    def think_ns(self, rng: np.random.Generator, count: int) -> Ints:
        """Give think times, shape (count,)."""
        return _whole_ns(rng.standard_exponential(count) * self.mean_s)


@dataclass(frozen=True)
class FixedThink(ExponentialThink):
    """The same think time before every request; 0 keeps the loop saturated.

    Examples
    --------
    >>> FixedThink(0.5).think_ns(generator(1, "vm", "think"), 2).tolist()
    [500000000, 500000000]
    """

    def think_ns(self, rng: np.random.Generator, count: int) -> Ints:
        """Give `count` equal times; nothing is drawn."""
        return np.full(count, round(self.mean_s * NS_PER_S), dtype=np.int64)


Arrivals = Poisson | FixedRate | OnOff
Think = FixedThink | ExponentialThink


@dataclass(frozen=True)
class Space:
    """What an address law draws on: the object, its grid of slots and the stream's key."""

    object_bytes: int
    align_bytes: int
    seed: int
    name: str

    @property
    def slots(self) -> int:
        """Whole aligned slots of the object."""
        return self.object_bytes // self.align_bytes

    def fit(self, slots: Ints, sizes_bytes: Ints) -> Ints:
        """Give offsets; a request that would pass the end goes round to the beginning."""
        fitting = (self.object_bytes - sizes_bytes) // self.align_bytes + 1
        return slots % fitting * self.align_bytes


@dataclass(frozen=True)
class UniformAddresses:
    """Every aligned slot alike. A law's source turns sizes, shape (count,), into offsets.

    Examples
    --------
    >>> source = UniformAddresses().source(Space(8192, 4096, 1, "vm"))
    >>> set(source(np.full(100, 4096)).tolist()) == {0, 4096}
    True
    """

    def source(self, space: Space) -> Callable[[Ints], Ints]:
        """Start a stream: one draw a request."""
        rng = generator(space.seed, space.name, "addresses")
        return lambda sizes: space.fit((rng.random(len(sizes)) * space.slots).astype(np.int64), sizes)


@dataclass(frozen=True)
class HotColdAddresses:
    """A hot share of the space, contiguous from offset 0, gets its share of the requests.

    Both regions are uniform inside; each has at least one slot.

    Examples
    --------
    >>> source = HotColdAddresses(0.2, 1.0).source(Space(40960, 4096, 1, "vm"))
    >>> int(source(np.full(100, 4096)).max())
    4096
    """

    hot_share_of_space: float
    hot_share_of_requests: float

    def __post_init__(self) -> None:
        _check_share(**vars(self))

    def source(self, space: Space) -> Callable[[Ints], Ints]:
        """Start a stream: two draws a request, which region and where in it."""
        if space.slots < 2:
            raise ValueError(f"hot and cold need two slots of {space.align_bytes} bytes, got {space.slots}")
        hot = min(max(1, round(self.hot_share_of_space * space.slots)), space.slots - 1)
        rng = generator(space.seed, space.name, "addresses")

        def offsets(sizes: Ints) -> Ints:
            draws = rng.random((len(sizes), 2))
            cold = draws[:, 0] >= self.hot_share_of_requests
            slots = np.where(cold, hot, 0) + draws[:, 1] * np.where(cold, space.slots - hot, hot)
            return space.fit(slots.astype(np.int64), sizes)

        return offsets


@dataclass(frozen=True)
class SequentialAddresses:
    """One after the other from offset 0, each start aligned; back to 0 where one does not fit.

    Examples
    --------
    >>> source = SequentialAddresses().source(Space(16384, 4096, 1, "vm"))
    >>> source(np.array([4096, 6000, 4096, 4096])).tolist()
    [0, 4096, 12288, 0]
    """

    def source(self, space: Space) -> Callable[[Ints], Ints]:
        """Start a stream; nothing is drawn."""
        position = 0

        def offsets(sizes: Ints) -> Ints:
            nonlocal position
            steps = -(-sizes // space.align_bytes) * space.align_bytes
            result = np.cumsum(steps) - steps + position
            start = 0
            while (late := result[start:] + sizes[start:] > space.object_bytes).any():
                start += int(late.argmax())
                result[start:] -= result[start]
            position = int(result[-1] + steps[-1])
            return result

        return offsets


@dataclass(frozen=True)
class ZipfAddresses:
    """The slot of rank k gets a share proportional to k**-exponent; ranks lie scattered.

    One draw a request and at most 8 MiB of memory: the first 2**20 ranks are inverted from
    their exact sums, the rest from the integral of x**-exponent between half-integers,
    whose relative error per rank is below exponent * (exponent + 1) / 24 * 2**-40.
    A permutation keyed by (seed, name) sends ranks to slots.

    Examples
    --------
    >>> source = ZipfAddresses(5.0).source(Space(2**40, 4096, 1, "vm"))
    >>> len(set(source(np.full(1000, 4096)).tolist())) < 30
    True
    """

    exponent: float

    def __post_init__(self) -> None:
        _check_positive(exponent=self.exponent)

    def source(self, space: Space) -> Callable[[Ints], Ints]:
        """Start a stream: one draw a request."""
        s, power, slots = self.exponent, 1.0 - self.exponent, space.slots
        table = np.cumsum(np.arange(1, min(slots, ZIPF_TABLE_RANKS) + 1, dtype=np.float64) ** -s)
        edge = len(table) + 0.5
        log_span = math.log((slots + 0.5) / edge)
        # integral from edge to x, as edge**power * expm1(power * log(x / edge)) / power
        tail = edge**power * (log_span if power == 0.0 else math.expm1(power * log_span) / power)
        key = stream_key(space.seed, space.name, "scatter")
        rng = generator(space.seed, space.name, "addresses")

        def offsets(sizes: Ints) -> Ints:
            mass = rng.random(len(sizes)) * (table[-1] + tail)
            ranks = np.searchsorted(table, mass, side="right")
            beyond = np.flatnonzero(ranks == len(table))
            share = (mass[beyond] - table[-1]) / edge**power
            log_x = share if power == 0.0 else np.log1p(power * share) / power
            ranks[beyond] = np.minimum(np.rint(edge * np.exp(log_x)), slots).astype(np.int64) - 1
            return space.fit(scatter(ranks.astype(np.int64), slots, key), sizes)

        return offsets


Addresses = UniformAddresses | HotColdAddresses | SequentialAddresses | ZipfAddresses


def scatter(ranks: Ints, slots: int, key: int) -> Ints:
    """Send ranks in [0, slots) to slots by a permutation that hangs on `key`.

    Three rounds of steps that are one-to-one on b bits (add, multiply by an odd number,
    shift and xor), repeated while the result is outside [0, slots) ("cycle walking": Black
    and Rogaway, CT-RSA 2002).

    Examples
    --------
    >>> sorted(scatter(np.arange(10), 10, 42).tolist()) == list(range(10))
    True
    """
    bits = max(1, (slots - 1).bit_length())
    mask, half = np.uint64(2**bits - 1), np.uint64((bits + 1) // 2)
    result = ranks.astype(np.uint64)
    walking = np.arange(len(ranks))
    while len(walking):
        x = result[walking]
        for turn in range(3):
            x = ((x + np.uint64(mix(key, 2 * turn))) * np.uint64(mix(key, 2 * turn + 1) | 1)) & mask
            x ^= x >> half
        result[walking] = x
        walking = walking[x >= np.uint64(slots)]
    return result.astype(np.int64)


def synthetic_requests(
    *,
    seed: int,
    name: str,
    count: int | None,
    object_bytes: int,
    align_bytes: int,
    sizes: Sequence[tuple[int, float]],
    read_share: float,
    addresses: Addresses,
    arrivals: Arrivals | None = None,
    think: Think | None = None,
    chunk_requests: int = 65536,
) -> Iterator[Requests]:
    """Yield chunks of requests to one object, lazily.

    Parameters
    ----------
    seed, name
        Key of the streams "arrivals", "think", "addresses", "scatter", "kinds" and "sizes".
    count
        Number of requests; None never ends.
    sizes
        Pairs of (size_bytes, share); the shares add up to 1.
    arrivals, think
        Open loop, or closed loop; with neither, a closed loop without think time.

    Raises
    ------
    ValueError
        At the call, not at the first chunk: an argument is out of range, a size is larger
        than the object, or both `arrivals` and `think` are given.

    Examples
    --------
    >>> chunk = next(synthetic_requests(
    ...     seed=1, name="vm-1", count=3, object_bytes=2**30, align_bytes=4096, sizes=[(4096, 1.0)],
    ...     read_share=1.0, addresses=SequentialAddresses(), arrivals=FixedRate(10.0)))
    >>> chunk.time_ns.tolist(), chunk.offset_bytes.tolist()
    ([100000000, 200000000, 300000000], [0, 4096, 8192])
    """
    if arrivals is not None and think is not None:
        raise ValueError("give arrivals (open loop) or think (closed loop), not both")
    if chunk_requests < 1 or (count is not None and count < 0):
        raise ValueError(f"chunk_requests must be >= 1 and count >= 0, got {chunk_requests}, {count}")
    _check_share(read_share=read_share)
    _check_sizes(sizes, object_bytes, align_bytes)
    source = addresses.source(Space(object_bytes, align_bytes, seed, name))
    times = _time_source(seed, name, arrivals, think or FixedThink(0.0))
    kinds, size_draws = generator(seed, name, "kinds"), generator(seed, name, "sizes")
    values = np.array([size for size, _ in sizes], dtype=np.int64)
    edges = np.cumsum([share for _, share in sizes])[:-1]

    def chunk(first: int, n: int) -> Requests:
        size_bytes = values[np.searchsorted(edges, size_draws.random(n), side="right")]
        kind = np.where(kinds.random(n) < read_share, READ, WRITE).astype(np.uint8)
        return Requests(times(first, n), kind, source(size_bytes), size_bytes, np.zeros(n, dtype=np.int32))

    starts = itertools.count(0, chunk_requests) if count is None else range(0, count, chunk_requests)
    last = math.inf if count is None else count
    return (chunk(first, int(min(chunk_requests, last - first))) for first in starts)


def _check_sizes(sizes: Sequence[tuple[int, float]], object_bytes: int, align_bytes: int) -> None:
    if not 0 < align_bytes <= object_bytes:
        raise ValueError(f"align_bytes must be in [1, object_bytes = {object_bytes}], got {align_bytes}")
    _check_share(**{f"share of size {size}": share for size, share in sizes})
    if abs(math.fsum(share for _, share in sizes) - 1.0) > 1e-9:
        raise ValueError(f"the shares of sizes must add up to 1, got {list(sizes)}")
    if any(not 0 < size <= object_bytes for size, _ in sizes):
        raise ValueError(f"sizes must be in [1, object_bytes = {object_bytes}], got {list(sizes)}")


def _time_source(seed: int, name: str, arrivals: Arrivals | None, think: Think) -> Callable[[int, int], Ints]:
    rng = generator(seed, name, "think" if arrivals is None else "arrivals")
    clock_ns = 0

    def times(first: int, count: int) -> Ints:
        nonlocal clock_ns
        if arrivals is None:
            return think.think_ns(rng, count)
        clock = clock_ns + np.cumsum(arrivals.gaps_ns(rng, first, count))
        clock_ns = int(clock[-1])
        return arrivals.wall_ns(clock)

    return times
