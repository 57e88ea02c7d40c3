"""The compiled data path: `datapath.DataPath` over `loop.advance`, which runs between control events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import simpy

from placement_sim.engine.compiled import layout
from placement_sim.engine.compiled.cache_view import ArrayCache
from placement_sim.engine.compiled.choice import BAD_CHOICE
from placement_sim.engine.compiled.counters import Counters
from placement_sim.engine.compiled.data_clock import DataClock
from placement_sim.engine.compiled.layout import NONE, State
from placement_sim.engine.compiled.make_state import grow_pools, longer, make_state, signed
from placement_sim.engine.compiled.rows import next_chunk, present_chunk, turn_over
from placement_sim.engine.datapath import FIRST_PHASE, GUEST, Ints, Running, Stream
from placement_sim.engine.histogram import BIN_COUNT
from placement_sim.engine.placement import Placement, WriteOwner, naming_request
from placement_sim.engine.source import checked_chunks
from placement_sim.engine.space import Space
from placement_sim.errors import PolicyError
from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import Cluster
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.randomness import stream_key
from placement_sim.workloads.requests import Requests

FEWEST_EVENTS = 5_000  # of one call of the loop, to begin with; then as many as take CALL_S
CALL_S = 0.1  # Ctrl-C is heard between two calls
ROW_COLUMNS = {"time_ns": np.int64, "kind": np.uint8, "offset_bytes": np.int64, "size_bytes": np.int64}  # of a chunk


class CompiledDataPath(Counters):
    """Streams, disks and maps as arrays; see `datapath.DataPath` for what its methods promise.

    Parameters
    ----------
    kernel_for
        Gives the compiled loop for a state and the address of the compiled policy, -1 for one in plain Python.
    progress
        Called with the simulated nanoseconds now and then on a long run.
    """

    def __init__(
        self,
        clock: DataClock,
        cluster: Cluster,
        policy: PlacementPolicy,
        seed: int,
        kernel_for: Callable[[State], tuple[Any, int]],
        *,
        record_requests: bool = False,
        on_no_space: Callable[[], None] | None = None,
        progress: Callable[[int], None] | None = None,
        pool: int = 256,
    ) -> None:
        self.env = clock
        clock.advance = self._advance
        self.cluster = cluster
        self._seed = seed
        self._policy = policy
        self._on_no_space = on_no_space
        self._progress = progress
        self.space = Space(cluster, arrays=True)
        queue_requests = np.zeros(len(cluster.disks), np.int64)
        self.queue_requests = queue_requests
        self.placement = Placement(cluster, policy, seed, self.space, queue_requests)
        self.objects = self.placement.objects
        state = make_state(cluster, policy, seed, self.space, self.placement.store, pool=pool)
        self._g = state.g.view(layout.GLOBALS.descr)[0]  # its fields are items: a tenth of an attribute's time
        self._g["keeps_records"] = record_requests
        self._budget = self._g["budget"] = FEWEST_EVENTS
        self._called_s = time.perf_counter()
        self.placement.share_state(state.policy_state)
        self.placement.cache = ArrayCache(cluster, state)
        self._kernel, self._g["policy"] = kernel_for(state)
        self._set_state(state._replace(queue_requests=queue_requests))
        self._record_requests = record_requests
        self._full_records: list[Ints] = []
        self.phases, self.purposes = [FIRST_PHASE], [GUEST]
        self._phase = 0
        self._tallies: dict[tuple[int, int], int] = {}
        self._streams: list[Stream] = []
        self._chunks: list[Iterator[Requests]] = []
        self._ended: list[simpy.Event] = []
        self._held: list[tuple[Any, ...]] = []  # columns of the present chunk and of the next: the loop has addresses
        self._raw: dict[str, int] = {}
        self._raw_events: dict[tuple[int, int], simpy.Event] = {}
        self._metadata_writes_before = 0

    # -- the loop ----------------------------------------------------------------------------

    def _advance(self, limit_ns: int) -> bool:
        """Let data events before `limit_ns` happen; give True if control processes were told something."""
        while True:
            self._g["wake"] = 1  # whatever was changed here is looked at first
            code = self._kernel.advance(self._handle, limit_ns)
            if code == layout.LIMIT:
                return False
            if code == layout.SIGNAL:
                self._deliver()
                return True
            if code == layout.CHUNK:
                self._refill(int(self._g["wanted_stream"]))
            elif code == layout.GROW:
                self._grow()
            elif code == layout.DECIDE:
                self._decide()
                if self.env.queue:  # a decision may have told a repair of a block
                    limit_ns = min(limit_ns, self.env.queue[0][0])
            else:
                self._pause()

    def _pause(self) -> None:
        """Tell how far the run is, and set how many events the next call may take: no result hangs on that."""
        if self._progress:
            self._progress(int(self._g["now_ns"]))
        now_s = time.perf_counter()
        share = CALL_S / max(now_s - self._called_s, 1e-6)
        self._called_s = now_s
        self._budget = max(FEWEST_EVENTS, int(self._budget * min(share, 8.0)))
        self._g["budget"] = self._budget

    def _set_state(self, state: State) -> None:
        self._state = state
        self._handle = self._kernel.handle(state)

    def _work_off(self) -> None:
        """Let what a control process has begun come to its end, at this instant."""
        self._g["now_ns"] = self.env.now_ns
        self._advance(self.env.now_ns)

    def _deliver(self) -> None:
        g = self._g
        self.env.set_now(int(g["now_ns"]))
        signals = self._state.signals[: g["signal_count"]].tolist()
        g["signal_count"] = 0
        for why, stream, number in signals:
            if why == layout.ENDED:
                self._ended[stream].succeed()
                self._held[stream] = ()
            elif why == layout.RAW_DONE:
                self._raw_events.pop((stream, number >> 1)).succeed(bool(number & 1))
            elif self._on_no_space:
                self._on_no_space()

    def _decide(self) -> None:
        """Let Python decide: a policy in plain Python, an owner that is away, a block with a record."""
        g = self._g
        object_index, block = int(g["asked_object"]), int(g["asked_block"])
        self.env.set_now(int(g["now_ns"]))
        if g["work"] == layout.NOTE_SERVED:
            self._note_served()
            return
        request = self._state.requests[g["work_request"]]
        if block == NONE:
            cleared = self.placement.unmap(object_index, int(request.start_bytes), int(request.size_bytes))
            g["unmapped_blocks"] += cleared
            g["leg"] = 0
            return
        first_leg = self._state.objects["first_leg"]
        start, end = int(g["part_start"]), int(g["part_start"] + g["part_size"])
        if g["part_is_write"]:
            leg_index = int(g["asked_leg"] - first_leg[object_index])
            owner = self._ask_policy(object_index, leg_index, block)
            g["decision_disk"], g["decision_reason"], g["decision_is_fresh"], g["decision_also"] = owner
            g["decision_object"], g["decision_leg"] = object_index, g["asked_leg"]
        else:
            host = int(self._state.streams[request.stream].host)
            read = self.placement.read_owner(object_index, block, int(request.number), host, (start, end))
            g["decision_object"], g["decision_leg"], g["decision_disk"], g["decision_also"] = read
            g["decision_leg"] += first_leg[read[0]]
            g["decision_reason"], g["decision_is_fresh"] = 0, 0
        g["decided"] = 1

    def _note_served(self) -> None:
        """Let the records know of a write that a disk has served, as `ReferenceDataPath` does."""
        op = self._state.operations[self._g["work_operation"]]
        leg_index = int(op.leg - self._state.objects[op.object].first_leg)
        where = (int(op.disk), int(op.block), int(op.blocks), int(op.start_bytes), int(op.size_bytes))
        self.placement.degraded.served(int(op.object), leg_index, *where)
        self._g["work"] = layout.IDLE

    def _ask_policy(self, object_index: int, leg_index: int, block: int) -> WriteOwner:
        """Ask for an owner; an error of the policy names the request."""
        g = self._g
        is_bad, answer = g["decision_disk"] == BAD_CHOICE, int(g["decision_reason"])
        try:
            owner = self.placement.write_owner(object_index, leg_index, block)
            if is_bad:
                raise PolicyError(
                    f"policy {self._policy.name} failed or answered {answer} for block {block} when compiled, "
                    f"and {owner[0]} when asked again in Python"
                )
        except PolicyError as error:
            request = self._state.requests[g["work_request"]]
            raise naming_request(error, self._streams[request.stream].name, int(request.number)) from None
        return owner

    def _grow(self) -> None:
        """Make room where there is none."""
        state = self._state
        g = self._g
        if self._record_requests and g["record_count"] + 4 > len(state.records):
            self._full_records.append(state.records[: g["record_count"]].copy())
            g["record_count"] = 0
            if len(state.records) < 1 << 16:
                state = state._replace(records=longer(state.records, 2 * len(state.records)))
        if g["signal_count"] + 4 > len(state.signals):
            state = state._replace(signals=longer(state.signals, 2 * len(state.signals)))
        blocks = int(g["last"] - g["first"] + 1) if g["part_open"] else 0
        if blocks > len(state.found):
            state = state._replace(found=longer(state.found, 2 * blocks))
        wanted = 4 * blocks + 8 + (int(g["work_left"]) if g["work"] == layout.SET_CHANNELS else 0)
        if (
            g["operations_free"] < wanted
            or g["requests_free"] < wanted
            or g["heap_size"] + wanted + 8 > len(state.heap)
        ):
            state = grow_pools(state, max(len(state.operations), wanted))
        self._set_state(state)

    # -- streams -----------------------------------------------------------------------------

    def start_stream(self, stream: Stream) -> Running:
        """Start a stream now; the event succeeds when its last request is complete."""
        spec = self.cluster.objects[stream.object_index]
        index = self._add_stream(stream, checked_chunks(stream, spec))
        record = self._state.streams[index]
        record.object, record.outstanding, record.host = stream.object_index, stream.outstanding, stream.host_index
        record.key = signed(stream_key(self._seed, stream.name, "service"))
        self._g["closed_loops"] += stream.outstanding > 0
        self._begin(layout.START, index)
        self._g["work_left"] = stream.outstanding or 1
        self._work_off()
        return Running(index, self._ended[index])

    def _add_stream(self, stream: Stream, chunks: Iterator[Requests]) -> int:
        index = len(self._streams)
        if index == len(self._state.streams):
            sizes = {"streams": 2 * index + 1, "arrivals": 2 * index + 1, "chunks": 4 * index + 2}
            self._set_state(
                self._state._replace(**{name: longer(getattr(self._state, name), size) for name, size in sizes.items()})
            )
        self._streams.append(stream)
        self._chunks.append(chunks)
        self._ended.append(self.env.event())
        self._held.append(())
        record = self._state.streams[index]
        record.start_ns = self.env.now_ns
        record.tally = self._tally(stream.purpose)
        return index

    def _begin(self, work: int, stream: int) -> None:
        g = self._g
        g["work"], g["work_stream"], g["part_open"] = work, stream, 0

    def _refill(self, index: int) -> None:
        """Bring the next chunk of a stream; of the present one, a row may be left."""
        record = self._state.streams[index]
        if record.row < record.row_end:  # copied, because a stream may fill the same arrays anew
            left = tuple(column[record.row : record.row_end].copy() for column in self._held[index][-1])
            self._point_to(index, present_chunk(self._state, index), left)
            record.row, record.row_end = 0, len(left[0])
        chunk = next(self._chunks[index], None)
        if chunk is None:
            record.is_final = 1
            self._chunks[index] = iter(())
            return
        held = tuple(np.ascontiguousarray(getattr(chunk, name), kind) for name, kind in ROW_COLUMNS.items())
        self._point_to(index, next_chunk(self._state, index), held)
        turn_over(self._state, index)

    def _point_to(self, index: int, place: int, columns: tuple[Any, ...]) -> None:
        """Let the loop find a chunk's columns, and keep them as long as it may."""
        self._held[index] = (*self._held[index][-1:], columns)
        rows = self._state.chunks[place]
        rows.count = len(columns[0])
        rows.time_ns, rows.kind, rows.offset_bytes, rows.size_bytes = (column.ctypes.data for column in columns)

    def stop_stream(self, running: Running) -> None:
        """Issue nothing more; the event succeeds when what is in flight has completed."""
        record = self._state.streams[running.index]
        record.exhausted = record.stopped = 1
        record.thinking = 0
        if record.in_flight == 0 and not record.has_ended:
            record.has_ended = 1
            self._ended[running.index].succeed()

    def raw_io(self, disk: int, is_write: bool, size_bytes: int, position: int, purpose: str) -> simpy.Event:
        """Send one operation to a disk, past all maps; the event's value is False if the disk was lost."""
        if purpose not in self._raw:
            stream = Stream(f"raw {purpose}", NONE, iter(()), purpose=purpose)
            index = self._add_stream(stream, iter(()))
            record = self._state.streams[index]
            record.object, record.host, record.is_raw, record.is_final = NONE, NONE, 1, 1
            record.key = signed(stream_key(self._seed, stream.name, "service"))
            self._raw[purpose] = index
        index = self._raw[purpose]
        event = self.env.event()
        self._raw_events[index, int(self._state.streams[index].number)] = event
        self._begin(layout.RAW_OPERATION, index)
        g = self._g
        g["part_is_write"], g["part_start"], g["part_size"], g["part_leg"] = is_write, position, size_bytes, disk
        self._work_off()
        return event

    def has_older_write(self, object_index: int, block: int, until_ns: int) -> bool:
        """Tell whether a write of a block that was issued by then is still in flight."""
        ops, requests = self._state.operations, self._state.requests
        mask = (ops["object"] == object_index) & (ops["is_write"] == 1) & (ops["block"] <= block)
        mask &= (block < ops["block"] + ops["blocks"]) & (requests["issued_ns"][ops["request"]] <= until_ns)
        found = set(np.flatnonzero(mask).tolist())
        place = int(self._g["free_operation"])
        while found and place != NONE:  # what is free still says what it was
            found.discard(place)
            place = int(ops["next"][place])
        return bool(found)

    # -- control -----------------------------------------------------------------------------

    def set_status(self, disk: int, status: int) -> None:
        """Change a disk's state; taking it offline fails what it holds."""
        self.space.status[disk] = status
        if status == DISK_OFFLINE:
            self._begin(layout.LOSE_DISK, NONE)
            self._g["work_disk"] = disk
            self._work_off()

    def set_slowdown(self, disk: int, factor: float) -> None:
        """Multiply the service times that begin from now on."""
        self._state.disks[disk].slowdown = factor

    def set_channels(self, disk: int, channels: int) -> None:
        """Change how many operations a disk serves at once."""
        self._begin(layout.SET_CHANNELS, NONE)
        g = self._g
        g["work_disk"], g["work_left"] = disk, channels
        self._work_off()

    def add_component(self, disk: int) -> None:
        """Give every object a component on a disk that has joined (A11)."""
        for index, tree in enumerate(self.objects):
            if disk not in tree.members:
                tree.add_component(disk)
                record = self._state.objects[index]
                self._state.members[record.first_member + record.members] = disk
                record.members += 1

    def set_backing(self, object_index: int, backing_index: int) -> None:
        """Read unallocated blocks of an object from another one from now on."""
        self.objects[object_index].backing = backing_index
        self._state.objects[object_index].backing = backing_index

    def discard_object(self, object_index: int) -> int:
        """Unmap every block of an object at once and give how many there were."""
        cleared = self.placement.discard(object_index)
        self._g["unmapped_blocks"] += cleared
        return cleared

    def begin_phase(self, name: str) -> None:
        """Count requests that complete from now on under this phase."""
        if name not in self.phases:
            self.phases.append(name)
        self._phase = self.phases.index(name)
        for index, stream in enumerate(self._streams):
            self._state.streams[index].tally = self._tally(stream.purpose)

    def _tally(self, purpose: str) -> int:
        """Give the place where requests of a purpose are counted in the present phase."""
        if purpose not in self.purposes:
            self.purposes.append(purpose)
        key = (self._phase, self.purposes.index(purpose))
        place = self._tallies.setdefault(key, len(self._tallies))
        state = self._state
        if place >= len(state.failed):
            disks, tallies = len(self.cluster.disks), 2 * place + 1
            lengths = {"failed": 1, "latency_sum_ns": 2, "histogram": 2 * BIN_COUNT, "moved_bytes": 2 * disks}
            grown = {name: longer(getattr(state, name), tallies * length) for name, length in lengths.items()}
            self._set_state(state._replace(**grown))
        return place
