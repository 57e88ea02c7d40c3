"""Rebuilds that wait for their disks: throttled streams, at most so many at a disk, never two parts in one domain.

Which group is rebuilt onto which disk is decided here; what a finished rebuild means is its caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from placement_sim.model.redundancy import RedundancyGroup
from placement_sim.randomness import mix


@dataclass(frozen=True)
class Rebuild:
    """Written parts only are rebuilt onto other disks, in parallel; an empty new disk takes the failed one's place.

    Parameters
    ----------
    rate_bytes_per_s
        Throttle of one stream, from its sources to its target.
    streams
        Streams that a disk takes part in at once, as source or target.
    delay_s
        From the failure to the start of the rebuild.
    replace_s
        From the failure to the new, empty disk.
    """

    rate_bytes_per_s: float
    streams: int = 1
    delay_s: float = 0.0
    replace_s: float = 86_400.0

    def __post_init__(self) -> None:
        if not self.rate_bytes_per_s > 0 or self.streams < 1 or self.delay_s < 0 or not self.replace_s > 0:
            raise ValueError(f"rate and replacement are to be positive, one stream or more, no negative delay: {self}")


class _Job(NamedTuple):
    group: int
    sources: tuple[int, ...]
    target: int


class RebuildQueue:
    """Groups that miss a part, in order of arrival; each starts as soon as its disks are free.

    Parameters
    ----------
    members
        Disks that hold a part, by group; kept up to date by the caller.
    free_bytes, capacity_bytes
        Space beside the parts, kept up to date here, and space of an empty disk; by disk.
    usable
        Tells whether a disk is alive and within reach.
    schedule
        Called as ``schedule(delay_s, job)``; the caller answers with ``finish(job)``.
    part_is_back
        Called as ``part_is_back(group, disk)`` when a part has been rebuilt.
    key
        Of the random places at which the search for a target begins.
    """

    def __init__(
        self,
        rebuild: Rebuild,
        groups: Sequence[RedundancyGroup],
        members: list[frozenset[int]],
        domains: Sequence[str],
        free_bytes: list[int],
        capacity_bytes: Sequence[int],
        usable: Callable[[int], bool],
        schedule: Callable[[float, int], None],
        part_is_back: Callable[[int, int], None],
        key: int,
    ) -> None:
        self._rebuild = rebuild
        self._groups = groups
        self._members = members
        self._domains = domains
        self._free_bytes = free_bytes
        self._capacity_bytes = capacity_bytes
        self._usable = usable
        self._schedule = schedule
        self._part_is_back = part_is_back
        self._key = key
        self._searches = 0
        self._delayed: dict[int, list[int]] = {}
        self._batches = 0
        self._waiting: list[int] = []
        self._jobs: dict[int, _Job] = {}
        self._job_count = 0
        self._jobs_of: list[set[int]] = [set() for _ in domains]
        self.restarted = 0

    def add(self, groups: Iterable[int]) -> int:
        """Take groups that may start when the returned batch is admitted."""
        self._batches += 1
        self._delayed[self._batches] = list(groups)
        return self._batches

    def admit(self, batch: int) -> None:
        """Let a batch wait for its disks."""
        self._waiting += self._delayed.pop(batch)
        self.start()

    def start(self) -> None:
        """Start every rebuild whose disks are free."""
        self._waiting = [group for group in self._waiting if not self._try(group)]

    def finish(self, job: int) -> None:
        """Take note that the time of a job is over; nothing if it was stopped meanwhile."""
        if job in self._jobs:
            done = self._remove(job)
            self._part_is_back(done.group, done.target)
            self.start()

    def disk_gone(self, disk: int) -> None:
        """Stop what a disk takes part in; it will begin anew elsewhere. The caller starts what then can."""
        for job in sorted(self._jobs_of[disk]):
            self.restarted += 1
            self._waiting.insert(0, self._cancel(job))

    def disk_new(self, disk: int) -> None:
        """Take an empty disk into use in the place of a failed one."""
        self._free_bytes[disk] = self._capacity_bytes[disk]
        self.start()

    def group_gone(self, group: int) -> None:
        """Drop a group whose data is lost."""
        for job in [job for job, running in self._jobs.items() if running.group == group]:
            self._cancel(job)
        self._waiting = [other for other in self._waiting if other != group]
        for batch, groups in self._delayed.items():
            self._delayed[batch] = [other for other in groups if other != group]

    def _cancel(self, job: int) -> int:
        stopped = self._remove(job)
        self._free_bytes[stopped.target] += self._groups[stopped.group].part_bytes
        return stopped.group

    def _remove(self, job: int) -> _Job:
        removed = self._jobs.pop(job)
        for disk in (*removed.sources, removed.target):
            self._jobs_of[disk].discard(job)
        return removed

    def _idle(self, disk: int) -> bool:
        return len(self._jobs_of[disk]) < self._rebuild.streams and self._usable(disk)

    def _try(self, group: int) -> bool:
        members, spec = self._members[group], self._groups[group]
        needed = len(spec.disks) - spec.tolerates
        sources = [disk for disk in sorted(members) if self._idle(disk)]
        if len(sources) < needed:
            return False
        target = self._target(group)
        if target < 0:
            return False
        job = _Job(group, tuple(sources[:needed]), target)
        self._job_count += 1
        self._jobs[self._job_count] = job
        for disk in (*job.sources, target):
            self._jobs_of[disk].add(self._job_count)
        self._free_bytes[target] -= spec.part_bytes
        self._schedule(spec.part_bytes / self._rebuild.rate_bytes_per_s, self._job_count)
        return True

    def _target(self, group: int) -> int:
        """Give the first disk that may take the part, searched from a random place; -1 for none."""
        taken = {self._domains[disk] for disk in self._members[group]}
        if self._groups[group].tolerates > 1:  # a second part of the group may be on its way
            taken |= {self._domains[job.target] for job in self._jobs.values() if job.group == group}
        part_bytes = self._groups[group].part_bytes
        count = len(self._domains)
        self._searches += 1
        first = mix(self._key, self._searches) % count
        for step in range(count):
            disk = (first + step) % count
            if self._free_bytes[disk] >= part_bytes and self._domains[disk] not in taken and self._idle(disk):
                return disk
        return -1
