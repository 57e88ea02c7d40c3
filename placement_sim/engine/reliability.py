"""Disks that fail, return and are rebuilt, over years and without guest I/O: losses, availability, time to whole.

A lean event loop over a heap, because nothing here queues at a disk and a study needs many histories. Time is in
float seconds: a mean time to data loss may be far beyond the 292 years that integer nanoseconds reach.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from heapq import heappop, heappush

from placement_sim.engine.rebuild_queue import Rebuild, RebuildQueue
from placement_sim.model.redundancy import RedundancyGroup
from placement_sim.randomness import mix, stream_key
from placement_sim.workloads.failures import LifeLaw

FAIL, BACK, QUEUE, DONE, DOWN, UP = range(6)


@dataclass(frozen=True)
class Replacement:
    """A failed disk is replaced and whole again after a time of the law; each repair goes its own way."""

    repair: LifeLaw


@dataclass(frozen=True)
class Outages:
    """Hosts go down and return with their data; an outage starts no rebuild (its end is awaited: an assumption)."""

    life: LifeLaw
    down: LifeLaw


@dataclass(frozen=True)
class ReliabilityModel:
    """Disks with their names and hosts, what they hold, how they fail and how redundancy returns."""

    disk_names: Sequence[str]
    hosts: Sequence[str]  # of each disk
    domains: Sequence[str]  # of each disk
    free_bytes: Sequence[int]  # of each disk, beside its parts of the groups
    groups: Sequence[RedundancyGroup]
    life: LifeLaw
    repair: Replacement | Rebuild
    outages: Outages | None = None

    @cached_property
    def parts(self) -> list[dict[int, None]]:
        """Groups with a part on each disk, in order."""
        parts: list[dict[int, None]] = [{} for _ in self.disk_names]
        for index, group in enumerate(self.groups):
            for disk in group.disks:
                parts[disk][index] = None
        return parts

    @cached_property
    def members(self) -> list[frozenset[int]]:
        """Disks of each group."""
        return [frozenset(group.disks) for group in self.groups]

    @cached_property
    def data_bytes(self) -> int:
        """Bytes of data, without copies and parity."""
        return sum(group.data_bytes for group in self.groups)

    @cached_property
    def capacity_bytes(self) -> list[int]:
        """What an empty disk may take, by disk."""
        capacity_bytes = list(self.free_bytes)
        for group in self.groups:
            for disk in group.disks:
                capacity_bytes[disk] += group.part_bytes
        return capacity_bytes

    @cached_property
    def host_disks(self) -> dict[str, list[int]]:
        """Disks of each host, by its name."""
        disks: dict[str, list[int]] = {}
        for disk, host in enumerate(self.hosts):
            disks.setdefault(host, []).append(disk)
        return disks


@lru_cache(maxsize=32)
def _stream_keys(names: tuple[str, ...], seed: int, purpose: str) -> tuple[int, ...]:
    """Give the keys of one purpose; cached, because replications of a model share them."""
    return tuple(stream_key(seed, name, purpose) for name in names)


@dataclass
class FailureRecord:
    """One failure of a disk: what it held, and when the last of it had its redundancy again."""

    time_s: float
    disk: int
    part_bytes: int
    lost_bytes: int = 0
    whole_s: float = math.nan
    waiting: int = 0


@dataclass
class ReliabilityOutcome:
    """What one history leaves. Lost data counts as unavailable from its loss on."""

    end_s: float = 0.0
    data_bytes: int = 0
    failures: list[FailureRecord] = field(default_factory=list)
    lost_groups: int = 0
    rebuilt_bytes: int = 0
    restarted: int = 0
    outages: int = 0
    unavailable_byte_s: float = 0.0
    degraded_s: float = 0.0
    first_loss_s: float = math.inf


class History:
    """One history of a cluster, from all whole at time 0.

    Parameters
    ----------
    replication
        Its number: another one gives other draws under the same seed.

    Examples
    --------
    >>> from placement_sim.workloads.failures import Fixed
    >>> pair = RedundancyGroup((0, 1), part_bytes=100, tolerates=1)
    >>> names = ["a", "b"]
    >>> model = ReliabilityModel(names, names, names, [0, 0], [pair], Fixed(1e9), Replacement(Fixed(5.0)))
    >>> history = History(model, seed=1)
    >>> history.schedule(10.0, FAIL, 0)
    >>> outcome = history.run(60.0)
    >>> outcome.failures[0].whole_s, outcome.lost_groups
    (15.0, 0)
    """

    def __init__(self, model: ReliabilityModel, seed: int, replication: int = 0) -> None:
        self.model = model
        self.now_s = 0.0
        self.outcome = ReliabilityOutcome(data_bytes=model.data_bytes)
        self._heap: list[tuple[float, int, int, int, int]] = []
        self._sequence = 0
        self._seed, self._replication = seed, replication
        count = len(model.disk_names)
        self.alive = [True] * count
        self.reachable = [True] * count
        self.parts = [dict(groups) for groups in model.parts]
        self.members = list(model.members)
        self.missing = [0] * len(model.groups)  # parts lost and not yet rebuilt
        self._off = [0] * len(model.groups)  # parts missing or out of reach
        self._off_since = [0.0] * len(model.groups)
        self.degraded: dict[int, None] = {}
        self._degraded_since = 0.0
        self._owed: dict[int, list[FailureRecord]] = {}  # group -> failures that wait for it
        self._lives = [0] * count
        self._queue = self._make_queue(model)
        self._lost_with: list[list[int]] = [[] for _ in range(count)]  # replacement: groups that wait for the disk
        names, hosts = tuple(model.disk_names), tuple(model.host_disks)
        self._keys = {purpose: _stream_keys(names, seed, purpose) for purpose in ("failure", "repair")}
        self._keys |= {purpose: _stream_keys(hosts, seed, purpose) for purpose in ("outage", "return")}
        self._outages_of = [0] * len(hosts)
        self._host_disks = list(model.host_disks.values())
        for disk in range(count):
            self.disk_is_new(disk)
        if model.outages is not None:
            for host in range(len(hosts)):
                self._next_outage(host)

    def _make_queue(self, model: ReliabilityModel) -> RebuildQueue | None:
        if isinstance(model.repair, Replacement):
            return None
        return RebuildQueue(
            model.repair,
            model.groups,
            self.members,
            model.domains,
            list(model.free_bytes),
            model.capacity_bytes,
            lambda disk: self.alive[disk] and self.reachable[disk],
            lambda delay_s, job: self.schedule(delay_s, DONE, job),
            self.part_is_back,
            mix(stream_key(self._seed, "cluster", "rebuild targets"), self._replication),
        )

    def _word(self, purpose: str, index: int, count: int) -> int:
        return mix(mix(self._keys[purpose][index], self._replication), count)

    def _next_outage(self, host: int) -> None:
        assert self.model.outages is not None
        self.schedule(self.model.outages.life.life_s(self._word("outage", host, self._outages_of[host])), DOWN, host)

    # -- the clock ------------------------------------------------------------------------

    def schedule(self, delay_s: float, kind: int, index: int, token: int = 0) -> None:
        """Schedule an event; equal times keep the order of scheduling."""
        self._sequence += 1
        heappush(self._heap, (self.now_s + delay_s, self._sequence, kind, index, token))

    def disk_is_new(self, disk: int) -> None:
        """Draw the life of a disk that starts now."""
        life_s = self.model.life.life_s(self._word("failure", disk, self._lives[disk]))
        self._lives[disk] += 1
        self.schedule(life_s, FAIL, disk)

    def advance(self, until_s: float) -> bool:
        """Take the next event, if it comes by `until_s`; tells whether there was one."""
        if not self._heap or self._heap[0][0] > until_s:
            return False
        self.now_s, _, kind, index, token = heappop(self._heap)
        if kind == FAIL:
            self.fail(index)
        elif kind == BACK:
            self._back(index)
        elif kind == UP or kind == DOWN:
            self._host(index, up=kind == UP)
        elif self._queue is not None:
            if kind == QUEUE:
                self._queue.admit(token)
            else:
                self._queue.finish(index)
        return True

    def run(self, horizon_s: float, *, stop_at_loss: bool = False) -> ReliabilityOutcome:
        """Run to the horizon, or to the first loss; what is then still missing stays open in the outcome."""
        while not (stop_at_loss and self.outcome.lost_groups) and self.advance(horizon_s):
            pass
        if not (stop_at_loss and self.outcome.lost_groups):
            self.now_s = horizon_s
        for group, off in enumerate(self._off):
            if off > self.model.groups[group].tolerates:
                self._count_unavailable(group)
        if self.degraded:
            self.outcome.degraded_s += self.now_s - self._degraded_since
        self.outcome.restarted = self._queue.restarted if self._queue else 0
        self.outcome.end_s = self.now_s
        return self.outcome

    # -- failures -------------------------------------------------------------------------

    def fail(self, disk: int) -> None:
        """Lose a disk for good, with all that it holds."""
        self.alive[disk] = False
        record = FailureRecord(self.now_s, disk, 0)
        self.outcome.failures.append(record)
        groups, self.parts[disk] = self.parts[disk], {}
        if self._queue is not None:
            self._queue.disk_gone(disk)
        kept = []
        for group in groups:
            record.part_bytes += self.model.groups[group].part_bytes
            self.members[group] -= {disk}
            if self._part_lost(group, self.reachable[disk]):
                record.lost_bytes += self.model.groups[group].data_bytes
            else:
                kept.append(group)
                record.waiting += 1
                self._owed.setdefault(group, []).append(record)
        if not kept:
            record.whole_s = self.now_s
        repair = self.model.repair
        if isinstance(repair, Replacement):
            self._lost_with[disk] = kept
            self.schedule(repair.repair.life_s(self._word("repair", disk, self._lives[disk])), BACK, disk)
        else:
            assert self._queue is not None
            self.schedule(repair.delay_s, QUEUE, disk, self._queue.add(kept))
            self.schedule(repair.replace_s, BACK, disk)
            self._queue.start()

    def _part_lost(self, group: int, was_reachable: bool) -> bool:
        """Count a lost part; tells whether the group's data is lost with it."""
        self.missing[group] += 1
        if was_reachable:
            self._part_off(group)
        if self.missing[group] <= self.model.groups[group].tolerates:
            if not self.degraded:
                self._degraded_since = self.now_s
            self.degraded[group] = None
            return False
        self._forget(group)
        self.outcome.lost_groups += 1
        self.outcome.first_loss_s = min(self.outcome.first_loss_s, self.now_s)
        return True

    def _forget(self, group: int) -> None:
        """Drop a lost group: it is rebuilt no more and can be lost no more."""
        for member in self.members[group]:
            del self.parts[member][group]
        self.members[group] = frozenset()
        self._no_longer_degraded(group)
        for record in self._owed.pop(group, []):
            self._settle(record)
        if self._queue is not None:
            self._queue.group_gone(group)

    def _no_longer_degraded(self, group: int) -> None:
        if group in self.degraded:
            del self.degraded[group]
            if not self.degraded:
                self.outcome.degraded_s += self.now_s - self._degraded_since

    def _settle(self, record: FailureRecord) -> None:
        record.waiting -= 1
        if record.waiting == 0:
            record.whole_s = self.now_s

    # -- repair ---------------------------------------------------------------------------

    def _back(self, disk: int) -> None:
        self.alive[disk] = True
        self.disk_is_new(disk)
        for group in self._lost_with[disk]:
            if self.members[group]:  # else it was lost meanwhile
                self.part_is_back(group, disk)
        self._lost_with[disk] = []
        if self._queue is not None:
            self._queue.disk_new(disk)

    def part_is_back(self, group: int, disk: int) -> None:
        """Give a group a part again, on `disk`."""
        self.outcome.rebuilt_bytes += self.model.groups[group].part_bytes
        self.members[group] |= {disk}
        self.parts[disk][group] = None
        self.missing[group] -= 1
        if self.reachable[disk]:
            self._part_on(group)
        self._settle(self._owed[group].pop(0))
        if self.missing[group] == 0:
            self._no_longer_degraded(group)

    # -- reach ----------------------------------------------------------------------------

    def _host(self, host: int, up: bool) -> None:
        outages = self.model.outages
        assert outages is not None
        if up:
            self._next_outage(host)
        else:
            self.outcome.outages += 1
            down_s = outages.down.life_s(self._word("return", host, self._outages_of[host]))
            self._outages_of[host] += 1
            self.schedule(down_s, UP, host)
        for disk in self._host_disks[host]:
            self.reachable[disk] = up
            for group in self.parts[disk]:
                if up:
                    self._part_on(group)
                else:
                    self._part_off(group)
            if not up and self._queue is not None:
                self._queue.disk_gone(disk)
        if self._queue is not None:
            self._queue.start()

    def _part_off(self, group: int) -> None:
        self._off[group] += 1
        if self._off[group] == self.model.groups[group].tolerates + 1:
            self._off_since[group] = self.now_s

    def _part_on(self, group: int) -> None:
        if self._off[group] == self.model.groups[group].tolerates + 1:
            self._count_unavailable(group)
        self._off[group] -= 1

    def _count_unavailable(self, group: int) -> None:
        since_s = self.now_s - self._off_since[group]
        self.outcome.unavailable_byte_s += since_s * self.model.groups[group].data_bytes
