"""What is left at the end of a run: invariants checked, counters gathered into an `Outcome`."""

from __future__ import annotations

from typing import Any

import numpy as np

from placement_sim.engine.datapath import COPIES, Ints, Outcome, Records, Split, Windows
from placement_sim.engine.losses import take_stock
from placement_sim.model.cluster import Cluster
from placement_sim.model.invariants import check_all

_RECORD_COLUMNS = 6


def take_sample(path: Any) -> dict[str, Ints | int]:
    """Read the counters that a window keeps."""
    arrays = path.arrays()
    wanted = ("used_bytes", "queue_area_ns", "busy_ns", "queue_requests")
    finished, latency_sum_ns = path.totals()
    return {
        **{name: arrays[name] for name in wanted},
        "end_ns": path.env.now,
        "finished_requests": finished,
        "latency_sum_ns": latency_sum_ns,
    }


def make_outcome(
    path: Any, name: str, cluster: Cluster, start_ns: int, samples: list[dict[str, Ints | int]]
) -> Outcome:
    """Check the invariants and gather everything.

    Raises
    ------
    InvariantError
        The model contradicts itself.
    """
    space, objects = path.space, path.objects
    split = path.split()
    guests = [purpose not in COPIES for purpose in split.purposes]
    counts = _without_copies(path.final_counts(), split) | path.placement.degraded.counts() | take_stock(path)._asdict()
    check_all(objects, [int(size) for size in space.used_bytes], [int(size) for size in space.reserved_bytes],
              counts["in_flight"] + path.placement.degraded.copies())  # fmt: skip
    arrays = path.arrays()
    # A computed owner needs no map of the parent; the components' maps are there all the same (thin objects).
    needs_map = path.placement.needs_map
    return Outcome(
        start_ns=start_ns,
        end_ns=int(path.env.now),
        counts=counts,
        histogram=split.histogram[:, guests].sum(axis=(0, 1)),
        latency_sum_ns=split.latency_sum_ns[:, guests].sum(axis=(0, 1)),
        split=split,
        capacity_bytes=np.array(space.capacity_bytes, np.int64),
        used_bytes=arrays["used_bytes"],
        queue_area_ns=arrays["queue_area_ns"],
        busy_ns=arrays["busy_ns"],
        operations=arrays["operations"],
        read_bytes=split.read_bytes.sum(axis=(0, 1)),
        written_bytes=split.written_bytes.sum(axis=(0, 1)),
        sojourn_sum_ns=arrays["sojourn_sum_ns"],
        written_blocks=_written_blocks(path, len(cluster.disks)),
        map_bytes={
            "allocation_map_bytes": sum(tree.parent_map_bytes() for tree in objects) if needs_map else 0,
            "written_map_bytes": sum(tree.written_map_bytes() for tree in objects),
        },
        no_space=path.no_space,
        windows=_windows(samples),
        records=_records(path.records),
        streams=tuple(path.stream_names()),
        data_path=name,
        allocation=path.placement.degraded.allocation(),
    )


def _without_copies(counts: dict[str, int], split: Split) -> dict[str, int]:
    """Leave the copies of repairs and moves out of the requests; their bytes are in `Split`, by purpose."""
    copies = [purpose in COPIES for purpose in split.purposes]
    reads, writes = (int(split.histogram[:, copies, kind].sum()) for kind in (0, 1))
    failed = int(split.failed[:, copies].sum())
    less = {"reads": reads, "writes": writes, "finished": reads + writes, "failed_offline": failed}
    return counts | {name: counts[name] - number for name, number in less.items()}


def _written_blocks(path: Any, disk_count: int) -> Ints:
    written = np.zeros((len(path.objects), disk_count), np.int64)
    for row, tree in enumerate(path.objects):
        for leg in tree.legs:
            written[row] += leg.written.counts(disk_count)
    return written


def _windows(samples: list[dict[str, Ints | int]]) -> Windows:
    columns = {name: np.array([sample[name] for sample in samples], np.int64) for name in samples[0]}
    return Windows(**columns)


def _records(rows: Any) -> Records | None:
    if rows is None:
        return None
    table = np.array(rows, np.int64).reshape(-1, _RECORD_COLUMNS)
    return Records(*(table[:, column] for column in range(_RECORD_COLUMNS)))
