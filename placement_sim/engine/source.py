"""Sources turn a stream's chunks into requests at the right times, open or closed loop.

Only one chunk is held at a time, so that memory does not grow with the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappush
from typing import Any

import numpy as np

from placement_sim.engine.clock import ARRIVAL, ISSUE, Clock, Step
from placement_sim.engine.datapath import Stream
from placement_sim.errors import InputError
from placement_sim.model.cluster import StorageObjectSpec
from placement_sim.randomness import draw_array, mix, mix_array, stream_key
from placement_sim.workloads.requests import Requests

# time_ns, kind, offset_bytes, size_bytes, first block, last block, u0, u1
Row = tuple[int, int, int, int, int, int, float, float]
Issue = Callable[["Source", int, Row, int], None]


def checked_chunks(stream: Stream, spec: StorageObjectSpec) -> Iterator[Requests]:
    """Walk a stream's chunks that are not empty; a request beyond its object is an error.

    Raises
    ------
    InputError
        It names the workload, the request and the bytes.
    """
    number = 0
    for chunk in stream.requests:
        if len(chunk) and _any_ends_beyond(chunk, spec.size_bytes):
            row = int(np.argmax(chunk.offset_bytes + chunk.size_bytes > spec.size_bytes))
            start, size = int(chunk.offset_bytes[row]), int(chunk.size_bytes[row])
            raise InputError(
                f"workload {stream.name}: request {number + row}",
                f"bytes {start} to {start + size} reach beyond object {spec.name} of {spec.size_bytes}",
                "make the object larger, or wrap or scale the addresses",
            )
        number += len(chunk)
        if len(chunk):
            yield chunk


def _any_ends_beyond(chunk: Requests, size_bytes: int) -> bool:
    """Tell whether a request reaches beyond so many bytes; none does where the two maxima together do not."""
    if int(chunk.offset_bytes.max()) + int(chunk.size_bytes.max()) <= size_bytes:
        return False
    return bool((chunk.offset_bytes + chunk.size_bytes > size_bytes).any())


def _rows(stream: Stream, key: int, spec: StorageObjectSpec) -> Iterator[Row]:
    """Walk the stream, a chunk at a time, with the blocks and the two draws of each first operation."""
    number = 0
    for chunk in checked_chunks(stream, spec):
        words = mix_array(key, number, len(chunk))
        first = chunk.offset_bytes // spec.block_bytes
        last = (chunk.offset_bytes + chunk.size_bytes - 1) // spec.block_bytes
        columns = (chunk.time_ns, chunk.kind, chunk.offset_bytes, chunk.size_bytes, first, last)
        draws = [draw_array(words, index).tolist() for index in (0, 1)]
        yield from zip(*(column.tolist() for column in columns), *draws, strict=True)
        number += len(chunk)


class Source:
    """What both loops share: the walk over the stream and the count of open requests."""

    def __init__(
        self, clock: Clock, issue: Issue, stream: Stream, index: int, seed: int, spec: StorageObjectSpec
    ) -> None:
        self.clock = clock
        self.index = index
        self.name = stream.name
        self.object_index = stream.object_index
        self.host_index = stream.host_index
        self.ended = clock.event()
        self.tally: Any = None  # where the requests of its purpose are counted
        self.tree: Any = None  # its object
        self.is_simple = False  # one leg, and no host's cache to look into
        self.purpose = stream.purpose
        self.outstanding = stream.outstanding
        self.retries = True
        self._issue = issue
        self._key = stream_key(seed, stream.name, "service")
        self._rows = _rows(stream, self._key, spec)
        self._number = 0
        self.in_flight = 0  # requests issued and not complete
        self._thinking = 0
        self._exhausted = False

    def word(self, number: int) -> int:
        """Give the 64 random bits of one request, for its service draws."""
        return mix(self._key, number)

    def start(self) -> None:
        """Start issuing."""
        raise NotImplementedError

    def stop(self) -> None:
        """Issue nothing more."""
        self._exhausted = True
        self._end_if_done()

    def completed(self, number: int, status: int) -> None:
        """Note that one request is complete."""
        self.in_flight -= 1
        if self._exhausted:
            self._end_if_done()

    def _end_if_done(self) -> None:
        if self._exhausted and self.in_flight == 0 and self._thinking == 0 and not self.ended.triggered:
            self.ended.succeed()

    def _next(self) -> Row | None:
        row = next(self._rows, None)
        if row is None:
            self._exhausted = True
            self._end_if_done()
        return row


class OpenSource(Source):
    """Requests arrive at their times, whatever the disks do."""

    def start(self) -> None:
        """Schedule the first arrival."""
        self._start_ns: int = self.clock.now_ns
        self._step = Step()
        self._callbacks: list[Callable[[Any], None]] = [self._arrive]
        self._queue, self._sequence = self.clock.queue, self.clock.sequence
        row = self._next()
        if row is not None:
            self._row = row
            self._step.callbacks = self._callbacks
            self.clock.at(self._start_ns + row[0], ARRIVAL, self._step)

    def _arrive(self, _: Any) -> None:
        if self._exhausted:  # stopped
            return
        now_ns = self.clock._now
        row = self._row
        number = self._number
        self._number = number + 1
        self.in_flight += 1
        following = next(self._rows, None)
        if following is None:
            self._exhausted = True
        else:
            self._row = following
            self._step.callbacks = self._callbacks
            heappush(self._queue, (self._start_ns + following[0], ARRIVAL, next(self._sequence), self._step))
        self._issue(self, number, row, now_ns)


class _Think(Step):
    """The end of one think time."""

    __slots__ = ("number", "row")

    def __init__(self, number: int, row: Row) -> None:
        self.number = number
        self.row = row


class ClosedSource(Source):
    """`outstanding` requests at a time; each completion starts the next one's think time."""

    def start(self) -> None:
        """Start as many think times as requests may be outstanding."""
        self._stopped = False
        for _ in range(self.outstanding):
            self._think()

    def stop(self) -> None:
        """Issue nothing more, and forget the think times."""
        self._thinking = 0
        self._stopped = True
        super().stop()

    def _think(self) -> None:
        if self._exhausted:
            return
        row = self._next()
        if row is not None:
            self._thinking += 1
            step = _Think(self._number, row)
            self._number += 1
            step.callbacks = [self._thought]
            self.clock.at(self.clock.now_ns + row[0], ISSUE, step)

    def _thought(self, step: _Think) -> None:
        if self._stopped:
            return
        self._thinking -= 1
        self.in_flight += 1
        self._issue(self, step.number, step.row, self.clock._now)

    def completed(self, number: int, status: int) -> None:
        """Note that one request is complete, and think about the next."""
        self.in_flight -= 1
        self._think()
        if self._exhausted:
            self._end_if_done()


class RawSource(Source):
    """Operations that control processes send to disks, each awaited by its own event."""

    def __init__(self, clock: Clock, purpose: str, index: int, seed: int) -> None:
        stream = Stream(f"raw {purpose}", -1, iter(()), purpose=purpose)
        super().__init__(clock, _no_issue, stream, index, seed, _WHOLE_DISK)
        self.retries = False
        self._events: dict[int, Any] = {}

    def next_number(self, event: Any) -> int:
        """Give the next operation its number; `event` waits for it."""
        number = self._number
        self._number += 1
        self._events[number] = event
        self.in_flight += 1
        return number

    def completed(self, number: int, status: int) -> None:
        """Tell who waits."""
        self.in_flight -= 1
        self._events.pop(number).succeed(status == 0)


_WHOLE_DISK = StorageObjectSpec("disk", 1 << 32, 1 << 32, ())


def _no_issue(source: Source, number: int, row: Row, now_ns: int) -> None:
    raise NotImplementedError
