"""Sweeps: equal bytes however they were run, nothing repeated, lost runs tried again and then recorded."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_cases import CHANCE, SCENARIO, own, python, small, table_bytes

from placement_sim.cli import main
from placement_sim.errors import InputError
from placement_sim.experiments.run import run
from placement_sim.experiments.studies import identity, study, task
from placement_sim.experiments.studies.monitor import Progress
from placement_sim.experiments.studies.store import Store
from placement_sim.experiments.studies.sweep import sweep


def executed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count runs that are really made in this process."""
    seeds: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        seeds.append(options["seed"])
        return run(*arguments, **options)

    monkeypatch.setattr(task, "run", counted)
    return seeds


def test_a_run_of_a_study_is_a_run(tmp_path: Path) -> None:
    found = sweep(small(), store=tmp_path, workers=0)
    for row in found.runs.iloc[[0, 5, 11]].to_dict("records"):
        values = SCENARIO.to_dict()
        values["objects"][0]["block_size"] = row["objects[*].block_size"]
        scenario = type(SCENARIO).from_dict(values)
        summary = run(scenario, seed=row["seed"], policy=row["policy"]).summary
        np.testing.assert_array_equal(summary.to_numpy(), [row[name] for name in summary.index])


def test_bytes_do_not_depend_on_workers_order_or_interruption(tmp_path: Path) -> None:
    mine = own("mine", lambda write, view, parameters, state: view.candidates[-1])
    factors = {"policy": ["stripe", mine], "disks[*].fill": [0.0, 0.5]}
    studies = small(factors=factors)
    expected = table_bytes(sweep(studies, store=tmp_path / "a", workers=0), tmp_path / "at")
    for number, workers in enumerate((1, 3)):
        found = sweep(studies, store=tmp_path / f"b{number}", workers=workers)
        assert table_bytes(found, tmp_path / f"bt{number}") == expected
    sweep(small(factors=factors, replications=1), store=tmp_path / "c", workers=0)
    assert table_bytes(sweep(studies, store=tmp_path / "c", workers=0), tmp_path / "ct") == expected


def test_an_extended_study_repeats_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = executed(monkeypatch)
    sweep(small(), store=tmp_path, workers=0)
    assert len(seeds) == 12
    more = {"policy": ["stripe", "most_free", "jump"], "objects[*].block_size": ["1 MiB", "2 MiB"]}
    sweep(small(factors=more), store=tmp_path, workers=0)
    assert len(seeds) == 18
    found = sweep(small(name="another name", factors=more, replications=4), store=tmp_path, workers=0)
    assert len(seeds) == 24 and not found.partial
    sweep(small(name="a third", factors=more, replications=4), store=tmp_path, workers=0)
    assert len(seeds) == 24


def test_a_study_that_is_not_finished_says_so(tmp_path: Path) -> None:
    sweep(small(replications=1), store=tmp_path, workers=0)
    with Store(tmp_path) as opened:
        found = small().result(opened)
    assert found.partial == "partial: 4 of 12 runs, 8 missing"
    table = found.table()
    assert table["partial"].all() and set(table["runs"]) == {1} and set(table["planned"]) == {3}
    assert table["low"].isna().all(), "a single run has no interval"
    answers = [found.effects("latency_s_mean"), found.pareto({"latency_s_mean": "lower"})]
    answers.append(found.region("latency_s_mean", "policy", "stripe", "most_free"))
    assert all(answer["partial"].all() for answer in answers)


def test_results_of_other_code_are_named_and_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (study, identity):
        monkeypatch.setattr(module, "code_identity", lambda: "older")
    with monkeypatch.context() as older:
        older.setattr(task, "code_identity", lambda: "older")
        sweep(small(), store=tmp_path, workers=0)
    for module in (study, identity):
        monkeypatch.setattr(module, "code_identity", lambda: "newer")
    monkeypatch.setattr(task, "code_identity", lambda: "newer")
    with Store(tmp_path) as opened:
        found = small().result(opened)
    assert found.partial == "partial: 0 of 12 runs, 12 missing"
    assert "12 runs of this study were made by other model code; they are not used." in found.notes
    assert not sweep(small(), store=tmp_path, workers=0).partial


def test_a_worker_with_other_code_stops_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "code_identity", lambda: "other")
    with pytest.raises(InputError, match="other model code"):
        sweep(small(), store=tmp_path, workers=0)
    with Store(tmp_path) as opened:
        assert opened.states().empty


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(small(), store=tmp_path, workers=0, progress=stop)
    with Store(tmp_path) as opened:
        assert len(opened.states()) == 5
    seen: list[Progress] = []
    sweep(small(), store=tmp_path, workers=0, progress=seen.append)
    assert [one.done for one in seen] == list(range(6, 13)) and seen[-1].reused == 5


def test_progress_shows_the_widths_of_the_table(tmp_path: Path) -> None:
    sweep(small(replications=2), store=tmp_path, workers=0)
    seen: list[Progress] = []
    found = sweep(small(), store=tmp_path, workers=0, progress=seen.append)
    table = found.table("latency_s_mean")
    np.testing.assert_allclose(seen[-1].half_widths, (table["high"] - table["low"]) / 2, rtol=1e-9)
    np.testing.assert_allclose(seen[-1].means, table["best"], rtol=1e-12)
    assert seen[-1].widest == pytest.approx(((table["high"] - table["low"]) / 2).max())
    assert seen[-1].planned == 12 and seen[-1].failed == 0


# Defined as in a notebook cell, so that it goes to the workers by value.
POISON = """
import os, time
from pathlib import Path

def poison(write, view, parameters, state):
    kind, always = int(parameters[0]), parameters[1] > 0
    mark = Path(os.environ["STUDY_TEST_FOLDER"]) / f"{kind}-{write.word}"
    if state[0] == 0 and (always or not mark.exists()):
        mark.touch()
        if kind == 1:
            os.kill(os.getpid(), 9)
        if kind == 2:
            time.sleep(60)
        if kind == 3:
            raise MemoryError
        if kind == 4:
            raise ZeroDivisionError("my rule is wrong")
        if kind == 5:
            bytearray(9 << 30)  # beyond the limit of 8 GiB, not beyond the machine
    state[0] = 1
    return view.candidates[0]
"""
CELL: dict[str, Any] = {"__name__": "__main__"}
exec(POISON, CELL)


def poisoned(kind: int, always: bool) -> Any:
    """Misbehave in every run, or in the first of each seed: die, hang, fill the memory, raise."""
    return own(f"poison_{kind}", CELL["poison"], parameters={"kind": kind, "always": always})


def test_what_dies_hangs_or_fills_memory_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_TEST_FOLDER", str(tmp_path))
    factors = {"policy": ["stripe", *(poisoned(kind, False) for kind in (1, 2, 3))]}
    found = sweep(small(factors=factors, replications=1), store=tmp_path / "s", workers=2, limit="2 s")
    assert not found.partial
    assert {path.name[0] for path in tmp_path.glob("?-*")} == {"1", "2", "3"}


def test_what_always_fails_is_recorded_and_costs_no_other_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STUDY_TEST_FOLDER", str(tmp_path))
    factors = {"policy": ["stripe", *(poisoned(kind, True) for kind in (1, 2, 4, 5)), "most_free"]}
    study = small(factors=factors, replications=1)
    options: Any = {"store": tmp_path / "s", "workers": 2, "limit": "2 s", "memory": "8 GiB"}
    found = sweep(study, **options)
    assert found.partial == "partial: 2 of 6 runs, 4 failed"
    assert found.table().query("policy == 'most_free'")["runs"].eq(1).all()
    errors = dict(zip(found.runs["policy"], found.runs["error"], strict=True))
    assert errors["poison_1"].startswith("the worker died") and "tried 2 times" in errors["poison_1"]
    assert "took longer than 2 s (tried 2 times)" in errors["poison_2"]
    assert errors["poison_4"].startswith("ZeroDivisionError: my rule is wrong; repeat: placement-sim run ")
    assert errors["poison_5"].startswith("MemoryError")
    command = shlex.split(errors["poison_4"].partition("repeat: ")[2])
    (tmp_path / "p.py").write_text("from test_study_sweep import poisoned\nmine = poisoned(4, True)\n")
    with pytest.raises(ZeroDivisionError, match="my rule is wrong"):
        main([str(tmp_path / "p.py") if word == "FILE.py" else word for word in command[1:]])
    again = sweep(study, **options)
    assert again.runs["error"].tolist() == found.runs["error"].tolist(), "a failure is not repeated unasked"
    factors["policy"] = ["stripe", poisoned(4, False)]
    sweep(small(factors=factors, replications=1), store=tmp_path / "t", workers=0)
    assert not sweep(small(factors=factors, replications=1), store=tmp_path / "t", workers=0, retry_failed=True).partial


def test_a_worker_that_dies_while_idle_costs_nothing() -> None:
    from concurrent.futures import BrokenExecutor

    from placement_sim.experiments.studies.local import LocalWorkers

    point = next(small().settings())
    key = small().key(point, 0)
    one = task.Task(key.run_id, key.recipe_id, key.seed, key.code, point.scenario.to_toml(), ".", None)
    workers = LocalWorkers(1)
    try:
        for _ in range(2):
            workers.submit(one)
            while not (finished := workers.wait(1.0)):
                pass
            assert finished[0][1].values is not None
            (idle,) = workers._idle
            with pytest.raises(BrokenExecutor):
                idle.executor.submit(os._exit, 1).result()
    finally:
        workers.close()


def test_a_trace_is_found_from_the_file_of_a_failed_run(tmp_path: Path) -> None:
    text = CHANCE[: CHANCE.index("synthetic =")] + 'trace = { file = "t.csv" }\n'
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text("10,hm,0,Write,4096,512,1\n9,hm,0,Nonsense,5120,1024,1\n")
    scenario = type(SCENARIO).from_text(text, folder=tmp_path / "in")
    found = sweep(small(scenario=scenario, factors={}, replications=1), store=tmp_path / "s", workers=0)
    (error,) = found.runs["error"]
    file = re.search(r"placement-sim run (\S+)", error)
    assert file is not None and "Nonsense" in error
    assert "../../in/t.csv" in Path(file[1]).read_text()


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    """Both finish; each run is made by one of them."""
    code = (
        "from study_cases import small\nfrom placement_sim.experiments.studies.sweep import sweep\n"
        "seen = []\n"
        f"found = sweep(small(replications=15), store={str(tmp_path / 's')!r}, workers=0, progress=seen.append)\n"
        "print(len(found.runs), seen[-1].planned - seen[-1].reused if seen else 0, found.partial)\n"
    )
    children = [python(code) for _ in range(2)]
    outputs = [child.communicate(timeout=100) for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    counts = [output.split() for output, _ in outputs]
    assert [words[0] for words in counts] == ["60", "60"]
    assert sum(int(words[1]) for words in counts) == 60


def test_the_same_setting_twice_is_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = executed(monkeypatch)
    factors = {"objects[*].block_size": ["1 MiB", "1024 KiB"]}
    found = sweep(small(factors=factors), store=tmp_path, workers=0)
    assert len(seeds) == 3 and len(found.runs) == 6 and not found.partial


def test_a_stopping_rule_spends_runs_where_they_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = executed(monkeypatch)
    stop = {"metric": "latency_s_mean", "width": 0.0003, "max_runs": 400, "first": 5}
    factors = {"disks[*].service.mean": ["3 ms", "3.5 ms", "8 ms", "20 ms"]}
    chosen = small(factors=factors, stop=stop)
    found = sweep(chosen, store=tmp_path, workers=0)
    contest = found.contest()
    assert contest is not None and (contest.best, contest.second) == (0, 1)
    assert contest.difference.high - contest.difference.low <= 0.0003
    counts = found.runs.groupby("point").size()
    assert len(seeds) == len(found.runs) < 400
    assert min(counts[0], counts[1]) > 5 and counts[:2].sum() >= (len(found.runs) - 20) / 2
    assert any("looking at the results" in note for note in found.notes)
    made = len(seeds)
    # More runs in the store than the rule asks for change nothing: its decisions are taken again.
    sweep(small(factors=factors, replications=30), store=tmp_path, workers=0)
    assert len(seeds) > made
    again = sweep(chosen, store=tmp_path, workers=0)
    assert again.runs.equals(found.runs)
    parallel = sweep(chosen, store=tmp_path / "two", workers=2)
    assert parallel.runs.equals(found.runs)


def test_max_runs_ends_a_contest_of_equals(tmp_path: Path) -> None:
    stop = {"metric": "latency_s_mean", "width": 1e-9, "max_runs": 33}
    found = sweep(small(stop=stop), store=tmp_path, workers=0)
    assert len(found.runs) == 33


@pytest.mark.parametrize(
    "options",
    [{"workers": -1}, {"retries": -1}, {"limit": "soon"}, {"limit": 0}, {"workers": 0, "limit": 1}, {"memory": "1 s"}],
)
def test_bad_options(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        sweep(small(), store=tmp_path, **options)


def test_an_unknown_metric_is_answered(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="latency_s_mea"):
        sweep(small(metrics=("latency_s_mea",)), store=tmp_path, workers=0)
    found = sweep(small(), store=tmp_path, workers=0)
    with pytest.raises(InputError, match="write 'latency_s_mean'"):
        found.table("latency_s_mea")


def test_a_manifest_is_plain(tmp_path: Path) -> None:
    found = sweep(small(), store=tmp_path, workers=0)
    text = json.dumps(found.manifest)
    assert str(tmp_path) not in text and found.manifest["study"] == "study"
