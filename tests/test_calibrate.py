"""Calibration: disks made by hand are found again, other measurements are refused, errors are stated."""

from __future__ import annotations

import contextlib
import json
import math
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_sim.cli import main
from placement_sim.errors import InputError
from placement_sim.experiments.calibrate import Calibration, calibrate_fio, save_disk_model, simulate_run
from placement_sim.experiments.fio_fit import fit_runs
from placement_sim.experiments.fio_runs import read_fio
from placement_sim.experiments.scenario import Scenario
from placement_sim.model.measured import Measured

SHARED = Path(__file__).parents[2] / "shared" / "traces" / "fio_json"
DATA = Path(__file__).parents[1] / "data" / "fio"
DEPTHS = (1, 2, 4, 8, 16)


def result(
    *,
    write: bool = False,
    depth: int = 1,
    size: int = 4096,
    iops: float = 1e4,
    latency_s: float | None = None,
    old: bool = False,
    options: dict[str, str] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Make a fio result by hand; without a latency, Little's law gives it."""
    side, other = ("write", "read") if write else ("read", "write")
    latency_s = depth / iops if latency_s is None else latency_s
    unit, end = (1e6, "") if old else (1e9, "_ns")
    count = round(60 * iops)
    levels = {f"{level:.6f}": latency_s * unit * (0.5 + level / 100) for level in (5, 10, 50, 80, 90, 99, 99.5)}
    measured: dict[str, Any] = {
        "io_bytes": count * size // (1024 if old else 1),
        "iops": iops,
        "total_ios": count,
        "runtime": 60_000,
        f"clat{end}": {"mean": latency_s * unit, "percentile": {**levels, "0.00": 0}},
        f"lat{end}": {"mean": latency_s * unit},
    }
    job = {"rw": f"rand{side}", "bs": "4k", "iodepth": str(depth), "direct": "1", **(options or {})}
    empty = {"io_bytes": 0, "iops": 0.0, "total_ios": 0}
    row = {
        "jobname": "j",
        "error": 0,
        "elapsed": 61,
        "job options": job,
        side: measured,
        other: empty,
        "trim": empty,
        **changes,
    }
    return {"fio version": "fio-2.21" if old else "fio-3.33", "jobs": [row]}


def write_file(path: Path, values: dict[str, Any]) -> Path:
    path.write_text(json.dumps(values))
    return path


def disk(
    folder: Path, channels: int, read_s: float, write_s: float, sizes: tuple[int, ...] = (4096,), s_per_byte: float = 0,
    gap_s: float = 0.0, depths: tuple[int, ...] = DEPTHS,
) -> list[Path]:  # fmt: skip
    """Write the runs of a disk that follows the model: N / (S + g), at most c / S."""
    paths = []
    for write, latency_s in ((False, read_s), (True, write_s)):
        for size in sizes:
            for depth in depths:
                service_s = latency_s + s_per_byte * size
                iops = min(depth / (service_s + gap_s), channels / service_s)
                values = result(write=write, depth=depth, size=size, iops=iops, latency_s=depth / iops - gap_s)
                paths.append(write_file(folder / f"{write}-{size}-{depth}.json", values))
    return paths


@pytest.mark.parametrize(("channels", "gap_s"), [(1, 0.0), (4, 0.0), (4, 2e-6)])
def test_a_disk_that_follows_the_model_is_found_again(tmp_path: Path, channels: int, gap_s: float) -> None:
    found = calibrate_fio(disk(tmp_path, channels, 1e-4, 3e-4, gap_s=gap_s))
    assert found.channels == channels
    assert found.model.mean_s(False, 4096) == pytest.approx(1e-4, rel=2e-3 if gap_s else 1e-5)
    assert found.model.mean_s(True, 4096) == pytest.approx(3e-4, rel=2e-3 if gap_s else 1e-5)
    assert found.error < 0.02  # 4,000 simulated requests; the means of a law with chance
    assert found.error_held_out < 0.01


@pytest.mark.parametrize(
    ("channels", "per_doubling", "gap_s"), [(1, -0.08, 0.0), (1, 0.3, 1e-7), (4, 0.15, 0.0), (3, 0.2, 0.0)]
)
def test_service_that_changes_with_the_depth_is_found_and_repeated(
    tmp_path: Path, channels: int, per_doubling: float, gap_s: float
) -> None:
    paths, depths = [], (*DEPTHS, 32)
    for write, shallow_s in ((False, 1e-4), (True, 3e-4)):
        for depth in depths:
            # In saturation a service finds depth - 1 operations at the disk: one has just left.
            growth = per_doubling * (2 if write else 1) * math.log2(max(1.0, (depth - 1) / channels))
            service_s = shallow_s * (1 + growth)
            iops = min(depth / (service_s + gap_s), channels / service_s)
            values = result(write=write, depth=depth, iops=iops, latency_s=depth / iops - gap_s)
            paths.append(write_file(tmp_path / f"{write}-{depth}.json", values))
    found = calibrate_fio(paths)
    assert (found.channels, found.model.shallow_depth, found.model.deep_depth) == (channels, channels, 31)
    doublings = math.log2(31 / channels)
    assert found.model.read_deep_factor == pytest.approx(1 + per_doubling * doublings, rel=2e-3)
    assert found.model.write_deep_factor == pytest.approx(1 + 2 * per_doubling * doublings, rel=2e-3)
    assert found.error < 0.02  # 4,000 simulated requests of a law with chance
    assert (found.runs["iops_error"].abs() < 0.03).all()


def test_a_constant_disk_is_given_no_dependence_on_the_depth(calibrated: Calibration) -> None:
    assert calibrated.model == replace(
        calibrated.model, read_deep_factor=1.0, write_deep_factor=1.0, shallow_depth=1.0, deep_depth=1.0
    )
    assert "neither place nor queue" in calibrated.notes[0] and "does not pay" in calibrated.notes[1]


def test_latency_and_rate_are_told_apart_by_two_sizes(tmp_path: Path) -> None:
    found = calibrate_fio(disk(tmp_path, 2, 1e-4, 2e-4, sizes=(4096, 65536), s_per_byte=1e-9))
    assert found.model.read_bytes_per_s == pytest.approx(1e9, rel=1e-3)
    for size in (4096, 65536, 2**20):
        assert found.model.mean_s(True, size) == pytest.approx(2e-4 + size * 1e-9, rel=1e-3)


def test_one_size_says_that_sizes_are_not_known(tmp_path: Path) -> None:
    paths = disk(tmp_path, 1, 1e-4, 1e-4)
    plain, stated = calibrate_fio(paths), calibrate_fio(paths, rate_bytes_per_s=100e6)
    assert "every size is taken to cost the same" in " ".join(plain.notes)
    assert plain.model.mean_s(False, 2**20) == plain.model.mean_s(False, 4096)
    assert "assumption" in " ".join(stated.notes)
    assert stated.model.mean_s(False, 4096) == pytest.approx(1e-4, rel=1e-5)
    assert stated.model.mean_s(False, 8192) == pytest.approx(1e-4 + 4096 / 100e6, rel=1e-5)
    with pytest.raises(InputError, match="more than the"):
        calibrate_fio(paths, rate_bytes_per_s=1e6)


def test_percentiles_follow_the_measured_ones(tmp_path: Path) -> None:
    # The shape is uniform from 0.5 to 1.5 of the mean: the quantile at level u is 0.5 + u.
    found = calibrate_fio(disk(tmp_path, 1, 1e-3, 1e-3))
    assert found.model.read_quantiles_s == pytest.approx([0.5e-3, 0.6e-3, 1e-3, 1.3e-3, 1.4e-3, 1.49e-3, 1.5e-3])
    row = found.runs.iloc[0]
    assert row["latency_s_p99_fitted"] == pytest.approx(1.49e-3, rel=0.01)


def test_a_disk_slower_at_depth_is_fitted_and_told(tmp_path: Path) -> None:
    rates = {1: 15_000.0, 2: 30_000.0, 4: 60_000.0, 8: 57_000.0, 16: 54_000.0}
    paths = [
        write_file(tmp_path / f"{write}{depth}.json", result(write=write, depth=depth, iops=iops))
        for write in (False, True)
        for depth, iops in rates.items()
    ]
    found = calibrate_fio(paths)
    assert found.channels == 4
    assert any("60000 IOPS at 4, 54000 at 16 (-10.0%)" in note for note in found.notes)
    assert found.runs["iops_fitted"].to_numpy() == pytest.approx(2 * list(rates.values()), rel=0.03)


def test_the_simulator_repeats_the_formula(tmp_path: Path) -> None:
    runs = read_fio(disk(tmp_path, 4, 1e-4, 1e-4, gap_s=1e-5))
    fit, model = fit_runs(runs), Measured((1e-4,) * 7, (1e-4,) * 7)
    for run in runs[:5]:
        summary = simulate_run(model, 4, run)
        iops, latency_s = fit.rate_and_latency(run, 1e-5)
        assert summary["throughput_requests_per_s"] == pytest.approx(iops, rel=0.01)
        assert summary["latency_s_mean"] == pytest.approx(latency_s, rel=0.01)


def test_old_units_and_log_lines(tmp_path: Path) -> None:
    new = write_file(tmp_path / "new.json", result(depth=4, iops=1e4))
    old = tmp_path / "old.json"
    old.write_text("fio: a warning\n" + json.dumps(result(depth=4, iops=1e4, old=True)) + "\nfio: done\n")
    (a,), (b,) = read_fio([new]), read_fio([old])
    assert (a.size_bytes, a.depth, a.iops) == (b.size_bytes, b.depth, b.iops)
    assert a.latency_s == pytest.approx(b.latency_s) == pytest.approx(4e-4)
    assert a.percentiles_s[99.0] == pytest.approx(b.percentiles_s[99.0])


def test_workers_of_one_group_count_as_depth(tmp_path: Path) -> None:
    values = result(depth=2, iops=4e4, latency_s=2e-4, options={"numjobs": "4", "group_reporting": "1"})
    (run,) = read_fio([write_file(tmp_path / "x.json", values)])
    assert run.depth == 8 and run.host_gap_s == pytest.approx(0.0, abs=1e-12)


def test_global_options_and_jobs_in_turn(tmp_path: Path) -> None:
    values = result()
    values["global options"] = values["jobs"][0].pop("job options")
    values["jobs"].append({**values["jobs"][0], "job options": {"iodepth": "1"}})
    values["jobs"][1]["elapsed"] = 121
    assert len(read_fio([write_file(tmp_path / "a.json", values)])) == 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "buffered": ({"options": {"direct": "0"}}, "page cache"),
    "sequential": ({"options": {"rw": "read"}}, "rw=read"),
    "mixed": ({"options": {"rw": "randrw"}}, "rw=randrw"),
    "both": ({"trim": {"total_ios": 5}}, "other requests"),
    "throttled": ({"options": {"rate_iops": "100"}}, "rate_iops"),
    "thinking": ({"options": {"thinktime": "100"}}, "thinktime"),
    "sizes": ({"options": {"bssplit": "4k/50:8k/50"}}, "bssplit"),
    "uneven": ({"size": 4100}, "4100 bytes"),
    "not the depth": ({"depth": 8, "latency_s": 1e-4}, "Little's law"),
    "impossible": ({"depth": 1, "latency_s": 1e-3}, "Little's law"),
    "failed": ({"error": 5}, "error 5"),
    "short": ({"iops": 1.0}, "too few"),
    "no options": ({"job options": {}}, "no job options"),
    "depth in words": ({"options": {"iodepth": "deep"}}, "deep"),
    "no part": ({"read": None}, "no 'read' part"),
    "infinite": ({"read": {"total_ios": 200, "io_bytes": 819200, "iops": math.inf}}, "inf"),
    "text": ({"read": {"total_ios": "many"}}, "'many'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_disk_cannot_explain_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes, expected = REFUSED[name]
    path = write_file(tmp_path / "bad.json", result(**changes))
    assert main(["calibrate", "fio", str(path), "--alike"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert expected in captured.err and "bad.json" in captured.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no complete JSON"),
        ("fio: nothing\n", "no complete JSON"),
        ('{"fio version": "fio-3.1", "jobs": [', "no complete JSON"),
        ("{}", "no fio version"),
        ('{"fio version": "fio-3.1", "jobs": [3]}', "no table"),
        ("[1]", "no complete JSON"),
        (json.dumps(result()) + "\n" + json.dumps(result()), "second result"),
        ("{" * 100_000, "no complete JSON"),
    ],
)
def test_damaged_files(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError, match=expected):
        read_fio([path])


@settings(max_examples=100)
@given(
    at=st.floats(0, 1),
    length=st.integers(0, 12),
    noise=st.text(alphabet='0123456789.-+eE"{}[],: ntrueNaInfinity', max_size=6),
)
def test_damage_never_ends_in_a_traceback(
    at: float, length: int, noise: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = json.dumps(result(depth=4), indent=1)
    start = int(at * len(text))
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    path.write_text(text[:start] + noise + text[start + length :])
    with contextlib.suppress(InputError):
        for run in read_fio([path]):
            assert run.iops > 0 and run.latency_s > 0 and run.size_bytes >= 512


def test_jobs_side_by_side_are_refused(tmp_path: Path) -> None:
    values = result()
    values["jobs"].append(values["jobs"][0])
    with pytest.raises(InputError, match="2 jobs ran 120 s in 61 s, so side by side"):
        read_fio([write_file(tmp_path / "x.json", values)])


def test_a_fit_that_is_far_off_is_refused(tmp_path: Path) -> None:
    paths = disk(tmp_path, 4, 1e-4, 1e-4)
    odd = write_file(tmp_path / "odd.json", result(depth=8, iops=2e3))
    with pytest.raises(InputError, match="no constant number of channels"):
        calibrate_fio([*paths, odd])
    assert calibrate_fio([*paths, odd], most_error=100.0).error > 0.25


def test_reads_alone_need_a_word(tmp_path: Path) -> None:
    reads = disk(tmp_path, 4, 1e-4, 1e-4)[: len(DEPTHS)]
    with pytest.raises(InputError, match="randwrite"):
        calibrate_fio(reads)
    found = calibrate_fio(reads, writes_as_reads=True)
    assert found.model.write_quantiles_s == found.model.read_quantiles_s
    assert "not measured" in " ".join(found.notes)


def test_one_run_holds_nothing_out(tmp_path: Path) -> None:
    found = calibrate_fio([write_file(tmp_path / "x.json", result())], writes_as_reads=True)
    assert math.isnan(found.error_held_out) and "too few runs" in found.notes[0]


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    return calibrate_fio(disk(tmp_path_factory.mktemp("fio"), 4, 1e-4, 3e-4))


def test_a_scenario_names_the_written_file(calibrated: Calibration, tmp_path: Path) -> None:
    save_disk_model(tmp_path / "mine.toml", calibrated)
    written = tomllib.loads((tmp_path / "mine.toml").read_text())
    assert set(written) == {"source", "assumptions", "kind", "channels", "parameters"}
    scenario = Scenario.from_text(
        'objects = [{name = "o", size = "1 MiB", block_size = "1 MiB"}]\n'
        '[[disks]]\nname = "d"\ncapacity = "1 GiB"\nmodel = "mine.toml"\n[[workloads]]\nname = "w"\nobject = "o"\n'
        'synthetic = {requests = 1, size = 4096, closed = {outstanding = 1}}',
        folder=tmp_path,
    )  # fmt: skip
    assert scenario.disks[0].law.channels == 4
    assert scenario.disks[0].law.make() == calibrated.model
    with pytest.raises(InputError, match="cannot write"):
        save_disk_model(tmp_path / "none" / "x.toml", calibrated)


DISK = (
    'kind = "ssd"\nparameters = {read_latency = "1 ms", write_latency = "1 ms", '
    "read_bytes_per_s = 1, write_bytes_per_s = 1}"
)
DAMAGED_MODELS = {
    DISK.replace("ssd", "ssx"): "kind: 'ssx'",
    DISK + "\nunknown = 1": "unknown key 'unknown'",
    DISK + "\nchannels = 0": "channels: 0",
    DISK.replace("read_latency", "latency"): "unknown parameter",
    'kind = "ssd"': "missing 4",
    'kind = "ssd"\nparameters = 3': "is no disk model",
    "": "is no disk model",
    "[[": "not valid TOML",
}


@pytest.mark.parametrize("text", [DISK, *DAMAGED_MODELS])
def test_a_damaged_disk_model_is_an_error_that_names_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(text)
    disks = '[[disks]]\nname = "d"\ncapacity = "1 GiB"\nmodel = "m.toml"\n'
    scenario = (
        'objects = [{name = "o", size = "1 MiB", block_size = "1 MiB"}]\nworkloads = [{name = "w", object = "o", '
        "synthetic = {requests = 1, size = 4096, closed = {outstanding = 1}}}]\n" + disks
    )
    if text == DISK:
        assert Scenario.from_text(scenario, folder=tmp_path).disks[0].law.kind == "ssd"
        return
    with pytest.raises(InputError, match=re.escape(DAMAGED_MODELS[text])) as found:
        Scenario.from_text(scenario, folder=tmp_path)
    assert "m.toml" in str(found.value)


@pytest.mark.real_data
def test_the_projects_own_recordings() -> None:
    found = calibrate_fio([DATA / "virtual_disk_4k.json"])
    assert found.channels == 5 and found.error_held_out == pytest.approx(0.101, abs=0.0005)  # golden
    with pytest.raises(InputError, match="no constant number of channels"):
        calibrate_fio([DATA / "virtual_disk_4k_disturbed.json"])


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(path) for path in disk(tmp_path, 2, 1e-4, 1e-4, depths=(1, 4))]
    assert main(["calibrate", "fio", *paths, "--json", "--out", str(tmp_path / "d.toml")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["channels"] == 2 and len(found["runs"]) == 4 and found["error_held_out"] is None
    assert main(["calibrate", "fio", *paths]) == 0
    assert "off by" in capsys.readouterr().out
    assert main(["calibrate", "fio", *paths, "--rate", "fast"]) == 2


@pytest.mark.real_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of published runs is absent")
@pytest.mark.parametrize(
    ("folder", "channels", "by_depth", "worst"),
    [("INTEL_D3-S4610_SSD", 3, False, 0.09), ("HGST_HTS72101_100GB_7K2RPM", 1, True, 0.035)],
)
def test_real_disks(folder: str, channels: int, by_depth: bool, worst: float) -> None:
    found = calibrate_fio(sorted((SHARED / folder).glob("*.json")))
    assert found.channels == channels and len(found.runs) == 12
    assert found.error < worst and found.error_held_out < worst
    assert (found.model.deep_depth > 1) is by_depth
    assert any("slower at depth" in note for note in found.notes)
