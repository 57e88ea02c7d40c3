"""The two kinds of map of US10268408B2: the parent's allocation map and a component's written map.

Entries are 0 until they are set and come from lazily zeroed memory, so that untouched
pages of a large thin object cost nothing.
"""

from __future__ import annotations

import mmap
import sys
from typing import Any, cast

import numpy as np
import numpy.typing as npt

_LARGE_BYTES = 1 << 24
CHUNK_BITS = 15  # 32,768 blocks: one page of a written map


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


class AllocationMap:
    """A parent's map: block -> component, or none (A2).

    One byte a block, two above 254 disks; 0 is unallocated, otherwise disk index + 1.

    Examples
    --------
    >>> parent = AllocationMap(block_count=4, disk_count=2)
    >>> parent.set_owner(3, 1)
    >>> parent.owner(3), parent.owner(0), parent.metadata_writes
    (1, -1, 1)
    """

    def __init__(self, block_count: int, disk_count: int) -> None:
        self.array = lazy_zeros(block_count, np.uint8 if disk_count <= 254 else np.uint16)
        self.entries = memoryview(cast(Any, self.array))
        self.metadata_writes = 0
        self.chunks: set[int] = set()  # where an entry was ever set, so that checks need not read the rest

    def owner(self, block: int) -> int:
        """Give the disk index of the block's component, -1 for none."""
        return int(self.entries[block]) - 1

    def set_owner(self, block: int, disk: int) -> None:
        """Name the block's component: one metadata write (A13)."""
        self.entries[block] = disk + 1
        self.chunks.add(block >> CHUNK_BITS)
        self.metadata_writes += 1

    def adopt(self, blocks: npt.NDArray[np.int64], disk: int) -> None:
        """Name the component of blocks that its own map lists, at a rebuild (A9): in memory, so no metadata write."""
        self.array[blocks] = disk + 1
        self.chunks.update((np.unique(blocks >> CHUNK_BITS)).tolist())

    def allocated(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """List the allocated blocks in ascending order and the disk of each, both of shape (allocated,)."""
        blocks = [np.zeros(0, np.int64)]
        for chunk in sorted(self.chunks):
            first = chunk << CHUNK_BITS
            blocks.append(np.flatnonzero(self.array[first : first + (1 << CHUNK_BITS)]) + first)
        found = np.concatenate(blocks)
        return found, self.array[found].astype(np.int64) - 1

    def clear(self, block: int) -> None:
        """Make the block unallocated: one metadata write (A15)."""
        self.entries[block] = 0
        self.metadata_writes += 1


class WrittenMap:
    """A component's own map: block -> written (A2), one bit a block.

    Examples
    --------
    >>> written = WrittenMap(block_count=10)
    >>> written.mark(9); written.is_written(9), written.is_written(8), written.written_blocks
    (True, False, 1)
    """

    def __init__(self, block_count: int) -> None:
        self.block_count = block_count
        self.bits = lazy_zeros(-(-block_count // 8), np.uint8)
        self._bytes = memoryview(cast(Any, self.bits))
        self.written_blocks = 0
        self.chunks: set[int] = set()

    def is_written(self, block: int) -> bool:
        """Tell whether the component has written the block."""
        return bool(self._bytes[block >> 3] & (1 << (block & 7)))

    def mark(self, block: int) -> None:
        """Mark a block that was not written before (A5)."""
        self._bytes[block >> 3] |= 1 << (block & 7)
        self.chunks.add(block >> CHUNK_BITS)
        self.written_blocks += 1

    def clear(self, block: int) -> None:
        """Clear a written block (A15)."""
        self._bytes[block >> 3] &= ~(1 << (block & 7)) & 0xFF
        self.written_blocks -= 1

    def blocks(self) -> npt.NDArray[np.int64]:
        """List the written blocks in ascending order, shape (written_blocks,)."""
        found = [np.zeros(0, np.int64)]
        for chunk in sorted(self.chunks):
            first = chunk << CHUNK_BITS
            piece = self.bits[first >> 3 : (first >> 3) + (1 << (CHUNK_BITS - 3))]
            found.append(np.flatnonzero(np.unpackbits(piece, bitorder="little")) + first)
        return np.concatenate(found)
