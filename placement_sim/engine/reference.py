"""The reference data path: every arrival and every completion is a SimPy event.

It is the readable statement of the model; docs/architecture.md tells the way of a request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import simpy

from placement_sim.engine.datapath import Ints, NoSpace, Stream
from placement_sim.engine.histogram import BIN_COUNT, bin_index
from placement_sim.engine.placement import DONE, NO_SPACE, UNAVAILABLE, Placement
from placement_sim.engine.source import ClosedSource, OpenSource, Source
from placement_sim.engine.station import ISSUE, Clock, Operation, Station
from placement_sim.errors import InputError
from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import Cluster
from placement_sim.model.service import service_time_ns
from placement_sim.model.storage_object import StorageObject
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.randomness import draw
from placement_sim.workloads.requests import READ, UNMAP

COUNT_NAMES = (
    "finished", "failed_no_space", "failed_offline", "in_flight", "reads", "writes", "unmaps",
    "zero_read_blocks", "first_writes", "metadata_writes", "unmapped_blocks", "retries", "split_operations",
)  # fmt: skip

_COUNT_OF_KIND = ("reads", "writes", "unmaps")


class Request:
    """One request in flight."""

    __slots__ = ("issued_ns", "kind", "number", "offset_bytes", "operations", "size_bytes", "source", "status",
                 "u0", "u1", "waiting_for")  # fmt: skip

    def __init__(
        self, source: Source, number: int, kind: int, offset_bytes: int, size_bytes: int, u0: float, u1: float
    ) -> None:
        self.source = source
        self.number = number
        self.kind = kind
        self.offset_bytes = offset_bytes
        self.size_bytes = size_bytes
        self.u0 = u0
        self.u1 = u1
        self.issued_ns = 0
        self.waiting_for = 1  # the dispatch itself, so that nothing completes during it
        self.operations = 0
        self.status = DONE


class ReferenceDataPath:
    """Disks, links and maps driven by SimPy events."""

    def __init__(
        self,
        env: Clock,
        cluster: Cluster,
        policy: PlacementPolicy,
        seed: int,
        *,
        record_requests: bool = False,
        on_no_space: Callable[[], None] | None = None,
    ) -> None:
        self.env = env
        self.cluster = cluster
        self._seed = seed
        self._on_no_space = on_no_space
        self.queue_requests = [0] * len(cluster.disks)
        self.placement = Placement(cluster, policy, seed, self.queue_requests)
        self.space = self.placement.space
        self.objects: list[StorageObject] = self.placement.objects
        self._outages = [0] * len(cluster.disks)
        self._heads = [0] * len(cluster.disks)
        self._object_bytes = [spec.size_bytes for spec in cluster.objects]
        self._links = [
            (disk.host_index, host.latency_ns, host.bandwidth_bytes_per_s)
            for disk in cluster.disks
            for host in [cluster.hosts[disk.host_index]]
        ]
        self._laws = [disk.service.encode() for disk in cluster.disks]
        self.disks = [Station(env, disk.channels, self._disk_service_ns, self._disk_left) for disk in cluster.disks]
        self.links_in = [Station(env, 1, self._link_ns, self._link_in_left) for _ in cluster.hosts]
        self.links_out = [Station(env, 1, self._link_ns, self._link_out_left) for _ in cluster.hosts]
        self.counts = dict.fromkeys(COUNT_NAMES, 0)
        self.histogram = [[0] * BIN_COUNT for _ in range(2)]
        self.latency_sum_ns = [0, 0]
        self.read_bytes = [0] * len(cluster.disks)
        self.written_bytes = [0] * len(cluster.disks)
        self.metadata_writes_before = 0
        self._sources: list[Source] = []
        self.no_space: NoSpace | None = None
        self.records: list[tuple[int, ...]] | None = [] if record_requests else None

    # -- streams -------------------------------------------------------------------------

    def start_stream(self, stream: Stream) -> simpy.Event:
        """Start a stream now; the event succeeds when its last request is complete."""
        kind = ClosedSource if stream.outstanding else OpenSource
        source = kind(self.env, self.issue, stream, len(self._sources), self._seed)
        self._sources.append(source)
        source.start()
        ended: simpy.Event = source.ended
        return ended

    def issue(
        self, source: Source, number: int, kind: int, offset_bytes: int, size_bytes: int, u0: float, u1: float
    ) -> None:
        """Take one request from a source: split it, place it, send its operations."""
        request = Request(source, number, kind, offset_bytes, size_bytes, u0, u1)
        request.issued_ns = self.env.now
        self.counts["in_flight"] += 1
        tree = self.objects[source.object_index]
        if offset_bytes + size_bytes > tree.spec.size_bytes:
            raise InputError(
                f"workload {source.name}: request {number}",
                f"bytes {offset_bytes} to {offset_bytes + size_bytes} reach beyond object {tree.spec.name}"
                f" of {tree.spec.size_bytes}",
                "make the object larger, or wrap or scale the addresses",
            )
        if kind == UNMAP:
            self.counts["unmapped_blocks"] += self.placement.unmap(source.object_index, offset_bytes, size_bytes)
        elif kind == READ:
            self._send_read(request, offset_bytes, size_bytes)
        else:
            for leg in range(len(tree.legs)):
                self._send_write(request, leg, offset_bytes, size_bytes)
        self._part_done(request)

    def _send_read(self, request: Request, offset_bytes: int, size_bytes: int) -> None:
        runs = self.placement.read_runs(request.source.object_index, offset_bytes, size_bytes, request.number)
        for leg, disk, block, blocks, start, size in runs:
            if disk == -1:
                self.counts["zero_read_blocks"] += blocks
            elif disk == -2:
                self._fail(request, UNAVAILABLE, -1)
            else:
                self._send(request, leg, disk, block, blocks, start, size, False)

    def _send_write(self, request: Request, leg: int, offset_bytes: int, size_bytes: int) -> None:
        runs = self.placement.write_runs(request.source.object_index, leg, offset_bytes, size_bytes)
        for disk, reason, block, blocks, start, size in runs:
            if reason:
                self._fail(request, reason, disk)
            else:
                self._send(request, leg, disk, block, blocks, start, size, True)

    def _send(
        self,
        request: Request,
        leg: int,
        disk: int,
        block: int,
        blocks: int,
        start: int,
        size: int,
        is_write: bool,
    ) -> None:
        index = request.operations
        request.operations += 1
        request.waiting_for += 1
        if index == 0:
            u0, u1 = request.u0, request.u1
        else:
            self.counts["split_operations"] += 1
            word = request.source.word(request.number)
            u0, u1 = draw(word, 2 * index), draw(word, 2 * index + 1)
        # Where on the disk: at the same relative place as in the object (an assumption).
        position = (start << 32) // self._object_bytes[request.source.object_index]
        op = Operation(request, leg, disk, block, blocks, size, position, is_write, u0, u1)
        op.outages = self._outages[disk]
        op.unmaps_seen = self.objects[request.source.object_index].legs[leg].unmaps
        # A policy sees what has been sent to a disk, on the way to it or at it.
        self.queue_requests[disk] += 1
        host_index, latency_ns, bandwidth = self._links[disk]
        if bandwidth and is_write:
            self.links_in[host_index].enter(op)
        elif latency_ns:
            self._hop(op, latency_ns, self._enter_disk)
        else:
            self._enter_disk(op)

    # -- the way of an operation -----------------------------------------------------------

    def _hop(self, op: Operation, delay_ns: int, then: Callable[[Any], None]) -> None:
        if delay_ns == 0:
            then(op)
        else:
            op.callbacks = [then]
            self.env.schedule(op, ISSUE, delay_ns)

    def _link_ns(self, op: Operation) -> int:
        return int(op.size_bytes * 1e9 / self._links[op.disk][2] + 0.5)

    def _link_in_left(self, op: Operation) -> None:
        self._hop(op, self._links[op.disk][1], self._enter_disk)

    def _enter_disk(self, op: Operation) -> None:
        # Whatever was on its way when the disk went offline is lost, even if the disk is back by now.
        if op.outages != self._outages[op.disk] or self.space.status[op.disk] == DISK_OFFLINE:
            self._operation_failed(op)
        else:
            self.disks[op.disk].enter(op)

    def _disk_service_ns(self, op: Operation) -> int:
        kind, parameters = self._laws[op.disk]
        disk = op.disk
        time_ns = service_time_ns(
            kind, parameters, op.is_write, op.size_bytes, op.position, self._heads[disk], op.u0, op.u1
        )
        # The head ends behind what was transferred, by the same relation as the position.
        object_bytes = self._object_bytes[op.request.source.object_index]
        self._heads[disk] = op.position + (op.size_bytes << 32) // object_bytes
        return time_ns

    def _disk_left(self, op: Operation) -> None:
        disk = op.disk
        host_index, latency_ns, bandwidth = self._links[disk]
        if op.is_write:
            self.written_bytes[disk] += op.size_bytes
            self.placement.component_wrote(
                op.request.source.object_index, op.leg, disk, op.block, op.blocks, op.unmaps_seen
            )
        else:
            self.read_bytes[disk] += op.size_bytes
            if bandwidth:
                self.links_out[host_index].enter(op)
                return
        if latency_ns:
            self._hop(op, latency_ns, self._answered)
        else:
            self._answered(op)

    def _link_out_left(self, op: Operation) -> None:
        self._hop(op, self._links[op.disk][1], self._answered)

    def _answered(self, op: Operation) -> None:
        self.queue_requests[op.disk] -= 1
        if op.is_write:
            first = self.placement.parent_learns(
                op.request.source.object_index, op.leg, op.disk, op.block, op.blocks, op.unmaps_seen
            )
            self.counts["first_writes"] += first
        self._part_done(op.request)

    def _operation_failed(self, op: Operation) -> None:
        """Fail an operation whose disk is gone: it is tried elsewhere, if it can be (A8, A12)."""
        self.queue_requests[op.disk] -= 1
        request = op.request
        block_bytes = self.objects[request.source.object_index].spec.block_bytes
        start = max(request.offset_bytes, op.block * block_bytes)
        if op.is_write:
            freed = self.placement.first_write_failed(
                request.source.object_index, op.leg, op.disk, op.block, op.blocks, op.unmaps_seen
            )
            self.counts["retries"] += freed > 0 and self.placement.needs_map
            self._send_write(request, op.leg, start, op.size_bytes)
        else:
            self._send_read(request, start, op.size_bytes)
        self._part_done(request)

    # -- ends ------------------------------------------------------------------------------

    def _fail(self, request: Request, status: int, disk: int) -> None:
        request.status = request.status or status
        if status == NO_SPACE and self.no_space is None:
            members = self.objects[request.source.object_index].members
            stranded = sum(self.space.free_bytes[d] for d in members if self.space.status[d] != DISK_OFFLINE)
            self.no_space = NoSpace(self.env.now, disk, stranded)
            if self._on_no_space:
                self._on_no_space()

    def _part_done(self, request: Request) -> None:
        request.waiting_for -= 1
        if request.waiting_for:
            return
        counts = self.counts
        counts["in_flight"] -= 1
        latency_ns: int = self.env.now - request.issued_ns
        if request.status == DONE:
            counts["finished"] += 1
            kind = request.kind
            counts[_COUNT_OF_KIND[kind]] += 1
            if kind != UNMAP:
                self.histogram[kind][bin_index(latency_ns)] += 1
                self.latency_sum_ns[kind] += latency_ns
        else:
            counts["failed_no_space" if request.status == NO_SPACE else "failed_offline"] += 1
        if self.records is not None:
            self.records.append(
                (
                    request.source.index,
                    request.number,
                    request.kind,
                    request.issued_ns,
                    latency_ns,
                    request.status,
                )
            )
        request.source.completed()

    # -- control -----------------------------------------------------------------------------

    def set_status(self, disk: int, status: int) -> None:
        """Change a disk's state; taking it offline fails what it holds."""
        self.space.status[disk] = status
        if status == DISK_OFFLINE:
            self._outages[disk] += 1
            for op in self.disks[disk].drop_all():
                self._operation_failed(op)

    def metadata_writes(self) -> int:
        """Count the changes of all parents' maps since the start (A13)."""
        return sum(leg.parent.metadata_writes for tree in self.objects for leg in tree.legs)

    def reset_counters(self) -> None:
        """Start counting anew, at the end of the warm-up; maps and queues stay."""
        in_flight = self.counts["in_flight"]
        self.counts = dict.fromkeys(COUNT_NAMES, 0)
        self.counts["in_flight"] = in_flight
        self.histogram = [[0] * BIN_COUNT for _ in range(2)]
        self.latency_sum_ns = [0, 0]
        self.read_bytes = [0] * len(self.disks)
        self.written_bytes = [0] * len(self.disks)
        self.metadata_writes_before = self.metadata_writes()
        if self.records is not None:
            self.records.clear()
        for station in self.disks:
            station.reset_counters()

    def arrays(self) -> dict[str, Ints]:
        """Give the per-disk counters up to now, each int64 of shape (disks,)."""
        for station in self.disks:
            station.flush(self.env.now)
        prefilled = [disk.prefilled_bytes for disk in self.cluster.disks]
        columns = {
            "used_bytes": [used + own for used, own in zip(self.space.used_bytes, prefilled, strict=True)],
            "queue_area_ns": [station.queue_area_ns for station in self.disks],
            "busy_ns": [station.busy_ns for station in self.disks],
            "operations": [station.finished for station in self.disks],
            "sojourn_sum_ns": [station.sojourn_sum_ns for station in self.disks],
            "queue_requests": [station.present for station in self.disks],
            "read_bytes": self.read_bytes,
            "written_bytes": self.written_bytes,
        }
        return {name: np.array(values, np.int64) for name, values in columns.items()}
