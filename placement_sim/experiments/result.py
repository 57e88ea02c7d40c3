"""What a run gives back: frames whose columns are all listed in `columns`, a summary, a manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from placement_sim.engine.datapath import Outcome
from placement_sim.engine.fault_log import FaultLog
from placement_sim.engine.histogram import percentile_ns, upper_edge_ns
from placement_sim.engine.upgrade_plan import FleetLog, FleetPlan
from placement_sim.errors import InputError
from placement_sim.experiments.columns import make_frame
from placement_sim.experiments.fault_frames import fault_marks, fault_summary, resyncs_frame
from placement_sim.experiments.fleet_frames import fleet_frames, fleet_summary, phases_frame, why_waited
from placement_sim.model.cluster import Cluster
from placement_sim.model.faults import DiskChange
from placement_sim.workloads.requests import KIND_NAMES

NS = 1e-9
STATUS_NAMES = ("done", "no_space", "offline")
FLEET_FRAMES = ("vms", "steps", "waits", "fleet")
FRAMES = ("disks", "objects", "requests", "latencies", "timeline", "events", "phases", "resyncs", *FLEET_FRAMES)


@dataclass(frozen=True)
class Result:
    """One run. A single run says nothing about chance: `compare` gives intervals.

    `requests` has rows only where they were asked for; `latencies` always holds how many requests
    finished in each bin of latency, so that a distribution can be drawn of any run. `phases` holds requests,
    bytes and latency by phase and purpose; `resyncs` has a row for each evacuation and rebalance, and for the
    repairs between them: time, bytes, the guests' 99th percentile before, during and after. `vms` (a row a
    machine), `steps` (a row a try), `waits` and `fleet` (counts at each change) are empty
    where the scenario has no fleet.
    """

    summary: pd.Series
    disks: pd.DataFrame
    objects: pd.DataFrame
    requests: pd.DataFrame
    latencies: pd.DataFrame
    timeline: pd.DataFrame
    events: pd.DataFrame
    phases: pd.DataFrame
    resyncs: pd.DataFrame
    manifest: dict[str, Any]
    vms: pd.DataFrame = field(default_factory=pd.DataFrame)
    steps: pd.DataFrame = field(default_factory=pd.DataFrame)
    waits: pd.DataFrame = field(default_factory=pd.DataFrame)
    fleet: pd.DataFrame = field(default_factory=pd.DataFrame)
    data_path: str = ""  # which one it was; everything else is the same with either, so it is not saved

    def why_waited(self, vm: str | int) -> pd.DataFrame:
        """Say what a machine of the fleet waited for: a row a wait, in order of time, with the reason in words.

        Parameters
        ----------
        vm
            Its name, or its number.

        Raises
        ------
        InputError
            There is no such machine.
        """
        if self.vms.empty:
            raise InputError("vm", "the scenario has no fleet", "add a [fleet] to it")
        return why_waited(self.vms, self.waits, vm)

    def save(self, folder: str | Path) -> Path:
        """Write Parquet files and manifest.json; the same result gives the same bytes."""
        frames = {name: getattr(self, name) for name in FRAMES}
        frames["summary"] = self.summary.rename_axis("metric").rename("value").reset_index()
        return save_frames(folder, frames, self.manifest)

    @classmethod
    def load(cls, folder: str | Path) -> Result:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            A file is missing or cannot be read.
        """
        frames, manifest = load_frames(folder, (*FRAMES, "summary"))
        summary = frames.pop("summary").set_index("metric")["value"]
        return cls(summary=summary, manifest=manifest, data_path="", **frames)


def save_frames(folder: str | Path, frames: Mapping[str, pd.DataFrame], manifest: dict[str, Any]) -> Path:
    """Write frames as Parquet and the manifest, last, as JSON."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in frames.items():
            rows.to_parquet(folder / f"{name}.parquet", index=False)
        text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
        (folder / "manifest.json").write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(str(folder), f"cannot write: {reason}", "name a folder that can be written") from None
    return folder


def load_frames(folder: str | Path, names: Iterable[str]) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Read frames and manifest as `save_frames` wrote them.

    Raises
    ------
    InputError
        A file is missing or cannot be read.
    """
    folder = Path(folder)
    try:
        frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}
        return frames, dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # Arrow's and JSON's errors are ValueErrors
        raise InputError(str(folder), f"cannot read: {error}", "name a folder that a run has written") from None


def make_result(
    cluster: Cluster,
    events: tuple[DiskChange, ...],
    outcome: Outcome,
    manifest: dict[str, Any],
    fleet: tuple[FleetPlan, FleetLog] | None = None,
    faults: FaultLog | None = None,
) -> Result:
    """Turn an outcome, and what was written down about a fleet and about faults, into frames."""
    added = {event.disk for event in events if event.action == "add_disk" and event.time_ns <= outcome.end_ns}
    disks = _disks(cluster, outcome, added)
    present = [disk.present or i in added for i, disk in enumerate(cluster.disks)]
    summary, phases, marks = summarise(outcome, disks[present]), phases_frame(outcome), {}
    frames: dict[str, pd.DataFrame] = {}
    happened: list[tuple[int, str, int]] = []
    if faults is not None and events:
        happened, found = fault_marks(faults), fault_summary(faults, outcome)
        summary = pd.concat([summary, pd.Series(found, dtype="float64", name="value")])
    if fleet is not None:
        frames = fleet_frames(*fleet, [host.name for host in cluster.hosts])
        numbers = fleet_summary(fleet[1], frames, phases)
        summary, marks = pd.concat([summary, pd.Series(numbers, dtype="float64", name="value")]), fleet[1].marks
    return Result(
        summary,
        disks,
        _objects(cluster, outcome),
        _requests(outcome),
        _latency_bins(outcome),
        _timeline(cluster, outcome),
        _events(cluster, events, outcome, [*((at, name, -1) for name, at in marks.items()), *happened]),
        phases,
        resyncs_frame(faults or FaultLog(), outcome, [disk.name for disk in cluster.disks]),
        manifest,
        data_path=outcome.data_path,
        **frames,
    )


def _seconds(outcome: Outcome) -> float:
    return max(1, outcome.end_ns - outcome.start_ns) * NS


def _disks(cluster: Cluster, outcome: Outcome, added: set[int]) -> pd.DataFrame:
    channels = np.array([disk.channels for disk in cluster.disks])
    span_ns = max(1, outcome.end_ns - outcome.start_ns)
    operations = outcome.operations
    sojourn = np.where(operations > 0, outcome.sojourn_sum_ns * NS / np.maximum(operations, 1), np.nan)
    return make_frame(
        {
            "disk": [disk.name for disk in cluster.disks],
            "host": [cluster.hosts[disk.host_index].name for disk in cluster.disks],
            "added": [i in added for i in range(len(cluster.disks))],
            "capacity_bytes": outcome.capacity_bytes,
            "used_bytes": outcome.used_bytes,
            "fill": outcome.used_bytes / outcome.capacity_bytes,
            "operations": operations,
            "read_bytes": outcome.read_bytes,
            "written_bytes": outcome.written_bytes,
            "utilisation": outcome.busy_ns / (channels * span_ns),
            "queue_requests_mean": outcome.queue_area_ns / span_ns,
            "sojourn_s_mean": sojourn,
        }
    )


def _objects(cluster: Cluster, outcome: Outcome) -> pd.DataFrame:
    rows = [(i, disk) for i, thing in enumerate(cluster.objects) for disk in thing.disks]
    return make_frame(
        {
            "object": [cluster.objects[i].name for i, _ in rows],
            "disk": [cluster.disks[disk].name for _, disk in rows],
            "written_blocks": [int(outcome.written_blocks[i, disk]) for i, disk in rows],
        }
    )


def _requests(outcome: Outcome) -> pd.DataFrame:
    records = outcome.records
    if records is None:
        return make_frame({key: [] for key in ("workload", "number", "kind", "issued_s", "latency_s", "status")})
    return make_frame(
        {
            "workload": np.array([*outcome.streams, ""], dtype=object)[records.stream],
            "number": records.number,
            "kind": np.array(KIND_NAMES, dtype=object)[records.kind],
            "issued_s": records.issued_ns * NS,
            "latency_s": records.latency_ns * NS,
            "status": np.array(STATUS_NAMES, dtype=object)[records.status],
        }
    )


def _latency_bins(outcome: Outcome) -> pd.DataFrame:
    kinds, bins = np.nonzero(outcome.histogram)
    return make_frame(
        {
            "kind": np.array(KIND_NAMES, dtype=object)[kinds],
            "latency_s": [upper_edge_ns(int(index)) * NS for index in bins],
            "finished_requests": outcome.histogram[kinds, bins],
        }
    )


def _timeline(cluster: Cluster, outcome: Outcome) -> pd.DataFrame:
    windows, disks = outcome.windows, len(cluster.disks)
    count = len(windows.end_ns)
    starts = np.concatenate(([outcome.start_ns], windows.end_ns))[:count]
    span = np.maximum(1, windows.end_ns - starts)[:, None]
    channels = np.array([disk.channels for disk in cluster.disks])
    finished = np.diff(windows.finished_requests, prepend=0)
    latency = np.diff(windows.latency_sum_ns, prepend=0) * NS
    zero = np.zeros((1, disks), dtype=np.int64)
    area = np.diff(windows.queue_area_ns.reshape(count, disks), axis=0, prepend=zero)
    busy = np.diff(windows.busy_ns.reshape(count, disks), axis=0, prepend=zero)
    used = windows.used_bytes.reshape(count, disks)
    mean = np.where(finished > 0, latency / np.maximum(finished, 1), np.nan)
    return make_frame(
        {
            "time_s": np.repeat(windows.end_ns * NS, disks),
            "disk": [disk.name for disk in cluster.disks] * count,
            "used_bytes": used.ravel(),
            "fill": (used / outcome.capacity_bytes).ravel(),
            "utilisation": (busy / span / channels).ravel(),
            "queue_requests": windows.queue_requests.ravel(),
            "queue_requests_mean": (area / span).ravel(),
            "window_requests": np.repeat(finished, disks),
            "window_latency_s_mean": np.repeat(mean, disks),
        }
    )


def _events(
    cluster: Cluster, events: tuple[DiskChange, ...], outcome: Outcome, marks: list[tuple[int, str, int]]
) -> pd.DataFrame:
    rows: list[tuple[int, str, str, float]] = [
        (e.time_ns, e.action, _name(cluster, e.disk), e.factor if e.action in ("disk_slow", "rebalance") else np.nan)
        for e in events
        if e.time_ns <= outcome.end_ns
    ]
    rows += [(time_ns, name, _name(cluster, disk), np.nan) for time_ns, name, disk in marks]
    if outcome.no_space is not None:
        rows.append((outcome.no_space.time_ns, "no_space", _name(cluster, outcome.no_space.disk_index), np.nan))
    rows.sort(key=lambda row: row[0])
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    times = np.array(columns[0], dtype=np.int64) * NS
    return make_frame({"time_s": times, **dict(zip(("action", "disk", "factor"), columns[1:], strict=True))})


def _name(cluster: Cluster, disk: int) -> str:
    return cluster.disks[disk].name if disk >= 0 else ""


def summarise(outcome: Outcome, disks: pd.DataFrame) -> pd.Series:
    """Give the run's numbers, float64; NaN where there is none, such as the time of no no-space error.

    Parameters
    ----------
    disks
        Rows of the disks that were present at some time.
    """
    values: dict[str, float] = {}
    for prefix, rows in (("", slice(0, 2)), ("read_", slice(0, 1)), ("write_", slice(1, 2))):
        values |= _latencies(prefix, outcome.histogram[rows].sum(axis=0), int(outcome.latency_sum_ns[rows].sum()))
    counts, seconds, no_space = outcome.counts, _seconds(outcome), outcome.no_space
    written = float(disks["written_bytes"].sum())
    on_added = float(disks["written_bytes"][disks["added"]].sum())
    maps = outcome.map_bytes
    written_map = sum(size for name, size in maps.items() if "written" in name)
    values |= {
        "throughput_requests_per_s": counts["finished"] / seconds,
        "throughput_bytes_per_s": (float(disks["read_bytes"].sum()) + written) / seconds,
        "utilisation_mean": float(disks["utilisation"].mean()),
        "utilisation_max": float(disks["utilisation"].max()),
        "queue_requests_mean": float(disks["queue_requests_mean"].mean()),
        "fill_spread": float(disks["fill"].std(ddof=0)),
        "fill_max": float(disks["fill"].max()),
        "fill_min": float(disks["fill"].min()),
        "no_space_time_s": no_space.time_ns * NS if no_space else np.nan,
        "no_space_stranded_bytes": float(no_space.stranded_bytes) if no_space else np.nan,
        "finished_requests": counts["finished"],
        "failed_requests": counts["failed_no_space"] + counts["failed_offline"],
        "in_flight_requests": counts["in_flight"],
        "map_bytes": sum(maps.values()) - written_map,
        "written_map_bytes": written_map,
        "metadata_writes": counts["metadata_writes"],
        "new_disk_write_share": on_added / written if written and bool(disks["added"].any()) else np.nan,
    }
    return pd.Series(values, dtype="float64", name="value")


def _latencies(prefix: str, row: Any, sum_ns: int) -> dict[str, float]:
    count = int(row.sum())
    values = {f"{prefix}latency_s_mean": sum_ns * NS / count if count else np.nan}
    for name, q in (("p50", 50.0), ("p95", 95.0), ("p99", 99.0), ("p999", 99.9)):
        found = percentile_ns(row, q)
        values[f"{prefix}latency_s_{name}"] = np.nan if found is None else found * NS
    return values
