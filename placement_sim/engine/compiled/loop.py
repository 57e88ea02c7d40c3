"""The event loop: what `CompiledDataPath` calls between two control events."""

from __future__ import annotations

from placement_sim.engine.compiled.ends import part_done
from placement_sim.engine.compiled.hardware import (
    disk_served,
    enter_disk,
    hop,
    link_served,
    take_answer,
)
from placement_sim.engine.compiled.heap import drop_first_event
from placement_sim.engine.compiled.layout import (
    BUDGET,
    CHUNK,
    DECIDE,
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
    NOTE_SERVED,
    ON_ITS_WAY,
    SEQUENCE_MASK,
    SIGNAL,
    THOUGHT,
    TO_ANSWER,
    TO_DISK,
    State,
)
from placement_sim.engine.compiled.requests import arrive, continue_work, operation_failed, thought
from placement_sim.engine.compiled.rows import wants_next_chunk
from placement_sim.engine.compiled.streams import needs_chunk


def advance(s: State, limit_ns: int) -> int:
    """Process data events before `limit_ns`; give why it stopped, one of the codes of `layout`."""
    g = s.g[0]
    while True:
        if g.wake or g.room <= 0:
            code = settle(s)
            if code != GO_ON:
                return code
        code = look_ahead(s, limit_ns)
        if code != GO_ON:
            return code
        g.room -= 1
        take_event(s)


def settle(s: State) -> int:
    """Work off what is begun and what a lost disk held; find out for how many events there is room."""
    g = s.g[0]
    while True:
        if g.work == NOTE_SERVED:
            return DECIDE
        if g.work != IDLE:
            code = continue_work(s)
            if code != GO_ON:
                return code
        g.room = events_that_fit(s)
        if g.room <= 0:
            return GROW
        if g.inbox_next == g.inbox_count:
            break
        op_index = s.inbox[g.inbox_next]
        if wants_chunk(s, s.requests[s.operations[op_index].request].stream):
            return CHUNK
        g.inbox_next += 1
        s.queue_requests[s.operations[op_index].disk] -= 1
        operation_failed(s, op_index)
    if g.signal_count > 0:
        return SIGNAL
    if g.budget <= 0:
        return BUDGET
    g.wake = 0
    g.room = min(g.room, g.budget)
    g.budget -= g.room
    return GO_ON


def events_that_fit(s: State) -> int:
    """Count the events for which there is room in every pool, each of which takes FEW places at most."""
    g = s.g[0]
    pools = min(min(g.operations_free, g.requests_free), len(s.heap) - g.heap_size - FEW)
    lists = min(len(s.records) - g.record_count, len(s.signals) - g.signal_count)
    return min(pools, lists) // FEW


def look_ahead(s: State, limit_ns: int) -> int:
    """Tell whether the next event may be taken, or why not."""
    g = s.g[0]
    event_ns = s.heap[0].time_ns if g.heap_size > 0 else FOREVER_NS
    arrival_ns = s.arrivals[0].time_ns if g.arrival_count > 0 else FOREVER_NS
    g.arrives = arrival_ns < event_ns  # at one instant, arrivals are last
    if g.arrives:
        if arrival_ns >= limit_ns:
            return LIMIT
        if wants_next_chunk(s, s.arrivals[0].event):
            g.wanted_stream = s.arrivals[0].event
            return CHUNK
        return GO_ON
    if event_ns >= limit_ns:
        return LIMIT
    if g.closed_loops and wants_chunk(s, stream_of(s, s.heap[0].event & KIND_MASK, s.heap[0].event >> KIND_BITS)):
        return CHUNK
    return GO_ON


def take_event(s: State) -> None:
    """Process the next event."""
    g = s.g[0]
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
        stage = TO_ANSWER if disk_served(s, op_index, now_ns) else ON_ITS_WAY
    elif kind == LINK_SERVED:
        stage = TO_ANSWER if link_served(s, op_index, now_ns) & 1 else TO_DISK
        if hop(s, op_index, stage, now_ns):
            stage = ON_ITS_WAY
    else:
        stage = s.operations[op_index].stage
    if stage == TO_ANSWER:
        part_done(s, take_answer(s, op_index))
    elif stage == TO_DISK and not enter_disk(s, op_index, now_ns):
        operation_failed(s, op_index)
