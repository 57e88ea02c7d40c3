"""How many requests a scenario will make, roughly: what the choice of a data path asks."""

from __future__ import annotations

from placement_sim.experiments.parts import TraceSpec, WorkloadSpec
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.traced import trace_path

NS = 1_000_000_000
ROW_BYTES, PACKED_ROW_BYTES = 30, 6  # of a trace: typical, and good enough to choose a data path
PACKED = {".gz", ".bz2", ".xz", ".zst"}


def expected_requests(scenario: Scenario) -> int | None:
    """Estimate the requests of a run; None where nothing says how many there will be.

    Examples
    --------
    >>> scenario = Scenario.from_text('''
    ... horizon = "10 s"
    ... objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
    ... disks = [{name = "d", capacity = "1 GiB", service = {kind = "exponential", mean = "5 ms"}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... ''')
    >>> expected_requests(scenario)
    1000
    """
    total = 0
    for workload in scenario.workloads:
        count = _of_workload(scenario, workload)
        if count is None:
            return None
        total += count
    if scenario.fleet is not None:
        fleet = scenario.fleet
        traces = sum(_of_trace(scenario, trace) or 0 for trace in fleet.traces.values())
        total += fleet.machines * (fleet.boot.requests + fleet.start.requests + traces)
    return total


def _of_trace(scenario: Scenario, trace: TraceSpec) -> int | None:
    if trace.limit is not None:
        return trace.limit
    path = trace_path(scenario, trace)
    bytes_a_row = PACKED_ROW_BYTES if path.suffix in PACKED else ROW_BYTES
    return path.stat().st_size // bytes_a_row if path.is_file() else None


def _of_workload(scenario: Scenario, workload: WorkloadSpec) -> int | None:
    drawn, trace = workload.synthetic, workload.trace
    if trace is not None:
        return _of_trace(scenario, trace)
    assert drawn is not None
    if drawn.requests is not None:
        return drawn.requests
    rate = drawn.arrivals.parameters.get("rate") if drawn.arrivals else None
    if isinstance(rate, int | float) and scenario.horizon is not None:
        return round(rate * scenario.horizon / NS)
    return None
