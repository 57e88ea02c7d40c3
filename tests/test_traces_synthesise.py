"""A fit finds the parameters of what it was given; its judgement shows what it holds and what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_traces import FIO3, MSR, put

from placement_sim import Scenario, run
from placement_sim.cli import main
from placement_sim.errors import TraceError
from placement_sim.workloads import Poisson, ZipfRunAddresses, synthetic_requests
from placement_sim.workloads.traces import open_trace, trace_info
from placement_sim.workloads.traces.convert import write_requests
from placement_sim.workloads.traces.fit import EXTENT_BYTES, fit_trace, zipf_exponent
from placement_sim.workloads.traces.judge import judge

COUNT = 60_000
SIGMAS = 4.5  # on each side; the seed is fixed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a trace with known laws."""
    out = tmp_path_factory.mktemp("made") / "t.parquet"
    laws = {"addresses": ZipfRunAddresses(0.8, 0.3, EXTENT_BYTES, 300), "arrivals": Poisson(500.0)}
    chunks = synthetic_requests(
        seed=3, name="known", count=COUNT, object_bytes=8 << 30, align_bytes=4096,
        sizes=[(4096, 0.75), (65536, 0.25)], read_share=0.7, **laws,
    )  # fmt: skip
    assert write_requests(chunks, "disk", out) == COUNT
    return out


def test_the_laws_come_back(made: Path) -> None:
    fit = fit_trace(open_trace(made))
    error = 1 / np.sqrt(COUNT)  # of a mean of exponential gaps; shares have half of it at most
    assert fit.rate_per_s == pytest.approx(500, rel=SIGMAS * error)
    assert fit.read_share == pytest.approx(0.7, abs=SIGMAS * error / 2)
    assert fit.continue_share == pytest.approx(0.3, abs=SIGMAS * error / 2)
    assert dict(fit.sizes)[65536] == pytest.approx(0.25, abs=SIGMAS * error / 2)
    assert (fit.align_bytes, fit.sizes_left_out_share, fit.requests, fit.left_out) == (4096, 0.0, COUNT, 0)
    # Runs that leave an extent count where they end up only at a jump, so the popularity is that of the law.
    assert fit.exponent == pytest.approx(0.8, abs=0.02)
    assert fit.extents == 300


def test_exponent_of_exact_counts() -> None:
    for exponent in (0.4, 1.0, 1.7):
        weights = np.arange(1, 1001) ** -exponent
        assert zipf_exponent(np.rint(1e9 * weights / weights.sum()).astype(np.int64)) == pytest.approx(
            exponent, abs=1e-3
        )


def test_the_judgement_is_close_where_the_laws_are_true(made: Path) -> None:
    trace = open_trace(made)
    rows = {row.figure: row for row in judge(trace, fit_trace(trace))}
    for name in ("rate", "read share", "mean size", "footprint of 1 MiB blocks", "time between requests, p50"):
        assert rows[name].synthetic == pytest.approx(rows[name].trace, rel=0.05)
    assert rows["distance of the times between requests"].synthetic < 0.05
    assert rows["distance of the sizes"].synthetic < 0.02
    [burst] = [row for name, row in rows.items() if name.startswith("burstiness")]
    # 120 windows of Poisson counts: the dispersion has a standard error of sqrt(2 / 119) = 0.13
    assert burst.trace == pytest.approx(1, abs=SIGMAS * 0.13) and burst.synthetic == pytest.approx(1, abs=SIGMAS * 0.13)


def test_the_judgement_tells_of_bursts_that_the_fit_cannot_hold(tmp_path: Path) -> None:
    """Gaps of 1 ms for 5 s, then of 100 ms for 50 s: the same gaps in any other order are less bursty."""
    times = np.concatenate([np.arange(5000) * 1000, 5_000_000 + np.arange(500) * 100_000])
    lines = "".join(f"{t} f write {i * 4096} 4096\n" for i, t in enumerate(times.tolist()))
    trace = open_trace(put(tmp_path, FIO3 + lines.encode()))
    fit = fit_trace(trace)
    assert fit.continue_share == 1.0
    [burst] = [row for row in judge(trace, fit) if row.figure.startswith("burstiness")]
    assert burst.synthetic < burst.trace / 3


def test_the_command_writes_a_scenario_and_a_trace(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fit.toml"
    assert main(["trace", "synthesise", str(made), "--out", str(out)]) == 0
    assert "burstiness" in capsys.readouterr().out
    scenario = Scenario.from_toml(out)
    assert "against" in out.read_text().splitlines()[1]
    short = scenario.to_dict()
    short["workloads"][0]["synthetic"]["requests"] = 50
    assert run(Scenario.from_dict(short)).summary["finished_requests"] == 50
    again = tmp_path / "made.parquet"
    arguments = ["trace", "synthesise", str(made), "--out", str(again), "--requests", "2000", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["fit"]["extents"] == 300
    first = again.read_bytes()
    assert main(arguments) == 0 and again.read_bytes() == first
    assert trace_info(open_trace(again))["requests"] == 2000


@pytest.mark.parametrize(
    ("data", "device", "match"),
    [(MSR.splitlines(keepends=True)[0], None, "1 reads and writes"),
     (FIO3 + b"5 f read 0 512\n5 f read 0 512\n", None, "in 0 s"),
     (FIO3 + b"5 g open\n5 f read 0 512\n6 g read 0 512\n", None, "several devices"),
     (MSR, "x", "0 reads and writes of device 'x'")],
)  # fmt: skip
def test_what_cannot_be_fitted_is_refused(tmp_path: Path, data: bytes, device: str | None, match: str) -> None:
    with pytest.raises(TraceError, match=match):
        fit_trace(open_trace(put(tmp_path, data)), device)


def test_wrong_options(tmp_path: Path) -> None:
    file = str(put(tmp_path, MSR))
    for more in (["--out", "x.csv"], ["--seed", "-1"], ["--requests", "0"], ["--out", str(tmp_path / "no" / "x.toml")]):
        assert main(["trace", "synthesise", file, *more]) == 2
    assert main(["trace", "synthesise", "-"]) == 2
