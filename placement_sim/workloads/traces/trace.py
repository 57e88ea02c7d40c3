"""A trace as a stream of request chunks: sorted within a window, from time 0, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces import blkparse, fio, oracle, parquet, vscsi
from placement_sim.workloads.traces.detect import detect, guess_time_unit
from placement_sim.workloads.traces.order import in_order
from placement_sim.workloads.traces.rows import MAX_INT64, Reading, Rows
from placement_sim.workloads.traces.source import TraceSource
from placement_sim.workloads.traces.tables import TABLES

NS_PER_UNIT = {"s": 1, "us": 1000, "ms": 10**6, "ns": 1}  # seconds are read exactly, as ns
WINDOW_REQUESTS = 65536
BAD_ROW_RULES = ("error", "skip")


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
    from_zero
        Its times are since the start of the recording; else the first request is at 0.
    """

    read: Callable[[Reading, int, str | None], Iterator[Rows]]
    ns_per_tick: int | None
    unit: str = "line"
    from_zero: bool = False


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
    "parquet": Reader(parquet.read, 1, "row", from_zero=True),
    "oracle_general_reads": Reader(oracle.read_as_reads, oracle.NS_PER_TICK, "record"),
    "oracle_general_writes": Reader(oracle.read_as_writes, oracle.NS_PER_TICK, "record"),
}


@dataclass
class Trace:
    """An opened trace; ``devices`` and the counters fill as chunks are read.

    Parameters
    ----------
    source, format, why
        Where its bytes come from, the name of its format and how that was decided.
    time_unit
        The unit of the time stamps where the format leaves it open, else None.
    on_bad_row
        "error" raises at a bad row; "skip" counts it in ``skipped_rows``.
    window_requests
        Rows may be out of order by up to this many; they are sorted, stably, within that window.
    notes
        What is odd but no error, such as a last line without a newline.
    """

    source: TraceSource
    format: str
    why: str
    time_unit: str | None = None
    on_bad_row: str = "error"
    window_requests: int = WINDOW_REQUESTS
    devices: list[str] = field(default_factory=list)
    other_operations: Counter[str] = field(default_factory=Counter)
    skipped_rows: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The file as the caller named it, or standard input."""
        return self.source.name

    def chunks(self) -> Iterator[Requests]:
        """Yield requests in order of time, at most ``window_requests`` at once.

        Raises
        ------
        TraceError
            A bad row, a damaged file, no requests at all, or time runs back by more than the window.
        """
        reader = FORMATS[self.format]
        reading = Reading(self.source, reader.unit, self.on_bad_row == "skip")
        self.devices, self.other_operations, self.notes = reading.devices, reading.other_operations, reading.notes
        self.skipped_rows = 0
        ns = reader.ns_per_tick or NS_PER_UNIT[self.time_unit or "us"]
        base = 0 if reader.from_zero else None
        empty = True
        for rows in in_order(reading, reader.read(reading, self.window_requests, self.time_unit), self.window_requests):
            base = int(rows.ticks[0]) if base is None else base
            chunk = _requests(reading, rows, base, ns)
            self.skipped_rows = reading.skipped_rows
            if len(chunk):
                empty = False
                yield chunk
        self.skipped_rows = reading.skipped_rows
        if self.source.open_ended:
            self.notes.append("the last line has no newline: if the file was cut off there, its last value is short")
        if empty:
            skipped = f" ({reading.skipped_rows} bad rows were skipped)" if reading.skipped_rows else ""
            raise TraceError(
                self.name, f"there is no read, write or unmap in it{skipped}", "give a trace with requests"
            )


def _requests(reading: Reading, rows: Rows, base: int, ns: int) -> Requests:
    """Turn ticks into time since the start; what lies 2**63 ns after it is a bad row."""
    elapsed = rows.ticks - base
    late = elapsed > MAX_INT64 // ns
    if late.any():
        first = int(late.argmax())
        problem = f"{elapsed[first]} ticks after the start is 2**63 ns or more"
        reading.bad(int(late.sum()), int(rows.place[first]), lambda: problem)
        rows, elapsed = rows.take(~late), elapsed[~late]
    return Requests(elapsed * ns, rows.kind, rows.offset_bytes, rows.size_bytes, rows.device)


def open_trace(
    path: str | Path,
    format: str | None = None,
    time_unit: str | None = None,
    *,
    on_bad_row: str = "error",
    window_requests: int = WINDOW_REQUESTS,
) -> Trace:
    r"""Open a trace: plain, gzip, bzip2, xz or zstd; a file, a pipe, or ``-`` for standard input.

    Parameters
    ----------
    path
        The file; a pipe can be read only once.
    format
        A key of ``FORMATS``; None detects it, but never oracleGeneral, which does not tell reads from writes:
        name oracle_general_reads or oracle_general_writes.
    time_unit
        s, ms, us or ns for a libCacheSim CSV; None guesses by the increments.
    on_bad_row
        "error" or "skip", which counts them; damage to the file as a whole stays an error.
    window_requests
        How far rows may be out of order; also the greatest length of a chunk.

    Raises
    ------
    TraceError
        The file is missing, empty, damaged or of unknown format, or an argument does not fit.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text("128166372003061629,hm,0,Read,4096,512,100\n")
    >>> trace = open_trace(file)
    >>> trace.format, [len(chunk) for chunk in trace.chunks()], trace.devices
    ('msr', [1], ['hm.0'])
    """
    source = TraceSource(path)
    if window_requests < 1:
        raise TraceError(source.name, f"window_requests {window_requests} is below 1", "give 1 or more")
    if on_bad_row not in BAD_ROW_RULES:
        raise TraceError(source.name, f"on_bad_row {on_bad_row!r} is unknown", "give error or skip")
    if format is None:
        format, why = detect(source, list(FORMATS))
    else:
        why = "named by the caller"
        if format not in FORMATS:
            raise TraceError(source.name, f"format {format!r} is unknown", f"name one of {', '.join(FORMATS)}")
    if FORMATS[format].ns_per_tick is not None:
        if time_unit is not None:
            raise TraceError(source.name, f"time_unit {time_unit!r} given, but {format} fixes it", "leave it out")
    elif time_unit is None:
        time_unit, guess = guess_time_unit(source)
        why = f"{why}; {guess}"
    elif time_unit not in NS_PER_UNIT:
        raise TraceError(source.name, f"time_unit {time_unit!r} is unknown", f"give one of {', '.join(NS_PER_UNIT)}")
    return Trace(source, format, why, time_unit, on_bad_row, window_requests)
