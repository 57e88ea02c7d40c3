"""Blocks whose owner is away: which disk takes a write, which one has the newest bytes (A12, A14).

All of it is rare, so it is written once, in Python, on the maps that both data paths share. An entry
`DEGRADED` of the parent's map sends every read and write of the block here, `STALE` every write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy.typing as npt

from placement_sim.engine.space import Space
from placement_sim.model.cluster import OFFLINE, ONLINE
from placement_sim.model.copies import BlockRecord, add_part, covered_bytes, cut_part
from placement_sim.model.recovery import recover_leg
from placement_sim.model.storage_object import Leg, StorageObject

DONE, NO_SPACE, UNAVAILABLE, SKIPPED = 0, 1, 2, 3  # why a write goes nowhere; SKIPPED: the other legs take it
LOST = -2  # in place of a disk that is read: not to be had
NOWHERE = -1

Key = tuple[int, int, int]  # object, leg, block
Pick = Callable[[int, int, int], tuple[int, int]]  # of a key: a component for a copy, its space reserved; or why not


class Target(NamedTuple):
    """Where an operation goes: a disk, or the reason why there is none, and a second disk, -1 for none."""

    disk: int
    reason: int
    also: int = NOWHERE


class Degraded:
    """The records of both paths and the decisions that follow from them.

    Parameters
    ----------
    pick
        The policy's choice for a second component.
    """

    def __init__(self, objects: list[StorageObject], space: Space, pick: Pick) -> None:
        self._objects = objects
        self._space = space
        self._pick = pick
        self.records: dict[Key, BlockRecord] = {}
        self.written_bytes = 0  # by degraded writes
        self.found: Callable[[Key], None] | None = None  # told of blocks that became stale

    def counts(self) -> dict[str, int]:
        """Give what happened since the start of the run, and what is not whole at present."""
        return {"degraded_written_bytes": self.written_bytes, "recorded_blocks": len(self.records)}

    def copies(self) -> int:
        """Count the copies being made."""
        return sum(record.target >= 0 for record in self.records.values())

    def allocation(self) -> list[list[npt.NDArray[Any]]]:
        """Give the parents' maps by object and leg, with the disk of the newest bytes in place of a record.

        A stale copy is none: 0.
        """
        maps = [[leg.parent.array for leg in tree.legs] for tree in self._objects]
        copied: set[tuple[int, int]] = set()
        for (index, leg_index, block), record in self.records.items():
            if (index, leg_index) not in copied:
                copied.add((index, leg_index))
                maps[index][leg_index] = maps[index][leg_index].copy()
            maps[index][leg_index][block] = record.newer + 1
        return maps

    # -- what lies where -----------------------------------------------------------------------

    def extent(self, key: Key) -> tuple[int, int]:
        """Give the bytes of a block, from and to; the last of an object may be short."""
        spec = self._objects[key[0]].spec
        start = key[2] * spec.block_bytes
        return start, min(start + spec.block_bytes, spec.size_bytes)

    def _covers(self, key: Key, record: BlockRecord) -> bool:
        start, end = self.extent(key)
        return covered_bytes(record.parts, start, end) == end - start

    def holders(self, key: Key) -> list[int]:
        """List the disks on which a leg has or gets a copy of a block, be it old or new."""
        leg = self._objects[key[0]].legs[key[1]]
        record = self.records.get(key)
        coming = {leg.pending[key[2]] - 1, record.target if record else -1}
        return [disk for disk, written in leg.written.items() if disk in coming or written.is_written(key[2])]

    def is_whole(self, key: Key) -> bool:
        """Tell whether a leg has all of a block's newest bytes on a disk that takes writes."""
        leg = self._objects[key[0]].legs[key[1]]
        entry, status = leg.parent.entries[key[2]], self._space.status
        if entry < leg.parent.stale:
            disk = (entry or leg.pending[key[2]]) - 1
            return disk >= 0 and bool(status[disk] == ONLINE)
        record = self.records[key]
        return entry > leg.parent.stale and self._covers(key, record) and bool(status[record.newer] == ONLINE)

    def is_kept_elsewhere(self, key: Key) -> bool:
        """Tell whether another leg has the whole block."""
        return any(self.is_whole((key[0], leg, key[2])) for leg in range(len(self._objects[key[0]].legs))
                   if leg != key[1])  # fmt: skip

    def is_special_elsewhere(self, key: Key) -> bool:
        """Tell whether another leg's entry names no disk."""
        legs = self._objects[key[0]].legs
        return any(leg.parent.entries[key[2]] >= leg.parent.stale for i, leg in enumerate(legs) if i != key[1])

    # -- writes --------------------------------------------------------------------------------

    def make_stale(self, key: Key) -> None:
        """Note that a leg has no readable copy of a block any more; what it has stays, until it is replaced."""
        leg = self._objects[key[0]].legs[key[1]]
        record = self.records.get(key)
        if record is not None:
            self._give_back(key, leg, record)
        leg.pending[key[2]] = 0  # at most an answer on its way: a first write still in flight is not away
        held = self.holders(key)
        leg.parent.set_entry(key[2], leg.parent.stale)
        self.records[key] = BlockRecord(old=held[0] if held else NOWHERE, newer=NOWHERE)
        if self.found:
            self.found(key)

    def write(self, key: Key) -> Target | None:
        """Decide where a write of a block goes; None: as if nothing were special, after all."""
        leg = self._objects[key[0]].legs[key[1]]
        entry = leg.parent.entries[key[2]]
        if entry < leg.parent.stale:
            if self.is_kept_elsewhere(key):
                self.make_stale(key)
                return Target(NOWHERE, SKIPPED)
            return self._divert(key, leg, (entry or leg.pending[key[2]]) - 1)
        record = self.records[key]
        if record.target >= 0 and self._space.status[record.target] != ONLINE:
            if self.abort_copy(key):
                return None
        if entry == leg.parent.stale:
            if record.old < 0 and record.target < 0 and self.found:
                self.found(key)  # its first write had failed, so that there was nothing to copy
            return Target(record.target, DONE) if record.target >= 0 else Target(NOWHERE, SKIPPED)
        if self.has_come_to_nothing(key):
            return None
        return self._write_newer(key, record)

    def _divert(self, key: Key, leg: Leg, owner: int) -> Target:
        """Begin a degraded write: a second component, and a record of what will be newer there (A14)."""
        disk, reason = self._pick(*key)
        if reason != DONE:
            return Target(owner, reason)
        leg.set_pending(key[2], disk)
        leg.parent.set_entry(key[2], leg.parent.degraded)
        self.records[key] = BlockRecord(owner, disk)
        return Target(disk, DONE)

    def _write_newer(self, key: Key, record: BlockRecord) -> Target | None:
        """Write to the newer copy, else to the old one, which is the newer there when it is written."""
        status = self._space.status
        if record.newer >= 0 and status[record.newer] == ONLINE:
            also = record.target if record.target != record.newer else NOWHERE
            return Target(record.newer, DONE, also)
        if record.target >= 0 and self.abort_copy(key):
            return None
        if record.old >= 0 and status[record.old] == ONLINE:
            return Target(record.old, DONE)
        if self.is_kept_elsewhere(key):
            self.make_stale(key)
            return Target(NOWHERE, SKIPPED)
        return Target(record.newer, UNAVAILABLE)

    def served(
        self, object_index: int, leg_index: int, disk: int, block: int, blocks: int, start: int, size_bytes: int
    ) -> None:
        """Note in the records that a disk has the newest bytes of a range: it has just served their write.

        Not before: a write that fails must not hide what was acknowledged (A14). It comes after the component's
        mark (A5); a copy that was given back meanwhile has none. The second of two copies is not told of: what the
        first one has is newer there.
        """
        leg = self._objects[object_index].legs[leg_index]
        for b in range(block, block + blocks):
            if leg.parent.entries[b] == leg.parent.degraded and leg.written[disk].is_written(b):
                key = (object_index, leg_index, b)
                first, last = self.extent(key)
                self._note(key, leg, disk, max(start, first), min(start + size_bytes, last))

    def _note(self, key: Key, leg: Leg, disk: int, start: int, end: int) -> None:
        record = self.records[key]
        if disk == record.newer:
            record.parts = add_part(record.parts, start, end)
            if record.old >= 0:
                self.written_bytes += end - start
            if self._is_bad(record) and self._covers(key, record):
                self._become(key, leg, record.newer)  # a bad sector written anew
        elif disk == record.old:
            record.parts = cut_part(record.parts, start, end)
            self.has_come_to_nothing(key)

    def has_come_to_nothing(self, key: Key) -> bool:
        """Take a record back whose newer copy has nothing, and gets nothing: the old copy is the block.

        The degraded write has failed, or the old copy has had all of it since and no write to the newer one can
        be on its way; while one can, the record stays, and a repair ends it.
        """
        record = self.records.get(key)
        if record is None or min(record.old, record.newer) < 0 or record.parts:
            return False
        leg = self._objects[key[0]].legs[key[1]]
        has_failed = not leg.pending[key[2]] and not leg.written[record.newer].is_written(key[2])
        if not has_failed and self._space.status[record.newer] != OFFLINE:
            return False
        self._become(key, leg, record.old)
        return True

    def forget_unwritten(self, object_index: int, block: int) -> None:
        """Make a block unallocated in every leg, if no first write of it has succeeded in any."""
        keys = [(object_index, leg, block) for leg in range(len(self._objects[object_index].legs))]
        if not any(self.holders(key) for key in keys):
            for key in keys:
                if key in self.records:
                    del self.records[key]
                    self._objects[object_index].legs[key[1]].parent.clear(block)

    # -- crashes and bad sectors ---------------------------------------------------------------

    def power_loss(self, disk_count: int) -> None:
        """Forget what is volatile: reservations are given back, parents come back from the written maps (A9)."""
        for object_index, tree in enumerate(self._objects):
            for leg_index, leg in enumerate(tree.legs):
                self._crash((object_index, leg_index), leg, tree.spec.block_bytes, disk_count)

    def _crash(self, owner: tuple[int, int], leg: Leg, block_bytes: int, disk_count: int) -> None:
        for block in leg.held_blocks():
            key = (*owner, block)
            pending = leg.pending[block] - 1
            if pending >= 0 and not leg.written[pending].is_written(block):
                leg.pending[block] = 0
                self._space.cancel(pending, block_bytes)
            if key in self.records and not self.has_come_to_nothing(key):
                self.abort_copy(key)
        kept = {key[2]: leg.parent.entries[key[2]] for key in self.records if key[:2] == owner}
        recover_leg(leg, disk_count, kept)
        for block, entry in kept.items():
            record = self.records[*owner, block]
            if entry == leg.parent.degraded and not self._is_bad(record):
                leg.set_pending(block, record.newer)

    def sector_error(self, disk: int, word: int) -> bool:
        """Let one of the blocks that a disk holds, by number, become unreadable; False if there is none to hit."""
        maps = [(index, leg_index, leg) for index, tree in enumerate(self._objects)
                for leg_index, leg in enumerate(tree.legs) if disk in leg.written]  # fmt: skip
        number = word % max(1, sum(leg.written[disk].written_blocks for *_, leg in maps))
        for index, leg_index, leg in maps:
            count = leg.written[disk].written_blocks
            if number < count:
                block = int(leg.written[disk].blocks()[number])
                if leg.parent.owner(block) != disk:  # not known yet, or there is a record already
                    return False
                leg.parent.set_entry(block, leg.parent.degraded)
                self.records[index, leg_index, block] = BlockRecord(NOWHERE, disk)
                return True
            number -= count
        return False

    def _is_bad(self, record: BlockRecord) -> bool:
        """Tell whether it is the record of a bad sector, part of which may have been written anew."""
        return record.old < 0 and record.newer >= 0 and record.target < 0

    # -- reads and unmaps ----------------------------------------------------------------------

    def read(self, key: Key, start: int, end: int) -> tuple[int, int]:
        """Give where a degraded block's bytes are read: a disk or LOST, and a second disk for the rest."""
        leg = self._objects[key[0]].legs[key[1]]
        record = self.records[key]
        if self.has_come_to_nothing(key):
            entry = leg.parent.entries[key[2]]
            return self._reachable(entry - 1), NOWHERE
        covered = covered_bytes(record.parts, start, end)
        if covered < end - start and self._is_bad(record) and self.is_kept_elsewhere(key):
            self.make_stale(key)  # found by this read; another leg serves it
            return LOST, NOWHERE
        newer, old = self._reachable(record.newer), self._reachable(record.old)
        if covered == end - start:
            return newer, NOWHERE
        if covered == 0:
            return old, NOWHERE
        return (newer, old) if min(newer, old) >= 0 else (LOST, NOWHERE)

    def _reachable(self, disk: int) -> int:
        return disk if disk >= 0 and self._space.status[disk] != OFFLINE else LOST

    def drop(self, key: Key) -> None:
        """Unmap a block with a record: every copy goes."""
        leg = self._objects[key[0]].legs[key[1]]
        self._give_back(key, leg, self.records.pop(key))
        self._clear_copies(key, leg, keep=NOWHERE)
        leg.note_unmap(key[2])
        leg.pending[key[2]] = 0
        leg.parent.clear(key[2])

    # -- copies --------------------------------------------------------------------------------

    def begin_copy(self, key: Key, target: int) -> BlockRecord:
        """Let writes of a block go to `target`, too, where its space is reserved or a copy of it lies."""
        leg = self._objects[key[0]].legs[key[1]]
        record = self.records.get(key)
        if record is None:
            owner = leg.parent.owner(key[2])
            record = self.records[key] = BlockRecord(NOWHERE, owner, [self.extent(key)])
            leg.set_pending(key[2], owner)
            leg.parent.set_entry(key[2], leg.parent.degraded)
        record.target = target
        return record

    def abort_copy(self, key: Key) -> bool:
        """Give up the copy that is being made; gives True if the block is as if nothing had been special."""
        leg = self._objects[key[0]].legs[key[1]]
        record = self.records[key]
        if record.target >= 0 and not leg.written[record.target].is_written(key[2]) and record.target != record.newer:
            self._space.cancel(record.target, self._objects[key[0]].spec.block_bytes)
        record.target = NOWHERE
        if record.old < 0 and record.newer >= 0 and self._covers(key, record):  # a move
            self._become(key, leg, record.newer)
            return True
        self.forget_unwritten(key[0], key[2])  # it may have been all that was left of a first write that failed
        return key not in self.records

    def finish_copy(self, key: Key) -> None:
        """Make the copy the block's only one."""
        leg = self._objects[key[0]].legs[key[1]]
        record = self.records[key]
        if not leg.written[record.target].is_written(key[2]):
            leg.written[record.target].mark(key[2])
            self._space.commit(record.target, self._objects[key[0]].spec.block_bytes)
        self._become(key, leg, record.target)

    def _become(self, key: Key, leg: Leg, disk: int) -> None:
        """Make a disk the ordinary owner; whatever other copies there are go."""
        self._clear_copies(key, leg, keep=disk)
        del self.records[key]
        leg.pending[key[2]] = 0
        leg.parent.set_owner(key[2], disk)

    def _clear_copies(self, key: Key, leg: Leg, keep: int) -> None:
        size_bytes = self._objects[key[0]].spec.block_bytes
        pending = leg.pending[key[2]] - 1
        if pending >= 0 and pending != keep and not leg.written[pending].is_written(key[2]):
            self._space.cancel(pending, size_bytes)
            leg.pending[key[2]] = 0
        for disk, written in leg.written.items():
            if disk != keep and written.is_written(key[2]):
                written.clear(key[2])
                self._space.release(disk, size_bytes)

    def _give_back(self, key: Key, leg: Leg, record: BlockRecord) -> None:
        """Give back what is reserved for a block's copy in the making and for its degraded write in flight."""
        size_bytes = self._objects[key[0]].spec.block_bytes
        pending = leg.pending[key[2]] - 1
        for disk in {record.target, pending} - {NOWHERE}:
            if not leg.written[disk].is_written(key[2]):
                self._space.cancel(disk, size_bytes)
        leg.pending[key[2]] = 0
        record.target = NOWHERE
