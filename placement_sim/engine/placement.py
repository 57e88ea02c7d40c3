"""Who owns a block: the maps of every object, the policy's choice, and the patent's order.

The policy decides; this is where the maps and the space change.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from placement_sim.engine.host_cache import HostCache
from placement_sim.engine.space import Space, as_list
from placement_sim.errors import PolicyError
from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import ONLINE, Cluster
from placement_sim.model.map_store import MapStore
from placement_sim.model.storage_object import Leg, StorageObject
from placement_sim.policies.interface import FULL, PlacementPolicy, View, Write
from placement_sim.randomness import mix, stream_key

DONE, NO_SPACE, UNAVAILABLE = 0, 1, 2
Owner = TypeVar("Owner")
ZEROS, LOST, CACHED = -1, -2, -3  # in place of a disk: nothing is stored, not to be had, in the host's memory

WriteRun = tuple[int, int, bool, int, int, int, int]  # disk, reason, fresh, block, blocks, start_bytes, size_bytes
ReadRun = tuple[int, int, int, int, int, int, int]  # object, leg, disk or ZEROS ..., block, blocks, start, size


class Placement:
    """Objects with their maps, the space of the disks, and the policy."""

    def __init__(self, cluster: Cluster, policy: PlacementPolicy, seed: int, space: Space, queue_requests: Any) -> None:
        disk_count = len(cluster.disks)
        self.space = space
        later = [index for index, disk in enumerate(cluster.disks) if not disk.present]
        self.store = MapStore(cluster.objects, disk_count, later)
        self.objects = [
            StorageObject(spec, disk_count, self.store, index) for index, spec in enumerate(cluster.objects)
        ]
        self.cache = HostCache(cluster)
        self._policy = policy
        self.needs_map = policy.needs_map
        self._parameters = tuple(policy.parameters.values())
        self._state: Any = [0] * policy.state_size(disk_count)
        self._queue_requests = queue_requests
        self._keys = [stream_key(seed, spec.name, "placement") for spec in cluster.objects]

    def share_state(self, state: Any) -> Any:
        """Keep the policy's own numbers in this array from now on."""
        self._state = state
        return state

    # -- writes ------------------------------------------------------------------------------

    def write_runs(self, object_index: int, leg_index: int, offset_bytes: int, size_bytes: int) -> list[WriteRun]:
        """Split a write by owner; blocks without one get one, and their space is reserved."""
        tree = self.objects[object_index]
        leg = tree.legs[leg_index]
        block_bytes = tree.spec.block_bytes
        first = offset_bytes // block_bytes
        last = (offset_bytes + size_bytes - 1) // block_bytes
        owners = ((block, self._write_owner(object_index, leg_index, leg, block)) for block in range(first, last + 1))
        return [
            (*owner, block, blocks, *_clip(block, blocks, block_bytes, offset_bytes, size_bytes))
            for block, blocks, owner in _runs(owners)
        ]

    def _write_owner(self, object_index: int, leg_index: int, leg: Leg, block: int) -> tuple[int, int, bool]:
        """Give (disk, reason, fresh); reason 0: the write may go there; fresh: a clone's block was just chosen."""
        owner = leg.parent.entries[block] - 1
        if owner < 0:
            owner = leg.pending[block] - 1
            if owner >= 0 and not leg.written[owner].is_written(block):
                if self.space.status[owner] != DISK_OFFLINE:
                    return owner, DONE, False
                # The disk of the first write in flight is gone, and that write about to fail: choose anew.
                leg.pending[block] = 0
                self.space.cancel(owner, self.objects[object_index].spec.block_bytes)
                owner = -1
        if owner >= 0:
            return owner, DONE if self.space.status[owner] == ONLINE else UNAVAILABLE, False
        disk, reason = self.choose(object_index, leg_index, block)
        return disk, reason, reason == DONE and self.objects[object_index].backing >= 0

    def choose(self, object_index: int, leg_index: int, block: int) -> tuple[int, int]:
        """Let the policy choose for a first write: hard rules, the choice, the reservation; give (disk, reason)."""
        tree = self.objects[object_index]
        leg = tree.legs[leg_index]
        spec = tree.spec
        space = self.space
        taken = self._domains_of_other_legs(tree, leg_index, block) if len(tree.legs) > 1 else set()
        candidates, blocked = space.candidates(tree.members, spec.block_bytes, taken)
        if not candidates and self._policy.needs_map:
            full = any(blocked[disk] == FULL for disk in tree.members)
            return -1, NO_SPACE if full else UNAVAILABLE
        word = mix(mix(self._keys[object_index], leg_index), block)
        write = Write(object_index, leg_index, block, spec.block_count, spec.block_bytes, word)
        free_bytes, capacity_bytes, weight = space.seen()
        queue_requests = as_list(self._queue_requests)
        view = View(tree.members, candidates, blocked, free_bytes, capacity_bytes, queue_requests, weight)
        disk = self._policy.choose(write, view, self._parameters, self._state)
        check_choice(self._policy, disk, tree.members, blocked, block)
        if disk < 0 or blocked[disk]:
            full = disk < 0 or bool(blocked[disk] & FULL)
            return disk, NO_SPACE if full else UNAVAILABLE
        space.reserve(disk, spec.block_bytes)
        leg.set_pending(block, disk)
        return disk, DONE

    def _domains_of_other_legs(self, tree: StorageObject, leg_index: int, block: int) -> set[int]:
        taken = set()
        for index, leg in enumerate(tree.legs):
            owner = leg.holder(block)
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

    def read_runs(
        self, object_index: int, offset_bytes: int, size_bytes: int, turn: int, host_index: int
    ) -> list[ReadRun]:
        """Split a read by owner, from the least loaded live leg; equal loads take turns."""
        block_bytes = self.objects[object_index].spec.block_bytes
        first = offset_bytes // block_bytes
        last = (offset_bytes + size_bytes - 1) // block_bytes
        owners = ((block, self._read_owner(object_index, block, turn, host_index)) for block in range(first, last + 1))
        return [
            (*owner, block, blocks, *_clip(block, blocks, block_bytes, offset_bytes, size_bytes))
            for block, blocks, owner in _runs(owners)
        ]

    def _read_owner(self, object_index: int, block: int, turn: int, host_index: int) -> tuple[int, int, int]:
        """Give (object, leg, disk) of a block; what a clone has not written is its backing's (B2)."""
        while True:
            tree = self.objects[object_index]
            leg, disk = self._least_loaded(tree, block, turn)
            if disk != ZEROS:
                if disk >= 0 and host_index >= 0 and self.cache.holds(host_index, object_index, block):
                    disk = CACHED
                return object_index, leg, disk
            object_index = tree.backing
            if object_index < 0 or block >= self.objects[object_index].spec.block_count:
                return 0, 0, ZEROS

    def _least_loaded(self, tree: StorageObject, block: int, turn: int) -> tuple[int, int]:
        legs = tree.legs
        best = (0, ZEROS)
        least = -1
        for step in range(len(legs)):
            leg_index = (turn + step) % len(legs)
            entry = legs[leg_index].parent.entries[block]
            if entry == legs[leg_index].parent.degraded:
                entry = legs[leg_index].pending[block]
            if entry == 0:
                continue
            disk = entry - 1
            if entry == legs[leg_index].parent.stale or self.space.status[disk] == DISK_OFFLINE:
                if least < 0:
                    best = (0, LOST)
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

    def discard(self, object_index: int) -> int:
        """Unmap whatever the object holds."""
        tree = self.objects[object_index]
        cleared = 0
        for leg in tree.legs:
            for block in leg.held_blocks():
                cleared += self._unmap_block(leg, block, tree.spec.block_bytes)
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
        leg.note_unmap(block)
        leg.pending[block] = 0
        if leg.parent.entries[block]:
            leg.parent.clear(block)
        return True


def check_choice(policy: PlacementPolicy, disk: int, members: list[int], blocked: list[int], block: int) -> None:
    """Refuse a choice that a policy may not make."""
    if disk != -1 and disk not in members:
        raise PolicyError(f"policy {policy.name} chose {disk!r} for block {block}: not one of the disks {members}")
    if disk == -1 and policy.needs_map:
        raise PolicyError(f"policy {policy.name} chose no disk for block {block} although some may take it")
    if disk >= 0 and policy.needs_map and blocked[disk]:
        raise PolicyError(f"policy {policy.name} chose disk {disk} for block {block}, which is not a candidate")


def _runs(owners: Iterator[tuple[int, Owner]]) -> Iterator[tuple[int, int, Owner]]:
    """Join neighbouring blocks with one owner: (first block, blocks, owner)."""
    for owner, group in groupby(owners, key=itemgetter(1)):
        blocks = [block for block, _ in group]
        yield blocks[0], len(blocks), owner


def _clip(block: int, blocks: int, block_bytes: int, offset_bytes: int, size_bytes: int) -> tuple[int, int]:
    """Give (start, size) of the part of a request that falls into a run of blocks."""
    start = max(offset_bytes, block * block_bytes)
    end = min(offset_bytes + size_bytes, (block + blocks) * block_bytes)
    return start, end - start
