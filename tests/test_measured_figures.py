"""Figures of a calibration and of the first no-space error draw what their frames say."""

import numpy as np
import pandas as pd

from placement_sim.reporting.figures import draw
from placement_sim.reporting.measured_figures import first_no_space, fit_against_depth


def test_marks_are_measured_and_lines_fitted() -> None:
    runs = pd.DataFrame(
        {
            "operation": ["read", "read", "write", "write"],
            "size_bytes": 4096,
            "depth": [1, 4, 1, 4],
            "iops_measured": [10.0, 40.0, 5.0, 6.0],
            "iops_fitted": [11.0, 39.0, 5.5, 5.5],
        }
    )
    (ax,) = draw(fit_against_depth, runs).axes
    assert [line.get_ydata().tolist() for line in ax.lines] == [[10, 40], [11, 39], [5, 6], [5.5, 5.5]]
    assert ax.get_xlabel() == "queue depth (requests)" and len(ax.get_legend().get_texts()) == 4


def test_runs_without_an_error_say_at_least() -> None:
    rules = pd.DataFrame(
        {"policy": ["a", "b"], "time_s_low": [1.0, np.nan], "time_s_best": [2.0, 5.0], "time_s_high": [3.0, np.nan],
         "censored": [0, 2]}
    )  # fmt: skip
    (ax,) = draw(first_no_space, rules).axes
    assert [text.get_text() for text in ax.texts] == ["at least  →"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_xlim()[1] == 6.0
