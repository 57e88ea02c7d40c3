"""Phases of the guests' latencies around repairs and moves: what is being copied gives the phase its name.

So what an evacuation did to guests can be told from what a repair beside it did: "repair + evacuate disk-3".
"""

from __future__ import annotations

from typing import Any

from placement_sim.engine.datapath import FIRST_PHASE
from placement_sim.engine.fault_log import Resync


class CopyPhases:
    """Notes what is copied when, and begins a phase of the data path at each change.

    Parameters
    ----------
    path
        A data path, with the names of its disks.
    has_phases
        False: the phases are somebody else's, those of an upgrade; only times and bytes are noted.
    """

    def __init__(self, path: Any, *, has_phases: bool = True) -> None:
        self._path = path
        self._has_phases = has_phases
        self._quiet = FIRST_PHASE  # the last phase in which nothing was copied
        self._active: list[Resync] = []
        self._began_ns: dict[str, int] = {}
        self.resyncs: list[Resync] = []

    def open(self, action: str, disk: int = -1) -> Resync:
        """Begin to note a move, or repairs; a label of its own tells it from earlier ones of its kind."""
        label = f"{action} {self._path.cluster.disks[disk].name}" if disk >= 0 else action
        earlier = sum(other.action == action and other.disk == disk for other in self.resyncs)
        made = Resync(action, disk, self._path.env.now_ns, label=f"{label} {earlier + 1}" if earlier else label)
        self.resyncs.append(made)
        self.begin(made)
        return made

    def begin(self, resync: Resync) -> None:
        """Let it go on from now on, for the first time or once more."""
        resync.before = resync.before or self._quiet
        resync.end_ns = -1
        self._began_ns[resync.label] = self._path.env.now_ns
        self._active.append(resync)
        self._change()

    def end(self, resync: Resync) -> None:
        """Let it end now."""
        self._active.remove(resync)
        self._note_time(resync)
        resync.end_ns = self._path.env.now_ns
        if not self._active:
            self._quiet = f"after {resync.label}"
        self._change()

    def _change(self) -> None:
        name = " + ".join(resync.label for resync in self._active) or self._quiet
        for resync in self._active:
            if name not in resync.during:
                resync.during.append(name)
        if not self._active:
            for resync in self.resyncs:
                resync.after = resync.after or name
        if self._has_phases:
            self._path.begin_phase(name)

    def _note_time(self, resync: Resync) -> None:
        resync.active_ns += self._path.env.now_ns - self._began_ns[resync.label]

    def close(self) -> tuple[Resync, ...]:
        """Give what was noted; what goes on at the end of the run has no end."""
        for resync in self._active:
            self._note_time(resync)
        if not self._has_phases:
            for resync in self.resyncs:
                resync.before, resync.during, resync.after = "", [], ""
        return tuple(self.resyncs)
