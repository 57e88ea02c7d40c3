"""Figures of what a user brought: a disk's fit beside its measurements, and when space runs out under each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from placement_sim.reporting.figures import COLOURS, MARKS, finite_arms, policy_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def fit_against_depth(ax: Axes, runs: pd.DataFrame) -> None:
    """Draw measured rates as marks and fitted ones as lines over the queue depth, a colour an operation and size.

    Needs operation, size_bytes, depth, iops_measured and iops_fitted.
    """
    for i, ((operation, size), rows) in enumerate(runs.groupby(["operation", "size_bytes"], sort=True)):
        rows = rows.sort_values("depth")
        colour, name = COLOURS[i % len(COLOURS)], f"{operation}s of {size} B"
        ax.plot(
            rows["depth"],
            rows["iops_measured"],
            MARKS[i % len(MARKS)],
            color=colour,
            label=f"{name}, measured",
            markersize=6,
        )
        ax.plot(rows["depth"], rows["iops_fitted"], color=colour, linestyle=("-", "--")[i % 2], label=f"{name}, fitted")
    depths = sorted(runs["depth"].unique())
    ax.set_xscale("log", base=2)
    ax.set_xticks(depths, [str(depth) for depth in depths])
    ax.set_ylim(bottom=0)
    ax.set(xlabel="queue depth (requests)", ylabel="requests a second")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def first_no_space(ax: Axes, rules: pd.DataFrame) -> None:
    """Draw the time of the first no-space error a rule; an arrow where runs ended without one.

    Needs policy, time_s_low, time_s_best, time_s_high and censored.
    """
    best, low, high = (rules[f"time_s_{key}"].to_numpy(float) for key in ("best", "low", "high"))
    at = np.arange(len(rules))
    ax.errorbar(
        best,
        at,
        xerr=finite_arms([best - low, high - best]),
        fmt=MARKS[0],
        color=COLOURS[0],
        capsize=4,
        markersize=6,
        linewidth=1.6,
    )
    for place, time_s in zip(at, best, strict=True):
        if rules["censored"].iloc[place]:
            ax.annotate("at least  →", (time_s, place), xytext=(8, 0), textcoords="offset points", va="center")
    policy_axis(ax, [str(name) for name in rules["policy"]])
    ax.set_xlim(0, 1.2 * float(np.nanmax(best)))
    ax.set_xlabel("time of the first no-space error (s of the trace)")
