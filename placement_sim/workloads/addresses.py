"""Laws of where: each turns sizes into offsets on a grid of aligned slots."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placement_sim.randomness import generator, mix, stream_key
from placement_sim.workloads.checks import check_positive, check_share

ZIPF_TABLE_RANKS = 2**20

Ints = npt.NDArray[np.int64]


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
        check_share(**vars(self))

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
        check_positive(exponent=self.exponent)

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


@dataclass(frozen=True)
class ZipfRunAddresses:
    """Sequential runs that begin in Zipf-popular extents: a request goes on where the last one ended, or jumps.

    A jump goes to one of `extents` that lie scattered over the space, by its popularity, and to any aligned place
    within it.

    Examples
    --------
    >>> source = ZipfRunAddresses(1.0, 1.0, 65536, 100).source(Space(2**30, 4096, 1, "vm"))
    >>> np.unique(np.diff(source(np.full(100, 4096)))).tolist()
    [4096]
    """

    exponent: float
    continue_share: float
    extent_bytes: int
    extents: int

    def __post_init__(self) -> None:
        check_positive(exponent=self.exponent, extent_bytes=self.extent_bytes, extents=self.extents)
        check_share(continue_share=self.continue_share)

    def source(self, space: Space) -> Callable[[Ints], Ints]:
        """Start a stream: three draws a request, whether it goes on, the extent, the place within."""
        extent = min(max(self.extent_bytes // space.align_bytes, 1) * space.align_bytes, space.object_bytes)
        every = space.object_bytes // extent
        used = min(self.extents, every)
        ranked = ZipfAddresses(self.exponent).source(Space(used * extent, extent, space.seed, space.name))
        key = stream_key(space.seed, space.name, "extents")
        runs = generator(space.seed, space.name, "runs")
        after = -1  # where the last request ended; -1: there was none

        def offsets(sizes: Ints) -> Ints:
            nonlocal after
            draws = runs.random((len(sizes), 2))
            extents = scatter(ranked(np.ones(len(sizes), np.int64)) // extent, every, key)
            within = (draws[:, 1] * max(1, extent // space.align_bytes)).astype(np.int64)
            places = extents * extent + within * space.align_bytes
            jump = draws[:, 0] >= self.continue_share
            jump[0] |= after < 0
            steps = -(-sizes // space.align_bytes) * space.align_bytes
            ahead = np.cumsum(steps) - steps
            latest = np.maximum.accumulate(np.where(jump, np.arange(len(sizes)), -1))
            result = np.where(latest >= 0, places[latest] - ahead[latest], after) + ahead
            after = int(result[-1] + steps[-1])
            return space.fit(result // space.align_bytes, sizes)

        return offsets


Addresses = UniformAddresses | HotColdAddresses | SequentialAddresses | ZipfAddresses | ZipfRunAddresses


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
