"""Traces with one row a request: MSR Cambridge, libCacheSim CSV, Tencent, Alibaba, SPC, DiskSim, SYSTOR '17.

``TABLES`` says how each is laid out; a converter turns text columns into rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from placement_sim.workloads.requests import READ, WRITE
from placement_sim.workloads.traces.rows import Checker, Ints, Mask, Reading, Rows, by_value, shown
from placement_sim.workloads.traces.source import read_lines
from placement_sim.workloads.traces.text import as_blank, split_lines
from placement_sim.workloads.traces.vscsi import OTHER_NAMES, READ_COMMANDS, WRITE_COMMANDS

ROW_BYTES = 48  # a typical row: sets how many bytes make a block of rows
UNKNOWN = -1
Kinds = npt.NDArray[np.uint8]
Columns = list[pa.Array]
Converter = Callable[[Checker, Columns, "str | None"], Rows]


@dataclass(frozen=True)
class Table:
    """Layout of a text format; ``fields`` is the least and greatest number a row may have."""

    fields: tuple[int, int]
    convert: Converter
    header: str | None = None
    separator: str = ","

    def read(self, reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
        """Yield the rows of the file."""
        for line, block in read_lines(reading.source, rows * ROW_BYTES):
            if line == 1 and self.header is not None:
                found, _, block = block.partition(b"\n")
                text = found.decode("latin-1").strip()
                if text != self.header:
                    problem = f"the header is {text[:80]!r}, not {self.header!r}"
                    raise reading.error(1, problem, "put the header back or name the right format")
                line = 2
            columns, checker = split_lines(reading, line, block, self.separator, self.fields)
            if len(checker.place):
                yield self.convert(checker, columns, time_unit)


def _kind(checker: Checker, text: pa.Array, names: dict[str, int]) -> Kinds:
    codes = by_value(text, lambda value: names.get(value.lower(), UNKNOWN))
    checker.check(codes == UNKNOWN, lambda i: f"operation {shown(text, i)} is not one of {', '.join(names)}")
    return np.where(codes == UNKNOWN, READ, codes).astype(np.uint8)


def _finish(
    checker: Checker, ticks: Ints, kind: Kinds, offset: Ints, size: Ints,
    names: pa.Array, where: Mask | None = None,
) -> Rows:  # fmt: skip
    """Check extents, number the devices, and keep the good rows."""
    keep = checker.good if where is None else checker.good & where
    checker.extent(offset, size, keep)
    keep = checker.good if where is None else checker.good & where
    device = np.zeros(len(kind), dtype=np.int32)
    device[keep] = checker.reading.device_index(names.filter(pa.array(keep)))
    rows = Rows(ticks, kind, offset, size, device, checker.place)
    return rows if keep.all() else rows.take(keep)


def _msr(checker: Checker, columns: Columns, time_unit: str | None) -> Rows:
    ticks = checker.whole("timestamp", columns[0])
    kind = _kind(checker, columns[3], {"read": READ, "write": WRITE})
    checker.whole("disk number", columns[2])
    checker.whole("response time", columns[6])
    offset, size = checker.whole("offset", columns[4]), checker.whole("size", columns[5])
    return _finish(checker, ticks, kind, offset, size, pc.binary_join_element_wise(columns[1], columns[2], "."))


def _scsi_command(text: str) -> int:
    """Read a command, one byte in hexadecimal."""
    digits = text.lower()
    known = 0 < len(digits) <= 8 and set(digits) <= set("0123456789abcdef") and int(digits, 16) < 256
    return int(digits, 16) if known else UNKNOWN


def _libcachesim(checker: Checker, columns: Columns, time_unit: str | None) -> Rows:
    version = checker.whole("version", columns[0])
    checker.check(~np.isin(version, (1, 2)), lambda i: f"version {version[i]} is not 1 or 2")
    checker.reading.version = first = checker.reading.version or int(version[np.argmax(checker.good)])
    checker.check(version != first, lambda i: f"version {version[i]} is mixed with version {first}")
    ticks = checker.decimal_ns("time", columns[1]) if time_unit == "s" else checker.whole("time", columns[1])
    codes = by_value(columns[2], _scsi_command)
    checker.check(codes == UNKNOWN, lambda i: f"op {shown(columns[2], i)} is not a hexadecimal SCSI command")
    write = np.isin(codes, WRITE_COMMANDS)
    data = write | np.isin(codes, READ_COMMANDS)
    for code in np.unique(codes[~data & checker.good]).tolist():
        checker.count_others(f"0x{code:02x} {OTHER_NAMES.get(code, '')}".strip(), codes == code)
    size = checker.whole("size", columns[3], data)
    offset = checker.sectors("lbn", checker.whole("lbn", columns[4], data))
    kind = np.where(write, WRITE, READ).astype(np.uint8)
    return _finish(checker, ticks, kind, offset, size, pa.array(["0"]).take(pa.array(np.zeros(len(kind), int))), data)


def _tencent(checker: Checker, columns: Columns, time_unit: str | None) -> Rows:
    ticks = checker.decimal_ns("timestamp", columns[0])
    kind = _kind(checker, columns[3], {"0": READ, "1": WRITE})
    offset = checker.sectors("offset", checker.whole("offset", columns[1]))
    size = checker.sectors("size", checker.whole("size", columns[2]))
    return _finish(checker, ticks, kind, offset, size, columns[4])


def _alibaba(checker: Checker, columns: Columns, time_unit: str | None) -> Rows:
    ticks = checker.whole("timestamp", columns[4])
    kind = _kind(checker, columns[1], {"r": READ, "w": WRITE})
    offset, size = checker.whole("offset", columns[2]), checker.whole("length", columns[3])
    return _finish(checker, ticks, kind, offset, size, columns[0])


def _spc(checker: Checker, columns: Columns, time_unit: str | None) -> Rows:
    ticks = checker.decimal_ns("timestamp", columns[4])
    kind = _kind(checker, columns[3], {"r": READ, "w": WRITE})
    offset = checker.sectors("LBA", checker.whole("LBA", columns[1]))
    return _finish(checker, ticks, kind, offset, checker.whole("size", columns[2]), columns[0])


def _disksim(checker: Checker, columns: Columns, time_unit: str | None) -> Rows:
    ticks = checker.whole("time", columns[0])
    kind = _kind(checker, columns[4], {"0": WRITE, "1": READ})
    offset = checker.sectors("LBA", checker.whole("LBA", columns[2]))
    size = checker.sectors("size", checker.whole("size", columns[3]))
    return _finish(checker, ticks, kind, offset, size, columns[1])


def _systor(checker: Checker, columns: Columns, time_unit: str | None) -> Rows:
    ticks = checker.decimal_ns("timestamp", columns[0])
    blank = as_blank(columns[2])
    checker.count_others("no type", blank)
    kind = _kind(checker, pc.if_else(pa.array(blank), "r", columns[2]), {"r": READ, "w": WRITE})
    offset, size = checker.whole("offset", columns[4], ~blank), checker.whole("size", columns[5], ~blank)
    return _finish(checker, ticks, kind, offset, size, columns[3], ~blank)


TABLES = {
    "msr": Table((7, 7), _msr),
    "libcachesim_csv": Table((5, 5), _libcachesim, header="version,time,op,size,lbn"),
    "tencent": Table((5, 5), _tencent),
    "alibaba": Table((5, 5), _alibaba),
    "spc": Table((5, 64), _spc),
    "disksim": Table((5, 5), _disksim, separator=" "),
    "systor17": Table((6, 6), _systor, header="Timestamp,Response,IOType,LUN,Offset,Size"),
}
