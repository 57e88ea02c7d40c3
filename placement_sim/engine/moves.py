"""Data moved on purpose in a run with guest I/O: evacuation of a disk, and rebalance that does not overshoot."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import simpy

from placement_sim.engine.copy_phases import CopyPhases
from placement_sim.engine.copying import Copy, copy_block
from placement_sim.engine.datapath import MOVE
from placement_sim.engine.degraded import DONE, Key
from placement_sim.engine.fault_log import Resync
from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.model.cluster import ONLINE
from placement_sim.model.faults import DiskChange


class Mover:
    """Moves blocks one at a time, throttled like a stream of a rebuild."""

    def __init__(self, path: Any, rebuild: Rebuild | None, phases: CopyPhases) -> None:
        self._path = path
        self._rebuild = rebuild
        self._phases = phases
        self.moves: list[Resync] = []

    def begin(self, change: DiskChange) -> None:
        """Start an evacuation or a rebalance, or stop the rebalances that go on."""
        if change.action == "rebalance_stop":
            for move in self.moves:
                move.is_stopped = move.is_stopped or move.action == "rebalance"
            return
        move = self._phases.open(change.action, change.disk)
        self.moves.append(move)
        if change.action == "evacuate":
            # No room is left for new blocks, by the same rule that keeps free space on every disk.
            self._path.space.minimum_bytes[change.disk] = self._path.space.capacity_bytes[change.disk]
            self._path.env.process(self._go(move, self._evacuation(change.disk)))
        else:
            self._path.env.process(self._go(move, self._rebalance(change.factor)))

    def _go(self, move: Resync, copies: Iterator[tuple[Key, Copy]]) -> Generator[simpy.Event, Any, None]:
        env = self._path.env
        for key, copy in copies:
            began_ns = env.now_ns
            if (yield from copy_block(self._path, key, copy, MOVE)) is not None:
                move.copied_bytes += copy.size_bytes
                move.copied_blocks += 1
            if self._rebuild is not None:
                due_ns = began_ns + round(copy.size_bytes / self._rebuild.rate_bytes_per_s * 1e9)
                if due_ns > env.now_ns:
                    yield env.timeout(due_ns - env.now_ns)
            if move.is_stopped:
                break
        self._phases.end(move)

    def _owned(self, disk: int) -> Iterator[Key]:
        """Walk the blocks whose ordinary owner is a disk, as they were when their leg was come to."""
        for object_index, tree in enumerate(self._path.objects):
            for leg_index, leg in enumerate(tree.legs):
                blocks, disks = leg.parent.allocated()
                for block in blocks[disks == disk].tolist():
                    if leg.parent.owner(block) == disk and self._path.space.status[disk] == ONLINE:
                        yield object_index, leg_index, block

    def _size_bytes(self, key: Key) -> int:
        start, end = self._path.placement.degraded.extent(key)
        return int(end - start)

    def _evacuation(self, disk: int) -> Iterator[tuple[Key, Copy]]:
        """Give one block after another, each to the disk that the policy chooses, while one has a place."""
        left = -1
        while left != (left := sum(1 for _ in self._owned(disk))) and left:  # those that came meanwhile, too
            for key in self._owned(disk):
                target, reason = self._path.placement.pick(*key)
                if reason == DONE:
                    yield key, Copy(disk, target, self._size_bytes(key))

    def _rebalance(self, spread: float) -> Iterator[tuple[Key, Copy]]:
        """Give one block after another from the fullest disk to the emptiest, never beyond their being equal."""
        while (step := self._step(spread)) is not None:
            yield step

    def _step(self, spread: float) -> tuple[Key, Copy] | None:
        space = self._path.space
        capacity = np.asarray(space.capacity_bytes, np.float64)
        fill = 1.0 - np.asarray(space.free_bytes, np.float64) / capacity
        online = np.flatnonzero(np.asarray(space.status) == ONLINE)
        order = online[np.argsort(fill[online], kind="stable")].tolist()
        for source in reversed(order):
            for target in order:
                if fill[source] - fill[target] <= spread:
                    break
                for key in self._owned(source):
                    block_bytes = self._path.objects[key[0]].spec.block_bytes
                    gap = fill[source] - fill[target] - block_bytes / capacity[source] - block_bytes / capacity[target]
                    if gap >= 0 and self._path.placement.may_take(key, target):
                        space.reserve(target, block_bytes)
                        return key, Copy(source, target, self._size_bytes(key))
        return None
