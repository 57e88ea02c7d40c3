"""A trace in a scenario: what was skipped is in every result; a scenario made of a trace; each device an object."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from test_traces import FIO3, MSR, put
from test_traces_info import random_trace

from placement_sim import Scenario, compare, run
from placement_sim.cli import main
from placement_sim.errors import InputError
from placement_sim.experiments.trace_import import import_trace
from placement_sim.workloads.traces import open_trace, read_trace, trace_span_bytes
from placement_sim.workloads.traces.split import split_trace

TEXT = """
objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
[[disks]]
name = "d"
count = 2
capacity = "1 GiB"
service = {kind = "deterministic", time_s = "5 ms"}
[[workloads]]
name = "w"
object = "vm"
trace = {file = "trace", FURTHER}
"""
BAD = MSR + b"1,hm,0\n128166385325514669,hm,0,Read,-5,512,9\n"


def scenario(folder: Path, further: str) -> Scenario:
    return Scenario.from_text(TEXT.replace("FURTHER", further), folder=folder)


def test_skipped_rows_are_in_every_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, BAD)
    with pytest.raises(InputError, match="line 3"):
        run(scenario(tmp_path, 'on_bad_row = "error"'))
    skipping = scenario(tmp_path, 'on_bad_row = "skip"')
    result = run(skipping)
    assert result.summary["finished_requests"] == 2
    assert result.manifest["traces"]["w"]["skipped_rows"] == 2
    comparison = compare(skipping, ["stripe", "most_free"], replications=1)
    assert "2 bad rows of its trace were skipped" in comparison.notes[-1]
    assert comparison.manifest["traces"]["w"]["skipped_rows"] == 2
    (tmp_path / "s.toml").write_text(skipping.to_toml())
    assert main(["run", str(tmp_path / "s.toml")]) == 0
    assert "2 bad rows of its trace were skipped" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "s.toml"), "--policies", "stripe", "--replications", "1"]) == 0
    assert "2 bad rows" in " ".join(capsys.readouterr().out.split())


def test_nothing_skipped_is_said_too(tmp_path: Path) -> None:
    put(tmp_path, MSR)
    assert run(scenario(tmp_path, "speed_up = 2.0")).manifest["traces"] == {
        "w": {"format": "msr", "skipped_rows": 0, "other_operations": {}, "notes": []}
    }


def test_a_stated_span_saves_the_first_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, MSR)
    before = run(scenario(tmp_path, 'addresses = "scale"'))

    def refuse(*arguments: object) -> int:
        raise AssertionError("the trace is read a second time")

    monkeypatch.setattr("placement_sim.experiments.traced.trace_span_bytes", refuse)
    after = run(scenario(tmp_path, 'addresses = "scale", address_span = 4608'))
    pd.testing.assert_series_equal(before.summary, after.summary)


def test_span_of_one_device(tmp_path: Path) -> None:
    file = put(tmp_path, FIO3 + b"1 g open\n2 f write 0 512\n3 g read 8192 512\n")
    assert trace_span_bytes(open_trace(file)) == trace_span_bytes(open_trace(file), "g") == 8704
    assert trace_span_bytes(open_trace(file), 0) == 512
    for missing in ("x", 2):
        with pytest.raises(InputError, match="not among"):
            trace_span_bytes(open_trace(file), missing)


def test_split_gives_each_device_its_requests_at_their_times(tmp_path: Path) -> None:
    file = random_trace(tmp_path)
    frame = read_trace(file)
    parts = split_trace(open_trace(file, window_requests=500), tmp_path / "parts")
    assert [part.device for part in parts] == list(frame["device"].unique())
    for part in parts:
        mine = frame[frame["device"] == part.device].reset_index(drop=True)
        pd.testing.assert_frame_equal(read_trace(part.file), mine)
        assert part.requests == len(mine)
    assert sorted(path.suffix for path in (tmp_path / "parts").iterdir()) == [".parquet"] * 3


def test_a_scenario_of_each_device_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = put(tmp_path, FIO3 + b"1 g open\n2 f write 0 512\n3 g read 8192 512\n4 g sync 0 0\n9 g write 0 2000000\n")
    out = tmp_path / "made.toml"
    assert main(["import", "trace", str(source), "--out", str(out), "--each-device"]) == 0
    assert "Each of 2 devices" in capsys.readouterr().out
    made = Scenario.from_toml(out)
    assert [(thing.name, thing.size) for thing in made.objects] == [("f", 1 << 20), ("g", 2 << 20)]
    result = run(made)
    assert result.summary["finished_requests"] == 3
    assert sum(sum(w["other_operations"].values()) for w in result.manifest["traces"].values()) == 1


def test_a_scenario_of_one_device(tmp_path: Path) -> None:
    source = put(tmp_path, FIO3 + b"1 g open\n2 f write 0 512\n3 g read 8192 512\n")
    out = tmp_path / "made.toml"
    with pytest.raises(InputError, match="2 devices"):
        import_trace(open_trace(source), out)
    with pytest.raises(InputError, match="no device 'x'"):
        import_trace(open_trace(source), out, device="x")
    with pytest.raises(InputError, match="both"):
        import_trace(open_trace(source), out, device="g", each_device=True)
    with pytest.raises(InputError, match="cannot write"):
        import_trace(open_trace(source), tmp_path / "no" / "made.toml", device="g")
    made = import_trace(open_trace(source), out, device="g").scenario
    assert made == Scenario.from_toml(out)
    assert run(made).summary["finished_requests"] == 1


def test_the_trace_is_named_relative_to_the_scenario(tmp_path: Path) -> None:
    source = put(tmp_path, MSR)
    (tmp_path / "far" / "off").mkdir(parents=True)
    made = import_trace(open_trace(source), tmp_path / "far" / "off" / "made.toml").scenario
    assert made.to_dict()["workloads"][0]["trace"]["file"] == "../../trace"
    assert run(made).summary["finished_requests"] == 2


def test_a_scenario_takes_the_disks_of_a_cluster(tmp_path: Path) -> None:
    source, out = put(tmp_path, MSR), tmp_path / "made.toml"
    cluster = tmp_path / "cluster.toml"
    cluster.write_text(scenario(tmp_path, "speed_up = 2.0").to_toml())
    assert main(["import", "trace", str(source), "--out", str(out), "--cluster", str(cluster)]) == 0
    assert Scenario.from_toml(out).disk_names == ["d-0", "d-1"]
    assert "assumed" not in out.read_text().lower()


def test_a_saved_result_keeps_the_counts(tmp_path: Path) -> None:
    put(tmp_path, BAD)
    folder = run(scenario(tmp_path, 'on_bad_row = "skip"')).save(tmp_path / "o")
    assert json.loads((folder / "manifest.json").read_text())["traces"]["w"]["skipped_rows"] == 2
