"""Boots and starts from recorded traces: what is moved, how long it takes, digests, mistakes."""

import math
from pathlib import Path

import pytest
from test_fleet_runs import SMALL

from placement_sim import InputError, Scenario, compare, run
from placement_sim.cli import main
from placement_sim.experiments.manifest import file_digest
from placement_sim.experiments.verify import verify
from placement_sim.reporting import report
from placement_sim.reporting.embedded import read_manifest

DRAWN = 'boot = { read = "16 MiB", written = "2 MiB", requests = 36, think = "30 s" }'
# MSR Cambridge rows: time in 100 ns, host, disk, kind, offset, size, response time. Four reads 10 s apart, two writes.
BOOT = """\
0,vm,0,Read,0,65536,1
100000000,vm,0,Read,4194304,65536,1
150000000,vm,0,Write,0,4096,1
200000000,vm,0,Read,8388608,65536,1
250000000,vm,0,Write,1048576,4096,1
300000000,vm,0,Read,62914560,65536,1
"""


def fleet_with(folder: Path, boot: str = 'boot = { trace = "boot.csv" }', content: str = BOOT) -> Path:
    """Write a scenario file and the trace beside it."""
    (folder / "boot.csv").write_text(content)
    assert SMALL.count(DRAWN) == 1
    file = folder / "fleet.toml"
    file.write_text(SMALL.replace(DRAWN, boot).replace('"software_swap"', '"os_swap"'))
    return file


def test_a_recorded_boot_moves_what_was_recorded_and_takes_no_less_time(tmp_path: Path) -> None:
    """Times apart are think times: 30 s of reads; the disks come on top."""
    result = run(Scenario.from_toml(fleet_with(tmp_path)))
    rows = result.phases[result.phases["purpose"] == "boot"]
    assert rows["read_bytes"].sum() == 6 * 4 * 65536 and rows["written_bytes"].sum() == 6 * 2 * 4096
    assert rows["failed_requests"].sum() == 0 and set(result.vms["outcome"]) == {"upgraded"}
    boots = result.steps[result.steps["step"] == "boot"]
    assert ((boots["io_s"] > 30) & (boots["io_s"] < 31)).all()
    waits = result.waits[(result.waits["step"] == "boot") & (result.waits["waited_for"] == "storage")]
    assert waits["wait_s"].to_numpy() == pytest.approx(boots["io_s"].to_numpy() - 30)


def test_second_clones_boot_from_the_trace_too(tmp_path: Path) -> None:
    result = run(Scenario.from_toml(fleet_with(tmp_path)), strategy="blue_green")
    rows = result.phases[result.phases["purpose"] == "boot_twin"]
    assert rows["finished_requests"].sum() == 6 * (4 + 2) and rows["failed_requests"].sum() == 0
    assert (result.vms["own_bytes_max"] == 2 * 2**20).all(), "two writes of a part of a block of the second clone"


def test_speed_window_and_wrap_are_those_of_a_workloads_trace(tmp_path: Path) -> None:
    further = 'boot = { trace = { file = "boot.csv", speed_up = 2, start = "10 s", addresses = "wrap" } }'
    scenario = Scenario.from_toml(fleet_with(tmp_path, further))
    assert Scenario.from_text(scenario.to_toml(), folder=tmp_path) == scenario
    boots = run(scenario).steps.query("step == 'boot'")
    assert boots["io_s"].min() > 10 and boots["io_s"].max() < 11


def test_digest_counts_and_verify(tmp_path: Path) -> None:
    file = fleet_with(tmp_path)
    found = compare(Scenario.from_toml(file), strategies=["os_swap", "refresh"], replications=2)
    assert found.manifest["traces_sha256"] == {"boot.csv": file_digest(tmp_path / "boot.csv")}
    assert found.manifest["traces"]["fleet.boot"]["skipped_rows"] == 0
    manifest = read_manifest(report(found, tmp_path / "report.html"))
    assert verify(manifest, 2, [tmp_path]).agrees
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(InputError, match=r"not found: boot\.csv"):
        verify(manifest, 2, [elsewhere])
    (elsewhere / "boot.csv").write_text(BOOT + BOOT.splitlines()[-1] + "\n")
    with pytest.raises(InputError, match="not the file that the report was made from"):
        verify(manifest, 2, [elsewhere])


@pytest.mark.parametrize(
    ("boot", "content", "part"),
    [
        ('boot = { trace = "bot.csv" }', BOOT, "bot.csv"),
        ('boot = { trace = "boot.csv" }', BOOT + "400000000,vm,0,Read,-5,512,1\n", "line 7"),
        ('boot = { trace = "boot.csv" }', BOOT + "400000000,vm,0,Read,67108864,512,1\n", "ends beyond"),
        ('boot = { trace = "boot.csv", requests = 5 }', BOOT, "fleet.boot.requests: a trace says that already"),
        ('boot = { trace = { file = "boot.csv", end = "0 s" } }', BOOT, "fleet.boot.trace.end: is not after start"),
        ('boot = { trace = { file = "boot.csv", start = "9 h" } }', BOOT, "no request lies in the time window"),
        ('boot = { trace = { file = "boot.csv", addreses = "wrap" } }', BOOT, "write 'addresses'"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], boot: str, content: str, part: str
) -> None:
    assert main(["run", str(fleet_with(tmp_path, boot, content))]) == 2
    said = capsys.readouterr().err
    assert part in said and said.count("\n") == 1


def test_a_trace_too_long_for_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placement_sim.experiments.fleet_recorded.MOST_REQUESTS", 5)
    scenario = Scenario.from_toml(fleet_with(tmp_path))
    with pytest.raises(InputError, match="more than 5 requests for one step"):
        run(scenario)
    limited = 'boot = { trace = { file = "boot.csv", limit = 5 } }'
    assert math.isfinite(run(Scenario.from_toml(fleet_with(tmp_path, limited))).summary["makespan_s"])
