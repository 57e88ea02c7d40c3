"""fio iologs: version 2 (waits between actions), version 3 (a time stamp on each line); microseconds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from placement_sim.workloads.requests import READ, UNMAP, WRITE
from placement_sim.workloads.traces.rows import MAX_INT64, Checker, Ints, Mask, Reading, Rows, split_lines
from placement_sim.workloads.traces.source import read_lines
from placement_sim.workloads.traces.tables import ROW_BYTES

KINDS = {"read": READ, "write": WRITE, "trim": UNMAP}
OTHERS = ("sync", "datasync")
FILE_ACTIONS = ("add", "open", "close")


def read_v2(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of a version 2 iolog; time is the sum of the waits."""
    return _read(reading, rows, 2)


def read_v3(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of a version 3 iolog."""
    return _read(reading, rows, 3)


def _read(reading: Reading, rows: int, version: int) -> Iterator[Rows]:
    clock_us = 0
    opened: set[str] = set()
    for line, block in read_lines(reading.path, rows * ROW_BYTES):
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
        frame, checker = split_lines(reading, line, block, " ", (2 + extra, 4 + extra))
        if not len(frame):
            continue
        for column in range(frame.shape[1], 4 + extra):
            frame[column] = ""
        time_us = checker.whole("time", frame[0]) if extra else None
        frame = frame.iloc[:, extra:].set_axis(["file", "action", "offset", "length"], axis=1)
        result = _convert(checker, frame, time_us, clock_us, opened)
        clock_us = result[1]
        yield result[0]


def _convert(
    checker: Checker, frame: pd.DataFrame, time_us: Ints | None,
    clock_us: int, opened: set[str],
) -> tuple[Rows, int]:  # fmt: skip
    action = frame["action"]
    known = [*KINDS, *OTHERS, *FILE_ACTIONS] + (["wait"] if time_us is None else [])
    checker.check(
        ~action.isin(known).to_numpy(dtype=bool),
        lambda i: f"action {action.iloc[i]!r} is not one of {', '.join(known)}",
    )
    data = action.isin(list(KINDS)).to_numpy(dtype=bool)
    wait = (action == "wait").to_numpy(dtype=bool)
    offset = checker.whole("wait or offset", frame["offset"], data | wait)
    size = checker.whole("length", frame["length"], data)
    _check_opened(checker, frame, opened)
    if time_us is None:
        waits = np.where(wait & checker.good, offset, 0)
        if clock_us + float(waits.sum(dtype=np.float64)) >= MAX_INT64:
            raise checker.reading.error(int(checker.place[-1]), "the waits add up to 2**63 us or more")
        time_us = clock_us + np.cumsum(waits)
        clock_us = int(time_us[-1])
    checker.extent(offset, size, checker.good & data)
    keep = checker.good & data
    other = action[checker.good & action.isin(OTHERS).to_numpy(dtype=bool)]
    for name in OTHERS:
        count = int((other == name).sum())
        if count:
            checker.reading.other_operations[name] += count
    kind = np.asarray(action.map(KINDS).fillna(0), dtype=np.uint8)
    device = np.zeros(len(frame), dtype=np.int32)
    device[keep] = checker.reading.device_index(frame["file"][keep])
    return Rows(time_us, kind, offset, size, device, checker.place).take(keep), clock_us


def _check_opened(checker: Checker, frame: pd.DataFrame, opened: set[str]) -> None:
    """Reject actions on files that are not open; works through the runs between file actions."""
    files, action = frame["file"], frame["action"]
    changes = np.flatnonzero(action.isin(FILE_ACTIONS).to_numpy(dtype=bool) & checker.good)
    bad: Mask = np.zeros(len(frame), dtype=bool)
    active = (~action.isin([*FILE_ACTIONS, "wait"])).to_numpy(dtype=bool)
    start = 0
    for end in [*changes.tolist(), len(frame)]:
        if end > start:
            part = slice(start, end)
            bad[part] = active[part] & ~files.iloc[part].isin(opened).to_numpy(dtype=bool)
        if end < len(frame):
            if action.iloc[end] == "open":
                opened.add(files.iloc[end])
            elif action.iloc[end] == "close":
                opened.discard(files.iloc[end])
        start = end + 1
    checker.check(bad, lambda i: f"{action.iloc[i]} on {files.iloc[i]!r}, which is not open")
