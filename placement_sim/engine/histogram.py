"""A log-linear latency histogram: 256 equal bins in each power of two, as in HdrHistogram.

A bin is at most 1/256 of its value wide; below 512 ns bins are exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SUB_BITS = 8
BIN_COUNT = (64 - SUB_BITS) << SUB_BITS
METHOD = (
    "nearest-rank percentile on a log-linear histogram; the bin's upper edge is given, "
    "at most 0.4 % above the exact value"
)


def bin_index(value_ns: int) -> int:
    """Give the bin of a latency of 0 ns or more, by shifts alone, so that Numba can compile it.

    Examples
    --------
    >>> bin_index(511), bin_index(512), bin_index(513), bin_index(514)
    (511, 512, 512, 513)
    """
    shift = 0
    rest = value_ns >> (SUB_BITS + 1)
    for step in (32, 16, 8, 4, 2, 1):
        if rest >> step:
            rest >>= step
            shift += step
    shift += rest
    if shift == 0:
        return value_ns
    return (shift << SUB_BITS) + (value_ns >> shift)


def bin_indices(values_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give the bins of many latencies, same shape.

    Examples
    --------
    >>> bin_indices(np.array([511, 512, 513, 514, 2**40 - 1])).tolist()[:4]
    [511, 512, 512, 513]
    """
    shift = np.zeros(values_ns.shape, np.int64)
    rest = values_ns >> (SUB_BITS + 1)
    for step in (32, 16, 8, 4, 2, 1):
        more = (rest >> step) > 0
        rest = np.where(more, rest >> step, rest)
        shift += more * step
    shift += rest
    return np.asarray((shift << SUB_BITS) + (values_ns >> shift), dtype=np.int64)


def upper_edge_ns(index: int) -> int:
    """Give the largest latency that falls into a bin.

    Examples
    --------
    >>> upper_edge_ns(512), upper_edge_ns(7)
    (513, 7)
    """
    shift = (index >> SUB_BITS) - 1
    if shift <= 0:
        return index
    return (((index & ((1 << SUB_BITS) - 1)) + (1 << SUB_BITS) + 1) << shift) - 1


def percentile_ns(row: npt.NDArray[np.int64], q: float) -> int | None:
    """Give the q-th percentile of one histogram row, None where it is empty.

    Parameters
    ----------
    row
        int64, shape (bins,).
    q
        0 < q <= 100.
    """
    total = int(row.sum())
    if total == 0:
        return None
    rank = max(1, int(np.ceil(total * (q / 100.0) - 1e-9)))
    return upper_edge_ns(int(np.searchsorted(np.cumsum(row), rank)))
