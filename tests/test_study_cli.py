"""`sweep` and `status` from outside: what they print, what they keep, one line for bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from study_cases import CHANCE

from placement_sim.cli import main

STUDY = """
scenario = "tiny.toml"
replications = 2
metrics = ["latency_s_mean", "no_space_time_s"]
factors = [{ path = "policy", levels = ["stripe", "most_free"] }]
"""
BROKEN = """
from placement_sim.policies.interface import PlacementPolicy
def choose(write, view, parameters, state):
    raise RuntimeError("no idea")
mine = PlacementPolicy("mine", "me", "always fails", choose)
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tiny.toml").write_text(CHANCE)
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "broken.py").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "study.toml"


def test_sweep_then_status(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(study), "--workers", "0", "--preview", "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)
    assert cost["planned_runs"] == 4 and cost["pilot_runs"] == 2 and cost["missing_runs"] == 2
    assert cost["predicted_s"] > 0 and 500 < cost["missing_bytes"] < 5000
    assert main(["status", "study.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["missing_runs"] == 2
    assert main(["sweep", "study.toml", "--workers", "0", "--out", "o"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("study: complete") and "most_free" in captured.out and "never" in captured.out
    assert "4 of 4 runs (2 from the store), 0 failed" in captured.err
    assert len(pd.read_parquet("o/table.parquet")) == 4
    assert main(["sweep", "study.toml", "--workers", "0", "--json"]) == 0
    assert {row["runs"] for row in json.loads(capsys.readouterr().out)["table"]} == {0, 2}
    for target in ("study.toml", "out/study"):
        assert main(["status", target, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["done_runs"] == 4
        assert main(["status", target]) == 0
        capsys.readouterr()


def test_a_second_preview_makes_other_runs(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    costs = []
    for _ in range(3):
        assert main(["sweep", "study.toml", "--workers", "0", "--preview", "--json"]) == 0
        costs.append(json.loads(capsys.readouterr().out))
    assert [cost["missing_runs"] for cost in costs] == [2, 0, 0]
    assert [cost["pilot_runs"] for cost in costs] == [2, 2, 0]
    assert costs[0]["predicted_s"] > 0 and costs[1]["predicted_s"] == costs[2]["predicted_s"] == 0


def test_plain_lines_tell_the_time_left(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("placement_sim.cli.studies.PLAIN_LINE_S", 0.0)
    study.write_text(STUDY.replace("replications = 2", "replications = 4"))
    assert main(["sweep", "study.toml", "--workers", "0"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "1 of 8 runs, 0 failed" and len(lines) == 8
    assert re.fullmatch(r"5 of 8 runs, 0 failed, \d+ s left, widest interval of latency_s_mean ±\S+", lines[4])
    assert "left" not in lines[7]


def test_ctrl_c_says_that_nothing_is_lost(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("placement_sim.experiments.studies.sweep.sweep", stop)
    assert main(["sweep", "study.toml"]) == 130
    assert "what is finished is kept" in capsys.readouterr().err


def test_failures_are_status_one_and_are_told(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.write_text(STUDY.replace('"stripe"', '"mine"'))
    assert main(["sweep", "study.toml", "--workers", "0", "--plugin", "broken.py"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("study: partial: 2 of 4 runs, 2 failed")
    assert "failed: RuntimeError: no idea; repeat: placement-sim run out/study/failed/" in out
    assert main(["status", "study.toml", "--plugin", "broken.py"]) == 0
    assert "no idea" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["sweep", "none.toml"],
        ["sweep", "tiny.toml"],
        ["sweep", "study.toml", "--workers", "-1"],
        ["sweep", "study.toml", "--limit", "soon"],
        ["sweep", "study.toml", "--dask", "nonsense", "--workers", "2"],
        ["sweep", "study.toml", "--dask", "no address"],
        ["sweep", "study.toml", "--store", "."],
        ["sweep", "study.toml", "--store", "tiny.toml"],
        ["status", "study.toml"],
        ["status", "."],
        ["status", "none.toml"],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line(study: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("placement-sim: ") and captured.err.count("\n") == 1
