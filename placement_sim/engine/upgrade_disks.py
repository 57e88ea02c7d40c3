"""What a fleet does to the data path: links are backings of thin objects, I/O is streams, space is counted.

A swap changes the backing of a link's object and copies nothing (B7).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from placement_sim.engine.datapath import Running, Stream
from placement_sim.engine.upgrade_plan import FleetLog, FleetPlan, Transfer
from placement_sim.model.machine import LinkedClone, VirtualMachine

CLONE_ACTIONS = ("create_clone", "delete_clone", "destroy_clone", "fork", "repair")
TWIN_ACTIONS = ("create_twin", "delete_twin")


class FleetDisks:
    """Objects of the machines and of the templates on one data path."""

    def __init__(self, path: Any, plan: FleetPlan, log: FleetLog) -> None:
        self._path = path
        self._plan = plan
        self._log = log
        self._own = [[m.os_object, m.software_object] for m in plan.members]
        self._twin = [[m.twin_os_object, m.twin_software_object] for m in plan.members]
        self._guests: dict[int, Running] = {}
        self._starts = [0] * len(plan.members)
        self._data_objects = frozenset(member.data_object for member in plan.members)
        self._machine_of = {index: i for i, pair in enumerate(self._own) for index in (*pair, *self._twin[i])}
        self._own_bytes = [0] * len(plan.members)
        self._used: dict[int, int] = {}
        self._used_bytes = 0
        self._base_bytes = 0
        for i, member in enumerate(plan.members):
            self._link(self._own[i], member.machine.clone)

    def _link(self, objects: list[int], clone: LinkedClone) -> None:
        for index, disk in zip(objects, (clone.os, clone.software), strict=True):
            if index >= 0:
                self._path.set_backing(index, -1 if disk is None else self._plan.disk_objects[disk.name])

    def follow(self, machine: int, action: str, before: VirtualMachine, after: VirtualMachine) -> None:
        """Bring the objects of a machine in line with its links."""
        if action == "exchange_twin":
            self._own[machine], self._twin[machine] = self._twin[machine], self._own[machine]
        if action in CLONE_ACTIONS:
            self._discard(self._own[machine])
        if action in TWIN_ACTIONS or (action == "repair" and before.twin is not None):
            self._discard(self._twin[machine])
        if after.clone != before.clone or action == "exchange_twin":
            self._link(self._own[machine], after.clone)
        if after.twin is not None and after.twin != before.twin:
            self._link(self._twin[machine], after.twin)

    def _discard(self, objects: list[int]) -> None:
        for index in objects:
            if self._used.get(index):
                self._path.discard_object(index)
                self._measure(index)

    def discard(self, name: str) -> None:
        """Delete a template's disk; its space returns."""
        index = self._plan.disk_objects[name]
        self._path.discard_object(index)
        self._measure(index)

    def failed_requests(self, purpose: str) -> int:
        """Count the requests of a purpose that have failed so far."""
        split = self._path.split()
        return int(split.failed[:, split.purposes.index(purpose)].sum()) if purpose in split.purposes else 0

    # -- I/O -------------------------------------------------------------------------------

    def transfer(
        self, machine: int, key: str, purpose: str, transfers: list[Transfer]
    ) -> Generator[simpy.Event, Any, int]:
        """Run the transfers of a step side by side; gives the time beyond their think time, in ns."""
        if not transfers:
            return 0
        since_ns: int = self._path.env.now
        member = self._plan.members[machine] if machine >= 0 else None
        touched = []
        ends = []
        for i, part in enumerate(transfers):
            index = self._object(machine, part.disk)
            if part.writes:
                touched.append(index)
            host = member.host_index if member else -1
            name = f"{member.machine.name if member else 'server'} {key} {i}"
            stream = Stream(name, index, part.requests, part.outstanding, purpose=purpose, host_index=host)
            ends.append(self._path.start_stream(stream).ended)
        yield self._path.env.all_of(ends)
        for index in touched:
            self._measure(index)
        elapsed_ns: int = self._path.env.now - since_ns
        return max(0, elapsed_ns - max(part.think_ns for part in transfers))

    def _object(self, machine: int, disk: str) -> int:
        if disk in self._plan.disk_objects:
            return self._plan.disk_objects[disk]
        places = {"os": self._own[machine][0], "software": self._own[machine][1]}
        places |= {"data": self._plan.members[machine].data_object, "twin os": self._twin[machine][0]}
        return places[disk]

    # -- guests ----------------------------------------------------------------------------

    def start_guest(self, machine: int) -> None:
        """Let the guest's application do its I/O."""
        if self._plan.guest is not None and machine not in self._guests:
            stream = self._plan.guest(machine, self._starts[machine])
            self._starts[machine] += 1
            self._guests[machine] = self._path.start_stream(stream)

    def stop_guest(self, machine: int) -> list[simpy.Event]:
        """Let it issue nothing more; the event, if there is one, comes when nothing is in flight."""
        running = self._guests.pop(machine, None)
        if running is None:
            return []
        self._path.stop_stream(running)
        return [running.ended]

    # -- space -----------------------------------------------------------------------------

    def _measure(self, index: int) -> None:
        """Count the space of an object that is not a data disk, and note the sum if it changed."""
        if index in self._data_objects:
            return
        tree = self._path.objects[index]
        blocks = sum(written.written_blocks for leg in tree.legs for written in leg.written.values())
        used_bytes = blocks * tree.spec.block_bytes
        if used_bytes != self._used.get(index, 0):
            more_bytes = used_bytes - self._used.get(index, 0)
            self._used_bytes += more_bytes
            self._used[index] = used_bytes
            if (machine := self._machine_of.get(index, -1)) >= 0:
                self._own_bytes[machine] += more_bytes
                self._log.own_bytes_max[machine] = max(self._log.own_bytes_max[machine], self._own_bytes[machine])
            self._log.extra_bytes.append((self._path.env.now, self._used_bytes - self._base_bytes))

    def start_counting_extra(self) -> None:
        """From now on, space beyond what is used at this moment is the upgrade's."""
        self._base_bytes = self._used_bytes
        self._log.extra_bytes.clear()
        self._log.extra_bytes.append((self._path.env.now, 0))
