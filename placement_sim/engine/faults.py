"""The control process that lets faults happen to a data path at their times, and starts what mends them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import simpy

from placement_sim.engine.copy_phases import CopyPhases
from placement_sim.engine.datapath import DataPath
from placement_sim.engine.fault_log import FaultLog
from placement_sim.engine.moves import Mover
from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.engine.repair import Repair
from placement_sim.model.cluster import OFFLINE, ONLINE, READ_ONLY
from placement_sim.model.faults import DiskChange
from placement_sim.randomness import mix, stream_key

_STATUS = {
    "disk_offline": OFFLINE, "disk_fail": OFFLINE, "disk_online": ONLINE, "disk_read_only": READ_ONLY,
    "add_disk": ONLINE,
}  # fmt: skip


class FaultControl:
    """Changes of disks as a control process of ``simulate``; a run does not wait for those after its end.

    Parameters
    ----------
    changes
        In order of time, as ``model.faults.disk_changes`` gives them.
    seed
        Of the blocks that sector errors hit.
    rebuild
        How what does not return is made anew elsewhere, and the throttle of moves; None: it is not.
    has_phases
        Guests' latencies are counted apart during and after repairs and moves.
    """

    def __init__(
        self, changes: Sequence[DiskChange], *, seed: int = 0, rebuild: Rebuild | None = None, has_phases: bool = True
    ) -> None:
        self._changes = tuple(changes)
        self._seed = seed
        self._rebuild = rebuild
        self._has_phases = has_phases
        self._errors = 0
        self._phases: CopyPhases | None = None
        self.repair: Repair | None = None
        self.mover: Mover | None = None

    def __call__(self, path: DataPath) -> Generator[simpy.Event, None, None]:
        """Start the changes beside the run, and end at once."""
        self._phases = CopyPhases(path, has_phases=self._has_phases)
        self.repair = Repair(path, self._rebuild, self._phases)
        self.mover = Mover(path, self._rebuild, self._phases)
        path.env.process(self._happen(path, self.repair, self.mover))
        yield from ()  # a control process is a generator

    def close(self) -> FaultLog:
        """Give what was written down, when the run has ended."""
        if self.repair is None or self._phases is None:
            return FaultLog()
        log, is_whole = self.repair.close()
        return FaultLog(log, self._phases.close(), is_whole)

    def _happen(self, path: DataPath, repair: Repair, mover: Mover) -> Generator[simpy.Event, None, None]:
        now_ns = 0
        for change in self._changes:
            yield path.env.timeout(change.time_ns - now_ns)
            now_ns = change.time_ns
            if change.action in _STATUS:
                self._set_status(path, repair, change)
            elif change.action == "disk_slow":
                path.set_slowdown(change.disk, change.factor)
            elif change.action == "power_loss":
                lose_power(path)
                repair.look()
            elif change.action == "sector_error":
                repair.destroy(lambda disk=change.disk: self._sector_error(path, disk))  # type: ignore[misc]
                repair.look()
            elif change.action in ("evacuate", "rebalance", "rebalance_stop"):
                mover.begin(change)
            # power_on is followed by the changes of the disks that return

    def _sector_error(self, path: DataPath, disk: int) -> None:
        key = stream_key(self._seed, path.cluster.disks[disk].name, "sector error")
        path.placement.degraded.sector_error(disk, mix(key, self._errors))
        self._errors += 1

    def _set_status(self, path: DataPath, repair: Repair, change: DiskChange) -> None:
        path.set_status(change.disk, _STATUS[change.action])
        if change.action == "disk_fail":
            repair.destroy(lambda: path.space.failed.__setitem__(change.disk, True))
        if change.action == "add_disk":
            path.add_component(change.disk)
        repair.disk_changed(change.disk, is_away=_STATUS[change.action] == OFFLINE)


def lose_power(path: Any) -> None:
    """Switch everything off: what is in flight is gone, and the parents come back from the written maps (A9)."""
    disks = range(len(path.cluster.disks))
    for disk in disks:  # all of them first, so that nothing is tried again elsewhere
        path.space.status[disk] = OFFLINE
    for disk in disks:
        path.set_status(disk, OFFLINE)
    path.placement.degraded.power_loss(len(path.cluster.disks))
