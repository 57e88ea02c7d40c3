"""What a study costs beside its runs: dispatch, two workers against one, a large store, memory.

Each figure stands beside its bound; status 1 if one is missed, 2 if a run that was timed did not end well.
Times are wall-clock on a machine that should be idle; `... studies.py dispatch` measures one of them.

    python benchmarks/studies.py [dispatch|speedup|store|memory]...
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.studies.local import LocalWorkers
from placement_sim.experiments.studies.outcome import StudyResult
from placement_sim.experiments.studies.runner import Runner
from placement_sim.experiments.studies.schedule import batches
from placement_sim.experiments.studies.store import Store
from placement_sim.experiments.studies.study import Study
from placement_sim.experiments.studies.sweep import sweep
from placement_sim.experiments.studies.task import Task, execute
from placement_sim.policies.interface import PlacementPolicy

SCENARIO = Scenario.from_text("""
disks = [{ name = "d", count = 2, capacity = "1 GiB", service = { kind = "deterministic", time = "1 ms" } }]
objects = [{ name = "o", size = "16 MiB", block_size = "1 MiB" }]
[[workloads]]
name = "w"
object = "o"
synthetic = { requests = 2, read_share = 0.0, size = "4 KiB", arrivals = { law = "fixed", rate = 100 } }
""")


def busy(write, view, parameters, state):
    """Work for a second of processor time at the first choice of a run."""
    if state[0] == 0:
        begun_s = time.thread_time()
        while time.thread_time() - begun_s < parameters[0]:
            pass
    state[0] = 1
    return view.candidates[0]


def of(replications: int, busy_s: float = 0.0) -> Study:
    rule = PlacementPolicy("busy", "benchmark", "works for a while", busy, parameters={"busy_s": busy_s})
    factors = {"policy": [rule]} if busy_s else {"policy": ["stripe", "most_free"]}
    return Study(scenario=SCENARIO, factors=factors, replications=replications, metrics=("latency_s_mean",))


def seconds(call: Callable[[], object]) -> float:
    begun_s = time.perf_counter()
    call()
    return time.perf_counter() - begun_s


def whole(found: StudyResult) -> StudyResult:
    """Pass a result on if every run of it ended well: the time of a failure is no measurement."""
    if found.partial:
        errors = found.runs.loc[found.runs["state"] == "failed", "error"]
        give_up(found.partial, next(iter(errors), "no error is recorded"))
    return found


def give_up(problem: str, error: str) -> None:
    print(f"nothing is measured, {problem}; the first error: {error}", file=sys.stderr)
    sys.exit(2)


def alone(tasks: list[Task]) -> None:
    """Execute tasks here, one after the other."""
    for task in tasks:
        answer = execute(task)
        if answer.values is None:
            give_up("a run failed", answer.error)


def dispatch() -> bool:
    """Time what a run through one local worker takes of this process, and beyond the run itself: medians of three.

    On a machine with other work the second is noise; the first, processor time, is not.
    """
    count = 400
    extra_ms, own_ms = [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            study = of(count // 2)
            points = list(study.settings())
            tasks = [_task(study, points[i % 2], i // 2) for i in range(count)]
            alone_s = seconds(lambda tasks=tasks: alone(tasks))
            start_s = seconds(lambda a=a: whole(sweep(of(1), store=a, workers=1)))
            begun_s = time.process_time()
            whole_s = seconds(lambda b=b, study=study: whole(sweep(study, store=b, workers=1)))
            own_ms.append((time.process_time() - begun_s) / count * 1e3)
            extra_ms.append((whole_s - start_s - alone_s) / count * 1e3)
    wall = said("dispatch of a run, wall-clock beyond the run", statistics.median(extra_ms), "ms", 2.0)
    return said("dispatch of a run, processor time of the sweep", statistics.median(own_ms), "ms", 2.0) and wall


def _task(study: Study, point, replication: int):
    key = study.key(point, replication)
    return Task(key.run_id, key.recipe_id, key.seed, key.code, point.scenario.to_toml(), ".", None)


def speedup() -> bool:
    """Time runs of a second of processor time on one worker and on two."""
    times_s = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            times_s.append(seconds(lambda w=workers, f=folder: whole(sweep(of(16, 1.0), store=f, workers=w))))
    print(f"  16 runs of 1 s: {times_s[0]:.1f} s with one worker, {times_s[1]:.1f} s with two")
    return said("two workers against one", times_s[0] / times_s[1], "times", 1.8, at_least=True)


def filled(folder: str, runs: int) -> Study:
    """Fill a store with runs of 40 metrics as a sweep would, without simulating."""
    factors = {"policy": ["stripe", "most_free"], "disks[d].fill": [i / 1000 for i in range(500)]}
    study = Study(scenario=SCENARIO, factors=factors, replications=runs // 1000, metrics=("latency_s_mean",))
    points = list(study.settings())
    rng = np.random.default_rng(1)
    names = ["latency_s_mean", *(f"metric_{i}" for i in range(39))]
    with Store(folder) as store:
        for replication in range(study.replications):
            for start in range(0, 1000, 250):
                some = points[start : start + 250]
                records = [
                    Store.record(study.key(point, replication), dict(zip(names, rng.random(40).tolist(), strict=True)))
                    for point in some
                ]
                store.add(records, {point.recipe_id: point.recipe_text for point in some})
    return study


def store() -> bool:
    """Open a store of 100,000 runs and group it by point."""
    with tempfile.TemporaryDirectory() as folder:
        study = filled(folder, 100_000).model_copy(update={"store": folder})
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        whole(study.result())
        times_s = [seconds(study.table) for _ in range(3)]
        print(f"  100,000 runs of 40 metrics take {size / 1e6:.0f} MB; table of {len(study.table())} rows")
    return said("open and group 100,000 runs", statistics.median(times_s), "s", 3.0)


def memory() -> bool:
    """Measure the peak memory of a sweep of 5,000 and of 10,000 runs, each in a process of its own (Linux).

    Both fill shards of 2,000 runs, which takes its memory once.
    """
    commands = [[sys.executable, __file__, "peak", replications] for replications in ("2500", "5000")]
    peaks = [float(subprocess.check_output(command, text=True)) for command in commands]
    print(f"  peak of the sweeping process: {peaks[0]:.0f} MB for 5,000 runs, {peaks[1]:.0f} MB for 10,000")
    return said("memory for 5,000 more finished runs", peaks[1] - peaks[0], "MB", 5.0)


def peak(replications: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        study = of(replications)
        _sweep_only(study, folder)
        # Not ru_maxrss: a child process inherits that of the process that started it.
        print(float(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024)


def _sweep_only(study: Study, folder: str) -> None:
    """Do as `sweep`, without the frame that it gives in the end, which does hold all runs."""
    points = list(study.settings())
    crew = LocalWorkers(2)
    with Store(folder) as opened:
        runner = Runner(study, points, opened, crew, 1, False, None)
        for batch in batches(len(points), study.replications, None, lambda pairs: np.zeros(len(pairs))):
            runner.run(batch)
        states = opened.states()["state"]
    crew.close()
    if len(states) != len(points) * study.replications or not states.eq("done").all():
        give_up(f"{int(states.eq('done').sum())} of {len(points) * study.replications} runs are done", "see the store")


def said(what: str, value: float, unit: str, bound: float, at_least: bool = False) -> bool:
    good = value >= bound if at_least else value <= bound
    print(
        f"{what}: {value:.3g} {unit} ({'at least' if at_least else 'at most'} {bound:g}):",
        "good" if good else "MISSED",
    )
    return good


MEASUREMENTS = {"dispatch": dispatch, "speedup": speedup, "store": store, "memory": memory}

if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        peak(int(sys.argv[2]))
    else:
        sys.exit(0 if all([MEASUREMENTS[name]() for name in sys.argv[1:] or MEASUREMENTS]) else 1)
