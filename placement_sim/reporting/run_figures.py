"""Figures of what happened within runs: how latency is spread, and which disk was busy when.

Like all figures they are ``f(ax, frame) -> None`` and load or run nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from placement_sim.reporting.figures import COLOURS, DASHES, marks

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

COLUMNS_SHOWN = 240  # of a heat map: more windows than pixels would be a lie and a large file
LABELS = {
    "utilisation": ("busy time (% of window)", 100.0),
    "queue_requests_mean": ("requests at the disk, mean of window", 1.0),
    "fill": ("used space (% of disk)", 100.0),
}


def latency_distribution(ax: Axes, latencies: pd.DataFrame) -> None:
    """Draw the share of requests that took longer than a latency, both axes logarithmic.

    A point (x, y) reads: a share y of the finished requests took longer than x. The tail that a
    percentile names is on the vertical axis: the 99th percentile is where a line crosses 1 %.

    Parameters
    ----------
    latencies
        ``Result.latencies`` (kind, latency_s, finished_requests); with a column ``policy`` a line a
        policy is drawn over all kinds, otherwise a line a kind.

    Examples
    --------
    >>> from placement_sim.reporting.figures import draw
    >>> bins = pd.DataFrame({"kind": "read", "latency_s": [0.001, 0.002], "finished_requests": [9, 1]})
    >>> line = draw(latency_distribution, bins).axes[0].lines[0]
    >>> line.get_xdata().tolist(), [round(float(y), 3) for y in line.get_ydata()]
    ([1.0, 1.0, 2.0], [100.0, 10.0, 10.0])
    """
    by = "policy" if "policy" in latencies else "kind"
    least = 100.0
    groups = latencies.groupby(by, sort=False)
    for i, (name, rows) in enumerate(groups):
        counts = rows.groupby("latency_s")["finished_requests"].sum()
        counts = counts[counts.index > 0]  # zero-filled reads take no time; a logarithmic axis has no zero
        if counts.empty:
            continue
        slower = 100 * (1 - counts.cumsum().to_numpy() / counts.sum())[:-1]
        edges = 1e3 * counts.index.to_numpy(float)
        least = min(least, float(slower[-1])) if len(slower) else least
        x = np.concatenate(([edges[0]], edges))
        y = np.concatenate(([100.0], slower, slower[-1:] if len(slower) else [100.0]))
        kept = _seen(x, y)
        ax.step(
            x[kept],
            y[kept],
            where="post",
            label=str(name),
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[(i + i // len(COLOURS)) % len(DASHES)],
            **marks(i, groups.ngroups),
        )
    _log_axes(ax, least)
    if ax.lines:
        ax.legend(title=by, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _seen(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Choose the points of a line that a reader could tell apart, 1/50 of a decade each way."""
    cells = np.round(50 * np.log10(np.stack([x, y]))).astype(np.int64)
    kept: npt.NDArray[np.bool_] = np.append((np.diff(cells, axis=1) != 0).any(axis=0), True)
    kept[0] = True
    return kept


def _log_axes(ax: Axes, least: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ax.set(xscale="log", yscale="log")
    ax.set_ylim(max(least * 0.7, 1e-4), 130)
    shown = [100.0, 10.0, 1.0, 0.1, 0.01, 0.001, 0.0001]
    ax.yaxis.set_major_locator(FixedLocator([y for y in shown if y >= least * 0.7]))
    ax.yaxis.set_minor_locator(NullLocator())
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    ax.set(xlabel="latency (ms, logarithmic)", ylabel="slower requests (%, log.)")


def disk_load(ax: Axes, timeline: pd.DataFrame, value: str = "utilisation", highest: float | None = None) -> None:
    """Draw a row a disk and a column a window of time; the darker, the busier.

    Parameters
    ----------
    timeline
        ``Result.timeline`` of one run: time_s, disk and the column `value`.
    value
        ``utilisation``, ``queue_requests_mean`` or ``fill``.
    highest
        Stored value that gets the darkest colour; None is the frame's own. Panels side by side share one.

    Raises
    ------
    KeyError
        `value` is none of these.

    Examples
    --------
    >>> from placement_sim.reporting.figures import draw
    >>> frame = pd.DataFrame({"time_s": [1.0, 1.0, 2.0, 2.0], "disk": list("abab"), "utilisation": [0, 1, 0.5, 1]})
    >>> ax = draw(disk_load, frame).axes[0]
    >>> ax.images[0].get_array().tolist()
    [[0.0, 50.0], [100.0, 100.0]]
    """
    label, scale = LABELS[value]
    disks = list(timeline["disk"].drop_duplicates())
    grid = timeline.pivot(index="disk", columns="time_s", values=value).reindex(disks) * scale
    times = grid.columns.to_numpy(float)
    step = -(-len(times) // COLUMNS_SHOWN)  # neighbouring windows are averaged
    shown = grid.T.groupby(np.arange(len(times)) // step).mean().T.to_numpy(float)
    width = float(times[1] - times[0]) if len(times) > 1 else float(times[0])
    span = (max(0.0, float(times[0]) - width), float(times[-1]))
    image = ax.imshow(
        shown,
        aspect="auto",
        cmap="cividis_r",  # even in lightness, so that it prints in grey
        interpolation="nearest",
        extent=(*span, len(disks) - 0.5, -0.5),
        vmin=0,
        vmax=max(float(np.nanmax(shown)) if highest is None else highest * scale, 1e-9),
    )
    ax.grid(False)
    every = -(-len(disks) // 24)
    ax.set_yticks(range(0, len(disks), every), [str(name) for name in disks[::every]])
    ax.set(xlabel="time (s)", ylabel="disk")
    ax.figure.colorbar(image, ax=ax, label=label, pad=0.02)
