"""Who runs tasks: the two calls that every kind of worker answers, and the simplest kind.

Local processes are in `local`, a Dask cluster is in `cluster`. A worker that dies or hangs is theirs to
notice; whether a run is tried again is the sweep's to decide.
"""

from __future__ import annotations

from typing import Protocol

from placement_sim.experiments.studies.task import Answer, Task, execute

Finished = list[tuple[Task, Answer]]


class Workers(Protocol):
    """Runs tasks, up to `slots` at a time."""

    @property
    def slots(self) -> int:
        """How many tasks may be under way."""

    def submit(self, task: Task) -> None:
        """Start a task; only while fewer than `slots` are under way."""

    def wait(self, timeout_s: float) -> Finished:
        """Give what has finished, after at most so long."""

    def close(self) -> None:
        """Stop; what is under way is abandoned."""


class InProcess:
    """Runs tasks in this process, one at a time: for small studies and debugging; nothing guards it."""

    slots = 1

    def __init__(self) -> None:
        self._task: Task | None = None

    def submit(self, task: Task) -> None:
        """Keep the task until `wait` runs it."""
        self._task = task

    def wait(self, timeout_s: float) -> Finished:
        """Run the task."""
        task, self._task = self._task, None
        return [] if task is None else [(task, execute(task))]

    def close(self) -> None:
        """Drop the task."""
        self._task = None
