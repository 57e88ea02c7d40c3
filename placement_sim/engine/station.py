"""Stations that operations pass: disks and the two directions of a host's link.

Each is a first-come-first-served queue in front of `channels` servers. An operation is
itself the SimPy event of its next step, which spares an object and a callback list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

# A simpy.Environment whose times are integer nanoseconds; SimPy's own hints say float.
Clock = Any

COMPLETION = 2  # SimPy priorities at one instant; control processes have 0 and 1
ISSUE = 3
ARRIVAL = 4


class Step:
    """An event without a value, for `Environment.schedule`."""

    __slots__ = ("_value", "callbacks")
    _ok = True
    _defused = True

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Any], None]] | None = None
        self._value = None


class Operation(Step):
    """A run of neighbouring blocks that one component reads or writes; the fields are set by who sends it."""

    __slots__ = (
        "block", "blocks", "cancelled", "disk", "entered_ns", "index", "is_write", "leg", "object_index",
        "is_plain", "outages", "request", "size_bytes", "start_bytes", "unmaps_seen",
    )  # fmt: skip

    request: Any
    object_index: int
    leg: int
    disk: int
    block: int
    blocks: int
    start_bytes: int
    size_bytes: int
    is_write: bool
    index: int  # within the request
    outages: int  # of its disk, when it was sent
    unmaps_seen: int  # by its leg, when it was sent
    entered_ns: int
    cancelled: bool
    is_plain: bool  # the block has its owner and the disk no link: nothing but time, bytes and the end


class Station:
    """A queue with `channels` servers; `service_ns(op)` is asked when service starts.

    With L operations present over the time since it was made, the integral of L is
    present x now - (sum of entries) + (sum of exits), so that only those sums are kept:
    ``_area_ns`` for operations present, ``_busy_ns`` for channels.
    """

    def __init__(
        self,
        env: Clock,
        channels: int,
        service_ns: Callable[[Operation], int],
        leave: Callable[[Operation, int], None],
    ) -> None:
        self._schedule = env.schedule
        self._env = env
        self._channels = channels
        self._service_ns = service_ns
        self._leave = leave
        self._callbacks: list[Callable[[Any], None]] = [self._served]
        self._waiting: deque[Operation] = deque()
        self._serving: dict[Operation, None] = {}  # in the order in which service began
        self.present = 0
        self.finished = 0
        self.sojourn_sum_ns = 0
        self._area_ns = 0
        self._busy_ns = 0

    def enter(self, op: Operation, now_ns: int) -> None:
        """Take an operation: serve it if a channel is free, else queue it."""
        op.entered_ns = now_ns
        self._area_ns -= now_ns
        self.present += 1
        if len(self._serving) < self._channels:
            self._serving[op] = None
            self._busy_ns -= now_ns
            op.callbacks = self._callbacks
            self._schedule(op, COMPLETION, self._service_ns(op))
        else:
            self._waiting.append(op)

    def _served(self, op: Operation) -> None:
        if op.cancelled:
            return
        now_ns: int = self._env._now
        self.present -= 1
        self.finished += 1
        self._area_ns += now_ns
        self.sojourn_sum_ns += now_ns - op.entered_ns
        del self._serving[op]
        if self._waiting and len(self._serving) < self._channels:
            following = self._waiting.popleft()
            self._serving[following] = None
            following.callbacks = self._callbacks
            self._schedule(following, COMPLETION, self._service_ns(following))
        else:
            self._busy_ns += now_ns
        self._leave(op, now_ns)

    def set_channels(self, channels: int, now_ns: int) -> None:
        """Change the number of servers; what is in service stays in service."""
        self._channels = channels
        while self._waiting and len(self._serving) < channels:
            following = self._waiting.popleft()
            self._serving[following] = None
            self._busy_ns -= now_ns
            following.callbacks = self._callbacks
            self._schedule(following, COMPLETION, self._service_ns(following))

    def drop_all(self, now_ns: int) -> list[Operation]:
        """Cancel what is in service and what waits, in that order, and give it back."""
        dropped = [*self._serving, *self._waiting]
        for op in dropped:
            op.cancelled = True
        self._area_ns += self.present * now_ns
        self._busy_ns += len(self._serving) * now_ns
        self._serving.clear()
        self._waiting.clear()
        self.present = 0
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
