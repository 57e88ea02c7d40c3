"""The control process that lets faults happen to a data path at their times."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import simpy

from placement_sim.engine.datapath import DataPath
from placement_sim.model.cluster import OFFLINE, ONLINE, READ_ONLY
from placement_sim.model.faults import DiskChange

_STATUS = {"disk_offline": OFFLINE, "disk_online": ONLINE, "disk_read_only": READ_ONLY, "add_disk": ONLINE}


class FaultControl:
    """Changes of disks as a control process of ``simulate``; a run does not wait for those after its end.

    Parameters
    ----------
    changes
        In order of time, as ``model.faults.disk_changes`` gives them.
    """

    def __init__(self, changes: Sequence[DiskChange]) -> None:
        self._changes = tuple(changes)

    def __call__(self, path: DataPath) -> Generator[simpy.Event, None, None]:
        """Start the changes beside the run, and end at once."""
        path.env.process(self._happen(path))
        yield from ()  # a control process is a generator

    def _happen(self, path: DataPath) -> Generator[simpy.Event, None, None]:
        now_ns = 0
        for change in self._changes:
            yield path.env.timeout(change.time_ns - now_ns)
            now_ns = change.time_ns
            if change.action == "disk_slow":
                path.set_slowdown(change.disk, change.factor)
                continue
            path.set_status(change.disk, _STATUS[change.action])
            if change.action == "add_disk":
                path.add_component(change.disk)
