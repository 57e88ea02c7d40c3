"""What is written down of faults in a run: repairs, moves, losses. Times in ns."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class RepairLog:
    """What was repaired, when, and when data was not whole."""

    copied_bytes: int = 0
    copied_blocks: int = 0
    failed_copies: int = 0
    sessions: list[tuple[int, int]] = field(default_factory=list)  # times with copies: from, to
    missing: list[tuple[int, int]] = field(default_factory=list)  # times without full redundancy
    losses: list[tuple[int, int]] = field(default_factory=list)  # when, bytes


@dataclass
class Move:
    """One evacuation or rebalance: from when to when (-1: not ended), and what it moved."""

    action: str
    disk: int
    start_ns: int
    end_ns: int = -1
    moved_bytes: int = 0
    moved_blocks: int = 0
    is_stopped: bool = False


@dataclass(frozen=True)
class FaultLog:
    """What faults of a run led to, at its end.

    Parameters
    ----------
    is_whole
        Nothing lacks a copy at the end.
    """

    repair: RepairLog = field(default_factory=RepairLog)
    moves: tuple[Move, ...] = ()
    is_whole: bool = True
