"""What goes into a data path and what comes out: streams, control events, the outcome.

Every data path takes these and gives the same `Outcome`, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from placement_sim.workloads.requests import Requests

Ints = npt.NDArray[np.int64]


@dataclass
class Stream:
    """One source of requests to one object.

    Open loop (``outstanding == 0``): requests arrive at their times. Closed loop: that many
    are outstanding, each followed, after the next request's think time, by the next.
    """

    name: str
    object_index: int
    requests: Iterator[Requests]
    outstanding: int = 0


@dataclass(frozen=True)
class DiskEvent:
    """A scheduled change: ``add_disk``, ``disk_offline`` or ``disk_online`` of one disk."""

    time_ns: int
    action: str
    disk_index: int


@dataclass(frozen=True)
class NoSpace:
    """The first no-space error: when, on which disk (-1: no candidate), and what was stranded.

    ``stranded_bytes`` is the free space left on all present disks of the object at that moment.
    """

    time_ns: int
    disk_index: int
    stranded_bytes: int


@dataclass(frozen=True)
class Records:
    """Finished requests in order of completion; each array has shape (finished,)."""

    stream: Ints
    number: Ints  # of the request within its stream
    kind: Ints
    issued_ns: Ints
    latency_ns: Ints
    status: Ints  # 0 done, 1 no space, 2 offline


@dataclass(frozen=True)
class Windows:
    """Samples at window ends, shape (windows,) or (windows, disks); counters since the warm-up."""

    end_ns: Ints
    finished_requests: Ints
    latency_sum_ns: Ints
    used_bytes: Ints  # with prefilled; (windows, disks)
    queue_area_ns: Ints  # requests present x time
    busy_ns: Ints  # channels x time
    queue_requests: Ints  # at the sample


@dataclass(frozen=True)
class Outcome:
    """Everything a run leaves. Per-disk arrays have shape (disks,).

    ``histogram`` has shape (2, bins): reads and writes, by ``histogram.bin_index``.
    ``allocation[object][leg]`` is the parent's map, uint8 or uint16 by block: disk index + 1, 0 for none.
    ``written_blocks`` has shape (objects, disks): blocks in the written maps, all legs.
    """

    start_ns: int  # end of the warm-up
    end_ns: int
    counts: dict[str, int]
    histogram: Ints
    latency_sum_ns: Ints  # (2,)
    capacity_bytes: Ints
    used_bytes: Ints
    queue_area_ns: Ints
    busy_ns: Ints
    operations: Ints
    read_bytes: Ints
    written_bytes: Ints
    sojourn_sum_ns: Ints  # of finished operations at the disk
    written_blocks: Ints
    map_bytes: dict[str, int]
    no_space: NoSpace | None
    windows: Windows
    records: Records | None = None
    allocation: list[list[npt.NDArray[Any]]] = field(default_factory=list)
