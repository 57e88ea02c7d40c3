"""Which format a file has, by its first bytes, and why."""

from __future__ import annotations

import re

import numpy as np

from placement_sim.errors import TraceError
from placement_sim.workloads.traces.source import TraceSource

# Format, pattern of the first line, why; the first that matches decides.
LINES: tuple[tuple[str, str, str], ...] = (
    ("fio_iolog_v2", r"fio version 2 iolog", "the first line is 'fio version 2 iolog'"),
    ("fio_iolog_v3", r"fio version 3 iolog", "the first line is 'fio version 3 iolog'"),
    ("libcachesim_csv", r"version,time,op,size,lbn", "the header is 'version,time,op,size,lbn'"),
    ("systor17", r"Timestamp,Response,IOType,LUN,Offset,Size", "the header is that of SYSTOR '17"),
    ("msr", r"\d+,[^,]*,\d+,(?i:read|write),\d+,\d+,\d+", "seven fields with Read or Write in the fourth"),
    ("alibaba", r"\d+,[RW],\d+,\d+,\d+", "five fields with R or W in the second"),
    ("spc", r"\d+,\d+,\d+,[rRwW],[0-9.]+(,.*)?", "R or W in the fourth of at least five fields"),
    ("tencent", r"\d+,\d+,\d+,[01],\d+", "five whole numbers with 0 or 1 in the fourth"),
    ("disksim", r"\d+ +\d+ +\d+ +\d+ +[01]", "five whole numbers between blanks, the last 0 or 1"),
    ("blkparse", r"\d+,\d+ +\d+ +\d+ +\d+\.\d+ +\d+ +[A-Za-z]{1,2} +[A-Z]+( .*)?", "the first line is an event"),
    ("blkparse", r"Input file .* added", "the first line names an input file as blkparse does"),
)


def detect(source: TraceSource, names: list[str]) -> tuple[str, str]:
    """Return (format, why).

    Raises
    ------
    TraceError
        The content is that of no known format.
    """
    head = source.head()
    if head[:4] == b"PAR1":
        return "parquet", "it begins with the magic number PAR1"
    binary = _vscsi(head)
    if binary:
        return binary
    line = head.partition(b"\n")[0].decode("latin-1").strip()
    for name, pattern, why in LINES:
        if re.fullmatch(pattern, line):
            return name, why
    start = re.match(r"fio version (\d+)", line)
    if start:
        problem = f"fio iolog version {start[1]} is not readable"
        raise TraceError(f"{source.name}: line 1", problem, "record with fio 3 (versions 2 and 3 are read)")
    _refuse_big_endian(source.name, head)
    problem = f"the format is unknown; it begins {head[:40]!r}"
    raise TraceError(source.name, problem, f"name the format, one of {', '.join(names)}")


def _vscsi(head: bytes) -> tuple[str, str] | None:
    """Look at the version field of the first two records, as version 2, then as version 1."""
    for version, record_bytes, at in ((2, 40, 2), (1, 32, 14)):
        fields = [head[i + 1 : i + 2] for i in (at, at + record_bytes)]
        if fields[0] == bytes([version]) and fields[1] in (b"", bytes([version])):
            if b"\0" in head[:record_bytes]:
                return f"vscsi_v{version}", f"the version field of the first records is {version}"
    return None


def _refuse_big_endian(name: str, head: bytes) -> None:
    """Say that a vSCSI file has its bytes in the other order, rather than that nothing is known of it."""
    for version, record_bytes, at in ((2, 40, 2), (1, 32, 14)):
        fields = [head[i : i + 2] for i in (at, at + record_bytes)]
        if len(head) >= 2 * record_bytes and all(field == bytes([version, 0]) for field in fields):
            problem = f"it looks like vSCSI version {version} with its bytes in big-endian order"
            raise TraceError(name, problem, "write it in little-endian order")


def guess_time_unit(source: TraceSource) -> tuple[str, str]:
    """Guess s or us for a libCacheSim CSV by the mean increment of its first rows."""
    lines = source.head().decode("latin-1").split("\n")[1:-1]
    fields = [line.split(",")[1] for line in lines if line.count(",") == 4]
    if any("." in value for value in fields):
        return "s", "times are decimal, so seconds"
    times = np.array([float(value) for value in fields if value.strip().isdecimal()])
    if len(times) < 2:
        return "us", "too few rows to guess the time unit, taken as us"
    mean = float(times[-1] - times[0]) / (len(times) - 1)
    unit = "us" if mean >= 10 else "s"
    return unit, f"the mean increment is {mean:.3g}, so times are in {unit}"
