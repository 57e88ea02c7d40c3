"""Work in a thread where the latest request wins: what is under way for an older one is given up.

There is no queue: one request is worked on, and at most one waits, which a newer one replaces.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any


class Latest:
    """A worker thread that lives while there is work.

    Parameters
    ----------
    work
        ``work(request, wanted)``; it should end soon after ``wanted()`` has become False.
    done
        Called with (request, value, error) in the thread of the event loop, for the latest request only.

    Examples
    --------
    >>> seen = []
    >>> latest = Latest(lambda request, wanted: request * 2, lambda *outcome: seen.append(outcome))
    >>> latest.submit(21)
    >>> latest.wait()
    True
    >>> seen
    [(21, 42, None)]
    """

    def __init__(
        self, work: Callable[[Any, Callable[[], bool]], Any], done: Callable[[Any, Any, Exception | None], None]
    ) -> None:
        self._work, self._done = work, done
        self._change = threading.Condition()
        self._newest = 0
        self._waiting: tuple[int, Any] | None = None
        self._is_running = False
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # a plain program: `wait` delivers
            self._loop = None

    @property
    def is_busy(self) -> bool:
        """Whether something is worked on or waits."""
        return self._is_running

    @property
    def is_live(self) -> bool:
        """Whether there is an event loop, as in a notebook, so that outcomes arrive by themselves."""
        return self._loop is not None

    def submit(self, request: Any) -> None:
        """Ask for `request` in place of whatever was asked before."""
        with self._change:
            self._newest += 1
            self._waiting = (self._newest, request)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="explorer", daemon=True).start()

    def cancel(self) -> None:
        """Give up what is asked; `done` is not called for it."""
        with self._change:
            self._newest += 1
            self._waiting = None

    def post(self, action: Callable[[], None]) -> None:
        """Have something done in the thread of the event loop; called from the worker."""
        self._inbox.put(action)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.deliver)

    def deliver(self) -> None:
        """Do what was posted."""
        while True:
            try:
                action = self._inbox.get_nowait()
            except queue.Empty:
                return
            action()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is under way and deliver it; False if time ran out."""
        with self._change:
            ended = self._change.wait_for(lambda: not self._is_running, timeout_s)
        self.deliver()
        return ended

    def _run(self) -> None:
        while True:
            with self._change:
                if self._waiting is None:
                    self._is_running = False
                    self._change.notify_all()
                    return
                number, request = self._waiting
                self._waiting = None
            value, error = None, None
            try:
                value = self._work(request, lambda number=number: number == self._newest)  # type: ignore[misc]
            except Exception as raised:  # told to the user beside the control, or above all
                error = raised
            self.post(lambda outcome=(number, request, value, error): self._tell(*outcome))  # type: ignore[misc]

    def _tell(self, number: int, request: Any, value: Any, error: Exception | None) -> None:
        if number == self._newest:
            self._done(request, value, error)
