"""Small fleets for the tests: a plan by hand, and a path on which nothing does I/O."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import simpy

from placement_sim.engine.upgrade import FleetUpgrade
from placement_sim.engine.upgrade_plan import FleetLog, FleetMember, FleetPlan
from placement_sim.model.machine import DATA, LinkedClone, VirtualMachine, Vmdk, templates
from placement_sim.upgrades import Rollout, UpgradeStrategy, make_strategy
from placement_sim.upgrades.failures import Failures
from placement_sim.upgrades.limits import Limits
from placement_sim.upgrades.rollouts import all_at_once


class IdlePath:
    """Control calls are noted, nothing is stored: for fleets whose guests are idle."""

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.calls: list[tuple[Any, ...]] = []
        self.objects = defaultdict(lambda: SimpleNamespace(legs=[], spec=SimpleNamespace(block_bytes=1)))

    def set_backing(self, index: int, backing: int) -> None:
        self.calls.append(("set_backing", index, backing))

    def discard_object(self, index: int) -> None:
        self.calls.append(("discard_object", index))

    def begin_phase(self, name: str) -> None:
        self.calls.append(("begin_phase", name))


def plan_of(
    strategy: UpgradeStrategy | str,
    machines: int,
    rollout: Rollout | None = None,
    limits: Limits | None = None,
    failures: Failures | None = None,
    **more: Any,
) -> FleetPlan:
    chosen = make_strategy(strategy) if isinstance(strategy, str) else strategy
    old, new = templates(chosen.role)
    members = tuple(
        FleetMember(
            VirtualMachine(f"vm-{i}", LinkedClone(old.os, old.software, Vmdk(f"vm-{i} data", DATA)), chosen.role),
            host_index=i % 4, datastore=f"store {i % 2}", os_object=10 + 3 * i, software_object=11 + 3 * i,
            data_object=12 + 3 * i,
        )
        for i in range(machines)
    )  # fmt: skip
    disks = {disk.name: i for i, disk in enumerate(dict.fromkeys((old.os, old.software, new.os, new.software)))}
    return FleetPlan(
        more.pop("seed", 1), members, (old, new), chosen, rollout or all_at_once(), limits or Limits(),
        failures or Failures(), disks, **more,
    )  # fmt: skip


def carry_out(plan: FleetPlan, path: IdlePath | None = None, until_ns: int | None = None) -> FleetLog:
    path = path or IdlePath()
    upgrade = FleetUpgrade(plan)
    done = path.env.process(upgrade(path))
    path.env.run(until=until_ns or done)
    return upgrade.close()


def without_time(strategy: UpgradeStrategy) -> UpgradeStrategy:
    """Take all chance out of the times."""
    return strategy.at_mean_times()


def rollout_s(log: FleetLog) -> float:
    return (log.marks["rollout_end"] - log.marks["rollout_start"]) / 1e9
