"""vSCSI traces, version 1 (32-byte records) and version 2 (40-byte records), little-endian.

Times are microseconds of an arbitrary origin; commands that move no data are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from placement_sim.workloads.requests import READ, WRITE
from placement_sim.workloads.traces.rows import MAX_INT64, Checker, Reading, Rows
from placement_sim.workloads.traces.source import read_records

NS_PER_TICK = 1000
READ_COMMANDS = (0x08, 0x28, 0xA8, 0x88)
WRITE_COMMANDS = (0x0A, 0x2A, 0xAA, 0x8A)
OTHER_NAMES = {0x35: "synchronise cache", 0x42: "unmap", 0x91: "synchronise cache"}

V1 = np.dtype([("serial", "<u4"), ("length", "<u4"), ("segments", "<u4"), ("command", "<u2"),
               ("version", "<u2"), ("lbn", "<u8"), ("time", "<u8")])  # fmt: skip
V2 = np.dtype([("command", "<u2"), ("version", "<u2"), ("serial", "<u4"), ("length", "<u4"),
               ("segments", "<u4"), ("lbn", "<u8"), ("time", "<u8"), ("response", "<u8")])  # fmt: skip


def read_v1(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of a version 1 file."""
    return _read(reading, rows, V1, 1)


def read_v2(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of a version 2 file."""
    return _read(reading, rows, V2, 2)


def _read(reading: Reading, rows: int, layout: np.dtype[np.void], version: int) -> Iterator[Rows]:
    done = 0
    reading.devices.append("0")
    for block in read_records(reading.source, layout.itemsize, rows):
        records = np.frombuffer(block, dtype=layout)
        place = np.arange(done + 1, done + len(records) + 1, dtype=np.int64)
        done += len(records)
        yield _convert(Checker(reading, place), records, version)


def _convert(checker: Checker, records: npt.NDArray[np.void], version: int) -> Rows:
    found = records["version"] >> 8

    def problem(i: int) -> str:
        order = "; its bytes are in big-endian order" if records["version"][i] & 0xFF == version else ""
        return f"the record has version {found[i]} in a file of version {version}{order}"

    checker.check(found != version, problem)
    for name in ("time", "lbn"):
        raw = records[name]
        checker.check(raw > MAX_INT64, lambda i, raw=raw, name=name: f"{name} {raw[i]} is 2**63 or more")  # type: ignore[misc]
    command = records["command"]
    write = np.isin(command, WRITE_COMMANDS)
    data = write | np.isin(command, READ_COMMANDS)
    for code in np.unique(command[~data & checker.good]).tolist():
        checker.count_others(f"0x{code:02x} {OTHER_NAMES.get(code, '')}".strip(), command == code)
    good_lbn = np.where(checker.good & data, records["lbn"], 0).astype(np.int64)
    offset = checker.sectors("lbn", good_lbn)
    size = records["length"].astype(np.int64)
    checker.extent(offset, size, checker.good & data)
    kind = np.where(write, WRITE, READ).astype(np.uint8)
    ticks = records["time"].astype(np.int64)
    zero = np.zeros(len(records), np.int32)
    return Rows(ticks, kind, offset, size, zero, checker.place).take(checker.good & data)
