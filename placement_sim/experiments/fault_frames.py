"""What faults did to a run, as numbers of its summary, rows of its events, and what was copied beside guests."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from placement_sim.engine.datapath import COPIES, Outcome
from placement_sim.engine.fault_log import FaultLog
from placement_sim.engine.histogram import percentile_ns
from placement_sim.experiments.columns import make_frame
from placement_sim.experiments.statistics import t_interval

NS = 1e-9


def fault_summary(log: FaultLog, outcome: Outcome) -> dict[str, float]:
    """Give the numbers of a run with faults; `lost_bytes` counts losses when they happened, healed ones included.

    `availability` is the share of ended requests that did not fail because data was out of reach. `time_to_whole_s` is
    the longest time without full redundancy, up to the end of the run if it was not back by then; NaN: never missing.
    """
    counts, repair = outcome.counts, log.repair
    ended = counts["finished"] + counts["failed_no_space"] + counts["failed_offline"]
    return {
        "loss_events": len(repair.losses),
        "lost_bytes": sum(size_bytes for _, size_bytes in repair.losses),
        "away_bytes": counts["away_bytes"],
        "availability": 1 - counts["failed_offline"] / ended if ended else np.nan,
        "time_to_whole_s": max((end - start for start, end in repair.missing), default=np.nan) * NS,
        "whole_at_end": float(log.is_whole),
        "degraded_written_bytes": counts["degraded_written_bytes"],
        "repaired_bytes": repair.copied_bytes,
        "repair_s": sum(end - start for start, end in repair.sessions) * NS,
        "moved_bytes": sum(move.copied_bytes for move in log.moves),
        "move_s": sum(move.active_ns for move in log.moves) * NS,
    }


def fault_marks(log: FaultLog) -> list[tuple[int, str, int]]:
    """List (time in ns, what happened, disk or -1) of repairs, moves and losses."""
    marks = [(time_ns, "data_loss", -1) for time_ns, _ in log.repair.losses]
    for start_ns, end_ns in log.repair.sessions:
        marks += [(start_ns, "repair_begins", -1), (end_ns, "repair_ends", -1)]
    marks += [(move.end_ns, f"{move.action}_ends", move.disk) for move in log.moves if move.end_ns >= 0]
    return marks


def resyncs_frame(log: FaultLog, outcome: Outcome, disk_names: Iterable[str]) -> pd.DataFrame:
    """Give a row for each evacuation and rebalance, and for the repairs between them: time, bytes, guests' p99.

    Before: the last phase in which nothing was copied; after: the first in which nothing was any more. NaN without a
    request, and where a fleet is upgraded, since the phases are then those of the upgrade.
    """
    names, rows = list(disk_names), log.resyncs
    values: dict[str, list[object]] = {
        "action": [row.action for row in rows],
        "disk": [names[row.disk] if row.disk >= 0 else "" for row in rows],
        "start_s": [row.start_ns * NS for row in rows],
        "end_s": [row.end_ns * NS if row.end_ns >= 0 else np.nan for row in rows],
        "active_s": [row.active_ns * NS for row in rows],
        "copied_bytes": [row.copied_bytes for row in rows],
        "copied_blocks": [row.copied_blocks for row in rows],
    }
    for when in ("before", "during", "after"):
        phases = [row.during if when == "during" else [getattr(row, when)] for row in rows]
        found = [_guests(outcome, wanted) for wanted in phases]
        values[f"guest_requests_{when}"] = [requests for requests, _ in found]
        values[f"guest_latency_s_p99_{when}"] = [p99_s for _, p99_s in found]
    return make_frame(values)


def resync_table(resyncs: pd.DataFrame) -> pd.DataFrame:
    """Give 95 % intervals over replications of what `Result.resyncs` says of single runs.

    Parameters
    ----------
    resyncs
        Those of several runs below each other, with the columns case and replication added.

    Returns
    -------
    pd.DataFrame
        Columns case, copied_by, metric (active_s, copied_bytes, guest_latency_s_p99_before, _during and _after), low,
        best, high: Student's t over the runs that have the value; the second repair of a run is ``repair 2``.

    Examples
    --------
    >>> p99 = {f"guest_latency_s_p99_{when}": 0.01 for when in ("before", "during", "after")}
    >>> row = {"case": "slow", "action": "repair", "disk": "", "copied_bytes": 10, **p99}
    >>> runs = pd.DataFrame([{**row, "replication": i, "active_s": float(i)} for i in (1, 2, 3)])
    >>> print(*resync_table(runs).round(2).iloc[0])
    slow repair active_s -0.48 2.0 4.48
    """
    number = resyncs.groupby(["case", "replication", "action", "disk"], sort=False).cumcount() + 1
    names = resyncs["action"] + (" " + resyncs["disk"]).where(resyncs["disk"] != "", "")
    named = resyncs.assign(copied_by=names + (" " + number.astype(str)).where(number > 1, ""))
    p99 = [f"guest_latency_s_p99_{when}" for when in ("before", "during", "after")]
    rows = []
    for (case, copied_by), runs in named.groupby(["case", "copied_by"], sort=False):
        for metric in ("active_s", "copied_bytes", *p99):
            values = runs[metric].dropna()
            found = t_interval(values) if len(values) else None
            bounds = (np.nan,) * 3 if found is None else (found.low, found.best, found.high)
            rows.append((case, copied_by, metric, *bounds))
    return pd.DataFrame(rows, columns=["case", "copied_by", "metric", "low", "best", "high"])


def _guests(outcome: Outcome, phases: list[str]) -> tuple[int, float]:
    """Give how many requests of guests were finished in some phases, and their 99th percentile in s."""
    split = outcome.split
    guests = [place for place, purpose in enumerate(split.purposes) if purpose not in COPIES]
    chosen = [place for place, phase in enumerate(split.phases) if phase in phases]
    row = split.histogram[np.ix_(chosen, guests)].sum(axis=(0, 1, 2))
    tail = percentile_ns(row, 99.0)
    return int(row.sum()), np.nan if tail is None else tail * NS
