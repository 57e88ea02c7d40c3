"""Invariants of a fleet's upgrade, checked at the end of every run."""

from __future__ import annotations

from itertools import pairwise

from placement_sim.engine.upgrade_plan import FleetLog, FleetPlan
from placement_sim.errors import InvariantError
from placement_sim.model.machine import FAILED, RUNNING, RUNNING_NEW
from placement_sim.upgrades.journey import (
    IN_PROGRESS,
    LEFT_FAILED,
    OUTCOMES,
    REPAIRED,
    ROLLED_BACK,
    UNTOUCHED,
    UPGRADED,
)
from placement_sim.upgrades.limits import SLOT_ORDER

STATE_OF = {UPGRADED: RUNNING_NEW, ROLLED_BACK: RUNNING, REPAIRED: RUNNING, UNTOUCHED: RUNNING, LEFT_FAILED: FAILED}


def check_outcomes(log: FleetLog) -> None:
    """Check that no machine is lost: each has a stated outcome and the state that belongs to it."""
    for machine, outcome in zip(log.machines, log.outcomes, strict=True):
        if outcome not in OUTCOMES:
            raise InvariantError(f"{machine.name}: no such outcome: {outcome!r}")
        if outcome != IN_PROGRESS and machine.state != STATE_OF[outcome]:
            raise InvariantError(f"{machine.name} ended {outcome}, yet its state is {machine.state}")
        if outcome not in (IN_PROGRESS, LEFT_FAILED) and machine.clone.data is None:
            raise InvariantError(f"{machine.name} ended {outcome} without its data disk")


def check_downtime(log: FleetLog, end_ns: int) -> None:
    """Check that downtime by machine and unavailable machines over time have the same sum."""
    series = [*log.availability, (end_ns, 0, 0, 0)] if log.availability else []
    area_ns = sum(down * (after - at) for (at, down, _, _), (after, *_) in pairwise(series))
    if area_ns != sum(log.downtime_ns):
        raise InvariantError(f"downtime by machine {sum(log.downtime_ns)} ns, by time {area_ns} ns")


def check_limits(log: FleetLog, plan: FleetPlan) -> None:
    """Check that no more steps than slots went on at once, and no more machines were down than the budget allows."""
    for slot in SLOT_ORDER:
        held = [(r.start_ns, r.end_ns) for r in log.steps if slot in r.slots and r.end_ns > r.start_ns]
        _check_at_once(slot, held, plan.limits.slots(slot))
    budget = plan.rollout.max_unavailable
    broken = [record for record in log.steps if record.mode in ("repair",) or record.state == FAILED]
    if budget is not None and not broken and not plan.failures.bad_template:
        most = max((down for _, down, _, _ in log.availability), default=0)
        if most > budget:
            raise InvariantError(f"{most} machines were unavailable, the budget is {budget}")


def _check_at_once(slot: str, spans: list[tuple[int, int]], limit: int) -> None:
    changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    present = 0
    for _, change in changes:
        present += change
        if present > limit:
            raise InvariantError(f"{present} operations held a {slot} slot at once, there are {limit}")


def check_fleet(log: FleetLog, plan: FleetPlan, end_ns: int) -> None:
    """Check every invariant of a finished log."""
    check_outcomes(log)
    check_downtime(log, end_ns)
    check_limits(log, plan)
