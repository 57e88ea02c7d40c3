"""Sources turn a stream's chunks into requests at the right times, open or closed loop.

Only one chunk is held at a time, so that memory does not grow with the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from placement_sim.engine.datapath import Stream
from placement_sim.engine.station import ARRIVAL, ISSUE, Clock, Step
from placement_sim.randomness import draw_array, mix, mix_array, stream_key

Row = tuple[int, int, int, int, float, float]  # time_ns, kind, offset_bytes, size_bytes, u0, u1
Issue = Callable[..., None]


def _rows(stream: Stream, key: int) -> Iterator[Row]:
    """Walk the stream, a chunk at a time, with the two draws of each first operation."""
    number = 0
    for chunk in stream.requests:
        words = mix_array(key, number, len(chunk))
        first, second = (draw_array(words, index).tolist() for index in (0, 1))
        columns = (chunk.time_ns, chunk.kind, chunk.offset_bytes, chunk.size_bytes)
        yield from zip(*(column.tolist() for column in columns), first, second, strict=True)
        number += len(chunk)


class Source:
    """What both loops share: the walk over the stream and the count of open requests."""

    def __init__(self, env: Clock, issue: Issue, stream: Stream, index: int, seed: int) -> None:
        self.env = env
        self.index = index
        self.name = stream.name
        self.object_index = stream.object_index
        self.ended = env.event()
        self.outstanding = stream.outstanding
        self._issue = issue
        self._key = stream_key(seed, stream.name, "service")
        self._rows = _rows(stream, self._key)
        self._number = 0
        self._open = 0
        self._exhausted = False

    def word(self, number: int) -> int:
        """Give the 64 random bits of one request, for its service draws."""
        return mix(self._key, number)

    def start(self) -> None:
        """Start issuing."""
        raise NotImplementedError

    def completed(self) -> None:
        """Note that one request is complete."""
        self._open -= 1
        self._after_completion()
        if self._exhausted and self._open == 0 and not self.ended.triggered:
            self.ended.succeed()

    def _after_completion(self) -> None:
        pass

    def _next(self) -> Row | None:
        row = next(self._rows, None)
        if row is None:
            self._exhausted = True
            if self._open == 0 and not self.ended.triggered:
                self.ended.succeed()
        return row


class OpenSource(Source):
    """Requests arrive at their times, whatever the disks do."""

    def start(self) -> None:
        """Schedule the first arrival."""
        self._start_ns: int = self.env.now
        self._step = Step()
        self._wait(self._next())

    def _wait(self, row: Row | None) -> None:
        if row is not None:
            self._row = row
            self._step.callbacks = [self._arrive]
            delay_ns = self._start_ns + row[0] - self.env.now
            self.env.schedule(self._step, ARRIVAL, delay_ns)

    def _arrive(self, _: Any) -> None:
        _, kind, offset_bytes, size_bytes, u0, u1 = self._row
        number = self._number
        self._number += 1
        self._open += 1
        self._wait(self._next())
        self._issue(self, number, kind, offset_bytes, size_bytes, u0, u1)


class _Think(Step):
    """The end of one think time."""

    __slots__ = ("number", "row")

    def __init__(self, number: int, row: Row) -> None:
        super().__init__()
        self.number = number
        self.row = row


class ClosedSource(Source):
    """`outstanding` requests at a time; each completion starts the next one's think time."""

    def start(self) -> None:
        """Start as many think times as requests may be outstanding."""
        for _ in range(self.outstanding):
            self._think()

    def _think(self) -> None:
        if self._exhausted:
            return
        row = self._next()
        if row is not None:
            self._open += 1
            step = _Think(self._number, row)
            self._number += 1
            step.callbacks = [self._thought]
            self.env.schedule(step, ISSUE, row[0])

    def _thought(self, step: _Think) -> None:
        _, kind, offset_bytes, size_bytes, u0, u1 = step.row
        self._issue(self, step.number, kind, offset_bytes, size_bytes, u0, u1)

    def _after_completion(self) -> None:
        self._think()
