"""Local processes: one loky executor of one worker for each slot.

So a worker that dies takes no other run with it, and it is certain which run it had. One that hangs past the
limit is killed alone. A worker ends by itself when the process that started it is gone.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

from loky import ProcessPoolExecutor, cpu_count

from placement_sim.experiments.studies.task import Answer, Task, execute, ready
from placement_sim.experiments.studies.workers import Finished

WATCH_S = 0.5  # how often a worker looks whether its parent lives


class _Worker(NamedTuple):
    executor: Any
    ready: Future[str]  # done when the process has loaded what a run needs


@dataclass
class _Slot:
    worker: _Worker
    task: Task
    started_s: float | None = None  # None while the process is still starting


class LocalWorkers:
    """Processes on this machine.

    Parameters
    ----------
    count
        How many; None is one for each processor.
    limit_s
        Seconds that a run may take; None is no limit.
    memory_bytes
        Private memory that a worker may use; beyond it a run fails with MemoryError (Linux; elsewhere
        there is no limit).
    """

    def __init__(self, count: int | None = None, limit_s: float | None = None, memory_bytes: int | None = None) -> None:
        self.slots = count or cpu_count()
        self._limit_s = limit_s
        self._memory_bytes = memory_bytes
        self._idle: list[_Worker] = []
        self._busy: dict[Future[Answer], _Slot] = {}

    def _worker(self) -> _Worker:
        if self._idle:
            return self._idle.pop()
        executor = ProcessPoolExecutor(1, initializer=_begin, initargs=(os.getpid(), self._memory_bytes))
        return _Worker(executor, executor.submit(ready))

    def submit(self, task: Task) -> None:
        """Start a task on a worker that is idle, or on a new one."""
        worker = self._worker()
        try:
            future = worker.executor.submit(execute, task)
        except BrokenExecutor:  # it died while it was idle: no run was lost by that
            _kill(worker)
            self.submit(task)
            return
        self._busy[future] = _Slot(worker, task)

    def wait(self, timeout_s: float) -> Finished:
        """Give what has finished, what has died and what has taken too long."""
        if self._limit_s is not None:
            timeout_s = min(timeout_s, self._limit_s / 4)
        wait(list(self._busy), timeout=timeout_s, return_when=FIRST_COMPLETED)
        now = time.monotonic()
        found: Finished = []
        for future, slot in list(self._busy.items()):
            if future.done():
                found.append((slot.task, self._harvest(future, slot)))
            elif slot.started_s is None:
                slot.started_s = now if slot.worker.ready.done() else None
                continue
            elif self._limit_s is not None and now - slot.started_s > self._limit_s:
                _kill(slot.worker)
                found.append((slot.task, Answer(None, f"took longer than {self._limit_s:g} s", lost=True)))
            else:
                continue
            del self._busy[future]
        return found

    def _harvest(self, future: Future[Answer], slot: _Slot) -> Answer:
        try:
            answer = future.result()
        except BrokenExecutor as error:
            _kill(slot.worker)
            reason = next((line for line in str(error).splitlines() if "SIG" in line or "EXIT" in line), "").strip()
            return Answer(None, f"the worker died {reason}".strip(), lost=True)
        except Exception as error:  # a task that cannot be sent, for example
            _kill(slot.worker)
            return Answer(None, f"{type(error).__name__}: {error}")
        if answer.lost:  # out of memory: what the process still holds is not known
            _kill(slot.worker)
        else:
            self._idle.append(slot.worker)
        return answer

    def close(self) -> None:
        """Kill all workers."""
        for worker in [*self._idle, *(slot.worker for slot in self._busy.values())]:
            _kill(worker)
        self._idle, self._busy = [], {}


def _kill(worker: _Worker) -> None:
    worker.executor.shutdown(wait=True, kill_workers=True)


def _begin(parent: int, memory_bytes: int | None) -> None:
    """Prepare a worker: Ctrl-C is the parent's to handle, and no worker outlives its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if memory_bytes is not None and hasattr(os, "sched_getaffinity"):  # Linux: only there RLIMIT_DATA counts mappings
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)
