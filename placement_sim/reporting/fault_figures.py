"""Figures of failures and rebuilds: ``f(ax, frame)``, as all figures are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from placement_sim.reporting.figures import COLOURS, DASHES, MARKS, finite_arms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HOUR_S = 3600.0


def data_loss_by_rate(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw the mean time to data loss against the rate of a rebuild stream, with 95 % intervals, both on log scales.

    Parameters
    ----------
    frame
        Columns case, rate_bytes_per_s, and low, best, high in years.

    Examples
    --------
    >>> from placement_sim.reporting.figures import draw
    >>> row = {"case": "two copies", "rate_bytes_per_s": 5e7, "low": 90.0, "best": 100.0, "high": 120.0}
    >>> draw(data_loss_by_rate, pd.DataFrame([row])).axes[0].get_xscale()
    'log'
    """
    for i, (case, rows) in enumerate(frame.groupby("case", sort=False)):
        rows = rows[np.isfinite(rows["best"])].sort_values("rate_bytes_per_s")
        ax.errorbar(
            rows["rate_bytes_per_s"] / 1e6,
            rows["best"],
            yerr=finite_arms([rows["best"] - rows["low"], rows["high"] - rows["best"]]),
            label=str(case),
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)],
            marker=MARKS[i % len(MARKS)],
            markersize=6,
            capsize=4,
        )
    ax.set(
        xlabel="rate of a rebuild stream (MB/s)", ylabel="mean time to data loss (years)", xscale="log", yscale="log"
    )
    rates = sorted(set(frame["rate_bytes_per_s"] / 1e6))
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def time_to_whole(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw which share of failed disks was redundant again after which time.

    Parameters
    ----------
    frame
        Columns case and whole_after_s; a failure that never became whole (NaN) keeps the line below 100 %.

    Examples
    --------
    >>> from placement_sim.reporting.figures import draw
    >>> rows = pd.DataFrame({"case": ["50 MB/s"] * 2, "whole_after_s": [3600.0, float("nan")]})
    >>> [round(float(y)) for y in draw(time_to_whole, rows).axes[0].lines[0].get_ydata()]
    [0, 50]
    """
    for i, (case, rows) in enumerate(frame.groupby("case", sort=False)):
        times = np.sort(rows["whole_after_s"].dropna().to_numpy()) / HOUR_S
        share = 100 * np.arange(len(times) + 1) / max(1, len(rows))
        ax.step(
            np.concatenate([times[:1], times]) if len(times) else [0.0],
            share,
            where="post",
            label=str(case),
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)],
        )
    ax.set(xlabel="time from the failure (hours)", ylabel="failed disks whole again (%)", ylim=(0, 104))
    ax.set_xlim(left=0)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def guests_beside_copies(ax: Axes, table: pd.DataFrame) -> None:
    """Draw guests' 99th percentile of latency before, during and after each thing that was copied, with 95 % intervals.

    Parameters
    ----------
    table
        As ``experiments.fault_frames.resync_table`` gives it; its metrics guest_latency_s_p99_before, _during, _after.

    Examples
    --------
    >>> from placement_sim.reporting.figures import draw
    >>> p99 = [("before", 0.05), ("during", 0.15), ("after", 0.09)]
    >>> rows = [("2 MB/s", "repair", f"guest_latency_s_p99_{when}", s, s, s) for when, s in p99]
    >>> frame = pd.DataFrame(rows, columns=["case", "copied_by", "metric", "low", "best", "high"])
    >>> [tick.get_text().split() for tick in draw(guests_beside_copies, frame).axes[0].get_xticklabels()]
    [['before'], ['during', 'repair'], ['after']]
    """
    metrics = [f"guest_latency_s_p99_{when}" for when in ("before", "during", "after")]
    copied = list(table["copied_by"].drop_duplicates())
    cases = list(table["case"].drop_duplicates())
    for i, case in enumerate(cases):
        for place, name in enumerate(copied):
            rows = table[(table["case"] == case) & (table["copied_by"] == name)].set_index("metric").reindex(metrics)
            ax.errorbar(
                3 * place + np.arange(3) + 0.16 * (i - (len(cases) - 1) / 2),
                1e3 * rows["best"],
                yerr=1e3 * finite_arms([rows["best"] - rows["low"], rows["high"] - rows["best"]]),
                label=str(case) if place == 0 else None,
                color=COLOURS[i % len(COLOURS)],
                linestyle=DASHES[i % len(DASHES)],
                marker=MARKS[i % len(MARKS)],
                markersize=6,
                capsize=4,
            )
    for place in range(len(copied)):
        ax.axvspan(3 * place + 0.6, 3 * place + 1.4, color="#000000", alpha=0.06, linewidth=0)
    labels = [label for name in copied for label in ("before", f"during\n{name}", "after")]
    ax.set_xticks(range(len(labels)), labels)
    ax.grid(False, axis="x")
    ax.set(ylabel="guests' 99th percentile (ms)")
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
