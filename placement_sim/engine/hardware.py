"""Disks and links: the stations that an operation passes, in integer nanoseconds.

A write passes the host's inbound link, a hop of its latency, the disk, a hop back; a read a
hop, the disk, the outbound link, a hop. Without a link there is the disk alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from placement_sim.engine.clock import ISSUE, Clock
from placement_sim.engine.datapath import Ints, to_arrays
from placement_sim.engine.source import Row, Source
from placement_sim.engine.space import Space
from placement_sim.engine.station import Operation, Passing, Station
from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import Cluster
from placement_sim.model.encoding import HDD, MEASURED
from placement_sim.model.service import service_time_ns
from placement_sim.workloads.requests import WRITE

RAW = -1  # in place of an object's index: an operation past all maps
RAW_BYTES = 1 << 32  # the unit of its position

Step = Callable[[Operation, int], None]  # (operation, now_ns)


@final
class Plain(Passing):
    """A request that is one operation on a block that has its owner, online and without a link.

    Most requests are: nothing but time, bytes and their end happens to them.
    """

    __slots__ = ("disk", "number", "row", "source")
    source: Source
    number: int
    row: Row
    disk: int


class Hardware:
    """What serves operations.

    Parameters
    ----------
    wrote, was_read, answered, failed
        Called with (operation, now_ns) when a disk has served a write or a read, when the
        answer is back, and when the disk was lost before.
    plain_done, plain_failed
        Called in place of all these for plain requests.
    """

    def __init__(
        self,
        clock: Clock,
        cluster: Cluster,
        space: Space,
        wrote: Step,
        was_read: Step,
        answered: Step,
        failed: Step,
        plain_done: Callable[[Plain, int], None],
        plain_failed: Callable[[Plain, int], None],
    ) -> None:
        disk_count = len(cluster.disks)
        self.queue_requests = [0] * disk_count  # sent to a disk and not yet answered: what a policy sees
        self._clock = clock
        self._space = space
        self._wrote = wrote
        self._was_read = was_read
        self._was_read = was_read
        self._answered = answered
        self._failed = failed
        self._plain_failed = plain_failed
        self._object_bytes = [*(spec.size_bytes for spec in cluster.objects), RAW_BYTES]  # the last one is [RAW]
        self._outages = [0] * disk_count
        self._heads = [0] * disk_count
        self._slowdown = [1.0] * disk_count
        hosts = [cluster.hosts[disk.host_index] for disk in cluster.disks]
        self._links = [(host.latency_ns, host.bandwidth_bytes_per_s) for host in hosts]
        self.is_direct = [host.latency_ns == 0 and host.bandwidth_bytes_per_s == 0 for host in hosts]
        self._host_index = [disk.host_index for disk in cluster.disks]
        self._laws = [disk.service.encode() for disk in cluster.disks]
        self.stations: list[Station[Operation | Plain]] = [
            Station(clock, disk.channels, self._disk_ns, self._disk_left) for disk in cluster.disks
        ]
        self._plain_done = plain_done
        self._links_in = [Station(clock, 1, self._link_ns, self._link_in_left) for _ in cluster.hosts]
        self._links_out = [Station(clock, 1, self._link_ns, self._link_out_left) for _ in cluster.hosts]

    # -- the way of an operation -----------------------------------------------------------

    def send(self, op: Operation, now_ns: int) -> None:
        """Send an operation to its disk."""
        disk = op.disk
        op.outages = self._outages[disk]
        self.queue_requests[disk] += 1
        if self.is_direct[disk]:
            self._enter_disk(op, now_ns)
        elif op.is_write and self._links[disk][1]:
            self._links_in[self._host_index[disk]].enter(op, now_ns)
        else:
            self._hop(op, self._enter_disk, now_ns)

    def _hop(self, op: Operation, then: Step, now_ns: int) -> None:
        delay_ns = self._links[op.disk][0]
        if delay_ns == 0:
            then(op, now_ns)
        else:
            op.callbacks = [lambda op: then(op, self._clock.now_ns)]
            self._clock.at(now_ns + delay_ns, ISSUE, op)

    def _link_ns(self, op: Operation) -> int:
        return int(op.size_bytes * 1e9 / self._links[op.disk][1] + 0.5)

    def _link_in_left(self, op: Operation, now_ns: int) -> None:
        self._hop(op, self._enter_disk, now_ns)

    def _enter_disk(self, op: Operation, now_ns: int) -> None:
        disk = op.disk
        # Whatever was on its way when the disk went offline is lost, even if the disk is back by now.
        if op.outages != self._outages[disk] or self._space.status[disk] == DISK_OFFLINE:
            self.queue_requests[disk] -= 1
            self._failed(op, now_ns)
        else:
            self.stations[disk].enter(op, now_ns)

    def _disk_ns(self, op: Operation | Plain) -> int:
        disk = op.disk
        if type(op) is Plain:
            _, kind, start_bytes, size_bytes, _, _, u0, u1 = op.row
            is_write, object_index = kind == WRITE, op.source.object_index
        else:
            start_bytes, size_bytes, is_write, object_index = (
                op.start_bytes,
                op.size_bytes,
                op.is_write,
                op.object_index,
            )
            u0, u1 = op.request.draws(op.index)
        law, parameters = self._laws[disk]
        if law == HDD:
            # Where on the disk: at the same relative place as in the object (an assumption).
            object_bytes = self._object_bytes[object_index]
            position = (start_bytes << 32) // object_bytes
            time_ns = service_time_ns(law, parameters, is_write, size_bytes, position, self._heads[disk], u0, u1)
            # The head ends behind what was transferred, by the same relation as the position.
            self._heads[disk] = position + (size_bytes << 32) // object_bytes
        else:
            # A measured disk looks at the operations present: this one counts, whose end made room for it does not.
            present = self.stations[disk].present if law == MEASURED else 0
            time_ns = service_time_ns(law, parameters, is_write, size_bytes, present, 0, u0, u1)
        if self._slowdown[disk] != 1.0:
            time_ns = int(time_ns * self._slowdown[disk] + 0.5)
        return time_ns

    def _disk_left(self, op: Operation | Plain, now_ns: int) -> None:
        if type(op) is Plain:
            self._plain_done(op, now_ns)
            return
        disk = op.disk
        if op.is_write:
            self._wrote(op, now_ns)
        else:
            self._was_read(op, now_ns)
            if self._links[disk][1]:
                self._links_out[self._host_index[disk]].enter(op, now_ns)
                return
        if self.is_direct[disk]:
            self._came_back(op, now_ns)
        else:
            self._hop(op, self._came_back, now_ns)

    def _link_out_left(self, op: Operation, now_ns: int) -> None:
        self._hop(op, self._came_back, now_ns)

    def _came_back(self, op: Operation, now_ns: int) -> None:
        self.queue_requests[op.disk] -= 1
        self._answered(op, now_ns)

    def has_older_write(self, object_index: int, block: int, until_ns: int) -> bool:
        """Tell whether a write of a block that was issued by then is in service, waits, or is on its way."""
        stations: list[Station[Any]] = [*self.stations, *self._links_in, *self._links_out]
        flying = [item[3] for item in self._clock.queue if item[3].callbacks]
        for op in (*flying, *(op for station in stations for op in station.waiting)):
            if type(op) is Plain:
                if op.source.object_index == object_index and op.row[1] == WRITE and op.row[4] == block:
                    if op.entered_ns <= until_ns:
                        return True
            elif type(op) is Operation and op.object_index == object_index and op.is_write:
                if op.block <= block < op.block + op.blocks and op.request.issued_ns <= until_ns:
                    return True
        return False

    # -- control and counters --------------------------------------------------------------

    def lose(self, disk: int) -> None:
        """Fail what a disk holds; what is on its way to it will fail when it arrives."""
        now_ns = self._clock.now_ns
        self._outages[disk] += 1
        for op in self.stations[disk].drop_all(now_ns):
            self.queue_requests[disk] -= 1
            if type(op) is Plain:
                self._plain_failed(op, now_ns)
            else:
                self._failed(op, now_ns)

    def set_slowdown(self, disk: int, factor: float) -> None:
        """Multiply the service times that begin from now on."""
        self._slowdown[disk] = factor

    def set_channels(self, disk: int, channels: int) -> None:
        """Change how many operations a disk serves at once."""
        self.stations[disk].set_channels(channels, self._clock.now_ns)

    def reset_counters(self) -> None:
        """Start counting anew, at the end of the warm-up."""
        for station in self.stations:
            station.reset_counters(self._clock.now_ns)

    def arrays(self) -> dict[str, Ints]:
        """Give the per-disk counters up to now, each int64 of shape (disks,)."""
        now_ns = self._clock.now_ns
        return to_arrays(
            {
                "queue_area_ns": [station.queue_area_ns(now_ns) for station in self.stations],
                "busy_ns": [station.busy_ns(now_ns) for station in self.stations],
                "operations": [station.finished for station in self.stations],
                "sojourn_sum_ns": [station.sojourn_sum_ns for station in self.stations],
                "queue_requests": [station.present for station in self.stations],
            }
        )
