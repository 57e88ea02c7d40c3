"""Who owns a block: the maps of every object, the policy's choice, and the patent's order.

The policy decides; this is where the maps and the space change.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from placement_sim.engine.degraded import (
    DONE,
    LOST,
    NO_SPACE,
    NOWHERE,
    SKIPPED,
    UNAVAILABLE,
    Degraded,
)
from placement_sim.engine.host_cache import HostCache
from placement_sim.engine.space import Space, as_list
from placement_sim.errors import PolicyError
from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import ONLINE, Cluster
from placement_sim.model.map_store import MapStore
from placement_sim.model.storage_object import StorageObject
from placement_sim.policies.interface import FULL, OFFLINE, READ_ONLY, PlacementPolicy, View, Write
from placement_sim.randomness import mix, stream_key

Owner = TypeVar("Owner")
ZEROS, CACHED = -1, -3  # in place of a disk, beside LOST: nothing is stored, in the host's memory

WriteOwner = tuple[int, int, bool, int]  # disk, reason (DONE: go), a clone's block was just chosen, a second disk or -1
ReadOwner = tuple[int, int, int, int]  # object, leg, disk or ZEROS ..., a second disk or -1
WriteRun = tuple[int, int, bool, int, int, int, int, int]  # WriteOwner, block, blocks, start_bytes, size_bytes
ReadRun = tuple[int, int, int, int, int, int, int, int]  # ReadOwner, block, blocks, start_bytes, size_bytes


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
        self.degraded = Degraded(self.objects, space, self.pick)
        self._policy = policy
        self._choose = getattr(policy.choose, "py_func", policy.choose)  # Numba takes no lists and no 64-bit words
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
        block_bytes = self.objects[object_index].spec.block_bytes
        end = offset_bytes + size_bytes
        blocks = range(offset_bytes // block_bytes, (end - 1) // block_bytes + 1)
        owners = ((block, self.write_owner(object_index, leg_index, block)) for block in blocks)
        return [
            (*owner, block, blocks, *_clip(block, blocks, block_bytes, offset_bytes, size_bytes))
            for block, blocks, owner in _runs(owners)
        ]

    def write_owner(self, object_index: int, leg_index: int, block: int) -> WriteOwner:
        """Say where a write of a block goes."""
        tree = self.objects[object_index]
        leg = tree.legs[leg_index]
        entry = leg.parent.entries[block]
        owner = (entry if entry < leg.parent.stale else 0) - 1
        if entry == 0:
            owner = leg.pending[block] - 1
            if owner >= 0 and not leg.written[owner].is_written(block):
                if self.space.status[owner] != DISK_OFFLINE:
                    return owner, DONE, False, NOWHERE
                # The disk of the first write in flight is gone, and that write about to fail: choose anew.
                leg.pending[block] = 0
                self.space.cancel(owner, tree.spec.block_bytes)
                owner = -1
            if owner < 0:
                disk, reason = self.choose(object_index, leg_index, block)
                return disk, reason, reason == DONE and tree.backing >= 0, NOWHERE
        if owner >= 0 and self.space.status[owner] == ONLINE:
            return owner, DONE, False, NOWHERE
        key = (object_index, leg_index, block)
        target = self.degraded.write(key)
        if target is None:
            return self.write_owner(object_index, leg_index, block)
        return target.disk, target.reason, False, target.also

    def choose(self, object_index: int, leg_index: int, block: int) -> tuple[int, int]:
        """Choose for a first write: the policy's component, or none, because the other legs take it; (disk, reason)."""
        tree = self.objects[object_index]
        disk, reason = self.pick(object_index, leg_index, block)
        if reason == DONE:
            tree.legs[leg_index].set_pending(block, disk)
        elif len(tree.legs) > 1:
            key = (object_index, leg_index, block)
            if reason == UNAVAILABLE and self._may_skip(key):
                self.degraded.make_stale(key)
                disk, reason = NOWHERE, SKIPPED
            if reason != SKIPPED:
                self.degraded.forget_unwritten(object_index, block)
        return disk, reason

    def _may_skip(self, key: tuple[int, int, int]) -> bool:
        """Tell whether other legs take a first write for which this one has just found no disk (A12)."""
        away, blocked = OFFLINE | READ_ONLY, self.space.blocked
        if not any(blocked[disk] and not blocked[disk] & ~away for disk in self.objects[key[0]].members):
            return False
        if self.degraded.is_kept_elsewhere(key):
            return True
        # A computed rule has an owner for each leg: a later one may be there, although nobody has asked for it yet.
        legs = self.objects[key[0]].legs
        later = [i for i in range(key[1] + 1, len(legs)) if not legs[i].parent.entries[key[2]]]
        return not self._policy.needs_map and any(self._ask(key[0], i, key[2])[1] == DONE for i in later)

    def is_first_live(self, object_index: int, leg_index: int, block: int) -> bool:
        """Tell whether all legs before this one are stale: what a block needs once, this leg sees to."""
        legs = self.objects[object_index].legs
        return all(leg.parent.entries[block] == leg.parent.stale for leg in legs[:leg_index])

    def pick(self, object_index: int, leg_index: int, block: int) -> tuple[int, int]:
        """Let the policy choose a component without a copy, and reserve its space; (disk, reason)."""
        disk, reason = self._ask(object_index, leg_index, block)
        if reason == DONE:
            self.space.reserve(disk, self.objects[object_index].spec.block_bytes)
        return disk, reason

    def _ask(self, object_index: int, leg_index: int, block: int) -> tuple[int, int]:
        """Ask the policy, hard rules first; (disk, reason)."""
        tree = self.objects[object_index]
        spec = tree.spec
        space = self.space
        taken = self._domains_of_other_legs(tree, object_index, leg_index, block) if len(tree.legs) > 1 else set()
        is_copied = tree.legs[leg_index].parent.entries[block] != 0
        held = self.degraded.holders((object_index, leg_index, block)) if is_copied else []
        # A computed rule steps on from where a copy is, and, for a copy, from disks that cannot take one.
        away = [disk for disk in tree.members if space.status[disk] != ONLINE] if is_copied else []
        candidates, blocked = space.candidates(tree.members, spec.block_bytes, taken, held + away)
        if not candidates and self._policy.needs_map:
            full = any(blocked[disk] == FULL for disk in tree.members)
            return -1, NO_SPACE if full else UNAVAILABLE
        word = mix(mix(self._keys[object_index], leg_index), block)
        write = Write(object_index, leg_index, block, spec.block_count, spec.block_bytes, word)
        free_bytes, capacity_bytes, weight = space.seen()
        queue_requests = as_list(self._queue_requests)
        view = View(tree.members, candidates, blocked, free_bytes, capacity_bytes, queue_requests, weight)
        disk = self._choose(write, view, self._parameters, self._state)
        check_choice(self._policy, disk, tree.members, blocked, write)
        if disk < 0 or blocked[disk]:
            full = bool(blocked[disk] & FULL) if disk >= 0 else not away
            return disk, NO_SPACE if full else UNAVAILABLE
        return disk, DONE

    def may_take(self, key: tuple[int, int, int], disk: int) -> bool:
        """Tell whether a disk may take a copy of a block, by the hard rules alone."""
        tree = self.objects[key[0]]
        taken = self._domains_of_other_legs(tree, *key)
        return disk in self.space.candidates(tree.members, tree.spec.block_bytes, taken, self.degraded.holders(key))[0]

    def _domains_of_other_legs(self, tree: StorageObject, object_index: int, leg_index: int, block: int) -> set[int]:
        taken = set()
        for index, leg in enumerate(tree.legs):
            if index != leg_index:
                is_special = leg.parent.entries[block] >= leg.parent.stale
                owner = (leg.parent.entries[block] or leg.pending[block]) - 1
                disks = self.degraded.holders((object_index, index, block)) if is_special else [owner]
                taken |= {self.space.domain[disk] for disk in disks if disk >= 0}
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
                written.mark(b)  # of a degraded write, too: its record names this disk as the newer (A14)
                self.space.commit(disk, tree.spec.block_bytes)

    def parent_learns(
        self, object_index: int, leg_index: int, disk: int, block: int, blocks: int, unmaps_seen: int
    ) -> int:
        """Change the parent's map, upon completion only (A6); gives the first writes among the blocks."""
        leg = self.objects[object_index].legs[leg_index]
        first_writes = 0
        for b in range(block, block + blocks):
            is_known = leg.parent.entries[b] != 0  # a degraded block: the record says where its bytes are
            if is_known or leg.pending[b] != disk + 1 or leg.is_overtaken(b, unmaps_seen):
                continue
            if leg.written[disk].is_written(b):
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
        self,
        object_index: int,
        offset_bytes: int,
        size_bytes: int,
        turn: int,
        host_index: int,
        *,
        is_copy: bool = False,
    ) -> list[ReadRun]:
        """Split a read by owner, from the least loaded live leg; equal loads take turns.

        `is_copy`: a clone takes its block along, from wherever the newest copy is.
        """
        block_bytes = self.objects[object_index].spec.block_bytes
        end = offset_bytes + size_bytes
        blocks = range(offset_bytes // block_bytes, (end - 1) // block_bytes + 1)
        part = None if is_copy else (offset_bytes, end)
        owners = ((block, self.read_owner(object_index, block, turn, host_index, part)) for block in blocks)
        return [
            (*owner, block, blocks, *_clip(block, blocks, block_bytes, offset_bytes, size_bytes))
            for block, blocks, owner in _runs(owners)
        ]

    def read_owner(
        self, object_index: int, block: int, turn: int, host_index: int, part: tuple[int, int] | None
    ) -> ReadOwner:
        """Say where a block is read; what a clone has not written is its backing's (B2)."""
        while True:
            tree = self.objects[object_index]
            leg, disk, also = self._least_loaded(object_index, tree, block, turn, part)
            if disk != ZEROS:
                if disk >= 0 and host_index >= 0 and self.cache.holds(host_index, object_index, block):
                    disk, also = CACHED, NOWHERE
                return object_index, leg, disk, also
            object_index = tree.backing
            if object_index < 0 or block >= self.objects[object_index].spec.block_count:
                return 0, 0, ZEROS, NOWHERE

    def _least_loaded(
        self, object_index: int, tree: StorageObject, block: int, turn: int, part: tuple[int, int] | None
    ) -> tuple[int, int, int]:
        legs = tree.legs
        best = (0, ZEROS, NOWHERE)
        least = -1
        is_awaited = False  # a leg's first write is in flight, so that no write of the block was acknowledged
        for step in range(len(legs)):
            leg_index = (turn + step) % len(legs)
            entry = legs[leg_index].parent.entries[block]
            if entry == 0:
                is_awaited |= legs[leg_index].pending[block] != 0
                continue
            disk, also = entry - 1, NOWHERE
            if entry >= legs[leg_index].parent.stale:
                disk, also = self._read_special(object_index, leg_index, block, part)
            elif self.space.status[disk] == DISK_OFFLINE:
                disk = LOST
            if disk < 0:
                if least < 0:
                    best = (0, LOST, NOWHERE)
            elif least < 0 or self._queue_requests[disk] < least:
                best, least = (leg_index, disk, also), self._queue_requests[disk]
        return (0, ZEROS, NOWHERE) if is_awaited and least < 0 else best

    def _read_special(
        self, object_index: int, leg_index: int, block: int, part: tuple[int, int] | None
    ) -> tuple[int, int]:
        leg = self.objects[object_index].legs[leg_index]
        if leg.parent.entries[block] == leg.parent.stale:
            return LOST, NOWHERE
        if part is None:
            disk = leg.pending[block] - 1
            return (disk if disk >= 0 and self.space.status[disk] != DISK_OFFLINE else LOST), NOWHERE
        key = (object_index, leg_index, block)
        first, last = self.degraded.extent(key)
        return self.degraded.read(key, max(part[0], first), min(part[1], last))

    def unmap(self, object_index: int, offset_bytes: int, size_bytes: int) -> int:
        """Clear whole blocks: the component's bit, then the parent's entry (A15)."""
        tree = self.objects[object_index]
        block_bytes = tree.spec.block_bytes
        end_bytes = offset_bytes + size_bytes
        last = tree.spec.block_count if end_bytes >= tree.spec.size_bytes else end_bytes // block_bytes
        cleared = 0
        for block in range(-(-offset_bytes // block_bytes), last):
            for leg_index in range(len(tree.legs)):
                cleared += self._unmap_block(object_index, leg_index, block)
        return cleared

    def discard(self, object_index: int) -> int:
        """Unmap whatever the object holds."""
        tree = self.objects[object_index]
        cleared = 0
        for leg_index, leg in enumerate(tree.legs):
            for block in leg.held_blocks():
                cleared += self._unmap_block(object_index, leg_index, block)
        return cleared

    def _unmap_block(self, object_index: int, leg_index: int, block: int) -> bool:
        leg = self.objects[object_index].legs[leg_index]
        block_bytes = self.objects[object_index].spec.block_bytes
        if leg.parent.entries[block] >= leg.parent.stale:
            self.degraded.drop((object_index, leg_index, block))
            return True
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


def check_choice(policy: PlacementPolicy, disk: int, members: list[int], blocked: list[int], write: Write) -> None:
    """Refuse a choice that a policy may not make."""
    if disk == -1 and not policy.needs_map:
        return
    what = f"block {write.block} of object {write.object_index}, leg {write.leg}"
    if disk != -1 and disk not in members:
        raise PolicyError(f"policy {policy.name} chose {disk!r} for {what}: not one of the disks {members}")
    if policy.needs_map and (disk == -1 or blocked[disk]):
        may = [member for member in members if not blocked[member]]
        chosen = "no disk" if disk == -1 else f"disk {disk}"
        raise PolicyError(f"policy {policy.name} chose {chosen} for {what}, which is not one of the candidates {may}")


def naming_request(error: PolicyError, stream: str, number: int) -> PolicyError:
    """Give an error of a policy that says which request the policy was asked for."""
    return PolicyError(f"workload {stream}: request {number}: {error}")


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
