"""One block copied from disk to disk through the same queues as the guests' I/O, safe against their writes.

From the beginning of a copy, writes of the block go to both disks; the copy waits for those that were sent
before. So nothing has to be copied twice, and no write waits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import simpy

from placement_sim.engine.degraded import DONE, NOWHERE, Degraded, Key
from placement_sim.model.cluster import OFFLINE, ONLINE
from placement_sim.model.copies import covered_bytes

POLL_NS = 100_000  # how often a copy looks whether older writes have ended (an assumption)
POSITION_ONE = 1 << 32  # unit of a position on a disk


class Copy(NamedTuple):
    """What is to be copied: from a disk to a disk, and how many bytes."""

    source: int
    target: int
    size_bytes: int


def plan_repair(path: Any, key: Key, may_replace: Callable[[int], bool]) -> Copy | None:
    """Say how a block becomes whole again, and reserve its space; None: it is whole, or cannot become so now.

    Parameters
    ----------
    may_replace
        Tells of a disk that is away whether its data may be made anew elsewhere.
    """
    degraded, status = path.placement.degraded, path.space.status
    degraded.has_come_to_nothing(key)
    leg = path.objects[key[0]].legs[key[1]]
    entry = leg.parent.entries[key[2]]
    if entry == 0:
        return None
    if entry < leg.parent.stale:
        if status[entry - 1] == ONLINE or not may_replace(entry - 1) or not degraded.is_kept_elsewhere(key):
            return None
        degraded.make_stale(key)
    record = degraded.records[key]
    if record.target >= 0:
        return None
    start, end = degraded.extent(key)
    if leg.parent.entries[key[2]] == leg.parent.degraded:
        newer_bytes = covered_bytes(record.parts, start, end)
        reachable = min(record.old, record.newer) >= 0 and OFFLINE not in (status[record.old], status[record.newer])
        if reachable and status[record.old] == ONLINE:
            return Copy(record.newer, record.old, newer_bytes)
        if reachable and status[record.newer] == ONLINE:
            return Copy(record.old, record.newer, end - start - newer_bytes)
        if not degraded.is_kept_elsewhere(key) or not (record.old < 0 or may_replace(record.old)):
            return None
        degraded.make_stale(key)
        record = degraded.records[key]
    return _refresh(path, key, record.old, may_replace)


def _refresh(path: Any, key: Key, old: int, may_replace: Callable[[int], bool]) -> Copy | None:
    """Plan a whole copy from another leg: onto the old copy, else onto a disk that the policy chooses."""
    source = _whole_copy(path, key)
    if source < 0:
        return None
    start, end = path.placement.degraded.extent(key)
    if old >= 0 and path.space.status[old] == ONLINE:
        return Copy(source, old, end - start)
    if old >= 0 and not may_replace(old):
        return None
    disk, reason = path.placement.pick(*key)
    return Copy(source, disk, end - start) if reason == DONE else None


def _whole_copy(path: Any, key: Key) -> int:
    """Give the disk of another leg that has the whole block, the one with the fewest requests; -1 for none."""
    found = []
    for index, leg in enumerate(path.objects[key[0]].legs):
        other = (key[0], index, key[2])
        if index != key[1] and path.placement.degraded.is_whole(other):
            entry = leg.parent.entries[key[2]]
            is_record = entry >= leg.parent.stale
            disk = path.placement.degraded.records[other].newer if is_record else (entry or leg.pending[key[2]]) - 1
            found.append((int(path.queue_requests[disk]), disk))
    return min(found)[1] if found else NOWHERE


def copy_block(path: Any, key: Key, copy: Copy, purpose: str) -> Generator[simpy.Event, Any, Copy | None]:
    """Make a planned copy; the value is what was copied, None if it came to nothing, and all is as before."""
    degraded = path.placement.degraded
    record = degraded.begin_copy(key, copy.target)
    began_ns = path.env.now_ns

    def goes_on() -> bool:
        return degraded.records.get(key) is record and record.target == copy.target

    while goes_on() and path.has_older_write(key[0], key[2], began_ns):
        yield path.env.timeout(POLL_NS)
    if goes_on():  # only now: the writes that it waited for have changed what is newer where
        copy = copy._replace(size_bytes=_missing_bytes(degraded, key))
    position = degraded.extent(key)[0] * POSITION_ONE // path.objects[key[0]].spec.size_bytes
    for disk, is_write in ((copy.source, False), (copy.target, True)) if copy.size_bytes else ():
        can_go_on = goes_on() and _is_there(path, key, copy.source)
        done = can_go_on and (yield path.raw_io(disk, is_write, copy.size_bytes, position, purpose))
        if not done:
            if goes_on():
                degraded.abort_copy(key)
            return None
    if not goes_on():
        return None
    degraded.finish_copy(key)
    return copy


def _is_there(path: Any, key: Key, source: int) -> bool:
    """Tell whether the source still holds the block: that of another leg may have been moved away meanwhile."""
    maps = [leg.written for leg in path.objects[key[0]].legs]
    return any(source in written and written[source].is_written(key[2]) for written in maps)


def _missing_bytes(degraded: Degraded, key: Key) -> int:
    """Count the bytes that the target of a copy has not: of two copies that become one, what is newer in the other."""
    record = degraded.records[key]
    start, end = degraded.extent(key)
    if min(record.old, record.newer) < 0:
        return end - start
    newer_bytes = covered_bytes(record.parts, start, end)
    return newer_bytes if record.target == record.old else end - start - newer_bytes
