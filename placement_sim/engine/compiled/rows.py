"""The rows of streams, read where their chunks keep them: no row is copied.

A stream has the chunk that it takes rows from, and room for the one that follows.
"""

from __future__ import annotations

import ctypes

from placement_sim.engine.compiled.layout import State


def word_at(address: int, place: int) -> int:
    """Give one item of an int64 column; `build` has a load to put here."""
    return ctypes.c_int64.from_address(int(address) + 8 * int(place)).value


def byte_at(address: int, place: int) -> int:
    """Give one item of a uint8 column."""
    return ctypes.c_uint8.from_address(int(address) + int(place)).value


def present_chunk(s: State, stream_index: int) -> int:
    """Give the place of the chunk that a stream takes rows from."""
    return 2 * stream_index + s.streams[stream_index].half


def next_chunk(s: State, stream_index: int) -> int:
    """Give the place of the chunk that follows; it has no rows until Python brings it."""
    return 2 * stream_index + 1 - s.streams[stream_index].half


def turn_over(s: State, stream_index: int) -> None:
    """Go on with the next chunk, if there is one, where the present one is used up."""
    stream = s.streams[stream_index]
    following = next_chunk(s, stream_index)
    if stream.row == stream.row_end and s.chunks[following].count > 0:
        s.chunks[present_chunk(s, stream_index)].count = 0
        stream.half = 1 - stream.half
        stream.row = 0
        stream.row_end = s.chunks[following].count


def wants_next_chunk(s: State, stream_index: int) -> bool:
    """Tell whether an open loop is at its last row and Python may have more: an arrival looks at the one after it."""
    stream = s.streams[stream_index]
    at_last = stream.row + 1 == stream.row_end and not stream.is_final and not stream.stopped
    return at_last and s.chunks[next_chunk(s, stream_index)].count == 0


def row_time_ns(s: State, stream_index: int, row: int) -> int:
    """Give the time of a row of the present chunk."""
    return word_at(s.chunks[present_chunk(s, stream_index)].time_ns, row)
