"""Traces with one row a request: MSR Cambridge, libCacheSim CSV, Tencent, Alibaba, SPC, DiskSim, SYSTOR '17.

``TABLES`` says how each is laid out; a converter turns text columns into rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from placement_sim.workloads.requests import READ, WRITE
from placement_sim.workloads.traces.rows import Checker, Ints, Mask, Reading, Rows, split_lines
from placement_sim.workloads.traces.source import read_lines
from placement_sim.workloads.traces.vscsi import OTHER_NAMES, READ_COMMANDS, WRITE_COMMANDS

ROW_BYTES = 48  # a typical row: sets how many bytes make a block of rows
Kinds = npt.NDArray[np.uint8]
Converter = Callable[[Checker, pd.DataFrame, "str | None"], Rows]


@dataclass(frozen=True)
class Table:
    """Layout of a text format; ``fields`` is the least and greatest number a row may have."""

    fields: tuple[int, int]
    convert: Converter
    header: str | None = None
    separator: str = ","

    def read(self, reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
        """Yield the rows of the file."""
        for line, block in read_lines(reading.path, rows * ROW_BYTES):
            if line == 1 and self.header is not None:
                found, _, block = block.partition(b"\n")
                text = found.decode("latin-1").strip()
                if text != self.header:
                    problem = f"the header is {text[:80]!r}, not {self.header!r}"
                    raise reading.error(1, problem, "put the header back or name the right format")
                line = 2
            frame, checker = split_lines(reading, line, block, self.separator, self.fields)
            if len(frame):
                yield self.convert(checker, frame, time_unit)


def _kind(checker: Checker, text: pd.Series[str], names: dict[str, int]) -> Kinds:
    lower = text.str.lower()
    known = lower.isin(list(names)).to_numpy(dtype=bool)
    checker.check(~known, lambda i: f"operation {text.iloc[i]!r} is not one of {', '.join(names)}")
    kind = np.zeros(len(text), dtype=np.uint8)
    for name, code in names.items():
        kind[(lower == name).to_numpy(dtype=bool)] = code
    return kind


def _finish(
    checker: Checker, ticks: Ints, kind: Kinds, offset: Ints, size: Ints,
    device: pd.Series[str], data: Mask | None = None,
) -> Rows:  # fmt: skip
    keep = checker.good if data is None else checker.good & data
    checker.extent(offset, size, keep)
    keep = checker.good & keep
    index = np.zeros(len(ticks), dtype=np.int32)
    index[keep] = checker.reading.device_index(device[keep])
    return Rows(ticks, kind, offset, size, index, checker.place).take(keep)


def _msr(checker: Checker, frame: pd.DataFrame, time_unit: str | None) -> Rows:
    ticks = checker.whole("timestamp", frame[0])
    kind = _kind(checker, frame[3], {"read": READ, "write": WRITE})
    checker.whole("disk number", frame[2])
    checker.whole("response time", frame[6])
    offset, size = checker.whole("offset", frame[4]), checker.whole("size", frame[5])
    return _finish(checker, ticks, kind, offset, size, frame[1] + "." + frame[2])


def _libcachesim(checker: Checker, frame: pd.DataFrame, time_unit: str | None) -> Rows:
    version = checker.whole("version", frame[0])
    checker.check(~np.isin(version, (1, 2)), lambda i: f"version {version[i]} is not 1 or 2")
    first = int(version[0]) if len(version) else 1
    checker.check(version != first, lambda i: f"version {version[i]} is mixed with version {first}")
    ticks = checker.decimal_ns("time", frame[1]) if time_unit == "s" else checker.whole("time", frame[1])
    codes = frame[2].str.lower().str.lstrip("0")
    hexadecimal = codes.str.fullmatch(r"[0-9a-f]{1,2}").to_numpy(dtype=bool)
    checker.check(~hexadecimal, lambda i: f"op {frame[2].iloc[i]!r} is not a hexadecimal SCSI command")
    write = codes.isin([f"{c:x}" for c in WRITE_COMMANDS]).to_numpy(dtype=bool)
    data = write | codes.isin([f"{c:x}" for c in READ_COMMANDS]).to_numpy(dtype=bool)
    for code in codes[~data & checker.good]:
        name = f"0x{code:0>2} {OTHER_NAMES.get(int(code, 16), '')}".strip()
        checker.reading.other_operations[name] += 1
    size = checker.whole("size", frame[3], data)
    offset = checker.sectors("lbn", checker.whole("lbn", frame[4], data))
    kind = np.where(write, WRITE, READ).astype(np.uint8)
    return _finish(checker, ticks, kind, offset, size, pd.Series("0", index=frame.index), data)


def _tencent(checker: Checker, frame: pd.DataFrame, time_unit: str | None) -> Rows:
    ticks = checker.decimal_ns("timestamp", frame[0])
    kind = _kind(checker, frame[3], {"0": READ, "1": WRITE})
    offset = checker.sectors("offset", checker.whole("offset", frame[1]))
    size = checker.sectors("size", checker.whole("size", frame[2]))
    return _finish(checker, ticks, kind, offset, size, frame[4])


def _alibaba(checker: Checker, frame: pd.DataFrame, time_unit: str | None) -> Rows:
    ticks = checker.whole("timestamp", frame[4])
    kind = _kind(checker, frame[1], {"r": READ, "w": WRITE})
    offset, size = checker.whole("offset", frame[2]), checker.whole("length", frame[3])
    return _finish(checker, ticks, kind, offset, size, frame[0])


def _spc(checker: Checker, frame: pd.DataFrame, time_unit: str | None) -> Rows:
    ticks = checker.decimal_ns("timestamp", frame[4])
    kind = _kind(checker, frame[3], {"r": READ, "w": WRITE})
    offset = checker.sectors("LBA", checker.whole("LBA", frame[1]))
    return _finish(checker, ticks, kind, offset, checker.whole("size", frame[2]), frame[0])


def _disksim(checker: Checker, frame: pd.DataFrame, time_unit: str | None) -> Rows:
    ticks = checker.whole("time", frame[0])
    kind = _kind(checker, frame[4], {"0": WRITE, "1": READ})
    offset = checker.sectors("LBA", checker.whole("LBA", frame[2]))
    size = checker.sectors("size", checker.whole("size", frame[3]))
    return _finish(checker, ticks, kind, offset, size, frame[1])


def _systor(checker: Checker, frame: pd.DataFrame, time_unit: str | None) -> Rows:
    ticks = checker.decimal_ns("timestamp", frame[0])
    blank = (frame[2] == "").to_numpy(dtype=bool)
    if (blank & checker.good).any():
        checker.reading.other_operations["no type"] += int((blank & checker.good).sum())
    kind = _kind(checker, frame[2].where(~blank, "r"), {"r": READ, "w": WRITE})
    offset, size = checker.whole("offset", frame[4], ~blank), checker.whole("size", frame[5], ~blank)
    return _finish(checker, ticks, kind, offset, size, frame[3], ~blank)


TABLES = {
    "msr": Table((7, 7), _msr),
    "libcachesim_csv": Table((5, 5), _libcachesim, header="version,time,op,size,lbn"),
    "tencent": Table((5, 5), _tencent),
    "alibaba": Table((5, 5), _alibaba),
    "spc": Table((5, 64), _spc),
    "disksim": Table((5, 5), _disksim, separator=" "),
    "systor17": Table((6, 6), _systor, header="Timestamp,Response,IOType,LUN,Offset,Size"),
}
