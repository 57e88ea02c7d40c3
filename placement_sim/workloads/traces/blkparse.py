"""Text that blkparse prints: the requests issued to the device (D events); times in ns.

Queue, merge, completion and other stages of a request are passed over; a request that is issued again counts again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from placement_sim.workloads.requests import READ, UNMAP, WRITE
from placement_sim.workloads.traces.rows import Checker, Reading, Rows
from placement_sim.workloads.traces.source import read_lines

LINE_BYTES = 72
KINDS = {"R": READ, "W": WRITE, "D": UNMAP}
STAGES = ("A", "B", "C", "F", "G", "I", "M", "Q", "R", "S", "T", "W", "X")
NO_REQUEST = {"P": "plug", "U": "unplug", "UT": "timer unplug", "m": "message"}
EVENT = re.compile(rb"\s*(\d+,\d+)\s+\d+\s+\d+\s+(\d+\.\d+)\s+\d+\s+([A-Za-z]{1,2})\s+([A-Z]+)(?:\s+(.*?))?\s*")
SUMMARY = re.compile(rb"(CPU ?\d+|Total) \(.*\):\s*")
ADDED = re.compile(rb"Input file .* added\s*")
RWBS = r"^F*([RWDN]?)[AEFMSU]*$"  # flush first, operation, then ahead, erase, FUA, metadata, sync
EXTENT = r"^([0-9]+) +\+ +([0-9]+)(?: .*)?$"


def read(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of the file."""
    summary = False
    for first, block in read_lines(reading.path, rows * LINE_BYTES):
        issued: list[tuple[int, list[str]]] = []
        for place, line in enumerate(block.split(b"\n")[:-1], first):
            event = EVENT.fullmatch(line)
            if event is None:
                summary = summary or SUMMARY.fullmatch(line) is not None
                if not summary and line.strip() and not ADDED.fullmatch(line):
                    issued.append((place, ["", "", "", "", line[:80].decode("latin-1")]))
                continue
            if summary:
                cure = "split the file after each summary"
                raise reading.error(place, "events go on after the summary", cure)
            fields = [(part or b"").decode("latin-1") for part in event.groups()]
            if fields[2] in NO_REQUEST:
                reading.other_operations[NO_REQUEST[fields[2]]] += 1
            elif fields[2] not in STAGES:
                issued.append((place, fields))
        if issued:
            checker = Checker(reading, np.array([place for place, _ in issued], dtype=np.int64))
            columns = ["device", "time", "action", "rwbs", "rest"]
            yield _convert(checker, pd.DataFrame([f for _, f in issued], columns=columns, dtype="str"))


def _convert(checker: Checker, frame: pd.DataFrame) -> Rows:
    action, rwbs, rest = frame["action"], frame["rwbs"], frame["rest"]
    checker.check((action == "").to_numpy(dtype=bool), lambda i: f"the line is no event of blkparse: {rest.iloc[i]!r}")
    checker.check((action != "D").to_numpy(dtype=bool), lambda i: f"action {action.iloc[i]!r} is unknown")
    code = rwbs.str.extract(RWBS)[0]
    checker.check(
        code.isna().to_numpy(dtype=bool), lambda i: f"RWBS {rwbs.iloc[i]!r} is no read, write, discard or flush"
    )
    extent = rest.str.extract(EXTENT).fillna("")
    moves = ~extent[1].isin(["", "0"]).to_numpy(dtype=bool)
    flush = rwbs.str.contains("F", regex=False).to_numpy(dtype=bool)
    packet = rest.str.match(r"[0-9]+ +\(").to_numpy(dtype=bool)
    known = code.isin(list(KINDS)).to_numpy(dtype=bool)
    data = known & ~(flush & ~moves) & ~packet
    for name, which in (("packet command", packet), ("flush", flush & ~packet), ("none", ~flush & ~packet)):
        count = int((which & ~data & checker.good).sum())
        if count:
            checker.reading.other_operations[name] += count
    checker.check(
        data & (extent[0] == "").to_numpy(dtype=bool),
        lambda i: f"the event has no 'sector + sectors' but {rest.iloc[i][:80]!r}",
    )
    ticks = checker.decimal_ns("time", frame["time"])
    offset = checker.sectors("sector", checker.whole("sector", extent[0], data))
    size = checker.sectors("sectors", checker.whole("sectors", extent[1], data))
    checker.extent(offset, size, checker.good & data)
    keep = checker.good & data
    kind = np.asarray(code.map(KINDS).fillna(0), dtype=np.uint8)
    device = np.zeros(len(frame), dtype=np.int32)
    device[keep] = checker.reading.device_index(frame["device"][keep])
    return Rows(ticks, kind, offset, size, device, checker.place).take(keep)
