"""The upgrade of a fleet as SimPy processes: template, waves, gate, cleanup; one process a machine.

What happens is decided in `upgrades`; here it is given time, slots and I/O. `FleetUpgrade(plan)` is a
control process for ``simulate``: called with a data path it gives the generator, and `log` is filled.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import simpy

from placement_sim.engine.upgrade_checks import check_fleet
from placement_sim.engine.upgrade_disks import FleetDisks
from placement_sim.engine.upgrade_plan import FleetLog, FleetPlan, StepRecord
from placement_sim.engine.upgrade_server import NS_PER_S, Server, Waiting
from placement_sim.model.machine import FAILED, NEW, OLD, VirtualMachine
from placement_sim.randomness import draw, stream_key
from placement_sim.upgrades.failures import UNHEALTHY
from placement_sim.upgrades.journey import ENDED, UPGRADED, Journey
from placement_sim.upgrades.limits import SLOT_ORDER
from placement_sim.upgrades.steps import Step

SERVER = -1  # machine index of what the server does by itself
SERVER_STEP = "make template 1"


class FleetUpgrade:
    """A control process that brings a new version to every machine of a plan.

    Parameters
    ----------
    plan
        The fleet, the strategy, the rollout and the rules.
    """

    def __init__(self, plan: FleetPlan) -> None:
        self.plan = plan
        self.log = FleetLog()
        count = len(plan.members)
        self._journeys = [Journey(m.machine, plan.strategy, plan.templates, plan.failures) for m in plan.members]
        self._planned = {(p.machine, p.step): p.attempts for p in plan.failures.planned}
        log = self.log
        log.waves, log.started_ns, log.ended_ns = [-1] * count, [-1] * count, [-1] * count
        log.downtime_ns, log.degraded_ns = [0] * count, [0] * count
        log.damaged, log.failed_tries = [False] * count, [0] * count
        log.kept_old_ns, log.own_bytes_max = [-1] * count, [0] * count
        self._keeping: dict[int, int] = {}  # machine that keeps its old version -> since when
        self._keepers: list[simpy.Event] = []
        self._down_since: dict[int, int] = {}
        self._upgraded = self._failed = 0

    def __call__(self, path: Any) -> Waiting:
        """Give the process on a data path."""
        self._env = path.env
        self._path = path
        self._disks = FleetDisks(path, self.plan, self.log)
        self._server = Server(path.env, self.plan, self.log.waits)
        self._rolled_out = path.env.event()
        return self._run()

    # -- the whole ---------------------------------------------------------------------------

    def _run(self) -> Waiting:
        plan, log = self.plan, self.log
        self._path.begin_phase("prepare")
        for disk in dict.fromkeys((plan.templates[0].os.name, plan.templates[0].software.name)):
            since_ns = self._env.now
            if reason := (yield from self._make_disk(disk, "make")):
                self._give_up_before_rollout(SERVER_STEP, 0, since_ns, since_ns, reason)
                return
        for machine in range(len(plan.members)):
            self._disks.start_guest(machine)
        self._path.begin_phase("before")
        yield self._env.timeout(plan.lead_in_ns)
        self._path.begin_phase("during")
        self._disks.start_counting_extra()
        self._mark("upgrade_available")
        for step in plan.strategy.prepare:
            if not (yield from self._prepare(step)):
                break
        else:
            self._mark("rollout_start")
            self._note_availability()
            yield from self._roll_out()
            self._mark("rollout_end")
        self._rolled_out.succeed()
        self._path.begin_phase("after")
        yield self._env.timeout(plan.lead_out_ns)
        for machine in range(len(plan.members)):
            self._disks.stop_guest(machine)
        yield self._env.all_of(self._keepers)
        if "rollout_end" in log.marks:
            self._discard_unused()

    def _mark(self, name: str) -> None:
        self.log.marks[name] = self._env.now

    def _make_disk(self, disk: str, key: str) -> Generator[simpy.Event, Any, str]:
        """Write a template's disk; gives why it could not be made, "" if it was."""
        if self.plan.template_io is None:
            return ""
        before = self._disks.failed_requests("template")
        yield from self._disks.transfer(SERVER, f"{key} {disk}", "template", self.plan.template_io(disk))
        failed = self._disks.failed_requests("template") - before
        return f"{disk!r} is incomplete: {failed} of its requests failed" if failed else ""

    def _prepare(self, step: Step) -> Generator[simpy.Event, Any, bool]:
        """Take a step of the server, tried again like any other; gives whether it is done.

        A disk that is incomplete is deleted: no machine may run from it.
        """
        for attempt in range(self.plan.failures.retries + 1):
            since_ns: int = self._env.now
            yield self._env.timeout(self._time_ns(SERVER, step, "prepare", attempt))
            io_since_ns: int = self._env.now
            reason = ""
            if step.io == "template":
                disk = getattr(self.plan.templates[1], step.disk).name
                reason = yield from self._make_disk(disk, f"make {attempt}" if attempt else "make")
                if reason:
                    self._disks.discard(disk)
            if not reason:
                self._note_prepared(step.name, attempt, since_ns, io_since_ns, "")
                return True
            if attempt < self.plan.failures.retries:
                self._note_prepared(step.name, attempt, since_ns, io_since_ns, reason)
        self._give_up_before_rollout(step.name, attempt, since_ns, io_since_ns, reason)
        return False

    def _note_prepared(self, name: str, attempt: int, since_ns: int, io_since_ns: int, reason: str) -> None:
        now_ns: int = self._env.now
        record = StepRecord(
            SERVER, name, "prepare", attempt, since_ns, now_ns, now_ns - io_since_ns, not reason, reason, ""
        )  # fmt: skip
        self.log.steps.append(record)

    def _give_up_before_rollout(self, name: str, attempt: int, since_ns: int, io_since_ns: int, reason: str) -> None:
        """Without its template a rollout does not start."""
        self._note_prepared(name, attempt, since_ns, io_since_ns, reason)
        self._mark("prepare_failed")
        self.log.gate_reason = reason
        self._note_availability()

    def _roll_out(self) -> Waiting:
        rollout = self.plan.rollout
        first = 0
        for number, size in enumerate(rollout.waves(len(self.plan.members))):
            wave = range(first, first + size)
            first += size
            yield self._all(self._upgrade(machine, number) for machine in wave)
            if rollout.soak_s:
                yield self._env.timeout(round(rollout.soak_s * NS_PER_S))
            failed = sum(self._journeys[machine].outcome != UPGRADED for machine in wave)
            if failed > rollout.max_failed_share * size:
                self._mark("gate")
                self.log.gate_reason = f"wave {number}: {failed} of {size} machines did not come out upgraded"
                if rollout.on_gate == "rollback":
                    yield from self._roll_back_all()
                return

    def _roll_back_all(self) -> Waiting:
        upgraded = [i for i, journey in enumerate(self._journeys) if journey.outcome == UPGRADED]
        for machine in upgraded:
            self._give_up_old(machine)
            self._journeys[machine].roll_back()
            self._upgraded -= 1
        yield self._all(self._travel_back(machine) for machine in upgraded)
        self._mark("rollback_end")

    def _travel_back(self, machine: int) -> Waiting:
        yield from self._travel(machine)
        self._settle(machine)

    def _all(self, ways: Iterable[Generator[simpy.Event, Any, None]]) -> simpy.Event:
        event: simpy.Event = self._env.all_of([self._env.process(way) for way in ways])
        return event

    def _keep_old(self, machine: int) -> Waiting:
        """Keep a machine's old version for a while, and as long as the gate may still want it back (B9)."""
        yield self._env.timeout(self.plan.keep_old_ns)
        if self.plan.rollout.on_gate == "rollback":
            yield self._rolled_out
        journey = self._journeys[machine]
        if journey.outcome == UPGRADED:
            self._give_up_old(machine)
            journey.clean_up()
            yield from self._travel(machine)

    def _give_up_old(self, machine: int) -> None:
        self.log.kept_old_ns[machine] = self._env.now - self._keeping.pop(machine)
        self._note_kept()

    def _note_kept(self) -> None:
        self.log.keeping_old.append((self._env.now, len(self._keeping)))

    def _discard_unused(self) -> None:
        """Delete the template's disks that no machine is linked to and none keeps."""
        in_use = {disk.name for j in self._journeys for disk in (j.machine.clone.os, j.machine.clone.software) if disk}
        for name in sorted(set(self.plan.disk_objects) - in_use):
            self._disks.discard(name)
        self._mark("old_discarded")

    # -- one machine -------------------------------------------------------------------------

    def _upgrade(self, machine: int, wave: int) -> Waiting:
        member, log, server = self.plan.members[machine], self.log, self._server
        log.waves[machine] = wave
        server.note(machine, "", "earlier waves", log.marks["rollout_start"])
        places = (f"host {member.host_index}", f"datastore {member.datastore}")
        for place in places:
            yield from server.take(machine, "", place)
        yield from self._wait_for_window(machine)
        log.started_ns[machine] = self._env.now
        yield from self._travel(machine)
        self._settle(machine)
        log.ended_ns[machine] = self._env.now
        for place in places:
            server.give_back(machine, place)

    def _settle(self, machine: int) -> None:
        """Count a machine that has come to the end of its way."""
        self._upgraded += self._journeys[machine].outcome == UPGRADED
        self._failed += self._journeys[machine].machine.state == FAILED
        self._note_availability()
        if self._journeys[machine].outcome == UPGRADED:
            self._keeping[machine] = self._env.now
            self._note_kept()
            self._keepers.append(self._env.process(self._keep_old(machine)))

    def _wait_for_window(self, machine: int) -> Waiting:
        window = self.plan.rollout.window
        if window is not None:
            since_ns: int = self._env.now
            wait_s = window.wait_s((since_ns - self.log.marks["rollout_start"]) / NS_PER_S)
            yield self._env.timeout(round(wait_s * NS_PER_S))
            self._server.note(machine, "", "window", since_ns)

    def _travel(self, machine: int) -> Waiting:
        journey = self._journeys[machine]
        while (step := journey.step) is not None:
            mode = journey.mode
            yield from self._take(machine, journey, step)
            follows = journey.step
            self._server.keep_only(machine, follows.slots if follows is not None and journey.mode == mode else ())
            if self._serves(machine, journey.machine) or journey.mode == ENDED:
                self._server.give_back(machine, "budget")
        self.log.failed_tries[machine] = journey.failed_tries

    def _take(self, machine: int, journey: Journey, step: Step) -> Waiting:
        """One try of one step: slots, commands, time, I/O; then the journey is told how it went."""
        server, log = self._server, self.log
        if step.stops_application and journey.machine.is_available:
            yield from server.take(machine, step.name, "budget")
        for slot in sorted(step.slots, key=SLOT_ORDER.index):
            yield from server.take(machine, step.name, slot)
        yield from server.command(machine, step.name, step.commands)
        mode, attempt, since_ns = journey.mode, journey.attempt, self._env.now
        self._change(machine, journey, journey.begin, step.before)
        reason = self._why_it_fails(machine, journey, step)
        io_ns = 0
        if reason and step.can_fail != UNHEALTHY:
            yield self._env.timeout(round(self.plan.failures.notice_s(step.can_fail) * NS_PER_S))
        else:
            yield self._env.timeout(self._time_ns(machine, step, mode, attempt))
            was_up = journey.machine.is_available
            io_since_ns: int = self._env.now
            yield from self._io(machine, step)
            io_ns = self._env.now - io_since_ns
            if step.io and was_up:
                log.degraded_ns[machine] += io_ns
        if step.action == "stop_application" and not reason:
            yield self._env.all_of(self._disks.stop_guest(machine))
        if reason:
            self._change(machine, journey, journey.fail, step.after_failure)
        else:
            self._change(machine, journey, journey.succeed, step.action)
        log.steps.append(
            StepRecord(
                machine, step.name, mode, attempt, since_ns, self._env.now, io_ns, not reason, reason,
                journey.machine.state, step.slots,
            )
        )  # fmt: skip

    def _io(self, machine: int, step: Step) -> Waiting:
        transfers = self.plan.io.get(step.io)
        if transfers is None:
            return
        since_ns: int = self._env.now
        name = self.plan.members[machine].machine.name
        beyond_ns = yield from self._disks.transfer(machine, step.name, step.io, transfers(name))
        if beyond_ns:
            self._server.note(machine, step.name, "storage", max(since_ns, self._env.now - beyond_ns))

    def _change(self, machine: int, journey: Journey, change: Any, action: str) -> None:
        """Let the journey change its machine; links, guests and counts follow."""
        before: VirtualMachine = journey.machine
        change()
        after = journey.machine
        self._disks.follow(machine, action, before, after)
        if self.plan.hazardous and action == "booted" and after.clone.os is not None:
            self.log.damaged[machine] |= after.clone.os.version != OLD
        served, serves = self._serves(machine, before), self._serves(machine, after)
        if served != serves:
            now_ns: int = self._env.now
            if serves:
                self.log.downtime_ns[machine] += now_ns - self._down_since.pop(machine)
                self._disks.start_guest(machine)
            else:
                self._down_since[machine] = now_ns
                self._disks.stop_guest(machine)
            self._note_availability()

    def _serves(self, machine: int, value: VirtualMachine) -> bool:
        """Whether users are served: an application that runs but is unhealthy does not serve them."""
        unhealthy = self.plan.failures.bad_template or self.log.damaged[machine]
        return value.is_available and not (unhealthy and value.version == NEW)

    def _note_availability(self) -> None:
        entry = (self._env.now, len(self._down_since), self._upgraded, self._failed)
        if self.log.availability and self.log.availability[-1][0] == entry[0]:
            self.log.availability.pop()
        self.log.availability.append(entry)

    # -- chance ------------------------------------------------------------------------------

    def _time_ns(self, machine: int, step: Step, mode: str, attempt: int) -> int:
        name = self.plan.members[machine].machine.name if machine >= 0 else "server"
        u = draw(stream_key(self.plan.seed, name, f"time of {step.name}, {mode}"), attempt)
        return round(step.time.quantile_s(u) * NS_PER_S)

    def _why_it_fails(self, machine: int, journey: Journey, step: Step) -> str:
        """Give the reason why this try fails, "" if it does not."""
        if not step.can_fail:
            return ""
        if step.can_fail == UNHEALTHY:
            if self.plan.failures.bad_template:
                return "unhealthy: bad template"
            if self.log.damaged[machine]:
                return "unhealthy: data is a delta of another OS disk"
        if journey.mode == "forward" and journey.attempt < self._planned.get((machine, step.name), 0):
            return f"{step.can_fail} (planned)"
        name = self.plan.members[machine].machine.name
        u = draw(stream_key(self.plan.seed, name, f"failure of {step.name}, {journey.mode}"), journey.attempt)
        return step.can_fail if u < self.plan.failures.chance(step.can_fail) else ""

    def close(self) -> FleetLog:
        """Close the books at the end of a run, also of one that a horizon cut short, and check them.

        Raises
        ------
        InvariantError
            The log contradicts itself or breaks a limit.
        """
        now_ns: int = self._env.now
        for machine, since_ns in self._down_since.items():
            self.log.downtime_ns[machine] += now_ns - since_ns
        self._down_since.clear()
        for machine, since_ns in self._keeping.items():
            self.log.kept_old_ns[machine] = now_ns - since_ns
        self._keeping.clear()
        self.log.outcomes = [journey.outcome for journey in self._journeys]
        self.log.machines = [journey.machine for journey in self._journeys]
        check_fleet(self.log, self.plan, now_ns)
        return self.log
