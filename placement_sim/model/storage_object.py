"""A storage object at run time: mirror -> parent (leg) -> components, with their maps.

Only the parent of a leg knows which component owns a block; only a component knows what
it has written. The in-flight owner is volatile and belongs to neither map (A7).
"""

from __future__ import annotations

import math
from typing import Any, cast

from placement_sim.model.allocation import AllocationMap, WrittenMap, lazy_zeros
from placement_sim.model.cluster import StorageObjectSpec


class Leg:
    """One parent node and its components, by the index of the disk that carries each."""

    def __init__(self, spec: StorageObjectSpec, disk_count: int) -> None:
        self.block_count = spec.block_count
        self.parent = AllocationMap(spec.block_count, disk_count)
        self.written = {disk: WrittenMap(spec.block_count) for disk in spec.disks}
        self._entry_type = self.parent.array.dtype.type
        self.unmaps = 0
        self.unmapped: dict[int, int] = {}  # block -> number of its last unmap, to tell older writes from newer
        self.forget_in_flight()

    def forget_in_flight(self) -> None:
        """Make the table of in-flight owners anew, at the start and after a crash (A9)."""
        pending = lazy_zeros(self.block_count, self._entry_type)
        self.pending = memoryview(cast(Any, pending))  # volatile in-flight owner: disk index + 1

    def is_overtaken(self, block: int, unmaps_seen: int) -> bool:
        """Tell whether the block was unmapped after a write that had seen so many unmaps was sent."""
        return self.unmaps != unmaps_seen and self.unmapped.get(block, 0) > unmaps_seen

    def add_component(self, disk: int) -> None:
        """Add an empty component for the whole address range; nothing moves (A11)."""
        self.written[disk] = WrittenMap(self.block_count)


class StorageObject:
    """The tree of one object.

    Examples
    --------
    >>> tree = StorageObject(StorageObjectSpec("vol", 1 << 20, 4096, disks=(0, 1), mirrors=2), disk_count=2)
    >>> len(tree.legs), tree.legs[0].parent.owner(5)
    (2, -1)
    """

    def __init__(self, spec: StorageObjectSpec, disk_count: int) -> None:
        self.spec = spec
        self.members = list(spec.disks)
        self.legs = [Leg(spec, disk_count) for _ in range(spec.mirrors)]

    def add_component(self, disk: int) -> None:
        """Add a component on `disk` to every leg."""
        self.members.append(disk)
        for leg in self.legs:
            leg.add_component(disk)

    def parent_map_bytes(self) -> int:
        """Cost of the parents' maps: ceil(log2(n + 1)) bits a block and leg (A13)."""
        bits = math.ceil(math.log2(len(self.members) + 1))
        return len(self.legs) * -(-bits * self.spec.block_count // 8)

    def written_map_bytes(self) -> int:
        """Cost of the components' maps: one bit a block and component (A13)."""
        return len(self.legs) * len(self.members) * -(-self.spec.block_count // 8)
