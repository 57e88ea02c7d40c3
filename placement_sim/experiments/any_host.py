"""Can any one host be lost? From the maps after a run, or by capacity before one; exact, with the reasons.

A host can be lost if every block has a copy elsewhere, and if the copies that were on it find room on other disks,
in failure domains that the block does not use already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.build import build_cluster
from placement_sim.experiments.columns import make_frame
from placement_sim.experiments.run import simulate_scenario
from placement_sim.experiments.scenario import Scenario
from placement_sim.model.cluster import Cluster
from placement_sim.model.faults import STATES
from placement_sim.model.redundancy import groups_of_maps
from placement_sim.model.room import Demand, has_room
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.units import format_bytes


@dataclass(frozen=True)
class HostLoss:
    """The answer and its reasons.

    Attributes
    ----------
    answer
        True, False, or None where one host is too tight to tell (blocks of several sizes only).
    table
        One row a host: lost_bytes (data without a copy elsewhere), moved_bytes (copies that need a new place),
        free_bytes (on the disks that remain), survives, and why.
    """

    answer: bool | None
    table: pd.DataFrame

    def __bool__(self) -> bool:
        """Tell whether any one host can be lost; too tight to tell counts as no."""
        return self.answer is True


def can_lose_any_host(
    scenario: Scenario,
    *,
    after_run: bool = False,
    seed: int | None = None,
    policy: str | PlacementPolicy | None = None,
) -> HostLoss:
    """Tell whether any one host can be lost for good, without a loss of data and with room to be whole again.

    Parameters
    ----------
    after_run
        False: by capacity, with every object written in full: whether the remaining hosts can hold all copies
        in some arrangement; lost and moved bytes are then the most that may be on the host. True: the scenario
        is run, and the answer is that of its maps and free space at the end, where only the copies that are gone
        move; disks then out of reach do not count, and read-only
        ones take nothing.
    seed, policy
        Of the run, as in `run`.

    Raises
    ------
    InputError
        As `run`; a seed, a policy or a fleet without a run.

    Notes
    -----
    With one block size the answer is exact, see ``model.room.has_room``.
    Foreign data (fill, prefilled) takes space; its own redundancy is not known and not asked for: for a cluster
    of foreign data, as one that was imported, `room_without_host` gives what can be said.

    Examples
    --------
    >>> scenario = Scenario.from_text('''
    ... objects = [{name = "vm", size = "60 MiB", block_size = "1 MiB", mirrors = 2}]
    ... disks = [{name = "d", count = 3, capacity = "50 MiB", service = {kind = "deterministic", time = "1 ms"}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 1, size = "4 KiB", arrivals = {law = "poisson", rate = 1}}
    ... ''')
    >>> can_lose_any_host(scenario).answer
    False
    """
    if after_run:
        return _answer(*_after_run(scenario, seed, policy))
    if policy is not None or seed is not None:
        raise InputError(
            "policy" if policy else "seed", "means nothing by capacity", "ask after a run, or leave it out"
        )
    if scenario.fleet is not None:
        raise InputError("fleet", "its disks are made by a run", "ask after a run")
    cluster = build_cluster(scenario)
    free = [
        disk.capacity_bytes - disk.prefilled_bytes - disk.min_free_bytes if disk.present else 0
        for disk in cluster.disks
    ]
    return _answer(cluster, [_by_capacity(cluster, free, host) for host in _used_hosts(cluster)])


@dataclass(frozen=True)
class _Case:
    """One host gone: what is lost, what must move, and where to."""

    host: int
    lost_bytes: int
    demands: tuple[Demand, ...]
    moved_bytes: int
    free_bytes: tuple[int, ...]
    bound: bool = False  # lost and moved bytes are the most that may be


def _used_hosts(cluster: Cluster) -> list[int]:
    return sorted({disk.host_index for disk in cluster.disks if disk.present})


def _without(cluster: Cluster, disks: Iterable[int], host: int) -> tuple[int, ...]:
    return tuple(disk for disk in disks if cluster.disks[disk].host_index != host)


def _by_capacity(cluster: Cluster, free: list[int], host: int) -> _Case:
    """Let every object be written in full over the hosts that remain; one copy alone may be on the host."""
    remaining = tuple(0 if disk.host_index == host else free[i] for i, disk in enumerate(cluster.disks))
    on_host_bytes = sum(free[disk] for disk in range(len(free)) if cluster.disks[disk].host_index == host)
    demands, lost, moved = [], 0, 0
    for thing in cluster.objects:
        members = _without(cluster, thing.disks, host)
        demands.append(Demand(thing.block_count, thing.block_bytes, thing.mirrors, members))
        here = sum(free[disk] for disk in set(thing.disks).difference(members))
        share = min(thing.block_count * thing.block_bytes, here)
        moved += share
        lost += share if thing.mirrors == 1 else 0
    return _Case(host, min(lost, on_host_bytes), tuple(demands), min(moved, on_host_bytes), remaining, bound=True)


def _after_run(
    scenario: Scenario, seed: int | None, policy: str | PlacementPolicy | None
) -> tuple[Cluster, list[_Case]]:
    simulated = simulate_scenario(scenario, seed=seed, policy=policy)
    cluster, events, outcome = simulated.cluster, simulated.events, simulated.outcome
    reached = [disk.present for disk in cluster.disks]
    writable = list(reached)
    for event in events:
        if event.time_ns > outcome.end_ns:
            break
        if event.action == "power_loss":
            reached, writable = [False] * len(reached), [False] * len(reached)
        elif event.action in STATES:
            reached[event.disk] = event.action not in ("disk_offline", "disk_fail")
            writable[event.disk] = reached[event.disk] and event.action != "disk_read_only"
        elif event.action == "evacuate":
            writable[event.disk] = False
    minimum = np.array([disk.min_free_bytes for disk in cluster.disks])
    free = np.where(writable, outcome.capacity_bytes - outcome.used_bytes - minimum, 0).tolist()
    added = tuple(event.disk for event in events if event.action == "add_disk" and event.time_ns <= outcome.end_ns)
    objects = tuple(replace(thing, disks=tuple(sorted({*thing.disks, *added}))) for thing in cluster.objects)
    disks = tuple(replace(disk, present=disk.present or i in added) for i, disk in enumerate(cluster.disks))
    cluster = replace(cluster, objects=objects, disks=disks)  # a disk that joined has a component of every object
    return cluster, [_from_maps(cluster, outcome.allocation, free, reached, host) for host in _used_hosts(cluster)]


def _from_maps(
    cluster: Cluster, allocation: list[list[npt.NDArray[Any]]], free: list[int], reached: list[bool], host: int
) -> _Case:
    domains = _domains(cluster)
    demands, lost, moved = [], 0, 0
    for thing, parents in zip(cluster.objects, allocation, strict=True):
        usable = tuple(disk for disk in _without(cluster, thing.disks, host) if reached[disk])
        for group in groups_of_maps(parents, thing.block_bytes):
            gone = [disk for disk in group.disks if cluster.disks[disk].host_index == host]
            kept = [disk for disk in _without(cluster, group.disks, host) if reached[disk]]
            moved += len(gone) * group.part_bytes
            if gone and not kept:
                lost += group.part_bytes
            elif gone:
                taken = frozenset(domains[disk] for disk in kept)
                demands.append(
                    Demand(group.part_bytes // thing.block_bytes, thing.block_bytes, len(gone), usable, taken)
                )
    remaining = tuple(0 if cluster.disks[i].host_index == host else free[i] for i in range(len(free)))
    return _Case(host, lost, tuple(demands), moved, remaining)


def _domains(cluster: Cluster) -> list[str]:
    return [cluster.hosts[disk.host_index].failure_domain for disk in cluster.disks]


def _answer(cluster: Cluster, cases: list[_Case]) -> HostLoss:
    domains = _domains(cluster)
    seen: dict[object, bool | None] = {}
    rows, answers = [], []
    for case in cases:
        key = _shape(cluster, case, domains)
        if key not in seen:
            seen[key] = has_room(case.demands, case.free_bytes, domains)
        room = seen[key]
        answers.append(False if case.lost_bytes else room)
        host = cluster.hosts[case.host]
        free = sum(max(size, 0) for size in case.free_bytes)
        rows.append((host.name, host.failure_domain, case.lost_bytes, case.moved_bytes, free, answers[-1] is True,
                     _why(case, room, free)))  # fmt: skip
    answer = False if False in answers else None if None in answers else True
    names = ("host", "failure_domain", "lost_bytes", "moved_bytes", "free_bytes", "survives", "why")
    return HostLoss(answer, make_frame(dict(zip(names, zip(*rows, strict=True), strict=True))))


def _shape(cluster: Cluster, case: _Case, domains: list[str]) -> object:
    """Give what the answer hangs on, so that equal hosts are asked about once; itself where blocks have places."""
    if any(demand.taken for demand in case.demands):
        return case
    members = [set(demand.disks) for demand in case.demands]
    by_domain: dict[str, list[tuple[int, tuple[bool, ...]]]] = {}
    for disk, free in enumerate(case.free_bytes):
        if cluster.disks[disk].host_index != case.host:
            belongs = tuple(disk in some for some in members)
            by_domain.setdefault(domains[disk], []).append((free, belongs))
    return tuple(sorted(tuple(sorted(disks)) for disks in by_domain.values()))


def _why(case: _Case, room: bool | None, free: int) -> str:
    if case.lost_bytes:
        most = "up to " if case.bound else ""
        return f"{most}{format_bytes(case.lost_bytes)} have no copy on another host"
    if room is None:
        return "too tight to tell: blocks of several sizes may not pack"
    if room:
        return "every block has a copy elsewhere, and there is room to be whole again"
    return f"{format_bytes(case.moved_bytes)} find no place in {format_bytes(free)} free over the other failure domains"
