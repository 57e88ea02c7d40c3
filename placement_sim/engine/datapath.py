"""What goes into a data path and what comes out: streams, control processes, the outcome.

Every data path takes these, offers `DataPath` to control processes, and gives the same
`Outcome`, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import simpy

from placement_sim.model.cluster import Cluster
from placement_sim.model.storage_object import StorageObject
from placement_sim.workloads.requests import Requests

Ints = npt.NDArray[np.int64]

PathName = Literal["auto", "reference", "compiled"]
GUEST = "guest"
REPAIR, MOVE = "repair", "move"
COPIES = (REPAIR, MOVE)  # purposes that are no requests of anyone
FIRST_PHASE = "start"

COUNT_NAMES = (
    "failed_no_space", "failed_offline", "unmaps", "zero_read_blocks", "cached_read_blocks",
    "first_writes", "unmapped_blocks", "retries", "split_operations", "copied_up_bytes",
)  # fmt: skip


def to_arrays(columns: dict[str, list[int]]) -> dict[str, Ints]:
    """Turn counters into int64 arrays."""
    return {name: np.array(values, np.int64) for name, values in columns.items()}


@dataclass
class Stream:
    """One source of requests to one object.

    Open loop (``outstanding == 0``): requests arrive at their times after the stream's
    start. Closed loop: that many are outstanding, each followed, after the next request's
    think time, by the next.

    Parameters
    ----------
    purpose
        What the requests are for ("guest", "boot"): counts and latencies are kept by purpose.
    host_index
        Whose cache of base blocks the reads pass; -1 for none.
    """

    name: str
    object_index: int
    requests: Iterator[Requests]
    outstanding: int = 0
    purpose: str = GUEST
    host_index: int = -1


@dataclass(frozen=True)
class Running:
    """A started stream; `ended` succeeds when its last request has completed."""

    index: int
    ended: simpy.Event


class DataPath(Protocol):
    """What control processes may ask of a data path."""

    placement: Any  # `placement.Placement`: maps, records of degraded blocks, the policy's choice
    space: Any  # `space.Space`
    queue_requests: Any  # by disk: waiting and in service
    cluster: Cluster
    env: Any  # a simpy.Environment whose times are integer nanoseconds; SimPy's own hints say float
    objects: list[StorageObject]
    counts: dict[str, int]
    no_space: NoSpace | None

    def start_stream(self, stream: Stream) -> Running:
        """Start a stream now."""
        ...

    def stop_stream(self, running: Running) -> None:
        """Issue nothing more; `ended` succeeds when what is in flight has completed."""
        ...

    def raw_io(self, disk: int, is_write: bool, size_bytes: int, position: int, purpose: str) -> simpy.Event:
        """Send one operation to a disk, past all maps; the event's value is False if the disk was lost.

        `position` is a share of the disk in units of 2**-32.
        """
        ...

    def has_older_write(self, object_index: int, block: int, until_ns: int) -> bool:
        """Tell whether a write of a block that was issued by then is still in flight."""
        ...

    def set_backing(self, object_index: int, backing_index: int) -> None:
        """Read unallocated blocks of an object from another one from now on; -1: they are zeros."""
        ...

    def discard_object(self, object_index: int) -> int:
        """Unmap every block of an object at once and give how many there were."""
        ...

    def set_status(self, disk: int, status: int) -> None:
        """Change a disk's state; taking it offline fails what it holds."""
        ...

    def set_slowdown(self, disk: int, factor: float) -> None:
        """Multiply the service times that begin from now on."""
        ...

    def set_channels(self, disk: int, channels: int) -> None:
        """Change how many operations a disk serves at once."""
        ...

    def add_component(self, disk: int) -> None:
        """Give every object a component on a disk that has joined (A11)."""
        ...

    def begin_phase(self, name: str) -> None:
        """Count requests that complete from now on under this phase."""
        ...

    def reset_counters(self) -> None:
        """Start counting anew, at the end of the warm-up; maps and queues stay."""
        ...

    def arrays(self) -> dict[str, Ints]:
        """Give the per-disk counters up to now, each int64 of shape (disks,)."""
        ...


Control = Callable[[Any], Generator[simpy.Event, Any, None]]


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
class Split:
    """Counts by (phase, purpose): names, and arrays of shape (phases, purposes) or (..., 2, bins)."""

    phases: tuple[str, ...]
    purposes: tuple[str, ...]
    failed: Ints
    read_bytes: Ints  # (phases, purposes, disks)
    written_bytes: Ints
    latency_sum_ns: Ints  # (phases, purposes, 2): reads, writes
    histogram: Ints  # (phases, purposes, 2, bins)


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
    split: Split
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
    streams: tuple[str, ...] = ()  # names, by the index that records give
    data_path: str = "reference"  # which one it was; the rest does not depend on it
    allocation: list[list[npt.NDArray[Any]]] = field(default_factory=list)
