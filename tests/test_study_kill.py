"""kill -9 at random moments of a sweep, of the parent and of workers: nothing finished is lost or repeated.

Each run leaves a line in a log when it starts, so that a repeated run would be seen. The final files are
those of a sweep that nothing interrupted, byte for byte.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from study_cases import SCENARIO, own, python, table_bytes

from placement_sim.experiments.studies.store import Store
from placement_sim.experiments.studies.study import Study
from placement_sim.experiments.studies.sweep import sweep

LOG = "STUDY_TEST_LOG"
CHILD = """
from test_study_kill import logged_study
import placement_sim.experiments.studies.store as store
from placement_sim.experiments.studies.sweep import sweep

if __name__ == "__main__":
    store.SHARD_RUNS = 7  # many shards, so that a kill meets one being written
    report = lambda progress: print(progress.done, flush=True)
    sweep(logged_study(REPLICATIONS), store=STORE, workers=2, retries=50, progress=report)
    print("end", flush=True)
"""


def logging_choice(write: Any, view: Any, parameters: Any, state: Any) -> int:
    """Choose in turn; leave a line at the first choice of a run, with what tells this run from others."""
    if state[0] == 0:
        with open(os.environ[LOG], "a", encoding="ascii") as file:
            file.write(f"{parameters[0]:g} {write.word}\n")
        time.sleep(0.02)
    state[0] += 1
    return view.candidates[(state[0] * int(parameters[0])) % len(view.candidates)]


def logged_study(replications: int) -> Study:
    """Give two runs of about 30 ms a replication."""
    policies = [own(f"logged_{step}", logging_choice, parameters={"step": step}) for step in (1, 2)]
    return Study(
        scenario=SCENARIO, factors={"policy": policies}, replications=replications, metrics=("latency_s_mean",)
    )


def done(folder: Path) -> set[str]:
    if not (folder / "index.sqlite").exists():
        return set()
    with Store(folder) as store:
        states = store.states()
    assert set(states["state"]) <= {"done"}
    return set(states["run_id"])


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def is_worker(process: psutil.Process) -> bool:
    """Tell whether a process is a living worker, not one that was killed just now."""
    try:
        return "popen_loky" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie, too
        return False


def interrupted(folder: Path, log: Path, rng: random.Random, names: dict[str, str]) -> int:
    """Run the sweep in a process of its own, kill workers of it and then itself; give how many kills struck."""
    before, start = done(folder), len(lines(log))
    code = CHILD.replace("STORE", repr(str(folder))).replace("REPLICATIONS", str(len(names) // 2))
    child = python(code, **{LOG: str(log)})
    assert child.stdout is not None and child.stderr is not None
    child.stdout.readline()  # the first run of this process is finished
    struck = 0
    for target in ("worker", "worker", "parent"):
        time.sleep(rng.uniform(0, 0.004 * len(names)))  # a quarter of what an idle machine takes for all of them
        if child.poll() is None and target == "parent":
            child.kill()
            struck += 1
        elif child.poll() is None:
            workers = [one for one in psutil.Process(child.pid).children() if is_worker(one)]
            if workers:
                rng.choice(workers).send_signal(signal.SIGKILL)
                struck += 1
    output, errors = child.communicate(timeout=300)
    started = {names[line] for line in lines(log)[start:]}
    assert not started & before, "a finished run was repeated"
    assert before <= done(folder), "a finished run was lost"
    assert child.returncode == -signal.SIGKILL or (child.returncode == 0 and output.endswith("end\n")), errors
    return struck


def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int, replications: int, seed: int) -> None:
    rng = random.Random(seed)
    plain, log = tmp_path / "plain", tmp_path / "plain.log"
    monkeypatch.setenv(LOG, str(log))
    study = logged_study(replications)
    expected = table_bytes(sweep(study, store=plain, workers=0), tmp_path / "expected")
    # In one process the log is in the order of the plan.
    planned = [study.key(point, r).run_id for r in range(replications) for point in study.settings()]
    names = dict(zip(lines(log), planned, strict=True))
    assert len(names) == 2 * replications
    while kills > 0:  # after four processes, with three kills each, the study is finished and looked at
        folder, log = tmp_path / f"store-{kills}", tmp_path / f"{kills}.log"
        struck = sum(interrupted(folder, log, rng, names) for _ in range(min(4, (kills + 2) // 3)))
        monkeypatch.setenv(LOG, str(log))
        found = table_bytes(sweep(study, store=folder, workers=2, retries=50), tmp_path / f"found-{kills}")
        assert struck and found == expected
        # Each kill repeats at most what two workers had in flight.
        assert len(lines(log)) <= 2 * replications + 2 * struck
        kills -= struck


def test_kills_at_four_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, 4, 10, seed=1)


@pytest.mark.slow
def test_kills_at_fifty_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study of 200 runs, finished about every twelfth kill; kills that came too late do not count."""
    check(tmp_path, monkeypatch, 50, 100, seed=2)
