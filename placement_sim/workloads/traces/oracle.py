"""oracleGeneral traces of libCacheSim: 24-byte records, little-endian, whole seconds, object id in sectors.

A record does not tell reads from writes, so there is one format name for each way to take it and no detection.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from placement_sim.workloads.requests import READ, WRITE
from placement_sim.workloads.traces.rows import MAX_INT64, Checker, Reading, Rows
from placement_sim.workloads.traces.source import read_records

NS_PER_TICK = 10**9
RECORD = np.dtype([("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")])


def read_as_reads(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows, each a read."""
    return _read(reading, rows, READ)


def read_as_writes(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows, each a write."""
    return _read(reading, rows, WRITE)


def _read(reading: Reading, rows: int, kind: int) -> Iterator[Rows]:
    done = 0
    reading.devices.append("0")
    for block in read_records(reading.source, RECORD.itemsize, rows):
        records = np.frombuffer(block, dtype=RECORD)
        place = np.arange(done + 1, done + len(records) + 1, dtype=np.int64)
        done += len(records)
        yield _convert(Checker(reading, place), records, kind)


def _convert(checker: Checker, records: npt.NDArray[np.void], kind: int) -> Rows:
    number, following = records["object"], records["next"]
    early = (following != -1) & (following <= checker.place)
    checker.check(early, lambda i: f"next access {following[i]} is neither -1 nor after this record")
    checker.check(number > MAX_INT64, lambda i: f"object id {number[i]} is 2**63 or more")
    offset = checker.sectors("object id", np.where(checker.good, number, 0).astype(np.int64))
    size = records["size"].astype(np.int64)
    checker.extent(offset, size)
    kinds = np.full(len(records), kind, dtype=np.uint8)
    zero = np.zeros(len(records), np.int32)
    ticks = records["time"].astype(np.int64)
    return Rows(ticks, kinds, offset, size, zero, checker.place).take(checker.good)
