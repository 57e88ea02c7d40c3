"""What ``trace_info`` gathers in one pass, each in bounded memory: footprint, hot blocks, rate, a log histogram."""

from __future__ import annotations

from collections import Counter

import numpy as np

from placement_sim.workloads.requests import UNMAP, Requests
from placement_sim.workloads.traces.rows import Ints

FOOTPRINT_RUNS = 1 << 22  # runs of blocks kept at most, 16 bytes each
HOT_BLOCKS = 1 << 20  # blocks counted at most, 16 bytes each
RATE_WINDOWS = 128
FIRST_WINDOW_NS = 1_000_000
SIZES_KEPT = 1 << 16
STEPS = 64  # of the log histogram in each power of two
_BLOCK_BITS = 43  # 2**63 bytes in blocks of 1 MiB


class Footprint:
    """Distinct blocks that reads and writes touch, per device, kept as disjoint sorted runs.

    Memory follows the number of separate places, never the number of requests; beyond ``FOOTPRINT_RUNS`` it is
    given up and ``blocks`` is None.
    """

    def __init__(self, block_bytes: int) -> None:
        self.block_bytes = block_bytes
        self._runs: dict[int, tuple[Ints, Ints]] | None = {}

    def add(self, chunk: Requests) -> None:
        """Take up a chunk."""
        if self._runs is None:
            return
        data = chunk.kind != UNMAP
        first = chunk.offset_bytes // self.block_bytes
        end = (chunk.offset_bytes + chunk.size_bytes - 1) // self.block_bytes + 1
        order = np.argsort(chunk.device[data], kind="stable")
        device, first, end = chunk.device[data][order], first[data][order], end[data][order]
        codes, starts = np.unique(device, return_index=True)
        for code, low, high in zip(codes.tolist(), starts, [*starts[1:], len(device)], strict=True):
            old = self._runs.get(code, (np.zeros(0, np.int64), np.zeros(0, np.int64)))
            self._runs[code] = _merge(
                np.concatenate([old[0], first[low:high]]), np.concatenate([old[1], end[low:high]])
            )
        if sum(len(start) for start, _ in self._runs.values()) > FOOTPRINT_RUNS:
            self._runs = None

    @property
    def blocks(self) -> int | None:
        """Number of distinct blocks, None where there were too many places to count."""
        if self._runs is None:
            return None
        return sum(int((end - start).sum()) for start, end in self._runs.values())


def _merge(start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Join overlapping and touching runs [start, end)."""
    order = np.argsort(start, kind="stable")
    start, reach = start[order], np.maximum.accumulate(end[order])
    new = np.append(True, start[1:] > reach[:-1])
    last = np.append(np.flatnonzero(new)[1:] - 1, len(start) - 1)
    return start[new], reach[last]


class HotBlocks:
    """Requests by the 1 MiB block in which they begin; beyond ``HOT_BLOCKS`` the rarest half is forgotten.

    A count is then too low by at most ``missed`` (lossy counting: Manku and Motwani, VLDB 2002).
    """

    def __init__(self) -> None:
        self._keys: Ints = np.zeros(0, np.int64)
        self.counts: Ints = np.zeros(0, np.int64)
        self.missed = 0

    def add(self, chunk: Requests) -> None:
        """Take up a chunk; unmaps do not count."""
        data = chunk.kind != UNMAP
        keys = (chunk.device[data].astype(np.int64) << _BLOCK_BITS) | (chunk.offset_bytes[data] >> 20)
        found, counts = np.unique(keys, return_counts=True)
        everything, inverse = np.unique(np.concatenate([self._keys, found]), return_inverse=True)
        sums = np.bincount(inverse, weights=np.concatenate([self.counts, counts]), minlength=len(everything))
        self._keys, self.counts = everything, sums.astype(np.int64)
        if len(self._keys) > HOT_BLOCKS:
            edge = int(np.partition(self.counts, len(self.counts) // 2)[len(self.counts) // 2])
            keep = self.counts > edge
            self._keys, self.counts = self._keys[keep], self.counts[keep]
            self.missed += edge

    def top(self, number: int) -> list[tuple[int, int, int]]:
        """Give (device, block, requests) of the hottest, first by requests, then by place."""
        order = np.lexsort((self._keys, -self.counts))[:number]
        keys, counts = self._keys[order].tolist(), self.counts[order].tolist()
        return [(key >> _BLOCK_BITS, key & (2**_BLOCK_BITS - 1), n) for key, n in zip(keys, counts, strict=True)]


class RateOverTime:
    """Requests and bytes in up to 128 equal windows, whose width doubles as the trace goes on."""

    def __init__(self) -> None:
        self.window_ns = FIRST_WINDOW_NS
        self.counts = np.zeros((3, RATE_WINDOWS), dtype=np.int64)  # by kind
        self.bytes = np.zeros((3, RATE_WINDOWS), dtype=np.int64)
        self._last = 0

    def add(self, chunk: Requests) -> None:
        """Take up a chunk."""
        while int(chunk.time_ns[-1]) // self.window_ns >= RATE_WINDOWS:
            self.window_ns *= 2
            self.counts, self.bytes = _halve(self.counts), _halve(self.bytes)
        place = chunk.kind.astype(np.int64) * RATE_WINDOWS + chunk.time_ns // self.window_ns
        self.counts += np.bincount(place, minlength=3 * RATE_WINDOWS).reshape(3, -1)
        np.add.at(self.bytes.reshape(-1), place, chunk.size_bytes)
        self._last = int(chunk.time_ns[-1]) // self.window_ns

    @property
    def windows(self) -> int:
        """Windows from the start up to the last request."""
        return self._last + 1


def _halve(table: Ints) -> Ints:
    half = RATE_WINDOWS // 2
    return np.concatenate([table.reshape(3, half, 2).sum(axis=2), np.zeros((3, half), np.int64)], axis=1)


class LogHistogram:
    """Counts of whole numbers in 64 bins in each power of two, so that a percentile is right within 1/64.

    Examples
    --------
    >>> histogram = LogHistogram()
    >>> histogram.add(np.array([0, 5, 5, 1000]))
    >>> histogram.percentile(50.0), histogram.percentile(0.0), abs(histogram.percentile(100.0) / 1000 - 1) < 1 / 64
    (5.0, 0.0, True)
    """

    def __init__(self) -> None:
        self.counts = np.zeros(65 * STEPS, dtype=np.int64)
        self.total = 0

    def add(self, values: Ints) -> None:
        """Count values of 0 or more."""
        mantissa, exponent = np.frexp(values.astype(np.float64))
        bins = exponent.astype(np.int64) * STEPS + ((mantissa - 0.5) * 2 * STEPS).astype(np.int64)
        self.counts += np.bincount(np.where(values > 0, bins, 0), minlength=65 * STEPS)
        self.total += len(values)

    def percentile(self, q: float) -> float | None:
        """Give the value at or below which ``q`` per cent lie: the lower edge of its bin, exact below 64."""
        if not self.total:
            return None
        rank = max(1, int(np.ceil(self.total * q / 100.0)))
        place = int(np.searchsorted(np.cumsum(self.counts), rank))
        exponent, step = divmod(place, STEPS)
        return float(np.ldexp(0.5 + step / (2 * STEPS), exponent)) if place else 0.0


class Sizes:
    """Distinct sizes; beyond ``SIZES_KEPT`` of them new ones are counted together."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.further = 0

    def add(self, chunk: Requests) -> None:
        """Take up a chunk; unmaps do not count."""
        values, counts = np.unique(chunk.size_bytes[chunk.kind != UNMAP], return_counts=True)
        for size, count in zip(values.tolist(), counts.tolist(), strict=True):
            if size in self.counts or len(self.counts) < SIZES_KEPT:
                self.counts[size] += count
            else:
                self.further += count
