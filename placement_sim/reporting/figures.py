"""Figures ``f(ax, frame) -> None``: they draw on an axes object and load or run nothing.

Colours are Okabe and Ito's (2008, "Color Universal Design"), told apart by the colour
blind; marks and line styles differ too, so that a grey print can be read.
matplotlib is imported where a figure is made, never when this module is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from placement_sim.reporting.metrics import metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (9, 3)))
MARKS = ("o", "s", "^", "D", "v", "P", "X")
MOST_LINES = len(COLOURS)  # of disks, each with a colour of its own
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "svg.hashsalt": "placement_sim",
    "svg.fonttype": "path",
}


def fill_over_time(ax: Axes, timeline: pd.DataFrame) -> None:
    """Draw the fill of each disk, of many disks their spread; needs columns time_s, disk and fill.

    More than `MOST_LINES` lines cannot be told apart: then a band holds all disks, and the median, the disk
    that ends fullest and the one that ends emptiest are drawn in it.
    """
    count = timeline["disk"].nunique()
    if count <= MOST_LINES:
        for i, (disk, rows) in enumerate(timeline.groupby("disk", sort=False)):
            _line(ax, rows["time_s"], rows["fill"], str(disk), i)
    else:
        fills = timeline.pivot(index="time_s", columns="disk", values="fill")
        ax.fill_between(
            fills.index, 100 * fills.min(axis=1), 100 * fills.max(axis=1),
            color="#d9d9d9", edgecolor="#999999", label=f"all {count} disks",
        )  # fmt: skip
        last = fills.ffill().iloc[-1]
        ends = {"fullest at the end": str(last.idxmax()), "emptiest at the end": str(last.idxmin())}
        for i, (label, disk) in enumerate(ends.items()):
            _line(ax, fills.index, fills[disk], label, i)
            # The name stands at the line: the legend says which end it is, and a neighbour's has other names.
            offset = (0, 5) if i == 0 else (0, -13)
            place = (float(fills.index[-1]), min(100 * float(last[disk]), 100))
            ax.annotate(
                disk, place, xytext=offset, textcoords="offset points", ha="right", fontsize=8, annotation_clip=False
            )
        _line(ax, fills.index, fills.median(axis=1), "median", 2)
    ax.axhline(100, color="#666666", linewidth=0.8)
    ax.set(xlabel="time (s)", ylabel="used space (% of disk)", ylim=(0, 104))
    title = "disk" if count <= MOST_LINES else None
    ax.legend(title=title, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _line(ax: Axes, times_s: Any, fill: Any, label: str, i: int) -> None:
    """Draw a line that its colour, its dashes or its marks tell from the others."""
    ax.plot(
        times_s,
        100 * fill,
        label=label,
        color=COLOURS[i % len(COLOURS)],
        linestyle=DASHES[i % len(DASHES)],
        marker=MARKS[i % len(MARKS)],
        markevery=(i, max(1, len(fill) // 8)),
        markersize=4,
    )


def marks(i: int, lines: int) -> dict[str, Any]:
    """Give the i-th of some lines marks where there are more than kinds of dashes: grey print has no colours.

    Examples
    --------
    >>> marks(1, 5), marks(1, 6)["marker"]
    ({}, 's')
    """
    if lines <= len(DASHES):
        return {}
    return {"marker": MARKS[i % len(MARKS)], "markevery": (0.02 * (i % len(MARKS)), 0.16), "markersize": 5}


def finite_arms(arms: Any) -> Any:
    """Give arms that can be drawn: none where an interval is missing or infinite."""
    return np.nan_to_num(np.clip(arms, 0, None), nan=0.0, posinf=0.0)


def _whiskers(ax: Axes, rows: pd.DataFrame, at: Any, name: str, i: int, label: str | None = None) -> None:
    scale = metric_of(name).scale
    best, low, high = (rows[column].to_numpy(float) * scale for column in ("best", "low", "high"))
    arms = finite_arms([best - low, high - best])
    ax.errorbar(
        best,
        at,
        xerr=arms,
        fmt=MARKS[i % len(MARKS)],
        color=COLOURS[i % len(COLOURS)],
        capsize=4,
        markersize=6,
        linewidth=1.6,
        label=label,
    )


def policy_axis(ax: Axes, policies: list[str]) -> None:
    """Give each policy a row, the first on top."""
    ax.set_yticks(range(len(policies)), policies)
    ax.set_ylim(len(policies) - 0.4, -0.6)
    ax.grid(False, axis="y")


def paired_differences(ax: Axes, differences: pd.DataFrame, metric: str = "latency_s_mean") -> None:
    """Draw point and whiskers of policy minus baseline; zero is the baseline."""
    rows = differences[differences["metric"] == metric].reset_index(drop=True)
    ax.axvline(0, color="#444444", linewidth=1)
    _whiskers(ax, rows, np.arange(len(rows)), metric, 0)
    policy_axis(ax, [str(name) for name in rows["policy"]])
    baseline = rows["baseline"].iloc[0] if len(rows) else "baseline"
    described = metric_of(metric)
    sides = {"lower": "; left of 0 is better", "higher": "; right of 0 is better"}
    side = sides.get(described.better or "", "")
    ax.set_xlabel(f"{described.label}, difference to {baseline} ({described.unit}{side})")


def plain_log(*axes: Axis) -> None:
    """Write the ticks of logarithmic axes as plain numbers, and of a short one those between powers of ten, too."""
    from matplotlib.ticker import LogFormatter

    for axis in axes:
        for set_format in (axis.set_major_formatter, axis.set_minor_formatter):
            set_format(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))


def latency_intervals(ax: Axes, table: pd.DataFrame) -> None:
    """Draw mean and 99th percentile of latency with their intervals, a row a policy."""
    policies = [str(name) for name in table["policy"].drop_duplicates()]
    at = {name: i for i, name in enumerate(policies)}
    for i, (name, label) in enumerate([("latency_s_mean", "mean"), ("latency_s_p99", "99th percentile")]):
        rows = table[table["metric"] == name]
        places = np.array([at[str(policy)] for policy in rows["policy"]], dtype=float) + 0.24 * i - 0.12
        _whiskers(ax, rows, places, name, i, label)
    policy_axis(ax, policies)
    ax.set_xscale("log")
    plain_log(ax.xaxis)
    ax.set_xlabel("latency (ms, logarithmic)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def stranded_capacity(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the free space left at the first no-space error; a policy without one says so."""
    rows = table[table["metric"] == "no_space_stranded_bytes"].reset_index(drop=True)
    described = metric_of("no_space_stranded_bytes")
    best = rows["best"].to_numpy(float) * described.scale
    low, high = (rows[column].to_numpy(float) * described.scale for column in ("low", "high"))
    arms = finite_arms([best - low, high - best])
    never = _never(table, [str(name) for name in rows["policy"]], best)
    ax.barh(
        np.arange(len(rows)),
        np.where(never, 0, best),
        xerr=np.where(never, 0, arms),
        color=COLOURS[4],
        edgecolor="#222222",
        capsize=4,
        height=0.6,
    )
    for place in np.flatnonzero(never):
        ax.annotate("no such error", (0, place), xytext=(6, 0), textcoords="offset points", va="center")
    policy_axis(ax, [str(name) for name in rows["policy"]])
    ax.set_xlim(left=0)
    ax.set_xlabel(f"free space at the first no-space error ({described.unit})")


def _never(table: pd.DataFrame, policies: list[str], best: Any) -> Any:
    """Tell where no run had a no-space error: there is no time of it, or nothing stranded is known."""
    times = table[table["metric"] == "no_space_time_s"].set_index("policy")["best"]
    missing = [bool(pd.isna(times.get(policy, 0.0))) for policy in policies]
    return np.isnan(best) | np.array(missing, dtype=bool)


def draw(
    plot: Callable[..., None],
    frame: pd.DataFrame | Mapping[str, pd.DataFrame],
    width: float = 7.2,
    height: float = 3.4,
    **options: Any,
) -> Figure:
    """Make a figure of one plot, of a frame or of several by name, in the package's style and without a display."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        plot(figure.add_subplot(), frame, **options)
    return figure


def svg(figure: Figure) -> str:
    """Write a figure as inline SVG: the same bytes for the same frame, no date, no address to load."""
    from io import StringIO

    from matplotlib import rc_context

    out = StringIO()
    with rc_context(STYLE):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def png(figure: Figure, path: str, dpi: int = 130) -> None:
    """Write a figure as a PNG file without software or date in it."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        figure.savefig(path, format="png", dpi=dpi, metadata={"Software": None})


def panels(
    plot: Callable[..., None],
    frames: Mapping[str, pd.DataFrame],
    columns: int = 2,
    height: float = 3.3,
    shared_legend: bool = False,
    **options: Any,
) -> Figure:
    """Draw one plot of several frames side by side, titled by their names; the legend stands once.

    With `shared_legend` it stands below all of them and has every label of any, else it is that of the last column.

    Examples
    --------
    >>> frame = pd.DataFrame({"time_s": [0.0, 1.0], "disk": ["d", "d"], "fill": [0.1, 0.2]})
    >>> [ax.get_title() for ax in panels(fill_over_time, {"stripe": frame, "most_free": frame}).axes]
    ['stripe', 'most_free']
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = min(columns, len(frames))
    rows = -(-len(frames) // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(4.2 * columns + 0.8, height * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        for ax in axes.flat[len(frames) :]:
            ax.set_axis_off()
        for i, (ax, (name, frame)) in enumerate(zip(axes.flat, frames.items(), strict=False)):
            plot(ax, frame, **options)
            ax.set_title(name)
            if i % columns:
                ax.set_ylabel("")
            if (shared_legend or i != columns - 1) and ax.get_legend():
                ax.get_legend().remove()
        if shared_legend:
            pairs = [zip(*ax.get_legend_handles_labels(), strict=True) for ax in axes.flat]
            found = {label: handle for pair in pairs for handle, label in pair}
            figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=4, fontsize=8)
    return figure
