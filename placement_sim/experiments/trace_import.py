"""A scenario of a trace, or of a generator fitted to one, on a cluster that is given or assumed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placement_sim.errors import InputError
from placement_sim.experiments.scenario import Scenario
from placement_sim.workloads.traces import Trace, trace_info
from placement_sim.workloads.traces.fit import Fit
from placement_sim.workloads.traces.judge import Judgement
from placement_sim.workloads.traces.split import split_trace

BLOCK_BYTES = 1 << 20
DISKS = 4
MODEL = "ssd-sata-s4610"
HEADROOM = 2  # assumed disks hold the objects twice over


@dataclass(frozen=True)
class TraceImport:
    """A scenario made of a trace, and what was noticed and assumed, in sentences."""

    scenario: Scenario
    notes: tuple[str, ...]

    def to_toml(self) -> str:
        """Write the scenario with the notes as comments at its head."""
        return "".join(f"# {' '.join(note.split())}\n" for note in self.notes) + self.scenario.to_toml()


def import_trace(
    trace: Trace,
    out: str | Path,
    *,
    each_device: bool = False,
    device: str | None = None,
    cluster: Scenario | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> TraceImport:
    """Make a scenario of a trace and write it.

    Parameters
    ----------
    out
        The scenario file. With `each_device`, a folder of the same name without suffix takes a Parquet file a device.
    each_device
        One object and one workload a device; else all requests go to one object.
    device
        Only this device.
    cluster
        Takes its hosts, disks, events and policy; None assumes four SSDs that hold the objects twice over.
    block_bytes
        Block size of the objects.

    Raises
    ------
    InputError
        The trace is bad, has no such device, needs `each_device` or `device`, or the file cannot be written.
    """
    out = Path(out)
    if each_device and device is not None:
        raise InputError("device", "both one device and each are asked for", "give one of --device and --each-device")
    if each_device:
        parts, notes = _each(trace, out)
    else:
        parts, notes = [_one(trace, out, device)], []
    values = _cluster(cluster, sum(end for _, end, _ in parts), notes)
    values |= {
        "name": out.stem,
        "objects": [
            {"name": name, "size": -(-end // block_bytes) * block_bytes, "block_size": block_bytes}
            for name, end, _ in parts
        ],
        "workloads": [{"name": name, "object": name, "trace": spec} for name, _, spec in parts],
    }
    if trace.skipped_rows:
        notes.append(f"{trace.skipped_rows} bad rows of the trace were skipped.")
    notes += trace.notes
    return _write(values, out, (f"Made of the trace {trace.source.path.name} ({trace.format}).", *notes))


def import_fit(
    fit: Fit, judged: Iterable[Judgement], out: str | Path, *, cluster: Scenario | None = None
) -> TraceImport:
    """Write a scenario whose workload is a fitted generator; how well it fits stands at its head.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    out = Path(out)
    size = -(-fit.object_bytes // BLOCK_BYTES) * BLOCK_BYTES
    notes = [f"A generator fitted to {fit.requests} reads and writes; trace against one synthetic stream:"]
    notes += [f"{row.figure}: {row.trace:.6g} against {row.synthetic:.6g} {row.unit}" for row in judged]
    values = _cluster(cluster, size, notes)
    values |= {
        "name": out.stem,
        "objects": [{"name": "synthetic", "size": size, "block_size": BLOCK_BYTES}],
        "workloads": [{"name": "synthetic", "object": "synthetic", "synthetic": fit.workload()}],
    }
    return _write(values, out, tuple(notes))


def _write(values: dict[str, Any], out: Path, notes: tuple[str, ...]) -> TraceImport:
    found = TraceImport(Scenario.from_dict(values, place=str(out), folder=out.parent), notes)
    try:
        out.write_text(found.to_toml(), encoding="utf-8")
    except OSError as error:
        raise InputError(str(out), f"cannot write: {error.strerror}", "name another file") from None
    return found


Part = tuple[str, int, dict[str, Any]]  # name, end of the address range in bytes, the workload's trace


def _each(trace: Trace, out: Path) -> tuple[list[Part], list[str]]:
    folder = out.with_suffix("")
    parts = split_trace(trace, folder)
    found: list[Part] = [
        (part.device, part.end_bytes, {"file": part.file.relative_to(out.parent).as_posix()}) for part in parts
    ]
    return found, [f"Each of {len(parts)} devices is an object; their requests lie in the folder {folder.name}."]


def _one(trace: Trace, out: Path, device: str | None) -> Part:
    if trace.source.once:
        raise InputError(trace.name, "a scenario names its trace, and a pipe has no name", "save it to a file")
    info = trace_info(trace)
    if device is None and len(info["devices"]) > 1:
        problem = f"it has {len(info['devices'])} devices, whose addresses would lie on one another"
        raise InputError(trace.name, problem, "give --each-device, or --device with one of them")
    ends = {row["device"]: row["address_span_bytes"] for row in info["by_device"]}
    name = info["devices"][0] if device is None else device
    if name not in ends:
        raise InputError(trace.name, f"there is no device {name!r}", f"name one of {', '.join(list(ends)[:20])}")
    path = Path(os.path.relpath(trace.source.path.resolve(), out.parent.resolve()))
    spec: dict[str, Any] = {"file": path.as_posix(), "format": trace.format, "on_bad_row": trace.on_bad_row}
    spec |= {"sort_window": trace.window_requests}
    spec |= {"device": device} if device is not None else {}
    spec |= {"time_unit": trace.time_unit} if trace.time_unit is not None else {}
    return name, ends[name], spec


def _cluster(cluster: Scenario | None, object_bytes: int, notes: list[str]) -> dict[str, Any]:
    if cluster is not None:
        taken = ("hosts", "disks", "events", "policy")
        return {name: value for name, value in cluster.to_dict().items() if name in taken}
    capacity = max(BLOCK_BYTES, -(-HEADROOM * object_bytes // DISKS // BLOCK_BYTES) * BLOCK_BYTES)
    notes.append(f"Assumed: {DISKS} disks of {capacity} bytes, model {MODEL}, together twice the objects' size.")
    return {"disks": [{"name": "disk", "count": DISKS, "capacity": capacity, "model": MODEL}]}
