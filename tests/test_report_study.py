"""The report of a study: partial ones say so, bytes repeat, verify runs points again."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_run import TINY

from placement_sim import Scenario, Study, sweep
from placement_sim.cli import main
from placement_sim.experiments.saved import load_saved
from placement_sim.experiments.studies.outcome import StudyResult
from placement_sim.reporting import html_report
from placement_sim.reporting.embedded import manifest_of

POLICIES = ["most_free", "stripe"]
METRICS = ("latency_s_mean", "fill_spread", "throughput_requests_per_s")


def study(folder: Path, **more: object) -> Study:
    factors = {"policy": POLICIES, "objects[*].block_size": ["1 MiB", "2 MiB", "4 MiB"]}
    scenario = Scenario.from_text(TINY.replace('kind = "deterministic", time', 'kind = "exponential", mean'))
    return Study(scenario=scenario, name="tiny", factors=factors, replications=2, metrics=METRICS,
                 store=str(folder / "store"), **more)  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    return sweep(study(tmp_path_factory.mktemp("study")), workers=0)


def test_every_part_is_there(result: StudyResult) -> None:
    html = html_report(result)
    ran = "of scenario &#39;tiny&#39;: 6 points over policy (2) x objects[*].block_size (3), 12 of 12 runs"
    assert html.count(ran) == 1 + 2 * (len(METRICS) + 1)  # in the lead and, read aloud too, in every caption
    assert "<li>Mean latency: the same everywhere, " in html  # no queue at so low a rate, and shared draws
    assert "fill: lowest 0 [0, 0] % at most_free, 2 MiB; highest 0.781 [0.781, 0.781] % at most_free, 1 MiB." in html
    assert "policy x objects[*].block_size" in html  # effects of pairs
    assert len(manifest_of(html)["runs"]) == 12
    assert "partial" not in html


def test_bytes_repeat_also_after_a_detour_over_files(result: StudyResult, tmp_path: Path) -> None:
    assert html_report(load_saved(result.save(tmp_path))) == html_report(result)


def test_a_partial_study_says_so_first(tmp_path: Path) -> None:
    html = html_report(study(tmp_path).result())
    assert "This study is partial: 0 of 12 runs, 12 missing." in html
    assert html.index("This study is partial") < html.index(">Results</h2>")


def test_command_line(result: StudyResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "r.html"
    assert main(["report", str(result.save(tmp_path / "saved")), "--out", str(page)]) == 0
    assert main(["verify", str(page), "--sample", "2"]) == 0
    assert main(["verify", str(page), "--sample", "0"]) == 2  # nothing repeated is no agreement
    told = capsys.readouterr().out
    assert "2 of 12 runs were repeated: their numbers agree with the report." in told and "Note" not in told
    digest = manifest_of(page.read_text())["runs"][0]["summary_sha256"]
    page.write_text(page.read_text().replace(digest, "0" * 64))
    assert main(["verify", str(page), "--sample", "2"]) == 1
