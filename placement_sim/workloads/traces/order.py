"""Rows in order of time: sorted within a stated window, in memory of two windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from placement_sim.workloads.traces.rows import Reading, Rows, concatenate


def in_order(reading: Reading, blocks: Iterator[Rows], window: int) -> Iterator[Rows]:
    """Cut rows into chunks of ``window``, each sorted together with the chunk after it.

    A row that comes later than that is a bad row: an error, or counted and left out.
    """
    held: Rows | None = None
    last: int | None = None
    for piece in _cut(blocks, window):
        rows = _in_time(reading, _sort(piece if held is None else concatenate([held, piece])), last)
        if held is None:
            held = rows
            continue
        out, held = rows.take(slice(0, window)), rows.take(slice(window, None))
        if len(out):
            last = int(out.ticks[-1])
            yield out
    if held is not None and len(held):
        yield held


def _in_time(reading: Reading, rows: Rows, last: int | None) -> Rows:
    """Reject rows before ``last``, the time that was handed on; ``rows`` are sorted."""
    late = 0 if last is None else int(np.searchsorted(rows.ticks, last, side="left"))
    if not late:
        return rows
    problem = f"time {rows.ticks[0]} is before {last}, out of order by more than the window"
    cure = "sort the trace by time, widen the window, or skip bad rows"
    reading.bad(late, int(rows.place[0]), lambda: problem, cure)
    return rows.take(slice(late, None))


def _cut(blocks: Iterator[Rows], window: int) -> Iterator[Rows]:
    """Cut blocks into pieces of ``window`` rows, so that the order never depends on how a file is read."""
    rest: Rows | None = None
    for block in blocks:
        rows = block if rest is None else concatenate([rest, block])
        whole = len(rows) // window * window
        for start in range(0, whole, window):
            yield rows.take(slice(start, start + window))
        rest = rows.take(slice(whole, None))
    if rest is not None and len(rest):
        yield rest


def _sort(rows: Rows) -> Rows:
    if bool((np.diff(rows.ticks) >= 0).all()):
        return rows
    return rows.take(np.argsort(rows.ticks, kind="stable"))
