"""A cluster and a trace: which rule runs out of space last, what a new disk does, whether a host may be lost.

One virtual disk's trace does not fill a cluster. So the cluster is divided: with N copies of the
trace at once each has an N-th of every disk, and the times at which space runs out are those of
N such virtual disks on the whole. Latencies would not be, and none are given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.build import TIB
from placement_sim.experiments.compare import Comparison, Progress, compare
from placement_sim.experiments.room_without_host import room_without_host
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.statistics import Interval, paired_difference, t_interval
from placement_sim.experiments.trace_load import TraceLoad
from placement_sim.policies.interface import PlacementPolicy

NEW_DISK = "new disk"
POLICIES_TRIED = ("straw2", "most_free", "d_choices", "round_robin", "stripe", "least_queue")
FILLS = 0.98  # N is such that the trace writes a little more than the room there is, so that every rule meets its end


@dataclass(frozen=True)
class WhatIf:
    """Answers; every interval is 95 % of the mean over replications, paired where it is a difference.

    Parameters
    ----------
    rules
        policy; time_s_low, time_s_best, time_s_high of the first no-space error; censored (runs
        without one: their end stands for it, so the time is at least that); postponed_s_low,
        postponed_s_best, postponed_s_high against `baseline`; stranded_bytes free at that moment.
    new_disk
        The same with one more disk, empty: policy; share_low, share_best, share_high of all bytes
        written that the new disk took; fair_share, its share of the free space; concentration,
        share over fair share; postponed_s_low, postponed_s_best, postponed_s_high against the same rule without it.
    hosts
        `room_without_host` of the whole cluster.
    copies
        By how much the cluster was divided.
    manifest
        Of the runs without the new disk.
    """

    rules: pd.DataFrame
    new_disk: pd.DataFrame
    hosts: pd.DataFrame
    baseline: str
    copies: int
    notes: tuple[str, ...]
    manifest: dict[str, Any]


def what_if(
    scenario: Scenario,
    load: TraceLoad | None = None,
    *,
    policies: Sequence[str | PlacementPolicy] | None = None,
    replications: int = 3,
    copies: int | None = None,
    new_disk_bytes: int | None = None,
    redundancy: int = 3,
    seed: int | None = None,
    progress: Progress | None = None,
) -> WhatIf:
    """Try rules on a cluster until space runs out, with and without a new disk; work out the loss of each host.

    Parameters
    ----------
    load
        A trace, by `trace_load.look_through`, in place of the scenario's workloads; None keeps those.
    policies
        Tried beside the scenario's own, which is the baseline; None: six.
    copies
        Virtual disks at once; None: as many as fill the cluster, or 1 without a trace.
    new_disk_bytes
        Capacity of the new disk; None: the median disk.
    redundancy
        Copies of the data that is there, for the loss of a host.

    Raises
    ------
    InputError
        The trace writes nothing, an argument is out of range, or bad input to a run.
    """
    _check(load, copies, new_disk_bytes, replications)
    losses = room_without_host(scenario, redundancy)
    copies = copies or (_filling(scenario, load) if load else 1)
    values = _divided(scenario, load, copies)
    capacity = new_disk_bytes or int(median(disk.capacity for disk in scenario.disks for _ in disk.names))
    own = scenario.policy.make()
    chosen = [own, *(p for p in policies or POLICIES_TRIED if getattr(p, "name", p) != own.name)]
    folder = "." if load else scenario.folder
    plain = Scenario.from_dict(values, place=scenario.name, folder=folder)
    larger = Scenario.from_dict(_with_disk(values, capacity // copies), place=scenario.name, folder=folder)
    end_s = load.span_s if load else (scenario.horizon or math.inf) / 1e9  # after it no request comes
    total = 2 * replications * len(chosen)
    before = _compare(plain, chosen, replications, seed, progress, 0, total)
    after = _compare(larger, chosen, replications, seed, progress, total // 2, total)
    names = [getattr(policy, "name", str(policy)) for policy in chosen]
    return WhatIf(
        _rules(before, names, own.name, copies, end_s),
        _new_disk(before, after, names, larger, end_s),
        losses,
        own.name,
        copies,
        (*_notes(load, copies, redundancy, plain), *before.notes),
        before.manifest,
    )


def _check(load: TraceLoad | None, copies: int | None, new_disk_bytes: int | None, replications: int) -> None:
    if load is not None and load.new_bytes == 0:
        raise InputError(load.file, "it writes nothing, so it fills nothing", "give a trace with writes")
    for name, value in (("copies", copies), ("new disk", new_disk_bytes), ("replications", replications)):
        if value is not None and value < 1:
            raise InputError(name, f"{value} is below 1", "give 1 or more")


def _compare(
    scenario: Scenario,
    policies: Sequence[str | PlacementPolicy],
    replications: int,
    seed: int | None,
    progress: Progress | None,
    done: int,
    total: int,
) -> Comparison:
    def step(now: int, _: int, name: str) -> None:
        if progress:
            progress(done + now, total, name)

    return compare(scenario, policies, replications, seed=seed, progress=step)


def _room(values: dict[str, Any]) -> int:
    room: int = max(0, values["capacity"] - values.get("min_free", 0) - values.get("prefilled", 0))
    return room * int(values.get("count", 1)) * int(values.get("present", True))


def _filling(scenario: Scenario, load: TraceLoad) -> int:
    """Give the copies that write a little more than the room there is."""
    room = sum(_room(disk) for disk in _disks(scenario, 1))
    return max(1, math.ceil(room / (FILLS * load.new_bytes * scenario.objects[0].mirrors)))


def _disks(scenario: Scenario, copies: int) -> list[dict[str, Any]]:
    """Give the disks as plain values, an N-th of each, with the weight of the whole."""
    dumped = scenario.model_dump(mode="json", exclude_none=True, exclude_defaults=True)["disks"]
    return [
        {key: value for key, value in plain.items() if key != "fill"}
        | {
            "capacity": spec.capacity // copies,
            "prefilled": spec.prefilled_bytes // copies,
            "min_free": spec.min_free // copies,
            "weight": spec.capacity / TIB if spec.weight is None else spec.weight,
        }
        for plain, spec in zip(dumped, scenario.disks, strict=True)
    ]


def _divided(scenario: Scenario, load: TraceLoad | None, copies: int) -> dict[str, Any]:
    values = scenario.to_dict() | {"disks": _disks(scenario, copies), "on_no_space": "stop"}
    if load is not None:
        values |= load.parts(scenario.objects[0].mirrors)
        values |= {"window": f"{max(1e-3, load.span_s / 50):.9f} s", "warm_up": "0 s"}
        values.pop("horizon", None)
    return values


def _with_disk(values: dict[str, Any], capacity: int) -> dict[str, Any]:
    """Add an empty disk that joins at time 0, of the first disk's kind, with a failure domain of its own."""
    if any(disk["name"] == NEW_DISK for disk in values["disks"]):
        raise InputError("disks", f"the name {NEW_DISK!r} is taken", "rename the disk")
    first = values["disks"][0]
    share = first["min_free"] / first["capacity"]
    disk = {
        "name": NEW_DISK,
        "capacity": capacity,
        "min_free": int(share * capacity),
        "weight": first["weight"] * capacity / first["capacity"],
        "present": False,
    }
    disk |= {key: first[key] for key in ("model", "service") if key in first}
    objects = [
        thing | {"disks": [*thing["disks"], NEW_DISK]} if "disks" in thing else thing for thing in values["objects"]
    ]
    event = {"at": "0 s", "action": "add_disk", "disk": NEW_DISK}
    return values | {
        "disks": [*values["disks"], disk],
        "objects": objects,
        "events": [event, *values.get("events", [])],
    }


def _times(comparison: Comparison, policy: str, end_s: float) -> tuple[npt.NDArray[np.float64], int]:
    """Give the time of the first no-space error a run, its end where there is none, and how many have none.

    The end is that of the requests, not of the disks' work on them.
    """
    runs = comparison.runs[comparison.runs["policy"] == policy]
    ends = (runs["finished_requests"] / runs["throughput_requests_per_s"]).to_numpy(dtype=np.float64)
    times = runs["no_space_time_s"].to_numpy(dtype=np.float64)
    return np.where(np.isnan(times), np.minimum(ends, end_s), times), int(np.isnan(times).sum())


def _bounds(name: str, interval: Interval) -> dict[str, float]:
    values = {"low": interval.low, "best": interval.best, "high": interval.high}
    return {f"{name}_{key}": value if math.isfinite(value) else math.nan for key, value in values.items()}


def _rules(comparison: Comparison, names: Sequence[str], baseline: str, copies: int, end_s: float) -> pd.DataFrame:
    base, _ = _times(comparison, baseline, end_s)
    rows = []
    for name in names:
        times, censored = _times(comparison, name, end_s)
        stranded = comparison.runs.loc[comparison.runs["policy"] == name, "no_space_stranded_bytes"]
        rows.append(
            {
                "policy": name,
                **_bounds("time_s", t_interval(times)),
                "censored": censored,
                **_bounds("postponed_s", paired_difference(times, base).interval),
                "stranded_bytes": float(stranded.mean()) * copies,
            }
        )
    return pd.DataFrame(rows).sort_values(["time_s_best", "policy"], ascending=[False, True], ignore_index=True)


def _new_disk(
    before: Comparison, after: Comparison, names: Sequence[str], larger: Scenario, end_s: float
) -> pd.DataFrame:
    rooms = {disk["name"]: _room({**disk, "present": True}) for disk in _disks(larger, 1)}
    fair = rooms[NEW_DISK] / sum(rooms.values()) if sum(rooms.values()) else math.nan
    rows = []
    for name in names:
        runs = after.runs[after.runs["policy"] == name]
        shares = runs["new_disk_write_share"].to_numpy(dtype=np.float64)
        known = shares[np.isfinite(shares)]
        share = dict.fromkeys(("share_low", "share_best", "share_high"), math.nan)
        if len(known):
            share = _bounds("share", t_interval(known))
        times, censored = _times(after, name, end_s)
        rows.append(
            {
                "policy": name,
                **share,
                "fair_share": fair,
                "concentration": share["share_best"] / fair if fair else math.nan,
                "censored": censored,
                **_bounds("postponed_s", paired_difference(times, _times(before, name, end_s)[0]).interval),
            }
        )
    return pd.DataFrame(rows).sort_values(["postponed_s_best", "policy"], ascending=[False, True], ignore_index=True)


def _notes(load: TraceLoad | None, copies: int, redundancy: int, plain: Scenario) -> list[str]:
    said = []
    if load is not None:
        gib = load.new_bytes / 2**30
        said.append(
            f"{load.requests} requests over {load.span_s:.6g} s write {gib:.4g} GiB of blocks for the first time."
        )
        if load.skipped_rows:
            said.append(f"{load.skipped_rows} bad rows of the trace were skipped and are missing here.")
    if copies > 1:
        said.append(
            f"{copies} such virtual disks write at once: each has 1/{copies} of every disk; no latencies follow."
        )
        blocks = median(_room(disk) // plain.objects[0].block_size for disk in _disks(plain, 1))
        said.append(f"The median disk then has room for {blocks:.0f} blocks, so times are as coarse as that.")
    full = sum(_room(disk) == 0 for disk in _disks(plain, 1))
    if full:
        said.append(f"{full} disks have no room from the start: a rule that chooses one regardless fails at once.")
    said.append(f"Loss of a host: {redundancy} copies of each block on different failure domains, an assumption.")
    return said
