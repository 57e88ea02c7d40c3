"""Figures of what a rule costs: two metrics against each other, and the memory of its maps.

Like all figures they are ``f(ax, frame) -> None`` and load or run nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from placement_sim.experiments.studies.fronts import undominated
from placement_sim.reporting.figures import COLOURS, finite_arms, policy_axis
from placement_sim.reporting.metrics import metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAPS = (("map_bytes", "who owns a block", ""), ("written_map_bytes", "what was written", "///"))


def pareto_front(ax: Axes, table: pd.DataFrame, x: str = "latency_s_mean", y: str = "fill_spread") -> None:
    """Draw each policy at two metrics, with intervals; those that no other betters in both are joined.

    The front is that of the means: where intervals overlap, another draw may change it.

    Parameters
    ----------
    table
        ``Comparison.table``: policy, metric, low, best, high.
    x, y
        Names of two metrics.
    """
    axes = (metric_of(x), metric_of(y))
    named = [table[table["metric"] == m.name].set_index("policy")[["low", "best", "high"]] * m.scale for m in axes]
    policies = [str(name) for name in table["policy"].drop_duplicates()]
    across, up = (rows.reindex(policies) for rows in named)
    means = [rows["best"] * (-1.0 if m.better == "higher" else 1.0) for rows, m in zip((across, up), axes, strict=True)]
    front = undominated(np.column_stack(means))
    ordered = across["best"].to_numpy(float)[front].argsort(kind="stable")
    ax.plot(
        across["best"].to_numpy(float)[front][ordered], up["best"].to_numpy(float)[front][ordered],
        color="#888888", linewidth=1, zorder=1,
    )  # fmt: skip
    for i, policy in enumerate(policies):
        _numbered(ax, i, policy, across.iloc[i], up.iloc[i], bool(front[i]))
    hint = {"lower": "less is better", "higher": "more is better"}
    labels = [m.axis + (f"; {hint[m.better]}" if m.better else "") for m in axes]
    ax.set(xlabel=labels[0], ylabel=labels[1].replace("; ", "\n"))
    ax.margins(0.08)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), fontsize=8.5, title="filled: on the front")


def _numbered(ax: Axes, i: int, policy: str, x: pd.Series, y: pd.Series, on_front: bool) -> None:
    """Put a number in a disc at the means; names stand in the legend, where they cannot overlap."""
    if not (np.isfinite(x["best"]) and np.isfinite(y["best"])):
        ax.plot([], [], linestyle="none", label=f"{i + 1}  {policy}: no value")
        return
    ax.errorbar(
        x["best"], y["best"], xerr=_arms(x), yerr=_arms(y), fmt="none", ecolor="#777777", elinewidth=1, capsize=2
    )
    colour = COLOURS[0] if on_front else "white"
    ax.plot(
        x["best"], y["best"], "o", markersize=11, markerfacecolor=colour, markeredgecolor="#222222",
        linestyle="none", zorder=3, label=f"{i + 1}  {policy}",
    )  # fmt: skip
    ax.annotate(
        str(i + 1), (x["best"], y["best"]), ha="center", va="center_baseline", fontsize=7.5, zorder=4,
        color="white" if on_front else "#222222",
    )  # fmt: skip


def _arms(row: pd.Series) -> Any:
    return finite_arms([[row["best"] - row["low"]], [row["high"] - row["best"]]])


def map_cost(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the memory that each policy's maps take, with intervals.

    A rule that computes the owner needs no map of owners; thin provisioning needs the written maps under
    every rule.

    Parameters
    ----------
    table
        ``Comparison.table`` with the metrics map_bytes and written_map_bytes.
    """
    policies = [str(name) for name in table["policy"].drop_duplicates()]
    for i, (name, label, hatch) in enumerate(MAPS):
        scale = metric_of(name).scale
        rows = table[table["metric"] == name].set_index("policy").reindex(policies)
        low, best, high = (rows[column].to_numpy(float) * scale for column in ("low", "best", "high"))
        ax.barh(
            np.arange(len(policies)) + 0.38 * i - 0.19, np.nan_to_num(best), height=0.36,
            xerr=finite_arms([best - low, high - best]),
            color=COLOURS[(0, 5)[i]], edgecolor="#222222", hatch=hatch, capsize=3, label=label,
        )  # fmt: skip
    policy_axis(ax, policies)
    ax.set_xlim(left=0)
    ax.set_xlabel(f"memory of the maps ({metric_of('map_bytes').unit})")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
