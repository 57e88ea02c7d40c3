"""Stations that operations pass: disks and the two directions of a host's link.

Each is a first-come-first-served queue in front of `channels` servers. An operation is
itself the SimPy event of its next step, which spares an object and a callback list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappush
from typing import Any, Generic, TypeVar

from placement_sim.engine.clock import COMPLETION, Clock, Step


class Passing(Step):
    """Whatever passes a station."""

    __slots__ = ("entered_ns",)
    entered_ns: int


class Operation(Passing):
    """A run of neighbouring blocks that one component reads or writes."""

    __slots__ = (
        "block", "blocks", "disk", "index", "is_second", "is_write", "leg", "object_index", "outages", "request",
        "size_bytes", "start_bytes", "unmaps_seen",
    )  # fmt: skip

    outages: int  # of its disk, when it was sent

    def __init__(
        self, request: Any, index: int, object_index: int, leg: int, disk: int, block: int, blocks: int,
        start_bytes: int, size_bytes: int, is_write: bool, unmaps_seen: int, is_second: bool = False,
    ) -> None:  # fmt: skip
        self.request = request
        self.index = index  # within the request
        self.object_index = object_index
        self.leg = leg
        self.disk = disk
        self.block = block
        self.blocks = blocks
        self.start_bytes = start_bytes
        self.size_bytes = size_bytes
        self.is_write = is_write
        self.unmaps_seen = unmaps_seen  # by its leg, when it was sent
        self.is_second = is_second  # of two copies: that to a copy in the making


Thing = TypeVar("Thing", bound=Passing)


class Station(Generic[Thing]):
    """A queue with `channels` servers; `service_ns(op)` is asked when service starts.

    With L operations present over the time since it was made, the integral of L is
    present x now - (sum of entries) + (sum of exits), so that only those sums are kept:
    ``_area_ns`` for operations present, ``_busy_ns`` for channels.
    """

    def __init__(
        self,
        clock: Clock,
        channels: int,
        service_ns: Callable[[Thing], int],
        leave: Callable[[Thing, int], None],
    ) -> None:
        self._clock = clock
        self._queue = clock.queue
        self._sequence = clock.sequence
        self._channels = channels
        self._service_ns = service_ns
        self._leave = leave
        self._callbacks: list[Callable[[Any], None]] = [self._served]
        self.waiting: deque[Thing] = deque()
        self._serving: dict[Thing, None] = {}  # in the order in which service began
        self.finished = 0
        self.sojourn_sum_ns = 0
        self._area_ns = 0
        self._busy_ns = 0

    @property
    def present(self) -> int:
        """Operations waiting and in service."""
        return len(self._serving) + len(self.waiting)

    def enter(self, op: Thing, now_ns: int) -> None:
        """Take an operation: serve it if a channel is free, else queue it."""
        op.entered_ns = now_ns
        self._area_ns -= now_ns
        if len(self._serving) < self._channels:
            self._serving[op] = None
            self._busy_ns -= now_ns
            op.callbacks = self._callbacks
            heappush(self._queue, (now_ns + self._service_ns(op), COMPLETION, next(self._sequence), op))
        else:
            self.waiting.append(op)

    def _served(self, op: Thing) -> None:
        now_ns: int = self._clock._now
        self.finished += 1
        self._area_ns += now_ns
        self.sojourn_sum_ns += now_ns - op.entered_ns
        del self._serving[op]
        if self.waiting and len(self._serving) < self._channels:
            following = self.waiting.popleft()
            self._serving[following] = None
            following.callbacks = self._callbacks
            heappush(self._queue, (now_ns + self._service_ns(following), COMPLETION, next(self._sequence), following))
        else:
            self._busy_ns += now_ns
        self._leave(op, now_ns)

    def set_channels(self, channels: int, now_ns: int) -> None:
        """Change the number of servers; what is in service stays in service."""
        self._channels = channels
        while self.waiting and len(self._serving) < channels:
            following = self.waiting.popleft()
            self._serving[following] = None
            self._busy_ns -= now_ns
            following.callbacks = self._callbacks
            heappush(self._queue, (now_ns + self._service_ns(following), COMPLETION, next(self._sequence), following))

    def drop_all(self, now_ns: int) -> list[Thing]:
        """Cancel what is in service and what waits, in that order, and give it back."""
        dropped = [*self._serving, *self.waiting]
        for op in dropped:
            op.callbacks = []
        self._area_ns += self.present * now_ns
        self._busy_ns += len(self._serving) * now_ns
        self._serving.clear()
        self.waiting.clear()
        return dropped

    def queue_area_ns(self, now_ns: int) -> int:
        """Give the integral of operations present."""
        return self._area_ns + self.present * now_ns

    def busy_ns(self, now_ns: int) -> int:
        """Give the integral of busy channels."""
        return self._busy_ns + len(self._serving) * now_ns

    def reset_counters(self, now_ns: int) -> None:
        """Start counting anew, at the end of the warm-up."""
        self._area_ns = -self.present * now_ns
        self._busy_ns = -len(self._serving) * now_ns
        self.finished = self.sojourn_sum_ns = 0
