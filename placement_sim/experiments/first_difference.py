"""The first event at which two runs under the same random numbers part, with the time it happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from placement_sim.engine.datapath import Records
from placement_sim.experiments.watched import NS, Watched
from placement_sim.workloads.requests import KIND_NAMES


class Difference(NamedTuple):
    """When two runs part, and at what.

    `time_s` is exact for requests, steps and events; for a map it is the end of the window in which it was seen.
    """

    time_s: float
    what: str


def first_difference(a: Watched, b: Watched) -> Difference | None:
    """Find the earliest of: a request that ends otherwise, a step, an event, a block that lies elsewhere.

    Returns
    -------
    Difference or None
        None where both runs are the same in all of these.
    """
    found = [seen for look in (_requests, _steps, _events, _maps) for seen in look(a, b)]
    return min(found, key=lambda seen: seen.time_s, default=None)


def _requests(a: Watched, b: Watched) -> Iterator[Difference]:
    """Find the first record that differs: they are in order of completion."""
    if a.records is None or b.records is None:
        return
    left, right = _table(a.records), _table(b.records)
    both = min(left.shape[1], right.shape[1])
    unequal = np.flatnonzero((left[:, :both] != right[:, :both]).any(axis=0))
    at = int(unequal[0]) if len(unequal) else both
    ends = [(_ended_ns(rows, at), rows, name) for rows, name in ((left, "A"), (right, "B")) if at < rows.shape[1]]
    if not ends:
        return
    end_ns, rows, name = min(ends, key=lambda entry: entry[0])
    stream, number, kind, _, latency_ns, status = (int(value) for value in rows[:, at])
    workloads = [row["name"] for row in a.result.manifest.get("scenario", {}).get("workloads", [])]
    of = workloads[stream] if stream < len(workloads) else f"stream {stream}"
    how = "ends" if status == 0 else "fails"
    what = f"in {name}, {KIND_NAMES[kind]} {number} of {of} {how} after {latency_ns * 1e-6:.3f} ms; in the other not so"
    yield Difference(end_ns * NS, what)


def _table(records: Records) -> np.ndarray:
    columns = (records.stream, records.number, records.kind, records.issued_ns, records.latency_ns, records.status)
    return np.stack(columns)


def _ended_ns(rows: np.ndarray, at: int) -> int:
    return int(rows[3, at] + rows[4, at])


def _steps(a: Watched, b: Watched) -> Iterator[Difference]:
    yield from _rows(a.result.steps, b.result.steps, "start_s", ("vm", "step"), "{name}: {vm} begins {step!r}")


def _events(a: Watched, b: Watched) -> Iterator[Difference]:
    yield from _rows(a.result.events, b.result.events, "time_s", ("action", "disk"), "{name}: {action} {disk}")


def _rows(
    left: pd.DataFrame, right: pd.DataFrame, time: str, names: tuple[str, ...], text: str
) -> Iterator[Difference]:
    """Compare two frames as lists in order of time."""
    lists = []
    for frame in (left, right):
        rows = frame[[time, *names]] if len(frame) else pd.DataFrame(columns=[time, *names])
        lists.append([tuple(row) for row in rows.sort_values([time, *names]).itertuples(index=False)])
    for at in range(max(map(len, lists))):
        here = [(rows[at], name) for rows, name in zip(lists, "AB", strict=True) if at < len(rows)]
        if len(here) == 2 and here[0][0] == here[1][0]:
            continue
        row, name = min(here, key=lambda entry: entry[0][0])
        yield Difference(float(row[0]), text.format(name=f"in {name} alone", **dict(zip(names, row[1:], strict=True))))
        return


def _maps(a: Watched, b: Watched) -> Iterator[Difference]:
    for (name, leg), history in a.maps.items():
        other = b.maps.get((name, leg))
        if other is None or other.blocks != history.blocks:
            continue
        moments = sorted({change[0] for change in (*history.changes, *other.changes)})
        now, then = np.zeros(history.blocks, np.int32), np.zeros(history.blocks, np.int32)
        ways = [(now, iter(history.changes)), (then, iter(other.changes))]
        ahead = [next(changes, None) for _, changes in ways]
        for moment in moments:
            for side, (entries, changes) in enumerate(ways):
                if (change := ahead[side]) is not None and change[0] == moment:
                    entries[change[1]] = change[2]
                    ahead[side] = next(changes, None)
            if elsewhere := int((now != then).sum()):
                times = min((a.times_s, b.times_s), key=len)
                if moment < len(times):
                    what = f"{elsewhere} of {len(now)} blocks of {name} lie on another disk at the end of this window"
                    yield Difference(float(times[moment]), what)
                break
