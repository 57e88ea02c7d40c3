"""What a crash leaves of a leg, and how its parent comes back (A9).

The parent's map and the in-flight owners are volatile, the components' written maps are durable; so the
parent after a crash is the union of the written maps, and nothing else is needed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from placement_sim.errors import InvariantError
from placement_sim.model.allocation import AllocationMap
from placement_sim.model.storage_object import Leg


def rebuild_parent(leg: Leg, disk_count: int, kept: Mapping[int, int] | None = None) -> AllocationMap:
    """Give the parent's map as the union of the components' written maps; the leg is not changed.

    Parameters
    ----------
    disk_count
        Disks of the cluster, as at the making of the leg.
    kept
        Entries, by block, that durable records stand behind (A14): these come back as they were.

    Raises
    ------
    InvariantError
        A block is written on two components, so that the union does not name one owner.

    Source: behaviour A9, implied by US10268408B2: the parent's map changes only after the component's (claim 1).

    Examples
    --------
    >>> from placement_sim.model.cluster import StorageObjectSpec
    >>> leg = Leg.alone(StorageObjectSpec("vol", 4096, 1024, disks=(0, 1)), disk_count=2)
    >>> leg.written[1].mark(3)
    >>> rebuild_parent(leg, 2).owner(3), leg.parent.owner(3)
    (1, -1)
    """
    parent = AllocationMap.empty(leg.block_count, disk_count)
    recorded = np.array(sorted(kept or ()), np.int64)
    for disk, written in leg.written.items():
        blocks = np.setdiff1d(written.blocks(), recorded, assume_unique=True)
        taken = np.flatnonzero(parent.array[blocks])
        if len(taken):
            block = int(blocks[taken[0]])
            raise InvariantError(f"block {block} is written on disk {parent.owner(block)} and on disk {disk}")
        parent.adopt(blocks, disk)
    for block, entry in (kept or {}).items():
        parent.entries[block] = entry
    return parent


def recover_leg(leg: Leg, disk_count: int, kept: Mapping[int, int] | None = None) -> None:
    """Let a leg crash and come back: volatile state is lost, the parent is rebuilt from the written maps.

    What was in flight is forgotten, so its reservations have to be given back by whoever keeps them.

    Examples
    --------
    >>> from placement_sim.model.cluster import StorageObjectSpec
    >>> leg = Leg.alone(StorageObjectSpec("vol", 4096, 1024, disks=(0, 1)), disk_count=2)
    >>> leg.set_pending(0, 0); leg.set_pending(1, 1)
    >>> leg.written[1].mark(1)
    >>> recover_leg(leg, 2)
    >>> leg.parent.owner(0), leg.parent.owner(1), leg.pending[1]
    (-1, 1, 0)
    """
    leg.parent.replace(rebuild_parent(leg, disk_count, kept))
    leg.forget_in_flight()
