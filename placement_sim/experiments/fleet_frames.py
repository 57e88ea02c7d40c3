"""A fleet's log as frames, its numbers, and the answer to "why did this machine wait so long?"."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from placement_sim.engine.datapath import Outcome
from placement_sim.engine.histogram import percentile_ns
from placement_sim.engine.upgrade_plan import FleetLog, FleetPlan
from placement_sim.errors import InputError
from placement_sim.experiments.columns import make_frame
from placement_sim.experiments.misfit import near
from placement_sim.upgrades.limits import SLOT_ORDER

NS = 1e-9
VERSIONS = ("none", "old", "new")
WAIT_KINDS: dict[str, Callable[[str], bool]] = {
    "wait_waves_s": lambda what: what == "earlier waves",
    "wait_window_s": lambda what: what == "window",
    "wait_place_s": lambda what: what == "budget" or what.startswith(("host ", "datastore ")),
    "wait_slot_s": lambda what: what in SLOT_ORDER,
    "wait_server_s": lambda what: what == "management server",
    "wait_storage_s": lambda what: what == "storage",
}


def fleet_frames(plan: FleetPlan, log: FleetLog, host_names: list[str]) -> dict[str, pd.DataFrame]:
    """Give the frames ``vms``, ``steps``, ``waits`` and ``fleet``."""
    return {
        "vms": _vms(plan, log, host_names),
        "steps": _steps(plan, log),
        "waits": _waits(plan, log, host_names),
        "fleet": _fleet(log),
    }


def _seconds(times_ns: list[int]) -> list[float]:
    """Turn times into seconds; -1 stands for never."""
    return [math.nan if time_ns < 0 else time_ns * NS for time_ns in times_ns]


def _vms(plan: FleetPlan, log: FleetLog, host_names: list[str]) -> pd.DataFrame:
    waits = {name: [0] * len(plan.members) for name in WAIT_KINDS}
    for wait in log.waits:
        kind = next(name for name, holds in WAIT_KINDS.items() if holds(wait.waited_for))
        waits[kind][wait.machine] += wait.end_ns - wait.start_ns
    return make_frame(
        {
            "vm": [member.machine.name for member in plan.members],
            "host": [host_names[member.host_index] for member in plan.members],
            "datastore": [member.datastore for member in plan.members],
            "wave": log.waves,
            "outcome": log.outcomes,
            "state": [machine.state for machine in log.machines],
            "version": [VERSIONS[machine.version] for machine in log.machines],
            "data_intact": [not damaged for damaged in log.damaged],
            "started_s": _seconds(log.started_ns),
            "ended_s": _seconds(log.ended_ns),
            "downtime_s": np.array(log.downtime_ns, np.int64) * NS,
            "degraded_s": np.array(log.degraded_ns, np.int64) * NS,
            "kept_old_s": _seconds(log.kept_old_ns),
            "own_bytes_max": log.own_bytes_max,
            **{name: np.array(values, np.int64) * NS for name, values in waits.items()},
            "failed_tries": log.failed_tries,
        }
    )


def _name(plan: FleetPlan, machine: int) -> str:
    return plan.members[machine].machine.name if machine >= 0 else "server"


def _steps(plan: FleetPlan, log: FleetLog) -> pd.DataFrame:
    rows = log.steps
    return make_frame(
        {
            "vm": [_name(plan, row.machine) for row in rows],
            "step": [row.step for row in rows],
            "mode": [row.mode for row in rows],
            "attempt": [row.attempt for row in rows],
            "start_s": np.array([row.start_ns for row in rows], np.int64) * NS,
            "end_s": np.array([row.end_ns for row in rows], np.int64) * NS,
            "io_s": np.array([row.io_ns for row in rows], np.int64) * NS,
            "done": [row.is_done for row in rows],
            "reason": [row.reason for row in rows],
            "state": [row.state for row in rows],
        }
    )


def _because(waited_for: str, ahead: int, plan: FleetPlan, host_names: list[str]) -> str:
    if waited_for in SLOT_ORDER:
        return f"all {plan.limits.slots(waited_for)} {waited_for} slots were taken, {ahead} machines were before it"
    if waited_for == "management server":
        return f"the server passes {plan.limits.operations_per_s:g} commands a second, {ahead} were before it"
    if waited_for == "storage":
        return "the disks: its requests took that long beyond their think time"
    if waited_for == "budget":
        return f"{plan.rollout.max_unavailable} machines were down, as many as may be, {ahead} were before it"
    if waited_for == "window":
        return "the maintenance window was closed"
    if waited_for == "earlier waves":
        return "its wave came after others, with the time to watch them"
    where = f"host {host_names[int(waited_for[5:])]}" if waited_for.startswith("host ") else waited_for
    return f"{where} was busy with as many machines as may be, {ahead} were before it"


def _waits(plan: FleetPlan, log: FleetLog, host_names: list[str]) -> pd.DataFrame:
    rows = log.waits
    return make_frame(
        {
            "vm": [_name(plan, row.machine) for row in rows],
            "step": [row.step for row in rows],
            "waited_for": [row.waited_for for row in rows],
            "start_s": np.array([row.start_ns for row in rows], np.int64) * NS,
            "end_s": np.array([row.end_ns for row in rows], np.int64) * NS,
            "wait_s": np.array([row.end_ns - row.start_ns for row in rows], np.int64) * NS,
            "ahead": [row.ahead for row in rows],
            "because": [_because(row.waited_for, row.ahead, plan, host_names) for row in rows],
        }
    )


def _fleet(log: FleetLog) -> pd.DataFrame:
    """Join the series of changes; a value holds until the next change."""
    times = sorted({entry[0] for entry in (*log.availability, *log.extra_bytes, *log.keeping_old)})
    counts = pd.DataFrame(log.availability, columns=["time", "down", "upgraded", "failed"]).drop_duplicates(
        "time", keep="last"
    )
    extra = pd.DataFrame(log.extra_bytes, columns=["time", "extra"]).drop_duplicates("time", keep="last")
    kept = pd.DataFrame(log.keeping_old, columns=["time", "kept"], dtype="int64").drop_duplicates("time", keep="last")
    joined = pd.DataFrame({"time": times}, dtype="int64")
    for series in (counts, extra, kept):
        joined = joined.merge(series, "left", "time")
    joined = joined.ffill().fillna(0)
    return make_frame(
        {
            "time_s": joined["time"].to_numpy(np.int64) * NS,
            "unavailable_vms": joined["down"].astype("int64"),
            "upgraded_vms": joined["upgraded"].astype("int64"),
            "failed_vms": joined["failed"].astype("int64"),
            "keeping_old_vms": joined["kept"].astype("int64"),
            "extra_bytes": joined["extra"].astype("int64"),
        }
    )


def phases_frame(outcome: Outcome) -> pd.DataFrame:
    """Give requests, bytes and latency by phase and purpose, where there were any."""
    split = outcome.split
    cells = [
        (p, u)
        for p in range(len(split.phases))
        for u in range(len(split.purposes))
        if split.histogram[p, u].any() or split.failed[p, u]
    ]
    finished = [int(split.histogram[cell].sum()) for cell in cells]
    sums = [int(split.latency_sum_ns[cell].sum()) for cell in cells]
    tails = [percentile_ns(split.histogram[cell].sum(axis=0), 99.0) for cell in cells]
    return make_frame(
        {
            "phase": [split.phases[p] for p, _ in cells],
            "purpose": [split.purposes[u] for _, u in cells],
            "finished_requests": finished,
            "failed_requests": [int(split.failed[cell]) for cell in cells],
            "read_bytes": [int(split.read_bytes[cell].sum()) for cell in cells],
            "written_bytes": [int(split.written_bytes[cell].sum()) for cell in cells],
            "latency_s_mean": [s * NS / n if n else math.nan for s, n in zip(sums, finished, strict=True)],
            "latency_s_p99": [math.nan if tail is None else tail * NS for tail in tails],
        }
    )


def fleet_summary(log: FleetLog, frames: dict[str, pd.DataFrame], phases: pd.DataFrame) -> dict[str, float]:
    """Give the fleet's numbers, NaN where there is none.

    The makespan runs from the start of the rollout to its end, a rollback by the gate included; making template 2
    before it is ``prepare_s``.
    """
    vms, fleet, marks = frames["vms"], frames["fleet"], log.marks

    def between(first: str, last: str) -> float:
        return (marks[last] - marks[first]) * NS if first in marks and last in marks else math.nan

    outcomes = vms["outcome"].value_counts()
    started = vms[vms["wave"] >= 0]
    values = {
        "makespan_s": between("rollout_start", "rollout_end"),
        "prepare_s": between("upgrade_available", "rollout_start"),
        "rollback_s": between("gate", "rollback_end"),
        "downtime_s_mean": _mean(started["downtime_s"]),
        "downtime_s_max": float(vms["downtime_s"].max()),
        "degraded_s_mean": _mean(started["degraded_s"]),
        "capacity_lost_vm_h": float(vms["downtime_s"].sum()) / 3600,
        "unavailable_vms_max": float(fleet["unavailable_vms"].max()),
        "extra_space_bytes_max": float(fleet["extra_bytes"].max()),
        "failed_tries": float((~frames["steps"]["done"]).sum()),
        "damaged_vms": float((~vms["data_intact"]).sum()),
    }
    values |= {f"{name}_mean": _mean(started[name]) for name in WAIT_KINDS}
    for outcome in ("upgraded", "rolled_back", "repaired", "failed", "untouched", "in_progress"):
        values[f"{outcome}_vms"] = float(outcomes.get(outcome, 0))
    work = phases[phases["purpose"] != "guest"]
    during = work[work["phase"] != "prepare"]
    values["upgrade_read_bytes"] = float(during["read_bytes"].sum())
    values["upgrade_written_bytes"] = float(during["written_bytes"].sum())
    guests = phases[phases["purpose"] == "guest"].set_index("phase")
    for phase in ("before", "during", "after"):
        for name in ("mean", "p99"):
            column = f"latency_s_{name}"
            values[f"guest_{phase}_{column}"] = float(guests[column].get(phase, math.nan))
    return values


def _mean(values: pd.Series) -> float:
    return float(values.mean()) if len(values) else math.nan


def why_waited(vms: pd.DataFrame, waits: pd.DataFrame, vm: str | int) -> pd.DataFrame:
    """Give a machine's waits in order of time, with the reason in words.

    Raises
    ------
    InputError
        There is no such machine.
    """
    name = f"vm-{vm}" if isinstance(vm, int) else vm
    known = [str(value) for value in vms["vm"]]
    if name not in known:
        cure = near(name, known) if len(known) <= 20 else f"use one of {known[0]} to {known[-1]}"
        raise InputError("vm", f"{name!r} is not in the fleet", cure)
    return waits[waits["vm"] == name].drop(columns="vm").reset_index(drop=True)
