"""Figures of a study: a metric over the levels of a factor, or point by point where there are many factors.

Like all figures they are ``f(ax, frame) -> None`` and load or run nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from placement_sim.reporting.figures import COLOURS, DASHES, MARKS, finite_arms, policy_axis
from placement_sim.reporting.metrics import metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = len(COLOURS)
POINTS = 24


def levels(ax: Axes, table: pd.DataFrame, metric: str, across: str, lines: str | None = None) -> None:
    """Draw a metric over the levels of one factor, a line a level of another, with intervals.

    Parameters
    ----------
    table
        ``StudyResult.table()``: a column a factor, metric, low, best, high.
    metric
        Which metric.
    across, lines
        Names of factors: along the axis, and by line. Levels stand in the order of the table, evenly apart.
    """
    rows = table[table["metric"] == metric]
    described = metric_of(metric)
    places = {level: i for i, level in enumerate(rows[across].drop_duplicates())}
    groups = [("", rows)] if lines is None else list(rows.groupby(lines, sort=False))
    for i, (name, part) in enumerate(groups):
        low, best, high = (part[column].to_numpy(float) * described.scale for column in ("low", "best", "high"))
        shift = 0.08 * (i - (len(groups) - 1) / 2)  # beside one another, so that no interval hides another
        ax.errorbar(
            np.array([places[level] for level in part[across]]) + shift,
            best,
            yerr=finite_arms([best - low, high - best]),
            label=str(name),
            color=COLOURS[i % len(COLOURS)],
            marker=MARKS[i % len(MARKS)],
            linestyle=DASHES[i % len(DASHES)] if is_scale(rows[across]) else "none",
            capsize=3,
            markersize=5,
        )
    ax.set_xticks(list(places.values()), [str(level) for level in places])
    ax.margins(x=0.1)
    ax.set(xlabel=across, ylabel=described.axis)
    if lines is not None:
        ax.legend(title=lines, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _say_partial(ax, table)


def _say_partial(ax: Axes, table: pd.DataFrame) -> None:
    """Label a picture of a study that is not finished."""
    if "partial" in table and bool(table["partial"].any()):
        rows = table.drop_duplicates("point")
        done = int((rows["runs"] + rows["censored"]).sum())
        ax.set_title(f"partial: {done} of {int(rows['planned'].sum())} runs", loc="right", fontsize=9)


def is_scale(levels: Iterable[object]) -> bool:
    """Tell whether levels are amounts, between which a line means something, and not names.

    Examples
    --------
    >>> is_scale([0.5, 0.8]), is_scale(["64 KiB", "1 MiB"]), is_scale(["stripe"])
    (True, True, False)
    """
    return all(not isinstance(level, str) or level[:1].isdigit() for level in levels)


def points(ax: Axes, table: pd.DataFrame, metric: str, factors: Sequence[str]) -> None:
    """Draw a metric point by point with intervals, the best first; of many points the best 24.

    Parameters
    ----------
    table
        ``StudyResult.table()``.
    factors
        Names of the factors, which label a point.
    """
    described = metric_of(metric)
    rows = table[(table["metric"] == metric) & table["best"].notna()]
    rows = rows.sort_values("best", ascending=described.better != "higher", kind="stable").head(POINTS)
    low, best, high = (rows[column].to_numpy(float) * described.scale for column in ("low", "best", "high"))
    ax.errorbar(
        best, np.arange(len(rows)), xerr=finite_arms([best - low, high - best]), fmt="o", color=COLOURS[0], capsize=3
    )
    policy_axis(ax, [point_name(row, factors) for _, row in rows.iterrows()])
    ax.set_xlabel(described.axis)
    _say_partial(ax, table)


def point_name(row: pd.Series, factors: Sequence[str]) -> str:
    """Name a point by its levels.

    Examples
    --------
    >>> point_name(pd.Series({"policy": "stripe", "fill": 0.5}), ["policy", "fill"])
    'stripe, fill 0.5'
    """
    return ", ".join(str(row[name]) if isinstance(row[name], str) else f"{name} {row[name]}" for name in factors)
