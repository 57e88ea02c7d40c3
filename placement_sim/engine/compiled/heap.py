"""The event heap, and the free lists of requests and operations."""

from __future__ import annotations

from placement_sim.engine.compiled.layout import KIND_BITS, NONE, ORDER_SHIFT, Array, State


def push(s: State, time_ns: int, order: int, kind: int, index: int) -> int:
    """Schedule an event; give its sequence number. There is room: `settle` and `continue_work` saw to that."""
    g = s.g[0]
    sequence = g.sequence
    g.sequence = sequence + 1
    place = g.heap_size
    g.heap_size = place + 1
    rise(s.heap, place, time_ns, (order << ORDER_SHIFT) | sequence, (index << KIND_BITS) | kind)
    return sequence


def push_arrival(s: State, time_ns: int, stream_index: int) -> None:
    """Schedule an arrival. Arrivals have a heap of their own: with one open loop it never moves."""
    g = s.g[0]
    key = g.sequence
    g.sequence += 1
    g.arrival_count += 1
    rise(s.arrivals, g.arrival_count - 1, time_ns, key, stream_index)


def drop_first_event(s: State) -> None:
    """Take the first event off the heap."""
    g = s.g[0]
    g.heap_size -= 1
    drop_first(s.heap, g.heap_size)


def drop_first_arrival(s: State) -> None:
    """Take the first arrival off its heap."""
    g = s.g[0]
    g.arrival_count -= 1
    drop_first(s.arrivals, g.arrival_count)


def rise(heap: Array, place: int, time_ns: int, key: int, event: int) -> None:
    """Put an event into the hole at `place`, or above it."""
    while place > 0:
        above = (place - 1) >> 1
        if heap[above].time_ns < time_ns or (heap[above].time_ns == time_ns and heap[above].key < key):
            break
        heap[place].time_ns = heap[above].time_ns
        heap[place].key = heap[above].key
        heap[place].event = heap[above].event
        place = above
    heap[place].time_ns = time_ns
    heap[place].key = key
    heap[place].event = event


def drop_first(heap: Array, size: int) -> None:
    """Let the hole at the top sink to a leaf, and the event at `size`, the last, fill it (Floyd).

    One comparison a level, without a branch, is what makes it quick on few disks.
    """
    place = 0
    below = 1
    while below < size:
        left, right = heap[below], heap[below + 1]  # without a right one, the last event stands there
        below += (right.time_ns < left.time_ns) | ((right.time_ns == left.time_ns) & (right.key < left.key))
        heap[place].time_ns = heap[below].time_ns
        heap[place].key = heap[below].key
        heap[place].event = heap[below].event
        place = below
        below = 2 * place + 1
    if place < size:
        rise(heap, place, heap[size].time_ns, heap[size].key, heap[size].event)


def take_request(s: State) -> int:
    """Take a free request."""
    g = s.g[0]
    index = g.free_request
    g.free_request = s.requests[index].next
    g.requests_free -= 1
    return index


def free_request(s: State, index: int) -> None:
    """Give a request back."""
    s.requests[index].next = s.g[0].free_request
    s.g[0].free_request = index
    s.g[0].requests_free += 1


def take_operation(s: State) -> int:
    """Take a free operation."""
    g = s.g[0]
    index = g.free_operation
    g.free_operation = s.operations[index].next
    g.operations_free -= 1
    return index


def free_operation(s: State, index: int) -> None:
    """Give an operation back; an event that still names it is stale from now on."""
    s.operations[index].event = NONE
    s.operations[index].serving = 0
    s.operations[index].next = s.g[0].free_operation
    s.g[0].free_operation = index
    s.g[0].operations_free += 1


def has_room(s: State, operations: int) -> bool:
    """Tell whether so many operations, a few requests, and the events of all fit."""
    g = s.g[0]
    return g.heap_size + operations + 8 <= len(s.heap) and g.operations_free >= operations and g.requests_free >= 4
