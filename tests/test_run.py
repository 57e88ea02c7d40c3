"""Runs and comparisons: hand cases, listed columns, equal bytes, pairing."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from placement_sim.errors import InputError
from placement_sim.experiments.columns import COLUMNS
from placement_sim.experiments.compare import compare, notes, replication_seed
from placement_sim.experiments.result import FRAMES
from placement_sim.experiments.run import run
from placement_sim.experiments.scenario import Scenario
from placement_sim.policies.interface import PlacementPolicy

TINY = """
name = "tiny"
window = "100 ms"
objects = [{ name = "vm", size = "16 MiB", block_size = "1 MiB" }]
[[disks]]
name = "d"
count = 2
capacity = "64 MiB"
service = { kind = "deterministic", time = "1 ms" }
[[workloads]]
name = "w"
object = "vm"
synthetic = { requests = 40, read_share = 0.0, size = "4 KiB", arrivals = { law = "fixed", rate = 100 } }
"""
FULL = TINY.replace('"64 MiB"', '"4 MiB"').replace("requests = 40", "requests = 200")
ADDED = "events = [{ at = '100 ms', action = 'add_disk', disk = 'new' }]\n" + TINY.replace(
    "[[workloads]]",
    "[[disks]]\nname = 'new'\ncapacity = '64 MiB'\npresent = false\nmodel = 'hdd-7200'\n[[workloads]]",
)


def first(write: object, view: object, parameters: object, state: object) -> int:
    return int(view.candidates[0])  # type: ignore[attr-defined]


OWN = PlacementPolicy("own_first", "the test", "the first candidate", first)


def test_no_queue_by_hand() -> None:
    result = run(Scenario.from_text(TINY), record_requests=True)
    assert result.summary["finished_requests"] == 40
    assert result.summary["latency_s_mean"] == pytest.approx(0.001, rel=1e-12)
    assert 0.001 <= result.summary["write_latency_s_p999"] <= 0.001 * 1.004
    assert math.isnan(result.summary["read_latency_s_mean"])
    assert math.isnan(result.summary["no_space_time_s"])
    assert result.disks["operations"].sum() == 40
    assert result.disks["written_bytes"].sum() == 40 * 4096
    assert len(result.requests) == 40 and set(result.requests["status"]) == {"done"}
    assert list(result.latencies["kind"].unique()) == ["write"]
    assert result.latencies["finished_requests"].sum() == 40
    assert result.latencies["latency_s"].between(0.001, 0.001 * 1.004).all()
    busy_s = (result.disks["utilisation"] * result.summary["finished_requests"] / 40).sum()
    assert busy_s == pytest.approx(0.04 / (40 / result.summary["throughput_requests_per_s"]), rel=1e-9)
    used = result.objects["written_blocks"].sum() * 2**20
    assert used == result.disks["used_bytes"].sum()


@pytest.mark.parametrize("text", [TINY, FULL, ADDED])
def test_every_column_is_listed(text: str) -> None:
    result = run(Scenario.from_text(text), record_requests=True)
    for name in FRAMES:
        frame = getattr(result, name)
        for column in frame.columns:
            assert str(frame[column].dtype) == COLUMNS[column].dtype, (name, column)
    assert all(column.meaning for column in COLUMNS.values())


def test_timeline_adds_up() -> None:
    result = run(Scenario.from_text(TINY))
    timeline = result.timeline
    one = timeline[timeline["disk"] == "d-0"]
    assert one["window_requests"].sum() <= 40
    assert (one["time_s"].diff().dropna() > 0).all()
    assert timeline["utilisation"].between(0, 1).all()
    last = timeline.groupby("disk")["used_bytes"].last().to_numpy()
    assert (last <= result.disks["used_bytes"].to_numpy()).all()


def test_no_space_is_an_event_with_stranded_bytes() -> None:
    result = run(Scenario.from_text(FULL), policy="stripe")
    assert result.summary["failed_requests"] > 0
    row = result.events[result.events["action"] == "no_space"].iloc[0]
    assert row["time_s"] == result.summary["no_space_time_s"]
    assert result.summary["no_space_stranded_bytes"] < 2**20 * 8
    stopped = run(Scenario.from_text('on_no_space = "stop"\n' + FULL), policy="stripe")
    assert stopped.summary["finished_requests"] < result.summary["finished_requests"]


def test_share_of_writes_on_an_added_disk() -> None:
    result = run(Scenario.from_text(ADDED), policy="most_free")
    disks = result.disks.set_index("disk")
    assert disks["added"].tolist() == [False, False, True]
    share = disks.loc["new", "written_bytes"] / disks["written_bytes"].sum()
    assert result.summary["new_disk_write_share"] == pytest.approx(share)
    assert result.events["action"].tolist() == ["add_disk"]


def test_equal_bytes(tmp_path: Path) -> None:
    scenario = Scenario.from_text(TINY)
    for name in ("a", "b"):
        run(scenario, seed=5).save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted([*(f"{name}.parquet" for name in (*FRAMES, "summary")), "manifest.json"])
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "value" in pd.read_parquet(tmp_path / "a" / "summary.parquet")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        run(scenario).save(tmp_path / "file")


def test_manifest_names_seed_policy_and_code() -> None:
    result = run(Scenario.from_text(TINY), seed=9, policy=OWN)
    assert result.manifest["seed"] == 9
    assert result.manifest["policy"]["name"] == "own_first"
    assert len(result.manifest["code_sha256"]) == 64
    assert Scenario.from_dict(result.manifest["scenario"]) == Scenario.from_text(TINY)


def test_bad_arguments() -> None:
    scenario = Scenario.from_text(TINY)
    with pytest.raises(InputError, match="negative"):
        run(scenario, seed=-1)
    with pytest.raises(InputError, match="write 'most_free'"):
        run(scenario, policy="most_fre")
    with pytest.raises(InputError, match="replications"):
        compare(scenario, ["most_free"], 0)
    with pytest.raises(InputError, match="twice"):
        compare(scenario, ["most_free", "most_free"], 1)
    with pytest.raises(InputError, match="baseline"):
        compare(scenario, ["most_free"], 1, baseline="stripe")
    with pytest.raises(InputError, match="none"):
        compare(scenario, [], 1)


def test_comparison_pairs_runs() -> None:
    chance = TINY.replace('"deterministic", time = "1 ms"', '"exponential", mean = "8 ms"')
    found = compare(Scenario.from_text(chance), ["stripe", "most_free", OWN], 4, baseline="most_free")
    assert found.runs.groupby("replication")["seed"].nunique().eq(1).all()
    assert found.runs["seed"].nunique() == 4 and found.runs["seed"].iloc[0] == replication_seed(1, 0)
    assert set(found.differences["policy"]) == {"stripe", "own_first"}
    key = (found.table["policy"] == "stripe") & (found.table["metric"] == "latency_s_mean")
    row = found.table[key].iloc[0]
    values = found.runs.loc[found.runs["policy"] == "stripe", "latency_s_mean"]
    assert row["best"] == pytest.approx(values.mean()) and row["low"] < row["best"] < row["high"]
    mask = (found.differences["policy"] == "own_first") & (found.differences["metric"] == "latency_s_mean")
    difference = found.differences[mask].iloc[0]
    pivot = found.runs.pivot(index="replication", columns="policy", values="latency_s_mean")
    assert difference["best"] == pytest.approx((pivot["own_first"] - pivot["most_free"]).mean())


def test_runs_without_a_value_are_counted() -> None:
    table = compare(Scenario.from_text(TINY), ["most_free"], 2).table.set_index("metric")
    assert table.loc["no_space_time_s", "censored"] == 2 and np.isnan(table.loc["no_space_time_s", "best"])
    assert table.loc["latency_s_mean", "runs"] == 2


def test_one_replication_has_no_interval() -> None:
    found = compare(Scenario.from_text(TINY), ["most_free", "stripe"], 1)
    assert found.table["low"].isna().all() and found.differences["high"].isna().all()


def test_notes_say_where_there_is_no_chance() -> None:
    assert notes(Scenario.from_text(TINY)) == ()
    start = TINY.index("synthetic =")
    traced = TINY[:start] + 'trace = { file = "t.csv" }\n'
    assert "no chance" in notes(Scenario.from_text(traced))[0]
    hard = traced.replace('service = { kind = "deterministic", time = "1 ms" }', 'model = "hdd-7200"')
    assert "only in service draws" in notes(Scenario.from_text(hard))[0]


def test_results_and_comparisons_are_read_back(tmp_path: Path) -> None:
    scenario = Scenario.from_text(TINY)
    result = run(scenario)
    again = type(result).load(result.save(tmp_path / "run"))
    pd.testing.assert_series_equal(again.summary, result.summary, check_names=False)
    pd.testing.assert_frame_equal(again.latencies, result.latencies)
    assert again.manifest == result.manifest
    comparison = compare(scenario, ["most_free", "stripe"], 2)
    back = type(comparison).load(comparison.save(tmp_path / "both"))
    for name in ("table", "differences", "runs", "latencies", "timeline"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(comparison, name))
    assert comparison.latencies.groupby("policy")["finished_requests"].sum().to_dict() == {
        "most_free": 80,
        "stripe": 80,
    }
    (tmp_path / "both" / "runs.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot read"):
        type(comparison).load(tmp_path / "both")
