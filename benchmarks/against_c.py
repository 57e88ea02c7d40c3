"""The compiled data path against the same loop written by hand in C (against_c.c), compiled by gcc -O3.

Two runs: an open loop (compiled_path.py's), and a mixed one: 600,000 open-loop guest requests,
64 closed-loop VM streams with think times, a disk that fails with requests in flight and
returns, and a rebuild that copies 400 pieces past the maps. Histograms, owners and space must be
equal before anything is timed.

    python benchmarks/against_c.py
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from contest import Row, ratio_row, rounds, show
from reference_path import BLOCK_BYTES, SEED, cluster
from reference_path import requests as open_requests

from placement_sim.engine.datapath import Outcome, Stream
from placement_sim.engine.faults import FaultControl
from placement_sim.engine.histogram import BIN_COUNT, SUB_BITS
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, StorageObjectSpec
from placement_sim.model.faults import DiskChange
from placement_sim.policies import make_policy
from placement_sim.randomness import generator, stream_key
from placement_sim.workloads.requests import READ, WRITE, Requests

NEVER = 2**63 - 1
STREAM = np.dtype([(n, np.int64) for n in ("object", "outstanding", "tally", "row", "end", "number", "in_flight",
                                           "thinking")] + [("key", np.uint64)])  # fmt: skip
DISK_WORDS = 11
COUNTS = ("events", "failed", "retries", "first_writes", "zero_reads", "end")
CONFIG = ("disks", "streams", "sub_bits", "bins", "block_bytes", "block_shift", "fails_at", "back_at", "failing",
          "rebuild_at", "rebuild_from", "rebuild_to", "rebuild_count", "rebuild_bytes", *COUNTS)  # fmt: skip


class Config(ctypes.Structure):
    """What C is told, and what it answers."""

    _fields_ = [*((name, ctypes.c_int64) for name in CONFIG), ("mean_s", ctypes.c_double)]


class Run(NamedTuple):
    """A run for both: streams as (name, object, outstanding, purpose, chunks), and what happens meanwhile."""

    cluster: Cluster
    streams: list[tuple[str, int, int, str, list[Requests]]]
    extra: dict[str, int]


def open_loop() -> Run:
    """One stream of a million writes."""
    return Run(cluster(), [("load", 0, 0, "guest", open_requests(1_000_000))], {})


def once_written(name: str, count: int, times_ns: Any) -> tuple[int, list[Requests]]:
    """Give the size of an object and requests to it: reads anywhere, and writes (a third) each to the next block.

    No owned block is written again, so that C need not know where a write goes whose owner is away.
    """
    rng = generator(SEED, name, "mixed")
    kind = (rng.random(count) < 1 / 3).astype(np.uint8)
    blocks = int(kind.sum())
    places = np.where(kind == 1, np.cumsum(kind.astype(np.int64)) - 1, rng.integers(0, blocks, count))
    columns = (times_ns, kind, places * BLOCK_BYTES, np.full(count, 4096), np.zeros(count, np.int32))
    cuts = range(0, count, 65536)
    return blocks * BLOCK_BYTES, [Requests(*(column[a : a + 65536] for column in columns)) for a in cuts]


def mixed() -> Run:
    """Guests in an open loop, virtual machines in closed loops, a failure and a rebuild."""
    base = cluster()
    loads = [("guest", 0, "guest", 600_000), *((f"vm-{i}", 2, "boot", 6000) for i in range(64))]
    objects, streams = [], []
    for index, (name, outstanding, purpose, count) in enumerate(loads):
        rng = generator(SEED, name, "times")
        gaps = (rng.standard_exponential(count) * (1e9 / 6000 if outstanding == 0 else 15e6)).astype(np.int64)
        size, chunks = once_written(name, count, gaps if outstanding else np.cumsum(gaps))
        objects.append(StorageObjectSpec(name, size, BLOCK_BYTES, base.objects[0].disks))
        streams.append((name, index, outstanding, purpose, chunks))
    second = 10**9
    extra = {"rebuild_at": 30 * second, "fails_at": 40 * second, "back_at": 60 * second, "failing": 3,
             "rebuild_from": 4, "rebuild_to": 5, "rebuild_count": 400, "rebuild_bytes": 1 << 22}  # fmt: skip
    return Run(Cluster(base.hosts, base.disks, tuple(objects)), streams, extra)


def one_kind(kind: int) -> Run:
    """Half a million first writes, or reads of blocks that nobody has written: parts of which the gap is made."""
    base, count = cluster(), 500_000
    times = np.arange(count, dtype=np.int64) * 100_000
    columns = (times, np.full(count, kind, np.uint8), np.arange(count) * BLOCK_BYTES, np.full(count, 4096))
    chunks = [Requests(*(column[a : a + 65536] for column in (*columns, np.zeros(count, np.int32))))
              for a in range(0, count, 65536)]  # fmt: skip
    spec = StorageObjectSpec("load", count * BLOCK_BYTES, BLOCK_BYTES, base.objects[0].disks)
    return Run(Cluster(base.hosts, base.disks, (spec,)), [("load", 0, 0, "guest", chunks)], {})


SCENARIOS = {
    "open loop": open_loop,
    "mixed": mixed,
    "first writes alone": lambda: one_kind(WRITE),
    "reads of nothing alone": lambda: one_kind(READ),
}


def compiled(run: Run, data_path: str = "compiled") -> Outcome:
    """Run the compiled data path."""
    control: list[Any] = []
    if run.extra:
        extra = run.extra

        def rebuild(path: Any) -> Any:
            yield path.env.timeout(extra["rebuild_at"])
            for number in range(extra["rebuild_count"]):
                disk = extra["rebuild_to"] if number & 1 else extra["rebuild_from"]
                yield path.raw_io(disk, bool(number & 1), extra["rebuild_bytes"], number, "rebuild")

        changes = [DiskChange(extra["fails_at"], "disk_offline", extra["failing"]),
                   DiskChange(extra["back_at"], "disk_online", extra["failing"])]  # fmt: skip
        control = [FaultControl(changes), rebuild]
    streams = [Stream(name, obj, iter(chunks), n, purpose) for name, obj, n, purpose, chunks in run.streams]
    return simulate(
        run.cluster, streams, make_policy("least_queue"), seed=SEED, window_ns=10**15, control=control,
        data_path=data_path,
    )  # fmt: skip


class InC:
    """The run in C: `__call__` makes fresh arrays and runs."""

    def __init__(self, library: ctypes.CDLL, run: Run) -> None:
        self.library, self.run = library, run
        self.rows = [
            np.ascontiguousarray(np.concatenate([getattr(c, name) for *_, chunks in run.streams for c in chunks]))
            for name in ("time_ns", "kind", "offset_bytes", "size_bytes")
        ]
        purposes = ["guest", "boot", "rebuild"]
        self.streams = np.zeros(len(run.streams) + 1, STREAM)
        row = 0
        for index, (name, obj, outstanding, purpose, chunks) in enumerate(run.streams):
            end = row + sum(len(chunk) for chunk in chunks)
            key = stream_key(SEED, name, "service")
            self.streams[index] = (obj, outstanding, purposes.index(purpose), row, end, 0, 0, 0, key)
            row = end
        self.streams[-1] = (-1, 0, 2, 0, 0, 0, 0, 0, stream_key(SEED, "raw rebuild", "service"))
        counts = [spec.block_count for spec in run.cluster.objects]
        self.first_block = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def __call__(self) -> None:
        """Run; the results stay here."""
        disks, blocks = len(self.run.cluster.disks), int(self.first_block[-1])
        values = {"disks": disks, "streams": len(self.streams), "sub_bits": SUB_BITS, "bins": BIN_COUNT,
                  "block_bytes": BLOCK_BYTES, "block_shift": BLOCK_BYTES.bit_length() - 1, "fails_at": NEVER,
                  "back_at": NEVER, "rebuild_at": NEVER, **self.run.extra}  # fmt: skip
        self.config = Config(**values, mean_s=0.001)
        self.disks = np.zeros((disks, DISK_WORDS), np.int64)
        self.disks[:, 0] = 1
        self.owners = np.zeros(blocks, np.uint8)
        self.free = np.array([disk.capacity_bytes for disk in self.run.cluster.disks], np.int64)
        self.used = np.zeros(disks, np.int64)
        self.histogram, self.sums = np.zeros((3, 2, BIN_COUNT), np.int64), np.zeros((3, 2), np.int64)
        arrays = [self.streams.copy(), self.disks, *self.rows, self.first_block, self.owners,
                  np.zeros(blocks, np.uint8), np.zeros(blocks // 8 + 1, np.uint8), self.free, np.zeros(disks, np.int64),
                  self.used, self.histogram, self.sums]  # fmt: skip
        self.library.simulate(ctypes.byref(self.config), *(ctypes.c_void_p(array.ctypes.data) for array in arrays))


def check(in_c: InC, outcome: Outcome) -> None:
    """Stop unless both gave the same."""
    owners = np.concatenate([legs[0] for legs in outcome.allocation])
    bins = dict(zip(outcome.split.purposes, outcome.split.histogram[0], strict=True))
    same = [
        (owners == in_c.owners).all(),
        all((bins[p] == in_c.histogram[i]).all() for i, p in enumerate(("guest", "boot", "rebuild")) if p in bins),
        (outcome.latency_sum_ns == in_c.sums.sum(axis=0)).all(),
        (outcome.used_bytes == in_c.used).all(),
        outcome.counts["failed_offline"] == in_c.config.failed,
        outcome.counts["retries"] == in_c.config.retries,
        outcome.end_ns == in_c.config.end,
    ]
    if not all(same):
        raise SystemExit(f"C and the compiled data path disagree: {same}")


def library(folder: str) -> ctypes.CDLL:
    """Compile the C text."""
    made = Path(folder) / "loop.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["gcc", "-O3", "-shared", "-fPIC", "-o", made, source, "-lm"], check=True)
    return ctypes.CDLL(str(made))


def main() -> None:
    """Check equality, then time both scenarios."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        loaded = library(folder)
        for name, make in SCENARIOS.items():
            run = make()
            in_c = InC(loaded, run)
            in_c()
            check(in_c, compiled(run))
            spent = rounds({"compiled": lambda run=run: compiled(run), "c": in_c})
            count = sum(len(chunk) for *_, chunks in run.streams for chunk in chunks)
            row = ratio_row(f"{name}: compiled / C", spent["compiled"], spent["c"], count, "at most 1.5")
            row["c_s"], row["compiled_s"] = row.pop("compiled_s"), row.pop("other_s")
            if "alone" in name:
                row["goal"] = ""
            rows.append(row | {"failed": in_c.config.failed, "retries": in_c.config.retries})
    show("against_c", rows)


if __name__ == "__main__":
    main()
