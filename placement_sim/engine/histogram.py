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
    """Give the bin of a latency of 0 ns or more.

    Examples
    --------
    >>> bin_index(511), bin_index(512), bin_index(513), bin_index(514)
    (511, 512, 512, 513)
    """
    shift = value_ns.bit_length() - (SUB_BITS + 1)
    if shift <= 0:
        return value_ns
    return (shift << SUB_BITS) + (value_ns >> shift)


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
