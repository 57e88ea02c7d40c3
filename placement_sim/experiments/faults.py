"""From a scenario's events and failures to the changes of disks in a run with guest I/O."""

from __future__ import annotations

import math
from collections.abc import Iterator

from placement_sim.engine.reliability import Outages
from placement_sim.errors import InputError
from placement_sim.experiments.replacements import add_replacements
from placement_sim.experiments.scenario import Scenario
from placement_sim.model.cluster import Cluster
from placement_sim.model.faults import CLUSTER, DiskChange, Fault, disk_changes
from placement_sim.workloads.failures import Fixed, LifeLaw, renewals
from placement_sim.workloads.fault_log import read_fault_log


def build_changes(scenario: Scenario, cluster: Cluster, seed: int) -> tuple[Cluster, list[DiskChange]]:
    """Give what happens to the disks in order of time: by faults scheduled, drawn and replayed.

    With a rebuild the cluster that is given back has the replacements of failed disks, too.

    Raises
    ------
    InputError
        Failures are drawn or disks replaced without a horizon, a law replaces disks, or the log cannot be read.
    """
    faults = [*_scheduled(scenario, cluster), *_failures(scenario, cluster, seed)]
    after_ns = _replaced_after_ns(scenario, faults)
    if after_ns is not None and scenario.horizon is not None:
        cluster, faults = add_replacements(cluster, faults, after_ns, scenario.horizon)
    hosts = [disk.host_index for disk in cluster.disks]
    return cluster, disk_changes(faults, hosts, [disk.present for disk in cluster.disks])


def _replaced_after_ns(scenario: Scenario, faults: list[Fault]) -> int | None:
    """Give the time from a failure to the replacement; None: nothing is replaced."""
    rebuild = scenario.failures.rebuild if scenario.failures else None
    if rebuild is None:
        return None
    fails = any(fault.action == "disk_fail" for fault in faults)
    if fails and scenario.horizon is None and "replace_after" in rebuild.model_fields_set:
        raise InputError("failures.rebuild.replace_after", "is given, and the run has no horizon", "give a horizon")
    return rebuild.replace_after


def _scheduled(scenario: Scenario, cluster: Cluster) -> Iterator[Fault]:
    disks, hosts = _indices(cluster)
    for event in scenario.events:
        index = disks[event.disk] if event.disk else hosts[event.host] if event.host else CLUSTER
        yield Fault(event.at, event.action, index, event.factor or event.spread or 1.0)


def _indices(cluster: Cluster) -> tuple[dict[str, int], dict[str, int]]:
    disks = {disk.name: index for index, disk in enumerate(cluster.disks)}
    return disks, {host.name: index for index, host in enumerate(cluster.hosts)}


def _failures(scenario: Scenario, cluster: Cluster, seed: int) -> list[Fault]:
    failures = scenario.failures
    if failures is None:
        return []
    if failures.replace is not None:
        problem = "no law replaces disks in a run with guest I/O"
        raise InputError("failures.replace", problem, "give a rebuild, or use the command `reliability`")
    faults = []
    if failures.log is not None:
        faults += read_fault_log(scenario.folder / failures.log, *_indices(cluster))
    life = failures.life()
    if (life or failures.hosts) and scenario.horizon is None:
        raise InputError("failures", "are drawn, and the run has no horizon", "give a horizon")
    horizon_s = (scenario.horizon or 0) / 1e9
    if life is not None:
        replaced = Fixed(failures.rebuild.replace_after / 1e9) if failures.rebuild else None
        faults += _drawn_disks(cluster, life, replaced, seed, horizon_s)
    if failures.hosts is not None:
        faults += _drawn_hosts(scenario, cluster, failures.hosts.make(), seed, horizon_s)
    return faults


def _drawn_disks(
    cluster: Cluster, life: LifeLaw, replaced: LifeLaw | None, seed: int, horizon_s: float
) -> Iterator[Fault]:
    for index, disk in enumerate(cluster.disks):
        if disk.present:
            for failed_s, _ in renewals(seed, disk.name, life, replaced, horizon_s):
                yield Fault(round(failed_s * 1e9), "disk_fail", index)


def _drawn_hosts(
    scenario: Scenario, cluster: Cluster, outages: Outages, seed: int, horizon_s: float
) -> Iterator[Fault]:
    for index, host in enumerate(cluster.hosts[: len(scenario.hosts)]):  # those that the scenario names
        for failed_s, returned_s in renewals(seed, host.name, outages.life, outages.down, horizon_s):
            yield Fault(round(failed_s * 1e9), "host_down", index)
            if math.isfinite(returned_s) and returned_s <= horizon_s:
                yield Fault(round(returned_s * 1e9), "host_up", index)
