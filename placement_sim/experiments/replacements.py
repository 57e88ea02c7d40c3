"""New disks in the place of those that have failed, in a run with guest I/O: each is a disk that joins later."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace

from placement_sim.errors import InputError
from placement_sim.model.cluster import Cluster, Disk
from placement_sim.model.faults import ACTIONS, Fault


def add_replacements(
    cluster: Cluster, faults: Iterable[Fault], after_ns: int, horizon_ns: int
) -> tuple[Cluster, list[Fault]]:
    """Give a cluster with a replacement for each disk that fails, and the faults with their joining.

    A replacement is an empty disk of the same model on the same host. What is said of the failed disk after that
    strikes its replacement, which may fail and be replaced in turn.

    Parameters
    ----------
    faults
        In any order; disks are those of the cluster.
    after_ns
        From the failure to the joining, in ns. Nothing joins after the horizon.

    Raises
    ------
    InputError
        A disk of the cluster has the name of a replacement already.

    Examples
    --------
    >>> from placement_sim.model.cluster import Host
    >>> from placement_sim.model.service import Deterministic
    >>> disk = Disk("d", host_index=0, capacity_bytes=10**9, service=Deterministic(0.001))
    >>> twice = [Fault(1, "disk_fail", 0), Fault(9, "disk_fail", 0)]
    >>> cluster, faults = add_replacements(Cluster((Host("h", "h"),), (disk,), ()), twice, 5, 20)
    >>> [disk.name for disk in cluster.disks]
    ['d', 'd replacement 1', 'd replacement 2']
    >>> [tuple(fault[:3]) for fault in faults]
    [(1, 'disk_fail', 0), (6, 'add_disk', 1), (9, 'disk_fail', 1), (14, 'add_disk', 2)]
    """
    places = [_Place(index, disk.present) for index, disk in enumerate(cluster.disks)]
    taken = {disk.name for disk in cluster.disks}
    disks, found = list(cluster.disks), list[Fault]()
    for fault in sorted(faults, key=lambda fault: fault.time_ns):
        if ACTIONS[fault.action].target != "disk":
            found.append(fault)
            continue
        place = places[fault.target]
        found.append(fault._replace(target=place.disk_at(fault.time_ns)))
        place.is_filled |= fault.action == "add_disk"
        joins_ns = fault.time_ns + after_ns
        if fault.action == "disk_fail" and place.is_filled and joins_ns <= horizon_ns:
            disks.append(_replacement(cluster.disks[fault.target], place.replacements + 1, taken))
            place.expect(len(disks) - 1, joins_ns)
            found.append(Fault(joins_ns, "add_disk", place.coming))
        place.is_filled &= fault.action != "disk_fail"
    return replace(cluster, disks=tuple(disks)), sorted(found, key=lambda fault: fault.time_ns)


class _Place:
    """Where a disk of the scenario is, and after it its replacements."""

    def __init__(self, disk: int, is_filled: bool) -> None:
        self.disk = disk
        self.is_filled = is_filled  # with a disk that has not failed
        self.coming = -1
        self.joins_ns = 0
        self.replacements = 0

    def expect(self, disk: int, joins_ns: int) -> None:
        """Note that a replacement joins at a time."""
        self.coming, self.joins_ns = disk, joins_ns
        self.replacements += 1

    def disk_at(self, time_ns: int) -> int:
        """Give the disk that is there, the failed one as long as no other has joined."""
        if self.coming >= 0 and self.joins_ns <= time_ns:
            self.disk, self.coming, self.is_filled = self.coming, -1, True
        return self.disk


def _replacement(disk: Disk, number: int, taken: Set[str]) -> Disk:
    name = f"{disk.name} replacement {number}"
    if name in taken:
        raise InputError("disks", f"{name!r} is the name of a replacement, too", "give the disk another name")
    return replace(disk, name=name, prefilled_bytes=0, present=False)
