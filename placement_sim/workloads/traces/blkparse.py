"""Text that blkparse prints: the requests issued to the device (D events); times in ns.

Queue, merge, completion and other stages of a request are passed over; a request that is issued again counts again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from placement_sim.workloads.requests import READ, UNMAP, WRITE
from placement_sim.workloads.traces.rows import Checker, Ints, Mask, Reading, Rows, as_mask, by_value, shown
from placement_sim.workloads.traces.source import read_lines
from placement_sim.workloads.traces.text import Lines, as_blank, cut

LINE_BYTES = 72
KINDS = {"R": READ, "W": WRITE, "D": UNMAP}
STAGES = ("A", "B", "C", "F", "G", "I", "M", "Q", "R", "S", "T", "W", "X")
NO_REQUEST = {"P": "plug", "U": "unplug", "UT": "timer unplug", "m": "message"}
DEVICE, TIME, ACTION, RWBS, SECTOR, PLUS, SECTORS = 0, 3, 5, 6, 7, 8, 9
SUMMARY = re.compile(r"(CPU ?\d+|Total) \(.*\):")
ADDED = re.compile(r"Input file .* added")
RWBS_FORM = re.compile(r"F*([RWDN]?)[AEFMSU]*")  # flush first, operation, then ahead, erase, FUA, metadata, sync
ISSUED, PASSED, STRANGE = 0, 1, 2
OPERATION_BITS, FLUSH_BIT, NO_RWBS = 7, 8, -1


def read(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of the file."""
    summary = False
    for first, block in read_lines(reading.source, rows * LINE_BYTES):
        lines = cut(block, " ")
        checker = Checker(reading, first + np.arange(len(lines), dtype=np.int64))
        events = _events(lines)
        summary = _other_lines(checker, lines, events, summary)
        kept = np.flatnonzero(events & checker.good)
        if len(kept):
            rows_of_block = _requests(Checker(reading, checker.place[kept]), lines, kept)
            if rows_of_block is not None:
                yield rows_of_block


def _events(lines: Lines) -> Mask:
    """Tell which lines are ``major,minor cpu sequence time pid action RWBS ...``."""
    shape = (
        (DEVICE, lambda text: by_value(text, lambda value: bool(re.fullmatch(r"\d+,\d+", value)))),
        (1, pc.ascii_is_decimal),
        (2, pc.ascii_is_decimal),
        (TIME, lambda text: pc.match_substring_regex(text, r"^[0-9]+\.[0-9]+$")),
        (4, pc.ascii_is_decimal),
        (ACTION, lambda text: by_value(text, lambda value: bool(re.fullmatch(r"[A-Za-z]{1,2}", value)))),
        (RWBS, lambda text: by_value(text, lambda value: bool(re.fullmatch(r"[A-Z]+", value)))),
    )
    found = lines.fields > RWBS
    for column, test in shape:
        result = test(lines.column(column))
        found &= result.astype(bool) if isinstance(result, np.ndarray) else as_mask(result)
    return found


def _other_lines(checker: Checker, lines: Lines, events: Mask, summary: bool) -> bool:
    """Look at what is no event: blank lines, the beginning of the file, the summaries at its end."""
    bad = np.zeros(len(lines), dtype=bool)
    others = np.flatnonzero(~events)
    others = others[~((lines.fields[others] == 1) & as_blank(lines.column(0, others)))]
    texts = lines.text.split(b"\n") if len(others) else []
    start = 0 if summary else len(lines)  # where the summary begins
    for i in others[others < start].tolist():
        text = texts[i].decode()
        if SUMMARY.fullmatch(text):
            start = i
            break
        bad[i] = not ADDED.fullmatch(text)
    checker.check(bad, lambda i: f"the line is no event of blkparse: {lines.line(i)!r}")
    after = np.flatnonzero(events[start:])
    if len(after):
        place = int(checker.place[start + after[0]])
        raise checker.reading.error(place, "events go on after the summary", "split the file after each summary")
    return start < len(lines) or summary


def _stage(action: str) -> int:
    if action == "D":
        return ISSUED
    return PASSED if action in STAGES or action in NO_REQUEST else STRANGE


def _rwbs(text: str) -> int:
    """Give the kind, or OPERATION_BITS where there is none, and whether it flushes, as one number."""
    found = RWBS_FORM.fullmatch(text)
    if found is None:
        return NO_RWBS
    return KINDS.get(found[1], OPERATION_BITS) | (FLUSH_BIT if "F" in text else 0)


def _requests(checker: Checker, lines: Lines, kept: Ints) -> Rows | None:
    action = lines.column(ACTION, kept)
    stages = by_value(action, _stage)
    checker.check(stages == STRANGE, lambda i: f"action {shown(action, i)} is unknown")
    for code, name in NO_REQUEST.items():
        checker.count_others(name, as_mask(pc.equal(action, code)))
    issued = np.flatnonzero((stages == ISSUED) & checker.good)
    if not len(issued):
        return None
    return _convert(Checker(checker.reading, checker.place[issued]), lines, kept[issued])


def _convert(checker: Checker, lines: Lines, at: Ints) -> Rows:
    device, time, rwbs, sector, plus, sectors = (
        lines.column(number, at) for number in (DEVICE, TIME, RWBS, SECTOR, PLUS, SECTORS)
    )
    codes = by_value(rwbs, _rwbs)
    checker.check(codes == NO_RWBS, lambda i: f"RWBS {shown(rwbs, i)} is no read, write, discard or flush")
    extent = as_mask(pc.equal(plus, "+")) & as_mask(pc.ascii_is_decimal(sector)) & as_mask(pc.ascii_is_decimal(sectors))
    moves = extent & ~as_mask(pc.equal(sectors, "0"))
    flush = (codes & FLUSH_BIT) != 0
    packet = as_mask(pc.ascii_is_decimal(sector)) & as_mask(pc.starts_with(plus, "("))
    known = (codes & OPERATION_BITS) != OPERATION_BITS
    data = known & ~(flush & ~moves) & ~packet
    for name, which in (("packet command", packet), ("flush", flush & ~packet), ("none", ~flush & ~packet)):
        checker.count_others(name, which & ~data)
    checker.check(data & ~extent, lambda i: f"the event has no 'sector + sectors' but {_rest(lines, int(at[i]))!r}")
    ticks = checker.decimal_ns("time", time)
    offset = checker.sectors("sector", checker.whole("sector", sector, data))
    size = checker.sectors("sectors", checker.whole("sectors", sectors, data))
    checker.extent(offset, size, checker.good & data)
    keep = checker.good & data
    kind = np.where(keep, codes & OPERATION_BITS, 0).astype(np.uint8)
    index = np.zeros(len(codes), dtype=np.int32)
    index[keep] = checker.reading.device_index(device.filter(pa.array(keep)))
    return Rows(ticks, kind, offset, size, index, checker.place).take(keep)


def _rest(lines: Lines, number: int) -> str:
    return " ".join(lines.text.split(b"\n", number + 1)[number].decode().split(" ")[SECTOR:])[:80]
