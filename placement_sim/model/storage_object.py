"""A storage object at run time: mirror -> parent (leg) -> components, with their maps.

Only the parent of a leg knows which component owns a block; only a component knows what
it has written. The in-flight owner is volatile and belongs to neither map (A7).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from placement_sim.model.allocation import CHUNK_BITS, AllocationMap, WrittenMap, touched_parts, view
from placement_sim.model.cluster import StorageObjectSpec
from placement_sim.model.map_store import MapStore


class Components(Mapping[int, WrittenMap]):
    """The written maps of a leg by disk, in component order; made when they are looked at."""

    def __init__(self, store: MapStore, object_index: int, leg_index: int, members: list[int]) -> None:
        self._store = store
        self._object = object_index
        self._leg = int(store.first_leg[object_index]) + leg_index
        self._members = members
        self._made: dict[int, WrittenMap] = {}

    def __getitem__(self, disk: int) -> WrittenMap:
        found = self._made.get(disk)
        return found or self._make(disk)

    def _make(self, disk: int) -> WrittenMap:
        if disk not in self._members:
            raise KeyError(disk)
        store, leg = self._store, self._leg
        blocks = _blocks(store, leg)
        component = int(store.first_component[leg]) + int(store.component_row[self._object, disk])
        first = int(store.first_byte[component])
        bits = store.written[first : first + -(-blocks // 8)]
        made = WrittenMap(bits, _touched(store, leg), store.written_blocks[component : component + 1])
        self._made[disk] = made
        return made

    def counts(self, disk_count: int) -> npt.NDArray[np.int64]:
        """Give how many blocks each component counts as written, by disk, shape (disks,)."""
        store = self._store
        counts = np.zeros(disk_count, np.int64)
        disks = np.flatnonzero(store.component_row[self._object] >= 0)
        first = int(store.first_component[self._leg])
        counts[disks] = store.written_blocks[first + store.component_row[self._object, disks]]
        return counts

    def holds(self, blocks: npt.NDArray[np.int64], disks: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tell of each pair whether the component on that disk has written that block; shapes (pairs,)."""
        store = self._store
        rows = store.component_row[self._object][disks]
        first = store.first_byte[int(store.first_component[self._leg]) + np.maximum(rows, 0)]
        bits = store.written[first + (blocks >> 3)] >> (blocks & 7).astype(np.uint8)
        return np.asarray((bits & 1 == 1) & (rows >= 0))

    def written_counts(self, disk_count: int) -> tuple[npt.NDArray[np.int64], int]:
        """Count the marks in the maps: by disk, shape (disks,), and the blocks that have one or more."""
        counts, distinct = np.zeros(disk_count, np.int64), 0
        disks, bits = self._bits()
        for part in self._touched_bytes():
            marked = np.bitwise_count(bits[:, part])
            counts[disks] += marked.sum(axis=1, dtype=np.int64)
            distinct += int(np.bitwise_count(np.bitwise_or.reduce(bits[:, part], axis=0)).sum(dtype=np.int64))
        return counts, distinct

    def written_twice(self) -> npt.NDArray[np.int64]:
        """List the blocks that two components or more have written, in ascending order."""
        found = [np.zeros(0, np.int64)]
        _, bits = self._bits()
        for part in self._touched_bytes():
            once = np.zeros_like(bits[0, part])
            twice = once.copy()
            for row in bits[:, part]:
                twice |= once & row
                once |= row
            found.append(np.flatnonzero(np.unpackbits(twice, bitorder="little")) + 8 * part.start)
        return np.concatenate(found)

    def _bits(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """Give the disks in component order, and the maps, shape (components, bytes)."""
        store, leg = self._store, self._leg
        rows = store.component_row[self._object]
        disks = np.flatnonzero(rows >= 0)
        disks = disks[np.argsort(rows[disks])]
        first = int(store.first_byte[int(store.first_component[leg])])
        width = -(-_blocks(store, leg) // 8)
        return disks, store.written[first : first + len(disks) * width].reshape(len(disks), width)

    def _touched_bytes(self) -> Iterator[slice]:
        for part in touched_parts(_touched(self._store, self._leg)):
            yield slice(part.start >> 3, part.stop >> 3)

    def __iter__(self) -> Iterator[int]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def _blocks(store: MapStore, leg: int) -> int:
    following = store.first_block[leg + 1] if leg + 1 < len(store.first_block) else len(store.owners)
    return int(following - store.first_block[leg])


def _touched(store: MapStore, leg: int) -> npt.NDArray[np.uint8]:
    first = int(store.first_chunk[leg])
    return store.touched[first : first + (_blocks(store, leg) >> CHUNK_BITS) + 1]


class Leg:
    """One parent node and its components, by the index of the disk that carries each."""

    def __init__(self, store: MapStore, object_index: int, leg_index: int, members: list[int]) -> None:
        leg = int(store.first_leg[object_index]) + leg_index
        first, blocks = int(store.first_block[leg]), _blocks(store, leg)
        self.block_count = blocks
        touched = _touched(store, leg)
        self.parent = AllocationMap(store.owners[first : first + blocks], touched, store.metadata_writes[leg : leg + 1])
        self.written = Components(store, object_index, leg_index, members)
        self._pending = store.pending[first : first + blocks]
        self.pending = view(self._pending)  # volatile in-flight owner: disk index + 1
        self._unmapped = view(store.unmapped[first : first + blocks])
        self.unmaps = view(store.unmaps[leg : leg + 1])  # how many there were
        self.touched = touched
        self._touch = view(touched)

    @classmethod
    def alone(cls, spec: StorageObjectSpec, disk_count: int) -> Leg:
        """Make one leg with maps of its own.

        Examples
        --------
        >>> Leg.alone(StorageObjectSpec("vol", 4096, 1024, disks=(0, 1)), disk_count=2).parent.owner(3)
        -1
        """
        return cls(MapStore((spec,), disk_count, later=range(disk_count)), 0, 0, list(spec.disks))

    def forget_in_flight(self) -> None:
        """Clear the table of in-flight owners, after a crash (A9)."""
        for part in touched_parts(self.touched):
            self._pending[part] = 0

    def set_pending(self, block: int, disk: int) -> None:
        """Name the in-flight owner of a block."""
        self.pending[block] = disk + 1
        self._touch[block >> CHUNK_BITS] = 1

    def held_blocks(self) -> list[int]:
        """List the blocks that are allocated or have an in-flight owner, in ascending order."""
        found: list[int] = []
        for part in touched_parts(self.touched):
            held = (self.parent.array[part] > 0) | (self._pending[part] > 0)
            found += (np.flatnonzero(held) + part.start).tolist()
        return found

    def note_unmap(self, block: int) -> None:
        """Count the unmap of a block, to tell older writes from newer."""
        self.unmaps[0] += 1
        self._unmapped[block] = self.unmaps[0]

    def is_overtaken(self, block: int, unmaps_seen: int) -> bool:
        """Tell whether the block was unmapped after a write that had seen so many unmaps was sent."""
        return bool(self._unmapped[block] > unmaps_seen)


class StorageObject:
    """The tree of one object.

    Parameters
    ----------
    store, index
        Where its maps lie; without them it gets a store of its own.

    Examples
    --------
    >>> tree = StorageObject(StorageObjectSpec("vol", 1 << 20, 4096, disks=(0, 1), mirrors=2), disk_count=2)
    >>> len(tree.legs), tree.legs[0].parent.owner(5)
    (2, -1)
    """

    def __init__(self, spec: StorageObjectSpec, disk_count: int, store: MapStore | None = None, index: int = 0) -> None:
        if store is None:
            store = MapStore((spec,), disk_count, later=range(disk_count))
        self.spec = spec
        self.backing = spec.backing  # may change when a clone's base disk is swapped
        self.members = list(spec.disks)
        self.legs = [Leg(store, index, leg, self.members) for leg in range(spec.mirrors)]

    def add_component(self, disk: int) -> None:
        """Add an empty component for the whole address range on `disk`, to every leg; nothing moves (A11)."""
        self.members.append(disk)

    def parent_map_bytes(self) -> int:
        """Cost of the parents' maps: ceil(log2(n + 1)) bits a block and leg (A13)."""
        bits = math.ceil(math.log2(len(self.members) + 1))
        return len(self.legs) * -(-bits * self.spec.block_count // 8)

    def written_map_bytes(self) -> int:
        """Cost of the components' maps: one bit a block and component (A13)."""
        return len(self.legs) * len(self.members) * -(-self.spec.block_count // 8)
