"""The event loop: what `CompiledDataPath` calls between two control events."""

from __future__ import annotations

from placement_sim.engine.compiled.ends import part_done
from placement_sim.engine.compiled.hardware import (
    disk_served,
    enter_disk,
    hop,
    link_served,
    lose_disk,
    start_waiting,
    take_answer,
)
from placement_sim.engine.compiled.heap import drop_first_event, has_room
from placement_sim.engine.compiled.layout import (
    BUDGET,
    CHUNK,
    DISK_SERVED,
    FEW,
    FOREVER_NS,
    GO_ON,
    GROW,
    IDLE,
    KIND_BITS,
    KIND_MASK,
    LIMIT,
    LINK_SERVED,
    SEQUENCE_MASK,
    SIGNAL,
    THOUGHT,
    TO_ANSWER,
    TO_DISK,
    State,
)
from placement_sim.engine.compiled.requests import arrive, continue_work, operation_failed, thought
from placement_sim.engine.compiled.streams import needs_chunk


def advance(s: State, limit_ns: int) -> int:
    """Process data events before `limit_ns`; give why it stopped, one of the codes of `layout`."""
    while True:
        code = settle(s)
        if code == GO_ON:
            code = look_ahead(s, limit_ns)
        if code != GO_ON:
            return code
        take_event(s)


def settle(s: State) -> int:
    """Work off what is begun and what a lost disk held, with room for one event more."""
    g = s.g[0]
    while True:
        if g.work != IDLE:
            code = continue_work(s)
            if code != GO_ON:
                return code
        if g.record_count + FEW > len(s.records) or g.signal_count + FEW > len(s.signals) or not has_room(s, FEW):
            return GROW
        if g.inbox_next == g.inbox_count:
            return GO_ON
        op_index = s.inbox[g.inbox_next]
        if wants_chunk(s, s.requests[s.operations[op_index].request].stream):
            return CHUNK
        g.inbox_next += 1
        s.queue_requests[s.operations[op_index].disk] -= 1
        operation_failed(s, op_index)


def look_ahead(s: State, limit_ns: int) -> int:
    """Tell whether the next event may be taken, or why not."""
    g = s.g[0]
    if g.signal_count > 0:
        return SIGNAL
    event_ns = s.heap[0].time_ns if g.heap_size > 0 else FOREVER_NS
    arrival_ns = s.arrivals[0].time_ns if g.arrival_count > 0 else FOREVER_NS
    if min(event_ns, arrival_ns) >= limit_ns:
        return LIMIT
    if g.budget <= 0:
        return BUDGET
    g.arrives = arrival_ns < event_ns  # at one instant, arrivals are last
    if g.arrives:
        stream = s.streams[s.arrivals[0].event]
        if stream.row + 1 == stream.row_end and not stream.is_final and not stream.stopped:
            g.wanted_stream = s.arrivals[0].event
            return CHUNK
    elif wants_chunk(s, stream_of(s, s.heap[0].event & KIND_MASK, s.heap[0].event >> KIND_BITS)):
        return CHUNK
    return GO_ON


def take_event(s: State) -> None:
    """Process the next event."""
    g = s.g[0]
    g.budget -= 1
    if g.arrives:
        g.now_ns = s.arrivals[0].time_ns
        arrive(s)
        return
    g.now_ns = s.heap[0].time_ns
    kind, index = s.heap[0].event & KIND_MASK, s.heap[0].event >> KIND_BITS
    sequence = s.heap[0].key & SEQUENCE_MASK
    drop_first_event(s)
    if kind == THOUGHT:
        thought(s, index)
    elif s.operations[index].event == sequence:  # else it was taken back
        operate(s, kind, index, g.now_ns)


def stream_of(s: State, kind: int, index: int) -> int:
    """Give the stream that an event belongs to."""
    if kind == THOUGHT:
        return s.requests[index].stream
    return s.requests[s.operations[index].request].stream


def wants_chunk(s: State, stream_index: int) -> bool:
    """Tell whether Python must bring rows first, because a closed loop may take one now."""
    if s.streams[stream_index].outstanding > 0 and needs_chunk(s, stream_index):
        s.g[0].wanted_stream = stream_index
        return True
    return False


def operate(s: State, kind: int, op_index: int, now_ns: int) -> None:
    """Take an operation one step on."""
    if kind == DISK_SERVED:
        if disk_served(s, op_index, now_ns):
            part_done(s, take_answer(s, op_index))
        return
    if kind == LINK_SERVED:
        is_outbound = link_served(s, op_index, now_ns) & 1
        stage = TO_ANSWER if is_outbound else TO_DISK
        if hop(s, op_index, stage, now_ns):
            return
    else:
        stage = s.operations[op_index].stage
    if stage == TO_ANSWER:
        part_done(s, take_answer(s, op_index))
    elif not enter_disk(s, op_index, now_ns):
        operation_failed(s, op_index)


def lose(s: State, disk_index: int) -> int:
    """Fail what a disk holds; `advance` then works off the inbox."""
    g = s.g[0]
    g.inbox_next = 0
    g.inbox_count = 0
    lose_disk(s, disk_index, g.now_ns)
    return 0


def set_channels(s: State, disk_index: int, channels: int) -> int:
    """Change how many operations a disk serves at once; what is in service stays in service."""
    disk = s.disks[disk_index]
    disk.channels = channels
    while disk.waiting > 0 and disk.serving < channels:
        disk.busy_ns -= s.g[0].now_ns
        start_waiting(s, disk_index, s.g[0].now_ns)
    return 0
