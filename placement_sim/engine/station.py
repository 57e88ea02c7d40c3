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
    """A run of neighbouring blocks that one component reads or writes."""

    __slots__ = (
        "block", "blocks", "cancelled", "disk", "entered_ns", "is_write", "leg", "outages", "position",
        "request", "size_bytes", "u0", "u1", "unmaps_seen",
    )  # fmt: skip

    def __init__(
        self, request: Any, leg: int, disk: int, block: int, blocks: int, size_bytes: int,
        position: int, is_write: bool, u0: float, u1: float,
    ) -> None:  # fmt: skip
        self.callbacks = None
        self._value = None
        self.request = request
        self.leg = leg
        self.disk = disk
        self.block = block
        self.blocks = blocks
        self.size_bytes = size_bytes
        self.position = position
        self.is_write = is_write
        self.u0 = u0
        self.u1 = u1
        self.cancelled = False
        self.entered_ns = 0
        self.unmaps_seen = 0  # by its leg, when it was sent
        self.outages = 0  # of its disk, when it was sent


class Station:
    """A queue with `channels` servers; `service_ns(op)` is asked when service starts.

    ``queue_area_ns`` is the integral of operations present, ``busy_ns`` that of busy channels.
    """

    def __init__(
        self,
        env: Clock,
        channels: int,
        service_ns: Callable[[Operation], int],
        leave: Callable[[Operation], None],
    ) -> None:
        self._env = env
        self._channels = channels
        self._service_ns = service_ns
        self._leave = leave
        self._waiting: deque[Operation] = deque()
        self._serving: list[Operation] = []
        self.present = 0
        self.queue_area_ns = 0
        self.busy_ns = 0
        self.finished = 0
        self.sojourn_sum_ns = 0
        self._since_ns = 0

    def flush(self, now_ns: int) -> None:
        """Bring the integrals up to `now_ns`."""
        elapsed_ns = now_ns - self._since_ns
        if elapsed_ns:
            self.queue_area_ns += self.present * elapsed_ns
            self.busy_ns += len(self._serving) * elapsed_ns
            self._since_ns = now_ns

    def enter(self, op: Operation) -> None:
        """Take an operation: serve it if a channel is free, else queue it."""
        now_ns: int = self._env.now
        self.flush(now_ns)
        op.entered_ns = now_ns
        self.present += 1
        if len(self._serving) < self._channels:
            self._serve(op)
        else:
            self._waiting.append(op)

    def _serve(self, op: Operation) -> None:
        self._serving.append(op)
        op.callbacks = [self._served]
        self._env.schedule(op, COMPLETION, self._service_ns(op))

    def _served(self, op: Operation) -> None:
        if op.cancelled:
            return
        now_ns: int = self._env.now
        self.flush(now_ns)
        self._serving.remove(op)
        self.present -= 1
        self.finished += 1
        self.sojourn_sum_ns += now_ns - op.entered_ns
        if self._waiting:
            self._serve(self._waiting.popleft())
        self._leave(op)

    def drop_all(self) -> list[Operation]:
        """Cancel what is in service and what waits, in that order, and give it back."""
        self.flush(self._env.now)
        dropped = [*self._serving, *self._waiting]
        for op in dropped:
            op.cancelled = True
        self._serving.clear()
        self._waiting.clear()
        self.present = 0
        return dropped

    def reset_counters(self) -> None:
        """Start counting anew, at the end of the warm-up."""
        self.flush(self._env.now)
        self.queue_area_ns = self.busy_ns = self.finished = self.sojourn_sum_ns = 0
