"""fio iologs: version 2 (waits between actions), version 3 (a time stamp on each line); microseconds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from placement_sim.workloads.requests import READ, UNMAP, WRITE
from placement_sim.workloads.traces.rows import MAX_INT64, Checker, Ints, Mask, Reading, Rows, by_value, shown
from placement_sim.workloads.traces.source import read_lines
from placement_sim.workloads.traces.tables import ROW_BYTES
from placement_sim.workloads.traces.text import split_lines

KINDS = {"read": READ, "write": WRITE, "trim": UNMAP}
OTHERS = ("sync", "datasync")
FILE_ACTIONS = ("add", "open", "close")
CODES = {name: code for code, name in enumerate([*KINDS, *OTHERS, *FILE_ACTIONS, "wait"])}
NOT_AN_ACTION = -1


def read_v2(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of a version 2 iolog; time is the sum of the waits."""
    return _read(reading, rows, 2)


def read_v3(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of a version 3 iolog."""
    return _read(reading, rows, 3)


def _read(reading: Reading, rows: int, version: int) -> Iterator[Rows]:
    clock_us = 0
    opened: set[str] = set()
    for line, block in read_lines(reading.source, rows * ROW_BYTES):
        if line == 1:
            first, _, block = block.partition(b"\n")
            text, line = first.decode("latin-1").strip(), 2
            if text != f"fio version {version} iolog":
                problem = f"the first line is {text[:80]!r}, not 'fio version {version} iolog'"
                raise reading.error(1, problem, "give the iolog as fio wrote it, or the right format")
        mixed = block.find(b"fio version ")
        if mixed == 0 or (mixed > 0 and block[mixed - 1 : mixed] == b"\n"):
            place = line + block.count(b"\n", 0, mixed)
            raise reading.error(place, "a second iolog begins here", "split the file at its 'fio version' lines")
        extra = version - 2
        columns, checker = split_lines(reading, line, block, " ", (2 + extra, 4 + extra))
        if not len(checker.place):
            continue
        time_us = checker.whole("time", columns[0]) if extra else None
        result, clock_us = _convert(checker, columns[extra:], time_us, clock_us, opened)
        yield result


def _is(codes: Ints, *names: str) -> Mask:
    return np.isin(codes, [CODES[name] for name in names])


def _convert(
    checker: Checker, columns: list[pa.Array], time_us: Ints | None,
    clock_us: int, opened: set[str],
) -> tuple[Rows, int]:  # fmt: skip
    files, action = columns[:2]
    known = [name for name in CODES if name != "wait" or time_us is None]
    codes = by_value(action, lambda name: CODES[name] if name in known else NOT_AN_ACTION)
    checker.check(codes == NOT_AN_ACTION, lambda i: f"action {shown(action, i)} is not one of {', '.join(known)}")
    data, wait = _is(codes, *KINDS), _is(codes, "wait")
    offset = checker.whole("wait or offset", columns[2], data | wait)
    size = checker.whole("length", columns[3], data)
    _check_opened(checker, files, codes, opened)
    if time_us is None:
        waits = np.where(wait & checker.good, offset, 0)
        if clock_us + float(waits.sum(dtype=np.float64)) >= MAX_INT64:
            raise checker.reading.error(int(checker.place[-1]), "the waits add up to 2**63 us or more")
        time_us = clock_us + np.cumsum(waits)
        clock_us = int(time_us[-1])
    checker.extent(offset, size, checker.good & data)
    for name in OTHERS:
        checker.count_others(name, _is(codes, name))
    keep = checker.good & data
    kind = np.where(keep, codes, 0).astype(np.uint8)  # the codes of KINDS come first, in their order
    device = np.zeros(len(codes), dtype=np.int32)
    device[keep] = checker.reading.device_index(files.filter(pa.array(keep)))
    return Rows(time_us, kind, offset, size, device, checker.place).take(keep), clock_us


def _check_opened(checker: Checker, files: pa.Array, codes: Ints, opened: set[str]) -> None:
    """Reject actions on files that are not open; works through the runs between file actions."""
    encoded = files.dictionary_encode()
    names, which = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    changes = np.flatnonzero(_is(codes, *FILE_ACTIONS) & checker.good)
    active = ~_is(codes, *FILE_ACTIONS, "wait")
    bad: Mask = np.zeros(len(codes), dtype=bool)
    is_open = np.array([name in opened for name in names], dtype=bool)
    start = 0
    for end in [*changes.tolist(), len(codes)]:
        bad[start:end] = active[start:end] & ~is_open[which[start:end]]
        if end < len(codes) and codes[end] != CODES["add"]:
            is_open[which[end]] = codes[end] == CODES["open"]
        start = end + 1
    opened.difference_update(names)
    opened.update(name for name, there in zip(names, is_open.tolist(), strict=True) if there)
    said = {code: name for name, code in CODES.items()}
    checker.check(bad, lambda i: f"{said[int(codes[i])]} on {shown(files, i)}, which is not open")
