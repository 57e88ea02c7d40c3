"""The clock: a SimPy environment in integer nanoseconds, whose queue the data path fills itself.

At one instant: control events (SimPy's priorities 0 and 1), completions, issues, arrivals,
then the order of scheduling.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy

COMPLETION = 2
ISSUE = 3
ARRIVAL = 4


class Step:
    """An event without a value; who schedules it sets `callbacks`, and an empty list takes it back."""

    __slots__ = ("callbacks",)
    callbacks: list[Callable[[Any], None]] | None
    _value = None
    _ok = True
    _defused = True


class Clock(simpy.Environment):
    """A SimPy environment at time 0.

    Examples
    --------
    >>> clock = Clock()
    >>> clock.run_until(clock.timeout(5))
    >>> clock.now_ns
    5
    """

    _now: int

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.queue: list[Any] = self._queue  # a heap of (time_ns, class at one instant, sequence, event)
        self.sequence = self._eid

    @property
    def now_ns(self) -> int:
        """The present."""
        return self._now

    def at(self, time_ns: int, order: int, event: Step) -> None:
        """Schedule a step of the data path."""
        heappush(self.queue, (time_ns, order, next(self.sequence), event))

    def run_until(self, end: simpy.Event) -> None:
        """Process events until `end` has been processed: SimPy's ``run``, without a call a step.

        Raises
        ------
        RuntimeError
            Nothing is left to happen.
        """
        queue = self.queue
        while end.callbacks is not None:
            if not queue:
                raise RuntimeError("nothing is left to happen, and the run has not ended")
            self._now, _, _, event = heappop(queue)
            callbacks, event.callbacks = event.callbacks, None
            for callback in callbacks:
                callback(event)
            if not event._ok and not hasattr(event, "_defused"):
                raise event._value
