"""The clock of the compiled data path: SimPy's queue holds control events alone."""

from __future__ import annotations

from collections.abc import Callable

import simpy

from placement_sim.engine.clock import Clock
from placement_sim.engine.compiled.layout import FOREVER_NS


class DataClock(Clock):
    """A clock that lets the data path advance to the time of each control event first."""

    advance: Callable[[int], bool]

    def set_now(self, now_ns: int) -> None:
        """Move to the time of a data event that control processes are told about."""
        self._now = now_ns

    def step(self) -> None:
        """Let the data path advance to the next control event, and process that."""
        while self.advance(self.queue[0][0] if self.queue else FOREVER_NS):
            pass
        super().step()

    def run_until(self, end: simpy.Event) -> None:
        """Process events until `end` has been processed.

        Raises
        ------
        RuntimeError
            Nothing is left to happen.
        """
        while end.callbacks is not None:
            try:
                self.step()
            except simpy.core.EmptySchedule:
                raise RuntimeError("nothing is left to happen, and the run has not ended") from None
