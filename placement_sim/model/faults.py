"""What may happen to disks and hosts, as timed values, and what that means for each disk.

A disk is within reach if it has not failed, is not offline itself, and its host is up and connected: causes overlap,
and a host that returns does not bring back a disk that has failed meanwhile, nor make one writable that was read-only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Action(NamedTuple):
    """What an action strikes ("disk", "host" or "cluster") and what it does."""

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
    "host_cut_off": Action("host", "a network partition: nobody reaches the host's disks, which keep their data"),
    "host_rejoined": Action("host", "the network partition of the host is over"),
    "sector_error": Action("disk", "one block that the disk holds becomes unreadable, which the next read finds"),
    "evacuate": Action("disk", "the disk takes no new blocks, and those that it holds move to others"),
    "rebalance": Action("cluster", "blocks move until no two disks' fills differ by more than the factor"),
    "rebalance_stop": Action("cluster", "no more blocks are moved"),
    "power_loss": Action("cluster", "everything stops at once, and all that is in flight is gone"),
    "power_on": Action("cluster", "power is back"),
}


CLUSTER = -1  # in place of a disk or host


# The changes after which a disk is in another state: what is left is done to it, or to all.
STATES = ("add_disk", "disk_offline", "disk_online", "disk_read_only", "disk_fail")


class Fault(NamedTuple):
    """One action at a time, on a disk or host by index; `factor` is that of ``disk_slow`` or ``rebalance``."""

    time_ns: int
    action: str
    target: int
    factor: float = 1.0


class DiskChange(NamedTuple):
    """What a fault means for one disk, or, with disk -1, for all: another state, or something to be done."""

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
    7 disk_fail 1
    9 disk_online 0
    """
    reach = _Reach(host_of_disk, present)
    changes: list[DiskChange] = []
    for fault in sorted(faults, key=lambda fault: fault.time_ns):
        if fault.action in ("disk_slow", "sector_error", "evacuate", "rebalance", "rebalance_stop"):
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
        self._cut_off: set[int] = set()
        self._power = True
        self._state = ["disk_online" if there else "disk_offline" for there in present]

    def apply(self, fault: Fault) -> list[tuple[str, int]]:
        """Take a fault; gives (action, disk) for each disk that it changes."""
        action, target = fault.action, fault.target
        if action not in ACTIONS:
            raise ValueError(f"unknown action {action!r}")
        if action in ("power_loss", "power_on"):
            return self._switch(action)
        if ACTIONS[action].target == "host":
            causes = self._down if action in ("host_down", "host_up") else self._cut_off
            (causes.add if action in ("host_down", "host_cut_off") else causes.discard)(target)
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

    def _switch(self, action: str) -> list[tuple[str, int]]:
        """Switch everything off, which is one change, or on, after which each disk is as it would be."""
        if self._power == (action == "power_on"):
            return []
        self._power = action == "power_on"
        if self._power:
            return [(action, CLUSTER), *(change for disk in range(len(self._state)) for change in self._changes(disk))]
        self._state = [state if state == "disk_fail" else "disk_offline" for state in self._state]
        return [(action, CLUSTER)]

    def _changes(self, disk: int) -> list[tuple[str, int]]:
        host = self._host_of_disk[disk]
        away = self._offline[disk] or host in self._down or host in self._cut_off or not self._power
        state = "disk_read_only" if self._read_only[disk] else "disk_online"
        if away or not self._present[disk]:
            state = "disk_offline"
        if self._failed[disk] and self._present[disk]:
            state = "disk_fail"
        if state == self._state[disk]:
            return []
        self._state[disk] = state
        return [(state, disk)]
