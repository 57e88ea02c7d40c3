"""Streams: their rows, think times and ends, as `engine.source` has them."""

from __future__ import annotations

from placement_sim.engine.compiled.heap import (
    push,
    push_arrival,
    take_request,
)
from placement_sim.engine.compiled.layout import (
    ENDED,
    ISSUE,
    NONE,
    THOUGHT,
    State,
)
from placement_sim.engine.compiled.rows import byte_at, present_chunk, row_time_ns, turn_over, word_at
from placement_sim.engine.degraded import DONE


def signal(s: State, why: int, stream: int, number: int) -> None:
    """Tell Python something at the end of this event."""
    g = s.g[0]
    s.signals[g.signal_count, 0] = why
    s.signals[g.signal_count, 1] = stream
    s.signals[g.signal_count, 2] = number
    g.signal_count += 1
    g.wake = 1


def needs_chunk(s: State, stream_index: int) -> bool:
    """Tell whether a stream's rows are used up and Python has more."""
    stream = s.streams[stream_index]
    return stream.row == stream.row_end and not stream.is_final and not stream.exhausted


def end_if_done(s: State, stream_index: int) -> None:
    """Tell that a stream has ended, once."""
    stream = s.streams[stream_index]
    if stream.exhausted and stream.in_flight == 0 and stream.thinking == 0 and not stream.has_ended:
        stream.has_ended = 1
        signal(s, ENDED, stream_index, NONE)


def take_row(s: State, stream_index: int) -> int:
    """Take the next row of a stream, NONE if there is none: then it is exhausted."""
    stream = s.streams[stream_index]
    if stream.row == stream.row_end:
        stream.exhausted = 1
        end_if_done(s, stream_index)
        return NONE
    row = stream.row
    stream.row = row + 1
    return row


def new_request(s: State, stream_index: int, row: int) -> int:
    """Make a request of a row."""
    index = take_request(s)
    request = s.requests[index]
    stream = s.streams[stream_index]
    request.stream = stream_index
    request.number = stream.number
    stream.number += 1
    chunk = s.chunks[present_chunk(s, stream_index)]
    request.kind = byte_at(chunk.kind, row)
    request.start_bytes = word_at(chunk.offset_bytes, row)
    request.size_bytes = word_at(chunk.size_bytes, row)
    request.operations = 0
    request.waiting_for = 1  # the dispatch itself, so that nothing completes during it
    request.status = DONE
    return index


def think(s: State, stream_index: int) -> None:
    """Begin the think time before the next request of a closed loop."""
    if s.streams[stream_index].exhausted:
        return
    row = take_row(s, stream_index)
    if row != NONE:
        s.streams[stream_index].thinking += 1
        push(s, s.g[0].now_ns + row_time_ns(s, stream_index, row), ISSUE, THOUGHT, new_request(s, stream_index, row))


def await_arrival(s: State, stream_index: int) -> None:
    """Schedule the next arrival of an open loop; its row stays the stream's next."""
    stream = s.streams[stream_index]
    turn_over(s, stream_index)
    if stream.row == stream.row_end:
        stream.exhausted = 1
        end_if_done(s, stream_index)
    else:
        push_arrival(s, stream.start_ns + row_time_ns(s, stream_index, stream.row), stream_index)
