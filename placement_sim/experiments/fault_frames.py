"""What faults did to a run, as numbers of its summary and rows of its events."""

from __future__ import annotations

import numpy as np

from placement_sim.engine.datapath import Outcome
from placement_sim.engine.fault_log import FaultLog

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
        "moved_bytes": sum(move.moved_bytes for move in log.moves),
        "move_s": sum((move.end_ns if move.end_ns >= 0 else outcome.end_ns) - move.start_ns for move in log.moves) * NS,
    }


def fault_marks(log: FaultLog) -> list[tuple[int, str, int]]:
    """List (time in ns, what happened, disk or -1) of repairs, moves and losses."""
    marks = [(time_ns, "data_loss", -1) for time_ns, _ in log.repair.losses]
    for start_ns, end_ns in log.repair.sessions:
        marks += [(start_ns, "repair_begins", -1), (end_ns, "repair_ends", -1)]
    marks += [(move.end_ns, f"{move.action}_ends", move.disk) for move in log.moves if move.end_ns >= 0]
    return marks
