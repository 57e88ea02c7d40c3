"""A Dask cluster: the same tasks, sent to a scheduler's workers; results stream back as they finish."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from placement_sim.errors import InputError
from placement_sim.experiments.studies.task import Answer, Task, execute, ready
from placement_sim.experiments.studies.workers import Finished

if TYPE_CHECKING:
    from distributed import Client

CONNECT_S = 10.0
WORKERS_KNOWN_S = 2.0  # how long the number of threads is taken as still true


class DaskWorkers:
    """Tasks on a Dask cluster, one for each thread of its workers; one thread a worker is best.

    Parameters
    ----------
    cluster
        Address of a scheduler, or a client.
    limit_s
        Seconds that a run may take: then its worker is restarted, which needs a nanny (Dask's default).

    Raises
    ------
    InputError
        Dask is not installed, nothing answers at the address, or no worker is there.
    """

    def __init__(self, cluster: str | Client, limit_s: float | None = None) -> None:
        try:
            import distributed
        except ImportError:
            cure = "install it: pip install 'placement_sim[distributed]'"
            raise InputError("dask", "distributed is not installed", cure) from None
        self._own = isinstance(cluster, str)
        try:
            connect: Any = distributed.Client
            self._client: Any = connect(cluster, timeout=CONNECT_S) if isinstance(cluster, str) else cluster
        except (OSError, ValueError) as error:
            cure = "start one with `dask scheduler`, or mend the address, e.g. tcp://127.0.0.1:8786"
            raise InputError(f"dask {cluster}", f"no scheduler answers ({type(error).__name__})", cure) from None
        self._limit_s = limit_s
        self._busy: dict[Any, tuple[Task, float]] = {}
        self._counted_s = -WORKERS_KNOWN_S
        self._slots = 1
        self._number = 0
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError:
            self.close()
            raise InputError(f"dask {cluster}", "no worker is there", "start some with `dask worker ADDRESS`") from None
        self._client.run(ready)

    @property
    def slots(self) -> int:
        """Threads of all workers that are there now."""
        if time.monotonic() - self._counted_s > WORKERS_KNOWN_S:
            self._slots = max(1, sum(self._client.nthreads().values()))
            self._counted_s = time.monotonic()
        return self._slots

    def submit(self, task: Task) -> None:
        """Send a task; a second try is a task of its own to the scheduler."""
        self._number += 1
        key = f"placement_sim-{task.run_id}-{self._number}"
        self._busy[self._client.submit(execute, task, key=key, pure=False)] = (task, time.monotonic())

    def wait(self, timeout_s: float) -> Finished:
        """Give what has finished, what died with its worker and what has taken too long."""
        import distributed

        wait: Any = distributed.wait
        try:
            wait(list(self._busy), timeout=timeout_s, return_when="FIRST_COMPLETED")
        except TimeoutError:
            pass
        found: Finished = []
        now = time.monotonic()
        for future, (task, started_s) in list(self._busy.items()):
            if future.done():
                found.append((task, _answer(future)))
            elif self._limit_s is not None and now - started_s > self._limit_s:
                self._restart(future)
                found.append((task, Answer(None, f"took longer than {self._limit_s:g} s", lost=True)))
            else:
                continue
            del self._busy[future]
        return found

    def _restart(self, future: Any) -> None:
        """Restart the worker that has the task; others that wait there are sent elsewhere by the scheduler."""
        homes = [worker for worker, keys in self._client.processing().items() if future.key in keys]
        future.cancel(force=True)
        if homes:
            self._client.restart_workers(homes, raise_for_error=False)
            self._client.run(ready)

    def close(self) -> None:
        """Cancel what is under way; a client that was handed in stays open."""
        for future in self._busy:
            future.cancel(force=True)
        self._busy = {}
        if self._own:
            self._client.close()


def _answer(future: Any) -> Answer:
    from distributed import KilledWorker

    try:
        answer: Answer = future.result()
    except KilledWorker:
        return Answer(None, "the workers that had it died", lost=True)
    except Exception as error:  # cancelled by the cluster, or not to be sent
        return Answer(None, f"{type(error).__name__}: {error}", lost=future.cancelled())
    return answer
