"""Reports of fleets: Gantt, availability, waits and intervals; a scenario file, a single run, and verify."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_fleet_runs import SMALL

from placement_sim import STRATEGIES, Comparison, Scenario, compare, run
from placement_sim.cli import main
from placement_sim.experiments.verify import verify
from placement_sim.reporting import figures, fleet_figures, report
from placement_sim.reporting.comparison_page import comparison_page
from placement_sim.reporting.embedded import read_manifest
from placement_sim.reporting.gallery import PLATES, pictures

NAMES = ["recompose", "software_swap", "in_place"]
OF_FLEETS = ("upgrade", "availability", "steps", "waits", "downtime difference", "makespan difference", "upgrade bytes")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(Scenario.from_text(SMALL), strategies=NAMES, replications=2)


def test_a_comparison_keeps_the_first_run_of_each_strategy(comparison: Comparison, tmp_path: Path) -> None:
    first = run(Scenario.from_text(SMALL), strategy="recompose", seed=int(comparison.runs["seed"].iloc[0]))
    for name in ("steps", "fleet", "vms"):
        kept = getattr(comparison, name)
        assert list(kept["policy"].unique()) == NAMES
        mine = kept[kept["policy"] == "recompose"].drop(columns="policy").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, getattr(first, name))
    again = Comparison.load(comparison.save(tmp_path))
    pd.testing.assert_frame_equal(again.steps, comparison.steps)


def test_its_report_shows_them(comparison: Comparison) -> None:
    captions = [shown.caption for shown in pictures(comparison, "")]
    for name in OF_FLEETS:
        assert any(caption.startswith(PLATES[name].shows[:40]) for caption in captions), name
    page = comparison_page(comparison)
    assert page.title.startswith("Comparison of upgrade strategies")


def test_availability_and_gantt_draw_what_the_frames_say(comparison: Comparison) -> None:
    plate = PLATES["availability"]
    ax = plate.draw(plate.frame(comparison), len(NAMES)).axes[0]
    lowest = {line.get_label(): float(np.min(line.get_ydata())) for line in ax.lines}
    most = comparison.fleet.groupby("policy")["unavailable_vms"].max()
    assert lowest == {name: pytest.approx(100 * (1 - most[name] / 6)) for name in NAMES}
    plate = PLATES["steps"]
    drawn = plate.draw(plate.frame(comparison), len(NAMES))
    titles = [panel.get_title() for panel in drawn.axes if panel.get_title()]
    assert titles == NAMES
    [legend] = drawn.legends
    assert "patch installed" in {text.get_text() for text in legend.get_texts()}, "one of one panel alone is named too"
    assert not any(panel.get_legend() for panel in drawn.axes)


def test_bytes_and_space_carry_their_intervals(comparison: Comparison) -> None:
    ax = figures.draw(fleet_figures.bytes_and_space, comparison.table).axes[0]
    assert len(ax.collections) == 3, "error bars of read, written and extra space"


def test_report_of_a_fleets_scenario_file_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(SMALL.replace('"software_swap"', '"refresh"'))
    out = tmp_path / "report.html"
    assert main(["report", str(file), "--out", str(out), "--replications", "2"]) == 0
    text = out.read_text()
    assert "downtime" in text and "refresh" in text and PLATES["steps"].shows[:30] in text
    assert main(["verify", str(out), "--sample", "1"]) == 0
    assert "agree with" in capsys.readouterr().out


def test_report_of_one_run_under_another_strategy_than_the_scenarios(tmp_path: Path) -> None:
    assert "blue_green" in STRATEGIES
    result = run(Scenario.from_text(SMALL), strategy="blue_green", seed=5)
    manifest = read_manifest(report(result, tmp_path / "run.html"))
    assert manifest["arms"][0]["name"] == "blue_green"
    assert verify(manifest, 1).agrees
