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
class Resync:
    """An evacuation, a rebalance, or the repairs between which none of these began.

    Parameters
    ----------
    action
        "evacuate", "rebalance" or "repair".
    disk
        That is evacuated, else -1.
    end_ns
        -1: not ended.
    active_ns
        Time in which it went on: of repairs, less than from start to end.
    before, during, after
        Phases of the data path: the last one in which nothing was copied, those in which this was, and the first in
        which nothing was any more. Empty where the phases are those of an upgrade.
    """

    action: str
    disk: int
    start_ns: int
    end_ns: int = -1
    active_ns: int = 0
    copied_bytes: int = 0
    copied_blocks: int = 0
    is_stopped: bool = False
    label: str = ""
    before: str = ""
    during: list[str] = field(default_factory=list)
    after: str = ""


@dataclass(frozen=True)
class FaultLog:
    """What faults of a run led to, at its end.

    Parameters
    ----------
    resyncs
        In order of their start.
    is_whole
        Nothing lacks a copy at the end.
    """

    repair: RepairLog = field(default_factory=RepairLog)
    resyncs: tuple[Resync, ...] = ()
    is_whole: bool = True

    @property
    def moves(self) -> tuple[Resync, ...]:
        """The evacuations and rebalances."""
        return tuple(resync for resync in self.resyncs if resync.action != "repair")
