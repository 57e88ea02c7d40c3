"""The central management server (B1, B11): slots by kind, a rate of commands, and who waited for which.

A machine waits in first-come-first-served order, and gives back what its next step does not name.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from placement_sim.engine.upgrade_plan import FleetPlan, WaitRecord
from placement_sim.upgrades.limits import SLOT_ORDER

NS_PER_S = 1_000_000_000
Waiting = Generator[simpy.Event, Any, None]


class Server:
    """Slots and rate; every wait longer than nothing is noted in `waits`."""

    def __init__(self, env: Any, plan: FleetPlan, waits: list[WaitRecord]) -> None:
        self._env = env
        self._waits = waits
        self._slots = {name: simpy.Resource(env, plan.limits.slots(name)) for name in SLOT_ORDER}
        rollout = plan.rollout
        if rollout.max_unavailable is not None:
            self._slots["budget"] = simpy.Resource(env, rollout.max_unavailable)
        for member in plan.members:
            if rollout.per_host is not None:
                self._slots.setdefault(f"host {member.host_index}", simpy.Resource(env, rollout.per_host))
            if rollout.per_datastore is not None:
                self._slots.setdefault(f"datastore {member.datastore}", simpy.Resource(env, rollout.per_datastore))
        self._held: dict[tuple[int, str], Any] = {}
        self._gap_ns = round(NS_PER_S / plan.limits.operations_per_s)
        self._free_at_ns = 0

    def take(self, machine: int, step: str, name: str) -> Waiting:
        """Wait for one slot, unless the machine holds it or there is no such limit."""
        resource = self._slots.get(name)
        if resource is None or (machine, name) in self._held:
            return
        since_ns = self._env.now
        ahead = len(resource.queue)
        request = resource.request()
        self._held[machine, name] = request
        yield request
        self.note(machine, step, name, since_ns, ahead)

    def give_back(self, machine: int, name: str) -> None:
        """Return one slot, if the machine holds it."""
        request = self._held.pop((machine, name), None)
        if request is not None:
            self._slots[name].release(request)

    def keep_only(self, machine: int, names: tuple[str, ...]) -> None:
        """Return every slot of the server that is not named."""
        for name in SLOT_ORDER:
            if name not in names:
                self.give_back(machine, name)

    def command(self, machine: int, step: str, count: int) -> Waiting:
        """Wait until the server has passed so many commands."""
        if count == 0:
            return
        since_ns: int = self._env.now
        start_ns = max(since_ns, self._free_at_ns)
        self._free_at_ns = start_ns + count * self._gap_ns
        ahead = (start_ns - since_ns) // self._gap_ns
        if start_ns > since_ns:
            yield self._env.timeout(start_ns - since_ns)
            self.note(machine, step, "management server", since_ns, ahead)

    def note(self, machine: int, step: str, waited_for: str, since_ns: int, ahead: int = 0) -> None:
        """Write a wait down, if it took any time."""
        if self._env.now > since_ns:
            self._waits.append(WaitRecord(machine, step, waited_for, since_ns, self._env.now, ahead))
