"""Runs a study: what the store does not hold yet goes to workers, and every result to the store at once.

Whatever ends the sweep, what is finished stays, and the same call goes on from there. `preview` says before
what it will cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.studies.monitor import Progress
from placement_sim.experiments.studies.outcome import StudyResult
from placement_sim.experiments.studies.runner import Runner
from placement_sim.experiments.studies.schedule import Pair, batches
from placement_sim.experiments.studies.store import Store
from placement_sim.experiments.studies.study import Study
from placement_sim.experiments.studies.workers import InProcess, Workers
from placement_sim.experiments.verify import spread
from placement_sim.units import parse_bytes, parse_duration_ns

if TYPE_CHECKING:
    from distributed import Client

ID_BYTES = 120  # of a run in a shard, beside its numbers and its recipe, before compression


def sweep(
    study: Study,
    *,
    store: str | Path | None = None,
    workers: int | None = None,
    dask: str | Client | None = None,
    limit: str | float | None = None,
    memory: str | int | None = None,
    retries: int = 1,
    retry_failed: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> StudyResult:
    """Run what is missing of a study and give its result.

    Parameters
    ----------
    store
        Folder; by default the study's.
    workers
        Local processes; None is one a processor, 0 is this process itself.
    dask
        Address of a Dask scheduler, or a client, in place of local processes.
    limit
        Time that one run may take, such as "60 s".
    memory
        Memory that one local worker may use, such as "2 GiB" (Linux).
    retries
        Further tries of a run whose worker died, hung or ran out of memory.
    retry_failed
        Also repeat runs that are recorded as failed.
    progress
        Called with a `Progress` after each finished run.

    Raises
    ------
    InputError
        Bad input; nothing is lost.
    KeyboardInterrupt
        Ctrl-C: what is finished is kept.
    """
    if workers is not None and workers < 0:
        raise InputError("workers", f"{workers} is negative", "give 0 or more")
    if retries < 0:
        raise InputError("retries", f"{retries} is negative", "give 0 or more")
    limit_s = None if limit is None else _positive("limit", parse_duration_ns, limit) / 1e9
    memory_bytes = None if memory is None else _positive("memory", parse_bytes, memory)
    points = list(study.settings())
    with Store(study.folder if store is None else store) as opened:
        with closing(_workers(workers, dask, limit_s, memory_bytes)) as crew:
            runner = Runner(study, points, opened, crew, retries, retry_failed, progress)
            for batch in batches(len(points), study.replications, study.stop, study.lookup(points, opened)):
                runner.run(batch)
        return study.result(opened)


def _positive(name: str, parse: Callable[[str | float], int], value: str | float) -> int:
    try:
        found = parse(value)
    except ValueError as error:
        raise InputError(name, str(error), "mend the value") from None
    if found <= 0:
        raise InputError(name, f"{value!r} is not above 0", "give more, or leave it out")
    return found


def _workers(workers: int | None, dask: Any, limit_s: float | None, memory_bytes: int | None) -> Workers:
    if dask is not None:
        from placement_sim.experiments.studies.cluster import DaskWorkers

        if workers is not None or memory_bytes is not None:
            raise InputError("dask", "workers and memory are the cluster's own", "leave them out")
        return DaskWorkers(dask, limit_s)
    if workers == 0:
        if limit_s is not None or memory_bytes is not None:
            raise InputError("workers", "this process itself cannot be limited", "give 1 or more workers")
        return InProcess()
    from placement_sim.experiments.studies.local import LocalWorkers

    return LocalWorkers(workers, limit_s, memory_bytes)


def _spread_over_points(runs: pd.DataFrame, count: int) -> list[Pair]:
    """Choose missing runs evenly over the points that have one, first and last included."""
    missing = runs[runs["state"] == "missing"].drop_duplicates("point").sort_values("point")
    pairs = list(zip(missing["point"].tolist(), missing["replication"].tolist(), strict=True))
    return [pairs[i] for i in spread(len(pairs), count)]


def preview(study: Study, *, store: str | Path | None = None, workers: int | None = None, pilots: int = 0) -> pd.Series:
    """Say what a sweep would cost.

    Parameters
    ----------
    workers
        Local processes that the prediction is for; None is one a processor.
    pilots
        Make so many of the missing runs now, in this process, spread evenly over them, and predict the time
        from theirs; they are kept in the store.

    Returns
    -------
    pandas.Series
        points; planned_runs (with a stopping rule, the most there can be), finished_runs, missing_runs;
        missing_bytes (in the store, before compression; NaN while no run is known), pilot_runs, pilot_s_mean
        and predicted_s (NaN without pilots, 0 where nothing is missing).
    """
    points = list(study.settings())
    planned = study.stop.max_runs if study.stop else len(points) * study.replications
    with Store(study.folder if store is None else store) as opened:
        pairs = _spread_over_points(study.result(opened).runs, pilots)
        runner = Runner(study, points, opened, InProcess(), 0, False, None)
        start_s = time.perf_counter()
        runner.run(pairs)
        pilot_s = (time.perf_counter() - start_s) / len(pairs) if pairs else float("nan")
        runs = study.result(opened).runs
        metrics = opened.frame().shape[1] - 3  # run_id, state and error are no metrics
    finished = int(runs["state"].ne("missing").sum())
    missing = max(0, planned - finished)
    recipes = sum(len(point.recipe_text) for point in points)
    known_bytes = missing * (ID_BYTES + 8 * metrics) + recipes if finished else float("nan")
    from loky import cpu_count

    values = {
        "points": len(points),
        "planned_runs": planned,
        "finished_runs": finished,
        "missing_runs": missing,
        "missing_bytes": known_bytes if missing else 0,
        "pilot_runs": len(pairs),
        "pilot_s_mean": pilot_s,
        "predicted_s": pilot_s * missing / max(1, cpu_count() if workers is None else workers) if missing else 0.0,
    }
    return pd.Series(values, dtype="float64", name="value")
