"""Reporting on made-up frames: the same text and bytes for the same input, nothing loaded, all escaped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from placement_sim.reporting import METRICS, comparison_text, figures, fleet_figures, html_report, run_figures
from placement_sim.reporting.comparison_page import all_tables
from placement_sim.reporting.embedded import manifest_of
from placement_sim.reporting.live_panel import STATE_COLOURS
from placement_sim.reporting.metrics import metric_of
from placement_sim.reporting.tables import difference_rows, policy_rows, verdict

NAN, INF = float("nan"), float("inf")
GIB = 2.0**30


@dataclass
class Made:
    """Stands for a Comparison."""

    table: pd.DataFrame
    differences: pd.DataFrame
    manifest: dict[str, Any] = field(default_factory=lambda: {"seed": 1, "versions": {"numpy": "2"}})


VALUES = {
    "stripe": {
        "latency_s_mean": 0.0125,
        "latency_s_p99": 0.080,
        "no_space_time_s": 41.0,
        "no_space_stranded_bytes": 3.5 * GIB,
        "fill_spread": 0.61,
        "map_bytes": 0.0,
    },
    "most_free": {
        "latency_s_mean": 0.0141,
        "latency_s_p99": 0.093,
        "no_space_time_s": NAN,
        "no_space_stranded_bytes": NAN,
        "fill_spread": 0.02,
        "map_bytes": 65536.0,
    },
    "least_queue": {
        "latency_s_mean": 0.0092,
        "latency_s_p99": 0.051,
        "no_space_time_s": 58.0,
        "no_space_stranded_bytes": 0.2 * GIB,
        "fill_spread": 0.31,
        "map_bytes": 65536.0,
    },
}


def made(names: dict[str, str] | None = None, runs: int = 5) -> Made:
    """With one run the intervals are infinite, as Student's are."""
    names = names or {}
    rows, paired = [], []
    for policy, values in VALUES.items():
        shown = names.get(policy, policy)
        for metric, best in values.items():
            half = INF if runs == 1 else 0.04 * best
            rows.append((shown, metric, best - half, best, best + half, runs))
            if policy != "stripe":
                best -= VALUES["stripe"][metric]
                half = INF if runs == 1 else abs(0.1 * best)
                base = names.get("stripe", "stripe")
                paired.append((shown, base, metric, best - half, best, best + half, 0.83))
    return Made(
        pd.DataFrame(rows, columns=["policy", "metric", "low", "best", "high", "runs"]),
        pd.DataFrame(paired, columns=["policy", "baseline", "metric", "low", "best", "high", "variance_reduction"]),
    )


def timeline() -> pd.DataFrame:
    rows = [(t, f"d{d}", min(1.0, t * (d + 1) / 60)) for t in range(0, 60, 2) for d in range(4)]
    return pd.DataFrame(rows, columns=["time_s", "disk", "fill"])


def elsewhere(code: str) -> str:
    """Run code in another process, with this folder and the package importable."""
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}", "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_metrics_are_described_once_and_show_their_unit() -> None:
    assert all(name == metric.name for name, metric in METRICS.items())
    assert METRICS["latency_s_mean"].show(0.0125) == "12.5"
    assert METRICS["latency_s_p99"].show(2.3746) == "2375"
    assert METRICS["fill_spread"].show(0.61) == "61"
    assert METRICS["no_space_time_s"].show(NAN) == "never"
    assert metric_of("own_metric").axis == "own_metric"


def test_text_is_at_most_100_columns_and_says_what_is_missing() -> None:
    text = comparison_text(made())
    assert max(map(len, text.splitlines())) <= 100
    assert "12.5 [12, 13]" in text
    assert re.search(r"most_free .* never +- ", text)
    assert "'never' = in none" in text
    assert "Paired differences against stripe" in text
    assert "83%" in text


def test_long_names_are_cut_to_fit() -> None:
    text = comparison_text(made({"stripe": "x" * 200}))
    assert max(len(line) for line in text.splitlines() if "Paired" not in line) <= 100


def test_a_single_run_says_so() -> None:
    one = made(runs=1)
    assert "single run" in comparison_text(one)
    assert "12.5 [-]" in comparison_text(one)
    assert "A single run of each rule" in html_report(one)


def test_a_no_space_error_in_some_runs_says_in_how_many() -> None:
    comparison = made()
    comparison.table["censored"] = 0
    comparison.table.loc[
        (comparison.table["policy"] == "stripe") & (comparison.table["metric"] == "no_space_time_s"),
        ["runs", "censored"],
    ] = [2, 3]
    assert " 41 (2/5) " in comparison_text(comparison)


def test_notes_are_shown() -> None:
    comparison = made()
    comparison.manifest["notes"] = ["Requests are recorded."]
    assert "Note: Requests are recorded." in comparison_text(comparison)
    assert "<li>Requests are recorded.</li>" in html_report(comparison)


def test_rows_of_the_tables() -> None:
    comparison = made()
    assert [row[0] for row in policy_rows(comparison.table)] == ["policy", *VALUES]
    cells = {(row[0], row[1]): row[3] for row in difference_rows(comparison.differences)[1:]}
    assert cells["most_free", "mean latency (ms)"] == "worse"
    assert cells["least_queue", "mean latency (ms)"] == "better"
    assert cells["most_free", "spread (%)"] == "better"


@pytest.mark.parametrize(
    ("low", "high", "metric", "word"),
    [
        (-2, -1, "latency_s_mean", "better"),
        (1, 2, "latency_s_mean", "worse"),
        (1, 2, "throughput_requests_per_s", "better"),
        (-1, 2, "latency_s_mean", "not told apart"),
        (0, 0, "fill_spread", "the same"),
        (-INF, INF, "fill_spread", "one run"),
        (1, 2, "utilisation_max", "different"),
    ],
)
def test_verdict(low: float, high: float, metric: str, word: str) -> None:
    assert verdict(pd.Series({"low": low, "high": high}), metric) == word


class Page(HTMLParser):
    """Collect tags, addresses and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_report_loads_nothing_and_has_every_part() -> None:
    page = Page(html_report(made()))
    assert page.addresses and all(a.startswith(("data:image/svg+xml;base64,", "#")) for a in page.addresses)
    assert "script" not in page.tags and "link" not in page.tags
    assert "http" not in "".join(page.text) and "url(" not in html_report(made())
    for head in ("Summary", "Results", "Figures", "All metrics", "Methods", "Limits", "Manifest"):
        assert head in page.text


def test_report_has_the_same_bytes_in_another_process() -> None:
    code = "import test_reporting as t; print(t.html_report(t.made()), end='')"
    assert html_report(made()) == elsewhere(code)


def test_many_policies_are_split_into_tables_that_fit() -> None:
    tables = all_tables(made().table, abreast=2)
    assert [rows[0][1:] for rows in tables] == [["stripe", "most_free"], ["least_queue"]]
    assert [rows[1][1] for rows in tables] == ["12.5 [12, 13]", "9.2 [8.83, 9.57]"]


def test_report_escapes_names_and_manifest() -> None:
    evil = "</pre><script>alert(1)</script>"
    comparison = made({"most_free": evil})
    comparison.manifest["note"] = evil
    html = html_report(comparison)
    assert "script" not in Page(html).tags
    assert manifest_of(html) == {**comparison.manifest, "report": "comparison", "runs": []}


def test_figures_draw_what_the_frame_says() -> None:
    comparison = made()
    ax = figures.draw(figures.fill_over_time, timeline()).axes[0]
    assert [line.get_label() for line in ax.lines[:4]] == ["d0", "d1", "d2", "d3"]
    np.testing.assert_allclose(ax.lines[0].get_ydata()[-1], 100 * 58 / 60)
    assert ax.get_xlabel() == "time (s)" and "%" in ax.get_ylabel()
    ax = figures.draw(figures.paired_differences, comparison.differences).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["most_free", "least_queue"]
    assert "ms" in ax.get_xlabel() and "stripe" in ax.get_xlabel()
    ax = figures.draw(figures.stranded_capacity, comparison.table).axes[0]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([3.5, 0, 0.2])
    assert [text.get_text() for text in ax.texts] == ["no such error"]
    ax = figures.draw(figures.latency_intervals, comparison.table).axes[0]
    assert "ms" in ax.get_xlabel()


def test_importing_reporting_leaves_matplotlib_out() -> None:
    code = "import sys, placement_sim.reporting; assert 'matplotlib' not in sys.modules"
    elsewhere(code)


def test_many_disks_are_a_band_with_the_median_and_the_extremes() -> None:
    rows = [(t, f"d{d}", t * (d + 1) / 1000) for t in range(10) for d in range(12)]
    ax = figures.draw(figures.fill_over_time, pd.DataFrame(rows, columns=["time_s", "disk", "fill"])).axes[0]
    assert [line.get_ydata()[-1] for line in ax.lines[:3]] == pytest.approx([10.8, 0.9, 100 * 9 * 6.5 / 1000])
    assert ax.get_legend_handles_labels()[1] == ["all 12 disks", "fullest at the end", "emptiest at the end", "median"]
    assert [text.get_text() for text in ax.texts] == ["d11", "d0"]


def _lightness(colour: Any) -> float:
    return float(np.dot(to_rgb(colour), [0.299, 0.587, 0.114]))


def _drawn_as(figure: Any) -> list[tuple[Any, ...]]:
    lines = [line for line in figure.axes[0].lines if not str(line.get_label()).startswith("_")]
    return [(line.get_linestyle(), line._unscaled_dash_pattern, line.get_marker()) for line in lines]


@pytest.mark.parametrize("count", [5, 14])
def test_lines_are_told_apart_without_colour(count: int) -> None:
    names = [f"policy {i}" for i in range(count)]
    bins = [{"policy": name, "latency_s": s, "finished_requests": 5} for name in names for s in (0.001, 0.002, 0.1)]
    fleets = {name: pd.DataFrame({"time_s": [0.0, 60.0, 120.0], "unavailable_vms": [0, 1, 0]}) for name in names}
    for figure in (
        figures.draw(run_figures.latency_distribution, pd.DataFrame(bins)),
        figures.draw(fleet_figures.availability, fleets, machines=2),
    ):
        looks = _drawn_as(figure)
        assert len(looks) == len(set(map(repr, looks))) == count


def test_states_of_machines_differ_in_lightness() -> None:
    shades = sorted(255 * _lightness(colour) for colour in STATE_COLOURS.values())
    assert np.diff(shades).min() > 25
