"""A trace as a stream of request chunks: sorted within a window, from time 0, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces import blkparse, fio, oracle, vscsi
from placement_sim.workloads.traces.detect import detect, guess_time_unit
from placement_sim.workloads.traces.rows import MAX_INT64, Reading, Rows, concatenate
from placement_sim.workloads.traces.tables import TABLES

NS_PER_UNIT = {"s": 1, "us": 1000, "ms": 10**6, "ns": 1}  # seconds are read exactly, as ns
DEFAULT_CHUNK_REQUESTS = 65536


@dataclass(frozen=True)
class Reader:
    """How one format is read.

    Parameters
    ----------
    read
        Yields rows of a file, about as many at a time as asked.
    ns_per_tick
        The unit of its time stamps; None where the file does not fix it.
    unit
        What a place in the file is called: line or record.
    """

    read: Callable[[Reading, int, str | None], Iterator[Rows]]
    ns_per_tick: int | None
    unit: str = "line"


FORMATS: dict[str, Reader] = {
    "vscsi_v1": Reader(vscsi.read_v1, vscsi.NS_PER_TICK, "record"),
    "vscsi_v2": Reader(vscsi.read_v2, vscsi.NS_PER_TICK, "record"),
    "msr": Reader(TABLES["msr"].read, 100),
    "libcachesim_csv": Reader(TABLES["libcachesim_csv"].read, None),
    "fio_iolog_v2": Reader(fio.read_v2, 1000),
    "fio_iolog_v3": Reader(fio.read_v3, 1000),
    "systor17": Reader(TABLES["systor17"].read, 1),
    "tencent": Reader(TABLES["tencent"].read, 1),
    "alibaba": Reader(TABLES["alibaba"].read, 1000),
    "spc": Reader(TABLES["spc"].read, 1),
    "disksim": Reader(TABLES["disksim"].read, 1),
    "blkparse": Reader(blkparse.read, 1),
    "oracle_general_reads": Reader(oracle.read_as_reads, oracle.NS_PER_TICK, "record"),
    "oracle_general_writes": Reader(oracle.read_as_writes, oracle.NS_PER_TICK, "record"),
}


@dataclass
class Trace:
    """An opened trace; ``devices`` and the counters fill as chunks are read.

    Parameters
    ----------
    path, format, why
        The file, the name of its format and how that was decided.
    time_unit
        The unit of the time stamps where the format leaves it open, else None.
    skip_bad_rows
        Count bad rows in ``skipped_rows`` instead of raising.
    """

    path: Path
    format: str
    why: str
    time_unit: str | None = None
    skip_bad_rows: bool = False
    devices: list[str] = field(default_factory=list)
    other_operations: Counter[str] = field(default_factory=Counter)
    skipped_rows: int = 0

    def chunks(self, chunk_requests: int = DEFAULT_CHUNK_REQUESTS) -> Iterator[Requests]:
        """Yield requests in order of time, at most ``chunk_requests`` at once.

        Rows may be out of order by up to one chunk; they are sorted, stably, within that window.

        Raises
        ------
        TraceError
            A bad row, a damaged file, no requests at all, or time runs back by more than a chunk.
        """
        if chunk_requests < 1:
            raise TraceError(str(self.path), f"chunk_requests {chunk_requests} is below 1", "give 1 or more")
        reader = FORMATS[self.format]
        reading = Reading(self.path, reader.unit, self.skip_bad_rows)
        self.devices, self.other_operations = reading.devices, reading.other_operations
        self.skipped_rows = 0
        ns = reader.ns_per_tick or NS_PER_UNIT[self.time_unit or "us"]
        base: int | None = None
        for rows in _sorted(reading, reader.read(reading, chunk_requests, self.time_unit), chunk_requests):
            self.skipped_rows = reading.skipped_rows
            base = int(rows.ticks[0]) if base is None else base
            elapsed = rows.ticks - base
            if int(elapsed[-1]) > MAX_INT64 // ns:
                place = int(rows.place[-1])
                raise reading.error(place, f"{elapsed[-1]} ticks after the start is 2**63 ns or more")
            yield Requests(elapsed * ns, rows.kind, rows.offset_bytes, rows.size_bytes, rows.device)
        self.skipped_rows = reading.skipped_rows
        if base is None:
            raise TraceError(str(self.path), "there is no read, write or unmap in it", "give a trace with requests")


def _sorted(reading: Reading, blocks: Iterator[Rows], window: int) -> Iterator[Rows]:
    """Cut rows into chunks of ``window``, each sorted together with the chunk after it."""
    held: Rows | None = None
    last = -1
    for piece in _cut(blocks, window):
        rows = _sort(piece if held is None else concatenate([held, piece]))
        if int(rows.ticks[0]) < last:
            problem = f"time {rows.ticks[0]} is before {last}, out of order by more than the window of one chunk"
            cure = "sort the trace by time or read in larger chunks"
            raise reading.error(int(rows.place[0]), problem, cure)
        if held is None:
            held = rows
            continue
        out, held = rows.take(slice(0, window)), rows.take(slice(window, None))
        last = int(out.ticks[-1])
        yield out
    if held is not None and len(held):
        yield held


def _cut(blocks: Iterator[Rows], window: int) -> Iterator[Rows]:
    """Cut blocks into pieces of ``window`` rows, so that the order never depends on how a file is read."""
    rest: Rows | None = None
    for block in blocks:
        rows = block if rest is None else concatenate([rest, block])
        whole = len(rows) // window * window
        for start in range(0, whole, window):
            yield rows.take(slice(start, start + window))
        rest = rows.take(slice(whole, None))
    if rest is not None and len(rest):
        yield rest


def _sort(rows: Rows) -> Rows:
    if bool((np.diff(rows.ticks) >= 0).all()):
        return rows
    return rows.take(np.argsort(rows.ticks, kind="stable"))


def open_trace(
    path: str | Path, format: str | None = None, time_unit: str | None = None, *, skip_bad_rows: bool = False
) -> Trace:
    r"""Open a trace: plain, gzip, bzip2, xz or zstd.

    Parameters
    ----------
    path
        The file.
    format
        A key of ``FORMATS``; None detects it, but never oracleGeneral, which does not tell reads from writes:
        name oracle_general_reads or oracle_general_writes.
    time_unit
        s, ms, us or ns for a libCacheSim CSV; None guesses by the increments.
    skip_bad_rows
        Count bad rows instead of raising; damage to the file as a whole stays an error.

    Raises
    ------
    TraceError
        The file is missing, empty, damaged or of unknown format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text("128166372003061629,hm,0,Read,4096,512,100\n")
    >>> trace = open_trace(file)
    >>> trace.format, [len(chunk) for chunk in trace.chunks()], trace.devices
    ('msr', [1], ['hm.0'])
    """
    path = Path(path)
    if format is None:
        format, why = detect(path, list(FORMATS))
    else:
        why = "named by the caller"
        if format not in FORMATS:
            raise TraceError(str(path), f"format {format!r} is unknown", f"name one of {', '.join(FORMATS)}")
    if FORMATS[format].ns_per_tick is not None:
        if time_unit is not None:
            raise TraceError(str(path), f"time_unit {time_unit!r} given, but {format} fixes it", "leave it out")
    elif time_unit is None:
        time_unit, guess = guess_time_unit(path)
        why = f"{why}; {guess}"
    elif time_unit not in NS_PER_UNIT:
        raise TraceError(str(path), f"time_unit {time_unit!r} is unknown", f"give one of {', '.join(NS_PER_UNIT)}")
    return Trace(path, format, why, time_unit, skip_bad_rows)
