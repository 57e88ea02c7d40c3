"""What may happen to disks and hosts, as timed values, and what that means for each disk.

A disk is within reach if it has not failed, is not offline itself and its host is up: causes overlap, and a host
that returns does not bring back a disk that has failed meanwhile, nor make one writable that was read-only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Action(NamedTuple):
    """What an action strikes ("disk" or "host") and what it does."""

    target: str
    meaning: str


ACTIONS: dict[str, Action] = {
    "add_disk": Action("disk", "an empty disk joins the cluster"),
    "disk_offline": Action("disk", "the disk is out of reach and keeps its data"),
    "disk_online": Action("disk", "a disk that was offline is back with its data"),
    "disk_fail": Action("disk", "the disk fails for good, with all that it holds"),
    "disk_read_only": Action("disk", "the disk takes no more writes and can be read"),
    "disk_writable": Action("disk", "a disk that was read-only takes writes again"),
    "disk_slow": Action("disk", "service times that begin from now on are multiplied by a factor; 1 ends it"),
    "host_down": Action("host", "all disks of the host are out of reach and keep their data"),
    "host_up": Action("host", "the host is back, and its disks with it"),
}


class Fault(NamedTuple):
    """One action at a time, on a disk or host by index; `factor` is that of ``disk_slow``."""

    time_ns: int
    action: str
    target: int
    factor: float = 1.0


class DiskChange(NamedTuple):
    """What a fault means for one disk: it is added, slow, or from now on offline, online or read-only."""

    time_ns: int
    action: str
    disk: int
    factor: float = 1.0


def disk_changes(faults: Iterable[Fault], host_of_disk: Sequence[int], present: Sequence[bool]) -> list[DiskChange]:
    """Turn faults into changes of single disks, in order of time; what changes nothing is left out.

    Parameters
    ----------
    faults
        In any order; those at one time act in the order given.
    host_of_disk, present
        By disk: the index of its host, and whether it is there from the start.

    Raises
    ------
    ValueError
        An action that is not in ACTIONS.

    Examples
    --------
    >>> down_and_up = [Fault(5, "host_down", 0), Fault(7, "disk_fail", 1), Fault(9, "host_up", 0)]
    >>> for change in disk_changes(down_and_up, [0, 0], [True, True]):
    ...     print(*change[:3])
    5 disk_offline 0
    5 disk_offline 1
    9 disk_online 0
    """
    reach = _Reach(host_of_disk, present)
    changes: list[DiskChange] = []
    for fault in sorted(faults, key=lambda fault: fault.time_ns):
        if fault.action == "disk_slow":
            changes.append(DiskChange(*fault))
        else:
            changes += (DiskChange(fault.time_ns, action, disk) for action, disk in reach.apply(fault))
    return changes


class _Reach:
    """In which state each disk is, and why."""

    def __init__(self, host_of_disk: Sequence[int], present: Sequence[bool]) -> None:
        self._host_of_disk = host_of_disk
        self._present = list(present)
        self._failed = [False] * len(present)
        self._offline = [False] * len(present)
        self._read_only = [False] * len(present)
        self._down: set[int] = set()
        self._state = ["disk_online" if there else "disk_offline" for there in present]

    def apply(self, fault: Fault) -> list[tuple[str, int]]:
        """Take a fault; gives (action, disk) for each disk that it changes."""
        action, target = fault.action, fault.target
        if action not in ACTIONS:
            raise ValueError(f"unknown action {action!r}")
        if ACTIONS[action].target == "host":
            (self._down.add if action == "host_down" else self._down.discard)(target)
            disks = [disk for disk, host in enumerate(self._host_of_disk) if host == target]
            return [change for disk in disks for change in self._changes(disk)]
        if action == "add_disk":
            self._present[target] = True
            self._state[target] = "disk_online"
            return [("add_disk", target), *self._changes(target)]
        if action == "disk_fail":
            self._failed[target] = True
        elif action in ("disk_offline", "disk_online"):
            self._offline[target] = action == "disk_offline"
        else:
            self._read_only[target] = action == "disk_read_only"
        return self._changes(target)

    def _changes(self, disk: int) -> list[tuple[str, int]]:
        away = self._failed[disk] or self._offline[disk] or self._host_of_disk[disk] in self._down
        state = "disk_read_only" if self._read_only[disk] else "disk_online"
        if away or not self._present[disk]:
            state = "disk_offline"
        if state == self._state[disk]:
            return []
        self._state[disk] = state
        return [(state, disk)]
