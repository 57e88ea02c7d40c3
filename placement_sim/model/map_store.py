"""All maps of all objects in a few flat arrays, with a place for every component there may ever be.

A leg's entries start at ``first_block[leg]``; the bits of component `row` of a leg start at
``first_byte[first_component[leg] + row]``. Compiled code works on these arrays as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from placement_sim.model.allocation import CHUNK_BITS, entry_type, lazy_zeros
from placement_sim.model.cluster import StorageObjectSpec

Ints = npt.NDArray[np.int64]


def _starts(counts: list[int]) -> tuple[Ints, int]:
    """Give where each of so many items starts, and the total."""
    ends = np.cumsum(np.array([0, *counts], np.int64))
    return ends[:-1], int(ends[-1])


class MapStore:
    """The arrays behind the maps.

    Parameters
    ----------
    specs
        The objects; legs are numbered object by object.
    disk_count
        Disks of the cluster.
    later
        Disks that may be added at run time: every object keeps a place for a component there.

    Examples
    --------
    >>> store = MapStore((StorageObjectSpec("a", 40960, 4096, (0, 1)),), disk_count=3, later=(2,))
    >>> len(store.owners), store.component_row.tolist()
    (10, [[0, 1, 2]])
    """

    def __init__(self, specs: Sequence[StorageObjectSpec], disk_count: int, later: Sequence[int] = ()) -> None:
        legs = [(index, spec) for index, spec in enumerate(specs) for _ in range(spec.mirrors)]
        self.component_row = np.full((len(specs), disk_count), -1, np.int32)
        rows = []
        for index, spec in enumerate(specs):
            places = [*spec.disks, *(disk for disk in later if disk not in spec.disks)]
            self.component_row[index, places] = np.arange(len(places))
            rows.append(len(places))
        self.first_leg = _starts([spec.mirrors for spec in specs])[0]
        self.first_block, blocks = _starts([spec.block_count for _, spec in legs])
        self.first_chunk, chunks = _starts([-(-spec.block_count >> CHUNK_BITS) + 1 for _, spec in legs])
        self.first_component, components = _starts([rows[index] for index, _ in legs])
        sizes = [-(-spec.block_count // 8) for index, spec in legs for _ in range(rows[index])]
        self.first_byte, size_bytes = _starts(sizes)
        kind = entry_type(disk_count)
        self.owners = lazy_zeros(blocks, kind)
        self.pending = lazy_zeros(blocks, kind)  # volatile in-flight owner, disk index + 1 (A7)
        self.unmapped = lazy_zeros(blocks, np.uint32)  # number of the block's last unmap within its leg
        self.written = lazy_zeros(size_bytes, np.uint8)
        self.touched = lazy_zeros(chunks, np.uint8)
        self.unmaps = np.zeros(max(1, len(legs)), np.int64)
        self.metadata_writes = np.zeros(max(1, len(legs)), np.int64)
        self.written_blocks = np.zeros(max(1, components), np.int64)
