"""The compiled data path against a SimPy process with a Resource per request, and against the reference.

One million open-loop requests, 16 disks, Zipf addresses, least_queue (those of
reference_path.py). All latencies must be equal before anything is timed.

    python benchmarks/compiled_path.py [REQUESTS]
"""

from __future__ import annotations

from contest import Row, number, ratio_row, rounds, show
from reference_path import SEED, cluster, process_per_request, requests

from placement_sim.engine.datapath import Outcome, Stream
from placement_sim.engine.simulate import simulate
from placement_sim.policies import make_policy
from placement_sim.workloads.requests import Requests


def run(chunks: list[Requests], data_path: str, *, record: bool = False) -> Outcome:
    """Run one of the two data paths."""
    return simulate(
        cluster(), [Stream("load", 0, iter(chunks))], make_policy("least_queue"), seed=SEED, window_ns=10**12,
        record_requests=record, data_path=data_path,
    )  # fmt: skip


def main() -> None:
    """Check equality, then time."""
    count = number(1_000_000)
    chunks = requests(count)
    reference, compiled = (run(chunks, path, record=True) for path in ("reference", "compiled"))
    if compiled.data_path != "compiled" or reference.records is None or compiled.records is None:
        raise SystemExit("the compiled data path was not taken")
    if (reference.records.latency_ns != compiled.records.latency_ns).any():
        raise SystemExit("reference and compiled data path disagree")
    if sorted(compiled.records.latency_ns.tolist()) != sorted(process_per_request(chunks)):
        raise SystemExit("the plain SimPy model disagrees")
    spent = rounds(
        {
            "process": lambda: process_per_request(chunks),
            "reference": lambda: run(chunks, "reference"),
            "compiled": lambda: run(chunks, "compiled"),
        }
    )
    rows: list[Row] = [
        ratio_row("SimPy process and Resource a request", spent["process"], spent["compiled"], count, "at least 100"),
        ratio_row("reference data path", spent["reference"], spent["compiled"], count, "at least 25"),
    ]
    show("compiled_path", rows)


if __name__ == "__main__":
    main()
