"""Traces that drive a run: opened early, replayed on their objects, and what was left out of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from placement_sim.experiments.fleet import RECORDED_STEPS
from placement_sim.experiments.parts import TraceSpec
from placement_sim.experiments.scenario import Scenario
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces import Trace, open_trace, trace_requests, trace_span_bytes

NS_PER_S = 1e9


def trace_path(scenario: Scenario, spec: TraceSpec) -> Path:
    """Give the path of a trace file, which a scenario names relative to itself."""
    return scenario.folder / spec.file


def recorded(scenario: Scenario) -> dict[str, TraceSpec]:
    """Give every trace of a scenario by the name of its workload, or as ``fleet.boot`` by its place in the fleet."""
    found = {workload.name: workload.trace for workload in scenario.workloads if workload.trace is not None}
    return found | (scenario.fleet.traces if scenario.fleet else {})


def input_files(scenario: Scenario) -> dict[str, Path]:
    """Give the traces and the log of failures that a run reads, by the name that the scenario gives them."""
    paths = {trace.file: trace_path(scenario, trace) for trace in recorded(scenario).values()}
    if scenario.failures is not None and scenario.failures.log is not None:
        paths[scenario.failures.log] = scenario.folder / scenario.failures.log
    return paths


def file_entries(values: Mapping[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Give each table of a scenario's plain values that names an input file, and the key under which it does.

    These are those of `input_files`: a disk model from a file is in the values with its numbers.

    Examples
    --------
    >>> file_entries({"workloads": [{"trace": {"file": "a.csv"}}], "fleet": {"boot": {"trace": {"file": "b.csv"}}}})
    [({'file': 'a.csv'}, 'file'), ({'file': 'b.csv'}, 'file')]
    """
    holders = [*values.get("workloads", ()), *(values.get("fleet", {}).get(step, {}) for step in RECORDED_STEPS)]
    found = [(holder["trace"], "file") for holder in holders if "trace" in holder]
    failures = values.get("failures", {})
    return [*found, (failures, "log")] if "log" in failures else found


def open_traces(scenario: Scenario) -> dict[str, Trace]:
    """Open every trace, by the names of `recorded`, so that a bad one fails early."""
    return {
        name: open_trace(
            trace_path(scenario, spec),
            spec.format,
            spec.time_unit,
            on_bad_row=spec.on_bad_row,
            window_requests=spec.sort_window,
        )
        for name, spec in recorded(scenario).items()
    }


def replayed(trace: Trace, spec: TraceSpec, object_bytes: int) -> Iterator[Requests]:
    """Give the requests of a trace as its workload wants them.

    Scaling needs the address range: where the scenario does not state it, the trace is read once more for it.
    """
    span = spec.address_span
    if spec.addresses == "scale" and span is None:
        span = trace_span_bytes(trace, spec.device)
    return trace_requests(
        trace,
        speed_up=spec.speed_up,
        start_s=spec.start / NS_PER_S,
        end_s=None if spec.end is None else spec.end / NS_PER_S,
        limit=spec.limit,
        object_bytes=object_bytes,
        addresses=spec.addresses,
        device=spec.device,
        address_span_bytes=span if spec.addresses == "scale" else None,
    )


def trace_counts(traces: Mapping[str, Trace]) -> dict[str, dict[str, Any]]:
    """Say of each workload's trace what was left out of it, up to where the run had read it."""
    return {
        name: {
            "format": trace.format,
            "skipped_rows": trace.skipped_rows,
            "other_operations": dict(sorted(trace.other_operations.items())),
            "notes": list(trace.notes),
        }
        for name, trace in traces.items()
    }


def trace_notes(counts: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Say in a sentence each which workloads lack rows of their trace."""
    return tuple(
        f"Workload {name!r}: {count['skipped_rows']} bad rows of its trace were skipped and are missing here."
        for name, count in counts.items()
        if count["skipped_rows"]
    )
