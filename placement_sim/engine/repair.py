"""Redundancy returns in a run with guest I/O: reconciliation of what came back, rebuild of what did not.

Blocks that are not whole wait in a line at the disk that they are read from; each disk has so many streams,
and a stream copies a block at a time. Throttled, parallel, in the same queues as the guests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import simpy

from placement_sim.engine.copy_phases import CopyPhases
from placement_sim.engine.copying import copy_block, plan_repair
from placement_sim.engine.datapath import REPAIR
from placement_sim.engine.degraded import Key
from placement_sim.engine.fault_log import RepairLog, Resync
from placement_sim.engine.losses import take_stock
from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.model.cluster import ONLINE


class Repair:
    """Copies blocks that are not whole.

    Parameters
    ----------
    rebuild
        Throttle, streams and delay; replacements are disks that join, told by `disk_changed`. None: only what a
        disk that returns has missed is reconciled, one unthrottled stream a disk.
    phases
        Of the guests' latencies: they are counted apart while a repair goes on.
    """

    def __init__(self, path: Any, rebuild: Rebuild | None, phases: CopyPhases) -> None:
        self._path = path
        self._rebuild = rebuild
        self._phases = phases
        self._resync: Resync | None = None  # the last one
        self.log = RepairLog()
        self._lines: dict[int, deque[Key]] = {}
        self._queued: set[Key] = set()
        self._active: dict[int, int] = {}
        self._replaceable: set[int] = set()
        self._began_ns = -1
        self._missing_since_ns = -1
        self._away: dict[int, int] = {}  # changes of a disk, so that a give-up knows its own
        path.placement.degraded.found = self._found

    # -- what is told ----------------------------------------------------------------------

    def disk_changed(self, disk: int, *, is_away: bool) -> None:
        """Note that a disk has gone or returned."""
        self._away[disk] = self._away.get(disk, 0) + 1
        if not is_away:
            self._replaceable.discard(disk)
            self._queue_records()
        elif self._rebuild is not None:
            self._path.env.process(self._give_up(disk, self._away[disk], self._rebuild.delay_s))
        self.look()

    def destroy(self, happen: Callable[[], object]) -> None:
        """Let something happen that destroys data, and write down how much of it was the last copy."""
        before = take_stock(self._path).lost_bytes
        happen()
        lost = take_stock(self._path).lost_bytes - before
        if lost > 0:
            self.log.losses.append((self._path.env.now_ns, lost))

    def _give_up(self, disk: int, change: int, delay_s: float) -> Generator[simpy.Event, Any, None]:
        yield self._path.env.timeout(round(delay_s * 1e9))
        if self._away[disk] != change:
            return
        self._replaceable.add(disk)
        for object_index, tree in enumerate(self._path.objects):
            if len(tree.legs) > 1:
                for leg_index, leg in enumerate(tree.legs):
                    blocks, disks = leg.parent.allocated()
                    for block in blocks[disks == disk].tolist():
                        self._add((object_index, leg_index, block))
        self._queue_records()

    def _queue_records(self) -> None:
        for key in sorted(self._path.placement.degraded.records):
            self._add(key)

    def _found(self, key: Key) -> None:
        """Take up a block that became stale while its old copy is there, or is made anew elsewhere in any case.

        A leg without any copy is one whose first write had no candidate; a computed rule keeps naming a disk that
        has been given up, so nothing else would take such a block up.
        """
        old = self._path.placement.degraded.records[key].old
        is_given_up = old in self._replaceable if old >= 0 else bool(self._replaceable)
        if is_given_up or (old >= 0 and self._path.space.status[old] == ONLINE):
            self._add(key)
            self.look()

    # -- lines and streams -----------------------------------------------------------------

    def _add(self, key: Key) -> None:
        if key in self._queued:
            return
        self._queued.add(key)
        # A line a disk: that of the leg after this one, where a mirror is read, or of the record's newer copy.
        tree = self._path.objects[key[0]]
        record = self._path.placement.degraded.records.get(key)
        other = tree.legs[(key[1] + 1) % len(tree.legs)]
        disk = record.newer if record is not None and record.newer >= 0 else max(0, other.parent.owner(key[2]))
        self._lines.setdefault(disk, deque()).append(key)
        streams = self._rebuild.streams if self._rebuild else 1
        if self._active.get(disk, 0) < streams:
            self._active[disk] = self._active.get(disk, 0) + 1
            self._path.env.process(self._stream(disk))

    def _stream(self, disk: int) -> Generator[simpy.Event, Any, None]:
        line, env = self._lines[disk], self._path.env
        yield env.timeout(0)  # whatever told of the block comes to its end first
        while line:
            key = line.popleft()
            self._queued.discard(key)
            copy = plan_repair(self._path, key, self._may_replace)
            if copy is None:
                continue
            resync = self._begin()
            began_ns = env.now_ns
            made = yield from copy_block(self._path, key, copy, REPAIR)
            if made is not None:
                copy = made
                self.log.copied_bytes += copy.size_bytes
                self.log.copied_blocks += 1
                resync.copied_bytes += copy.size_bytes
                resync.copied_blocks += 1
            else:
                self.log.failed_copies += 1
                if env.now_ns > began_ns:
                    self._add(key)
            if self._rebuild is not None:
                due_ns = began_ns + round(copy.size_bytes / self._rebuild.rate_bytes_per_s * 1e9)
                if due_ns > env.now_ns:
                    yield env.timeout(due_ns - env.now_ns)
        self._active[disk] -= 1
        if not any(self._active.values()):
            self._end()

    def _may_replace(self, disk: int) -> bool:
        return disk in self._replaceable

    def _begin(self) -> Resync:
        """Give what the copies of now are noted under: the same as before, unless a move has begun meanwhile."""
        if self._began_ns >= 0 and self._resync is not None:
            return self._resync
        self._began_ns = self._path.env.now_ns
        if self._resync is not None and self._phases.resyncs[-1] is self._resync:
            self._phases.begin(self._resync)
        else:
            self._resync = self._phases.open("repair")
        return self._resync

    def _end(self) -> None:
        if self._began_ns >= 0 and self._resync is not None:
            self.log.sessions.append((self._began_ns, self._path.env.now_ns))
            self._began_ns = -1
            self._phases.end(self._resync)
        self.look()

    # -- whole or not ------------------------------------------------------------------------

    def look(self) -> None:
        """Note when redundancy is missing, and when it is back."""
        now_ns = self._path.env.now_ns
        if not is_whole(self._path):
            if self._missing_since_ns < 0:
                self._missing_since_ns = now_ns
        elif self._missing_since_ns >= 0:
            self.log.missing.append((self._missing_since_ns, now_ns))
            self._missing_since_ns = -1

    def close(self) -> tuple[RepairLog, bool]:
        """Give the log, with what has not ended by the end of the run, and whether all was whole then."""
        self.look()
        now_ns, whole = self._path.env.now_ns, self._missing_since_ns < 0
        if not whole:
            self.log.missing.append((self._missing_since_ns, now_ns))
        if self._began_ns >= 0:
            self.log.sessions.append((self._began_ns, now_ns))
        return self.log, whole


def is_whole(path: Any) -> bool:
    """Tell whether every block has all its copies on disks that are there."""
    if path.placement.degraded.records:
        return False
    away = np.flatnonzero(np.asarray(path.space.status) != ONLINE).tolist()
    store = path.placement.store
    for index, tree in enumerate(path.objects):
        for leg_index in range(len(tree.legs)):
            first = store.first_component[store.first_leg[index] + leg_index]
            rows = store.component_row[index, away]
            if store.written_blocks[first + rows[rows >= 0]].any():
                return False
    return True
