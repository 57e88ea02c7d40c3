"""Who owns a block: the maps of every object, the policy's choice, and the patent's order.

The policy decides; this is where the maps and the space change.
"""

from __future__ import annotations

from collections.abc import Iterator

from placement_sim.engine.space import Space
from placement_sim.errors import PolicyError
from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import ONLINE, Cluster
from placement_sim.model.storage_object import Leg, StorageObject
from placement_sim.policies.interface import FULL, PlacementPolicy, View, Write
from placement_sim.randomness import mix, stream_key

DONE, NO_SPACE, UNAVAILABLE = 0, 1, 2

WriteRun = tuple[int, int, int, int, int, int]  # disk, reason, block, blocks, start_bytes, size_bytes
ReadRun = tuple[int, int, int, int, int, int]  # leg, disk (-1 zeros, -2 unavailable), block, blocks, start, size


class Placement:
    """Objects with their maps, the space of the disks, and the policy."""

    def __init__(self, cluster: Cluster, policy: PlacementPolicy, seed: int, queue_requests: list[int]) -> None:
        disk_count = len(cluster.disks)
        self.space = Space(cluster)
        self.objects = [StorageObject(spec, disk_count) for spec in cluster.objects]
        self._policy = policy
        self.needs_map = policy.needs_map
        self._parameters = tuple(policy.parameters.values())
        self._state = [0] * policy.state_size(disk_count)
        self._queue_requests = queue_requests
        self._keys = [stream_key(seed, spec.name, "placement") for spec in cluster.objects]

    # -- writes ------------------------------------------------------------------------------

    def write_runs(self, object_index: int, leg_index: int, offset_bytes: int, size_bytes: int) -> list[WriteRun]:
        """Split a write by owner; blocks without one get one, and their space is reserved."""
        tree = self.objects[object_index]
        leg = tree.legs[leg_index]
        block_bytes = tree.spec.block_bytes
        first = offset_bytes // block_bytes
        last = (offset_bytes + size_bytes - 1) // block_bytes
        if first == last:  # most requests; the general way below gives the same
            return [(*self._write_owner(object_index, leg_index, leg, first), first, 1, offset_bytes, size_bytes)]
        owners = ((block, *self._write_owner(object_index, leg_index, leg, block)) for block in range(first, last + 1))
        return [
            (disk, reason, block, blocks, *_clip(block, blocks, block_bytes, offset_bytes, size_bytes))
            for block, blocks, (disk, reason) in _runs(owners)
        ]

    def _write_owner(self, object_index: int, leg_index: int, leg: Leg, block: int) -> tuple[int, int]:
        """Give (disk, reason); reason 0 means that the write may go there."""
        owner = leg.parent.entries[block] - 1
        if owner < 0:
            owner = leg.pending[block] - 1
            if owner >= 0 and not leg.written[owner].is_written(block):
                return owner, DONE
        if owner >= 0:
            return owner, DONE if self.space.status[owner] == ONLINE else UNAVAILABLE
        return self._choose(object_index, leg_index, leg, block)

    def _choose(self, object_index: int, leg_index: int, leg: Leg, block: int) -> tuple[int, int]:
        tree = self.objects[object_index]
        spec = tree.spec
        space = self.space
        taken = self._domains_of_other_legs(tree, leg_index, block) if len(tree.legs) > 1 else set()
        candidates, blocked = space.candidates(tree.members, spec.block_bytes, taken)
        if not candidates and self._policy.needs_map:
            full = any(blocked[disk] == FULL for disk in tree.members)
            return -1, NO_SPACE if full else UNAVAILABLE
        word = mix(mix(self._keys[object_index], leg_index), block)
        write = Write(object_index, leg_index, block, spec.block_count, spec.block_bytes, word)
        view = View(
            tree.members,
            candidates,
            blocked,
            space.free_bytes,
            space.capacity_bytes,
            self._queue_requests,
            space.weight,
        )
        disk = self._policy.choose(write, view, self._parameters, self._state)
        self._check_choice(disk, tree.members, blocked, block)
        if disk < 0 or blocked[disk]:
            full = disk < 0 or bool(blocked[disk] & FULL)
            return disk, NO_SPACE if full else UNAVAILABLE
        space.reserve(disk, spec.block_bytes)
        leg.pending[block] = disk + 1
        return disk, DONE

    def _check_choice(self, disk: int, members: list[int], blocked: list[int], block: int) -> None:
        name = self._policy.name
        if disk != -1 and disk not in members:
            raise PolicyError(f"policy {name} chose {disk!r} for block {block}: not one of the disks {members}")
        if disk == -1 and self._policy.needs_map:
            raise PolicyError(f"policy {name} chose no disk for block {block} although some may take it")
        if disk >= 0 and self._policy.needs_map and blocked[disk]:
            raise PolicyError(f"policy {name} chose disk {disk} for block {block}, which is not a candidate")

    def _domains_of_other_legs(self, tree: StorageObject, leg_index: int, block: int) -> set[str]:
        taken = set()
        for index, leg in enumerate(tree.legs):
            owner = (leg.parent.entries[block] or leg.pending[block]) - 1
            if index != leg_index and owner >= 0:
                taken.add(self.space.domain[owner])
        return taken

    def component_wrote(
        self, object_index: int, leg_index: int, disk: int, block: int, blocks: int, unmaps_seen: int
    ) -> None:
        """Mark the component's map (A5); a block unmapped meanwhile stays unwritten."""
        tree = self.objects[object_index]
        leg = tree.legs[leg_index]
        written = leg.written[disk]
        pending = leg.pending
        for b in range(block, block + blocks):
            if pending[b] == disk + 1 and not leg.is_overtaken(b, unmaps_seen) and not written.is_written(b):
                written.mark(b)
                self.space.commit(disk, tree.spec.block_bytes)

    def parent_learns(
        self, object_index: int, leg_index: int, disk: int, block: int, blocks: int, unmaps_seen: int
    ) -> int:
        """Change the parent's map, upon completion only (A6); gives the first writes among the blocks."""
        leg = self.objects[object_index].legs[leg_index]
        first_writes = 0
        for b in range(block, block + blocks):
            if leg.pending[b] == disk + 1 and not leg.is_overtaken(b, unmaps_seen) and leg.written[disk].is_written(b):
                leg.parent.set_owner(b, disk)
                leg.pending[b] = 0
                first_writes += 1
        return first_writes

    def first_write_failed(
        self, object_index: int, leg_index: int, disk: int, block: int, blocks: int, unmaps_seen: int
    ) -> int:
        """Leave failed first writes unallocated and free their space (A8); gives how many there were."""
        tree = self.objects[object_index]
        leg = tree.legs[leg_index]
        freed = 0
        for b in range(block, block + blocks):
            if (
                leg.pending[b] == disk + 1
                and not leg.is_overtaken(b, unmaps_seen)
                and not leg.written[disk].is_written(b)
            ):
                leg.pending[b] = 0
                self.space.cancel(disk, tree.spec.block_bytes)
                freed += 1
        return freed

    # -- reads and unmaps --------------------------------------------------------------------

    def read_runs(self, object_index: int, offset_bytes: int, size_bytes: int, turn: int) -> list[ReadRun]:
        """Split a read by owner, from the least loaded live leg; equal loads take turns."""
        tree = self.objects[object_index]
        block_bytes = tree.spec.block_bytes
        first = offset_bytes // block_bytes
        last = (offset_bytes + size_bytes - 1) // block_bytes
        if first == last:
            return [(*self._read_owner(tree, first, turn), first, 1, offset_bytes, size_bytes)]
        owners = ((block, *self._read_owner(tree, block, turn)) for block in range(first, last + 1))
        return [
            (leg, disk, block, blocks, *_clip(block, blocks, block_bytes, offset_bytes, size_bytes))
            for block, blocks, (leg, disk) in _runs(owners)
        ]

    def _read_owner(self, tree: StorageObject, block: int, turn: int) -> tuple[int, int]:
        legs = tree.legs
        best = (0, -1)
        least = -1
        for step in range(len(legs)):
            leg_index = (turn + step) % len(legs)
            disk = legs[leg_index].parent.entries[block] - 1
            if disk < 0:
                continue
            if self.space.status[disk] == DISK_OFFLINE:
                if least < 0:
                    best = (0, -2)
            elif least < 0 or self._queue_requests[disk] < least:
                best, least = (leg_index, disk), self._queue_requests[disk]
        return best

    def unmap(self, object_index: int, offset_bytes: int, size_bytes: int) -> int:
        """Clear whole blocks: the component's bit, then the parent's entry (A15)."""
        tree = self.objects[object_index]
        block_bytes = tree.spec.block_bytes
        end_bytes = offset_bytes + size_bytes
        last = tree.spec.block_count if end_bytes >= tree.spec.size_bytes else end_bytes // block_bytes
        cleared = 0
        for block in range(-(-offset_bytes // block_bytes), last):
            for leg in tree.legs:
                cleared += self._unmap_block(leg, block, block_bytes)
        return cleared

    def _unmap_block(self, leg: Leg, block: int, block_bytes: int) -> bool:
        disk = (leg.parent.entries[block] or leg.pending[block]) - 1
        if disk < 0:
            return False
        if leg.written[disk].is_written(block):
            leg.written[disk].clear(block)
            self.space.release(disk, block_bytes)
        else:
            self.space.cancel(disk, block_bytes)
        leg.unmaps += 1
        leg.unmapped[block] = leg.unmaps
        leg.pending[block] = 0
        if leg.parent.entries[block]:
            leg.parent.clear(block)
        return True


def _runs(owners: Iterator[tuple[int, int, int]]) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Join neighbouring blocks with one owner: (first block, blocks, owner)."""
    start, count, current = 0, 0, (-1, -1)
    for block, first, second in owners:
        if count and (first, second) == current:
            count += 1
            continue
        if count:
            yield start, count, current
        start, count, current = block, 1, (first, second)
    if count:
        yield start, count, current


def _clip(block: int, blocks: int, block_bytes: int, offset_bytes: int, size_bytes: int) -> tuple[int, int]:
    """Give (start, size) of the part of a request that falls into a run of blocks."""
    start = max(offset_bytes, block * block_bytes)
    end = min(offset_bytes + size_bytes, (block + blocks) * block_bytes)
    return start, end - start
