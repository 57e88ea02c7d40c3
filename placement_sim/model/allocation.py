"""The two kinds of map of US10268408B2: the parent's allocation map and a component's written map.

Both are views into the flat arrays of a `MapStore`, so that one text of the model serves
Python and compiled code. Untouched pages of a large thin object cost nothing.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

_LARGE_BYTES = 1 << 24
CHUNK_BITS = 15  # 32,768 blocks: one page of a written map
MAX_DISKS_ONE_BYTE = 253  # entries 0 (none), 1 to 253, and two that are no disk
STALE, DEGRADED = 65534, 65535  # those two in a map of two bytes a block, and in all that is kept of maps


def lazy_zeros(count: int, dtype: type) -> npt.NDArray[Any]:
    """Give `count` zeros whose memory is used only where it is touched.

    Examples
    --------
    >>> int(lazy_zeros(5, np.uint8).sum())
    0
    """
    size_bytes = max(count, 1) * np.dtype(dtype).itemsize
    if size_bytes >= _LARGE_BYTES and sys.platform == "linux":
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
        return np.frombuffer(mmap.mmap(-1, size_bytes, flags=flags), dtype=dtype)[:count]
    return np.zeros(count, dtype)


def entry_type(disk_count: int) -> type:
    """Give the type of a parent's entry: one byte a block, two above 253 disks.

    Examples
    --------
    >>> entry_type(253).__name__, entry_type(254).__name__
    ('uint8', 'uint16')
    """
    return np.uint8 if disk_count <= MAX_DISKS_ONE_BYTE else np.uint16


def wide_entries(entries: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give entries in which those that name no disk are `STALE` and `DEGRADED`, whatever their type.

    Examples
    --------
    >>> wide_entries(np.array([0, 253, 254, 255], np.uint8)).tolist() == [0, 253, STALE, DEGRADED]
    True
    """
    least = np.iinfo(entries.dtype).max - 1
    if entries.dtype == np.uint16 or not len(entries) or entries.max() < least:
        return entries
    wide = entries.astype(np.uint16)
    wide[entries >= least] += STALE - least
    return wide


def view(array: npt.NDArray[Any]) -> memoryview:
    """Give an array as a memoryview, whose single entries Python reads and writes quickly."""
    return memoryview(cast(Any, array))


def touched_parts(touched: npt.NDArray[np.uint8]) -> Iterator[slice]:
    """Give the blocks of each chunk that may hold something.

    Examples
    --------
    >>> list(touched_parts(np.array([0, 1], np.uint8)))
    [slice(32768, 65536, None)]
    """
    for chunk in np.flatnonzero(touched).tolist():
        yield slice(chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS)


class AllocationMap:
    """A parent's map: block -> component, or none (A2).

    Entry 0 is unallocated, otherwise disk index + 1. Two entries name no disk: `DEGRADED`,
    the newest copy is on a second component, and `STALE`, none is readable here (A14).

    Parameters
    ----------
    array
        uint8 or uint16, shape (blocks,).
    touched
        uint8 by chunk of 32,768 blocks: where an entry was ever set, so that checks need
        not read the rest.
    writes
        int64, shape (1,): the metadata writes.

    Examples
    --------
    >>> parent = AllocationMap(np.zeros(4, np.uint8), np.zeros(1, np.uint8), np.zeros(1, np.int64))
    >>> parent.set_owner(3, 1)
    >>> parent.owner(3), parent.owner(0), parent.metadata_writes
    (1, -1, 1)
    """

    def __init__(self, array: npt.NDArray[Any], touched: npt.NDArray[np.uint8], writes: npt.NDArray[np.int64]) -> None:
        self.array = array
        self.entries = view(array)
        self.degraded = int(np.iinfo(array.dtype).max)
        self.stale = self.degraded - 1
        self._touched = touched
        self._touch = view(touched)
        self._writes = view(writes)

    @property
    def metadata_writes(self) -> int:
        """Changes of the map since the start (A13)."""
        return int(self._writes[0])

    def owner(self, block: int) -> int:
        """Give the disk index of the block's component, -1 for none."""
        entry = int(self.entries[block])
        return entry - 1 if entry < self.stale else -1

    def set_owner(self, block: int, disk: int) -> None:
        """Name the block's component: one metadata write (A13)."""
        self.set_entry(block, disk + 1)

    def set_entry(self, block: int, entry: int) -> None:
        """Set an entry, be it a disk's or one of the two that name none: one metadata write."""
        self.entries[block] = entry
        self._touch[block >> CHUNK_BITS] = 1
        self._writes[0] += 1

    @classmethod
    def empty(cls, block_count: int, disk_count: int) -> AllocationMap:
        """Make a map of its own, with nothing allocated."""
        chunks = (block_count >> CHUNK_BITS) + 1
        entries = lazy_zeros(block_count, entry_type(disk_count))
        return cls(entries, np.zeros(chunks, np.uint8), np.zeros(1, np.int64))

    def adopt(self, blocks: npt.NDArray[np.int64], disk: int) -> None:
        """Name the component of blocks that its own map lists, at a rebuild (A9): in memory, so no metadata write."""
        self.array[blocks] = disk + 1
        self._touched[np.unique(blocks >> CHUNK_BITS)] = 1

    def replace(self, other: AllocationMap) -> None:
        """Take over the entries of a rebuilt map of the same object (A9)."""
        for part in touched_parts(self._touched | other._touched):
            self.array[part] = other.array[part]
        self._touched |= other._touched

    def allocated(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """List the allocated blocks in ascending order and the entry less 1 of each, both of shape (allocated,)."""
        blocks = [np.zeros(0, np.int64)]
        for part in touched_parts(self._touched):
            blocks.append(np.flatnonzero(self.array[part]) + part.start)
        found = np.concatenate(blocks)
        return found, self.array[found].astype(np.int64) - 1

    def clear(self, block: int) -> None:
        """Make the block unallocated: one metadata write (A15)."""
        self.entries[block] = 0
        self._writes[0] += 1


class WrittenMap:
    """A component's own map: block -> written (A2), one bit a block.

    Parameters
    ----------
    bits
        uint8, shape (ceil(blocks / 8),).
    touched
        As in `AllocationMap`, which shares it.
    count
        int64, shape (1,): the written blocks.

    Examples
    --------
    >>> written = WrittenMap(np.zeros(2, np.uint8), np.zeros(1, np.uint8), np.zeros(1, np.int64))
    >>> written.mark(9); written.is_written(9), written.is_written(8), written.written_blocks
    (True, False, 1)
    """

    def __init__(
        self, bits: npt.NDArray[np.uint8], touched: npt.NDArray[np.uint8], count: npt.NDArray[np.int64]
    ) -> None:
        self.bits = bits
        self._bytes = view(bits)
        self._touched = touched
        self._touch = view(touched)
        self._count = view(count)

    @property
    def written_blocks(self) -> int:
        """Blocks marked as written."""
        return int(self._count[0])

    def is_written(self, block: int) -> bool:
        """Tell whether the component has written the block."""
        return bool(self._bytes[block >> 3] & (1 << (block & 7)))

    def mark(self, block: int) -> None:
        """Mark a block that was not written before (A5)."""
        self._bytes[block >> 3] |= 1 << (block & 7)
        self._touch[block >> CHUNK_BITS] = 1
        self._count[0] += 1

    def clear(self, block: int) -> None:
        """Clear a written block (A15)."""
        self._bytes[block >> 3] &= ~(1 << (block & 7)) & 0xFF
        self._count[0] -= 1

    def blocks(self) -> npt.NDArray[np.int64]:
        """List the written blocks in ascending order, shape (written_blocks,)."""
        found = [np.zeros(0, np.int64)]
        if self.written_blocks == 0:
            return found[0]
        for part in touched_parts(self._touched):
            piece = self.bits[part.start >> 3 : part.stop >> 3]
            found.append(np.flatnonzero(np.unpackbits(piece, bitorder="little")) + part.start)
        return np.concatenate(found)
