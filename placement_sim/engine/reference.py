"""The reference data path: every arrival and every completion is a SimPy event.

It is the readable statement of the model; docs/architecture.md tells the way of a request.
The common case, one block with an owner, is kept short, because benchmarks/reference_path.py asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import simpy

from placement_sim.engine.clock import Clock
from placement_sim.engine.datapath import COUNT_NAMES, NoSpace, Running, Stream
from placement_sim.engine.degraded import DONE, LOST, NO_SPACE, SKIPPED, UNAVAILABLE
from placement_sim.engine.hardware import RAW, Hardware, Plain
from placement_sim.engine.placement import CACHED, ZEROS, Placement, naming_request
from placement_sim.engine.reference_counters import ReferenceCounters
from placement_sim.engine.source import ClosedSource, OpenSource, RawSource, Row, Source
from placement_sim.engine.space import Space
from placement_sim.engine.station import Operation
from placement_sim.engine.tally import Ledger
from placement_sim.errors import PolicyError
from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import ONLINE, Cluster
from placement_sim.model.storage_object import StorageObject
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.randomness import draw
from placement_sim.workloads.requests import READ, UNMAP, WRITE, Requests


class Request:
    """One request in flight."""

    __slots__ = ("_u0", "_u1", "issued_ns", "kind", "number", "operations", "size_bytes", "source", "start_bytes",
                 "status", "waiting_for")  # fmt: skip

    def __init__(self, source: Source, number: int, row: Row, now_ns: int) -> None:
        self.source = source
        self.number = number
        _, self.kind, self.start_bytes, self.size_bytes, _, _, self._u0, self._u1 = row
        self.issued_ns = now_ns
        self.waiting_for = 1  # the dispatch itself, so that nothing completes during it
        self.operations = 0
        self.status = DONE

    def draws(self, index: int) -> tuple[float, float]:
        """Give the two service draws of one of its operations."""
        if index == 0:
            return self._u0, self._u1
        word = self.source.word(self.number)
        return draw(word, 2 * index), draw(word, 2 * index + 1)


class ReferenceDataPath(ReferenceCounters):
    """Disks, links and maps driven by SimPy events; see `datapath.DataPath` for what its methods promise."""

    def __init__(
        self,
        clock: Clock,
        cluster: Cluster,
        policy: PlacementPolicy,
        seed: int,
        *,
        record_requests: bool = False,
        on_no_space: Callable[[], None] | None = None,
    ) -> None:
        self.env = clock
        self.cluster = cluster
        self._seed = seed
        self._on_no_space = on_no_space
        self.space = Space(cluster)
        self.hardware = Hardware(
            clock,
            cluster,
            self.space,
            wrote=self._wrote,
            was_read=self._was_read,
            answered=self._answered,
            failed=self._operation_failed,
            plain_done=self._plain_done,
            plain_failed=self._plain_failed,
        )
        self._is_direct, self._stations = self.hardware.is_direct, self.hardware.stations
        self.queue_requests = self.hardware.queue_requests
        self.placement = Placement(cluster, policy, seed, self.space, self.hardware.queue_requests)
        self.objects: list[StorageObject] = self.placement.objects
        self._records = self.placement.degraded.records
        self.counts = dict.fromkeys(COUNT_NAMES, 0)
        self.ledger = Ledger(len(cluster.disks))
        self._metadata_writes_before = 0
        self._sources: list[Source] = []
        self._raw: dict[str, RawSource] = {}
        self.no_space: NoSpace | None = None
        self.records: list[tuple[int, ...]] | None = [] if record_requests else None

    # -- streams -------------------------------------------------------------------------

    def start_stream(self, stream: Stream) -> Running:
        """Start a stream now; the event succeeds when its last request is complete."""
        kind = ClosedSource if stream.outstanding else OpenSource
        spec = self.cluster.objects[stream.object_index]
        stream = replace(stream, requests=self._binning(stream.requests))
        source = kind(self.env, self.issue, stream, len(self._sources), self._seed, spec)
        source.tally = self.ledger.tally(stream.purpose)
        source.tree = self.objects[stream.object_index]
        source.is_simple = len(source.tree.legs) == 1 and stream.host_index < 0
        self._sources.append(source)
        source.start()
        return Running(source.index, source.ended)

    def _binning(self, chunks: Iterator[Requests]) -> Iterator[Requests]:
        """Bin the latencies that have piled up whenever a chunk is begun: memory does not grow with the trace."""
        for chunk in chunks:
            self.ledger.flush_full()
            yield chunk

    def stop_stream(self, running: Running) -> None:
        """Issue nothing more; the event succeeds when what is in flight has completed."""
        self._sources[running.index].stop()

    def raw_io(self, disk: int, is_write: bool, size_bytes: int, position: int, purpose: str) -> simpy.Event:
        """Send one operation to a disk, past all maps; the event's value is False if the disk was lost."""
        if purpose not in self._raw:
            source = RawSource(self.env, purpose, len(self._sources), self._seed)
            source.tally = self.ledger.tally(purpose)
            self._sources.append(source)
            self._raw[purpose] = source
        source = self._raw[purpose]
        event = self.env.event()
        number = source.next_number(event)
        word = source.word(number)
        row = (0, WRITE if is_write else READ, position, size_bytes, 0, 0, draw(word, 0), draw(word, 1))
        request = Request(source, number, row, self.env.now_ns)
        self._send_part(request, RAW, 0, disk, 0, 1, position, size_bytes, is_write)
        self._part_done(request, self.env.now_ns)
        return event

    def issue(self, source: Source, number: int, row: Row, now_ns: int) -> None:
        """Take one request from a source: split it, place it, send its operations."""
        tree = source.tree
        block = row[4]
        if block == row[5] and source.is_simple and row[1] != UNMAP:
            parent = tree.legs[0].parent
            entry = parent.entries[block]
            if 0 < entry < parent.stale:
                disk = entry - 1
                if self.space.status[disk] == ONLINE and self._is_direct[disk]:
                    plain = Plain()
                    plain.source = source
                    plain.number = number
                    plain.row = row
                    plain.disk = disk
                    self.queue_requests[disk] += 1
                    self._stations[disk].enter(plain, now_ns)
                    return
        request = Request(source, number, row, now_ns)
        object_index = source.object_index
        offset_bytes, size_bytes = request.start_bytes, request.size_bytes
        if request.kind == UNMAP:
            self.counts["unmapped_blocks"] += self.placement.unmap(object_index, offset_bytes, size_bytes)
        elif request.kind == READ:
            self._send_read(request, object_index, offset_bytes, size_bytes)
        else:
            for leg_index in range(len(tree.legs)):
                self._send_write(request, object_index, leg_index, offset_bytes, size_bytes)
        self._part_done(request, now_ns)

    def _send_read(
        self, request: Request, object_index: int, offset_bytes: int, size_bytes: int, *, is_copy: bool = False
    ) -> None:
        runs = self.placement.read_runs(
            object_index, offset_bytes, size_bytes, request.number, request.source.host_index, is_copy=is_copy
        )
        for owner, leg, disk, also, block, blocks, start, size in runs:
            if disk >= 0:
                self._send_part(request, owner, leg, disk, block, blocks, start, size, False)
                if also >= 0:
                    self._send_part(request, owner, leg, also, block, blocks, start, size, False)
            elif disk == ZEROS:
                self.counts["zero_read_blocks"] += blocks
            elif disk == CACHED:
                self.counts["cached_read_blocks"] += blocks
            else:
                assert disk == LOST
                self._fail(request, UNAVAILABLE, -1)

    def _send_write(self, request: Request, object_index: int, leg: int, offset_bytes: int, size_bytes: int) -> None:
        try:
            runs = self.placement.write_runs(object_index, leg, offset_bytes, size_bytes)
        except PolicyError as error:
            raise naming_request(error, request.source.name, request.number) from None
        for disk, reason, fresh, also, block, blocks, start, size in runs:
            if reason:
                if reason != SKIPPED:
                    self._fail(request, reason, disk)
                continue
            if fresh and self.objects[object_index].backing >= 0:
                start, size = self._copy_up(request, object_index, leg, block, blocks, start, size)
            self._send_part(request, object_index, leg, disk, block, blocks, start, size, True)
            if also >= 0:
                self._send_part(request, object_index, leg, also, block, blocks, start, size, True, is_second=True)

    def _copy_up(
        self, request: Request, object_index: int, leg: int, block: int, blocks: int, start: int, size: int
    ) -> tuple[int, int]:
        """Read what a clone's first write leaves of its blocks from the backing; give the whole blocks' range.

        Implied: a block is allocated whole, so the rest must come along. The read runs beside the write.
        """
        tree = self.objects[object_index]
        first = block * tree.spec.block_bytes
        end = min((block + blocks) * tree.spec.block_bytes, tree.spec.size_bytes)
        backing_bytes = self.cluster.objects[tree.backing].size_bytes
        for piece, piece_end, at in ((first, start, block), (start + size, end, block + blocks - 1)):
            copied = min(piece_end, backing_bytes) - piece
            if copied > 0 and self.placement.is_first_live(object_index, leg, at):
                self.counts["copied_up_bytes"] += copied
                self._send_read(request, tree.backing, piece, copied, is_copy=True)
        return first, end - first

    def _send_part(
        self, request: Request, object_index: int, leg: int, disk: int, block: int, blocks: int,
        start: int, size: int, is_write: bool, *, is_second: bool = False,
    ) -> None:  # fmt: skip
        index = request.operations
        request.operations += 1
        request.waiting_for += 1
        if index > 0:
            self.counts["split_operations"] += 1
        unmaps_seen = 0 if object_index == RAW else self.objects[object_index].legs[leg].unmaps[0]
        op = Operation(
            request, index, object_index, leg, disk, block, blocks, start, size, is_write, unmaps_seen, is_second
        )
        self.hardware.send(op, self.env.now_ns)

    # -- what happens to an operation ------------------------------------------------------

    def _wrote(self, op: Operation, now_ns: int) -> None:
        """Mark the component's map (A5), then the record of a degraded block (A14)."""
        op.request.source.tally.bytes[WRITE][op.disk] += op.size_bytes
        if op.object_index != RAW:
            leg = self.objects[op.object_index].legs[op.leg]
            if op.blocks > 1 or leg.pending[op.block]:
                self.placement.component_wrote(op.object_index, op.leg, op.disk, op.block, op.blocks, op.unmaps_seen)
            if self._records and not op.is_second:
                self.placement.degraded.served(
                    op.object_index, op.leg, op.disk, op.block, op.blocks, op.start_bytes, op.size_bytes
                )

    def _was_read(self, op: Operation, now_ns: int) -> None:
        """Count a read; it leaves its blocks in the host's memory, if they are a base disk's."""
        source = op.request.source
        source.tally.bytes[READ][op.disk] += op.size_bytes
        if source.host_index >= 0:
            for block in range(op.block, op.block + op.blocks):
                self.placement.cache.insert(source.host_index, op.object_index, block)

    def _answered(self, op: Operation, now_ns: int) -> None:
        """Change the parent's map (A6) and finish the request, if this was its last operation."""
        request = op.request
        if op.is_write:
            if op.object_index != RAW:
                leg = self.objects[op.object_index].legs[op.leg]
                if op.blocks > 1 or leg.pending[op.block]:
                    self.counts["first_writes"] += self.placement.parent_learns(
                        op.object_index, op.leg, op.disk, op.block, op.blocks, op.unmaps_seen
                    )
        self._part_done(request, now_ns)

    def _operation_failed(self, op: Operation, now_ns: int) -> None:
        """Fail an operation whose disk is gone: it is tried elsewhere, if it can be (A8, A12)."""
        request = op.request
        if not request.source.retries:
            self._fail(request, UNAVAILABLE, op.disk)
        elif op.is_write:
            freed = self.placement.first_write_failed(
                op.object_index, op.leg, op.disk, op.block, op.blocks, op.unmaps_seen
            )
            self.counts["retries"] += freed > 0 and self.placement.needs_map
            self._send_write(request, op.object_index, op.leg, op.start_bytes, op.size_bytes)
        else:
            self._send_read(request, op.object_index, op.start_bytes, op.size_bytes)
        self._part_done(request, now_ns)

    # -- ends ------------------------------------------------------------------------------

    def _fail(self, request: Request, status: int, disk: int) -> None:
        request.status = request.status or status
        if status == NO_SPACE and self.no_space is None:
            members = self.objects[request.source.object_index].members
            stranded = sum(self.space.free_bytes[d] for d in members if self.space.status[d] != DISK_OFFLINE)
            self.no_space = NoSpace(self.env.now_ns, disk, stranded)
            if self._on_no_space:
                self._on_no_space()

    def _plain_done(self, plain: Plain, now_ns: int) -> None:
        """Finish a plain request."""
        source, row, disk = plain.source, plain.row, plain.disk
        self.queue_requests[disk] -= 1
        tally, kind = source.tally, row[1]
        tally.bytes[kind][disk] += row[3]
        if self._records and kind == WRITE:
            self.placement.degraded.served(source.object_index, 0, disk, row[4], 1, row[2], row[3])
        latency_ns = now_ns - plain.entered_ns
        tally.latencies_ns[kind].append(latency_ns)
        if self.records is not None:
            self.records.append((source.index, plain.number, kind, plain.entered_ns, latency_ns, DONE))
        source.completed(plain.number, DONE)

    def _plain_failed(self, plain: Plain, now_ns: int) -> None:
        """Give a plain request whose disk is gone its operation, and fail that."""
        source, row = plain.source, plain.row
        request = Request(source, plain.number, row, plain.entered_ns)
        request.operations = 1
        op = Operation(request, 0, source.object_index, 0, plain.disk, row[4], 1, row[2], row[3], row[1] == WRITE, 0)
        self._operation_failed(op, now_ns)

    def _part_done(self, request: Request, now_ns: int) -> None:
        request.waiting_for -= 1
        if request.waiting_for:
            return
        counts = self.counts
        source, kind, status = request.source, request.kind, request.status
        latency_ns = now_ns - request.issued_ns
        if status == DONE:
            if kind == UNMAP:
                counts["unmaps"] += 1
            else:
                source.tally.latencies_ns[kind].append(latency_ns)
        else:
            counts["failed_no_space" if status == NO_SPACE else "failed_offline"] += 1
            source.tally.failed += 1
        if self.records is not None and source.retries:
            self.records.append((source.index, request.number, kind, request.issued_ns, latency_ns, status))
        source.completed(request.number, status)

    # -- control -----------------------------------------------------------------------------

    def set_status(self, disk: int, status: int) -> None:
        """Change a disk's state; taking it offline fails what it holds."""
        self.space.status[disk] = status
        if status == DISK_OFFLINE:
            self.hardware.lose(disk)

    def has_older_write(self, object_index: int, block: int, until_ns: int) -> bool:
        """Tell whether a write of a block that was issued by then is still in flight."""
        return self.hardware.has_older_write(object_index, block, until_ns)

    def set_slowdown(self, disk: int, factor: float) -> None:
        """Multiply the service times that begin from now on."""
        self.hardware.set_slowdown(disk, factor)

    def set_channels(self, disk: int, channels: int) -> None:
        """Change how many operations a disk serves at once."""
        self.hardware.set_channels(disk, channels)

    def add_component(self, disk: int) -> None:
        """Give every object a component on a disk that has joined (A11)."""
        for tree in self.objects:
            if disk not in tree.members:
                tree.add_component(disk)

    def set_backing(self, object_index: int, backing_index: int) -> None:
        """Read unallocated blocks of an object from another one from now on."""
        self.objects[object_index].backing = backing_index

    def discard_object(self, object_index: int) -> int:
        """Unmap every block of an object at once and give how many there were."""
        cleared = self.placement.discard(object_index)
        self.counts["unmapped_blocks"] += cleared
        return cleared

    def begin_phase(self, name: str) -> None:
        """Count requests that complete from now on under this phase."""
        self.ledger.begin_phase(name)
        for source in self._sources:
            source.tally = self.ledger.tally(source.purpose)

    def reset_counters(self) -> None:
        """Start counting anew, at the end of the warm-up; maps and queues stay."""
        self.counts = dict.fromkeys(COUNT_NAMES, 0)
        self.ledger.clear()
        self.hardware.reset_counters()
        self._metadata_writes_before = self._metadata_writes()
        if self.records is not None:
            self.records.clear()
