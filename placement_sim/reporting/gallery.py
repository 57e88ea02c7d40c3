"""The figures of a report on a comparison, in their order: a figure is one entry in PLATES.

An entry names what it shows, the frame it needs and the plot. One whose frame is empty is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from placement_sim.reporting import figures, fleet_figures, run_figures, trade_figures
from placement_sim.reporting.page import Picture, picture
from placement_sim.reporting.tables import FLEET, ComparisonLike, layout_of, policies_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 6  # a panel a policy; more than this many cannot be read on a page


@dataclass(frozen=True)
class Plate:
    """A figure of a report.

    Parameters
    ----------
    shows
        What the reader sees: the first part of the caption.
    frame
        Picks the rows it needs out of a comparison; an empty frame leaves the figure out.
    draw
        Makes the figure of those rows, given the number of policies.
    """

    shows: str
    frame: Callable[[ComparisonLike], pd.DataFrame]
    draw: Callable[[pd.DataFrame, int], Figure]


def _table(comparison: ComparisonLike) -> pd.DataFrame:
    return comparison.table


def _differences(metric: str) -> Callable[[ComparisonLike], pd.DataFrame]:
    def rows(comparison: ComparisonLike) -> pd.DataFrame:
        every = comparison.differences
        return every[(every["metric"] == metric) & every["best"].notna()] if len(every) else every

    return rows


def _fleets(comparison: ComparisonLike) -> pd.DataFrame:
    """Give the table where a fleet was upgraded."""
    table = comparison.table
    return table if layout_of(table) is FLEET else table.iloc[:0]


def _several(comparison: ComparisonLike) -> pd.DataFrame:
    """Give the table where there are points enough for a front; of fleets another figure says more."""
    table = comparison.table
    return table if len(policies_of(table)) > 2 and layout_of(table) is not FLEET else table.iloc[:0]


def _stranding(comparison: ComparisonLike) -> pd.DataFrame:
    """Give the table where some run found no space."""
    table = comparison.table
    rows = table[table["metric"] == "no_space_stranded_bytes"]
    return table if rows["best"].notna().any() else table.iloc[:0]


def _frame(name: str) -> Callable[[ComparisonLike], pd.DataFrame]:
    return lambda comparison: getattr(comparison, name, pd.DataFrame())


def _availability(comparison: ComparisonLike) -> pd.DataFrame:
    """Give the share of the fleet that serves users at each change."""
    fleet, vms = _frame("fleet")(comparison), _frame("vms")(comparison)
    if fleet.empty:
        return fleet
    return fleet.assign(machines=fleet["policy"].map(vms["policy"].value_counts()))


def _by_policy(timeline: pd.DataFrame, most: int = PANELS) -> dict[str, pd.DataFrame]:
    groups = {str(name): rows.reset_index(drop=True) for name, rows in timeline.groupby("policy", sort=False)}
    return dict(list(groups.items())[:most])


def _load_panels(timeline: pd.DataFrame, policies: int) -> Figure:
    frames = _by_policy(timeline)
    highest = max(float(rows["utilisation"].max()) for rows in frames.values())
    height = 1.9 + 0.14 * min(24, timeline["disk"].nunique())
    return figures.panels(run_figures.disk_load, frames, height=height, highest=highest)


def _rows(plot: Callable[..., None], **options: Any) -> Callable[[pd.DataFrame, int], Figure]:
    """Make a figure as tall as its rows, one a policy, need."""
    return lambda frame, policies: figures.draw(plot, frame, height=1.4 + 0.42 * policies, **options)


def _gantts(steps: pd.DataFrame, policies: int) -> Figure:
    frames = _by_policy(steps)
    return figures.panels(fleet_figures.gantt, frames, height=3.0, shared_legend=True, most=GANTT_MACHINES)


GANTT_MACHINES = 20  # a panel; of larger fleets every so many
FIRST = "in the first run"
PAIRED = "policy minus baseline, with its 95 % interval; both met the same arrivals, addresses and service draws."
PLATES: dict[str, Plate] = {
    "upgrade": Plate(
        "Makespan of the rollout and mean downtime of a machine, with 95 % intervals of the means; both axes "
        "logarithmic, lower left is better.",
        _fleets,
        lambda frame, policies: figures.draw(fleet_figures.downtime_against_makespan, frame, height=3.8),
    ),
    "availability": Plate(
        f"Machines whose application serves users, over time {FIRST}; time from the first machine down, on a scale "
        "that is linear in its first minute and logarithmic after it.",
        _availability,
        lambda frame, policies: figures.draw(fleet_figures.availability, _by_policy(frame, policies), height=3.6),
    ),
    "steps": Plate(
        f"What each machine went through {FIRST}: a row a machine, waits are gaps.", _frame("steps"), _gantts
    ),
    "waits": Plate(
        f"What a machine waited for, mean over the fleet, {FIRST}. A wait for slots before "
        "the stop is spent with the application up; in_place waits for its reboot while it is down.",
        _frame("vms"),
        lambda frame, policies: figures.draw(
            fleet_figures.waits_by_kind, _by_policy(frame, policies), height=1.6 + 0.42 * policies
        ),
    ),
    "downtime difference": Plate(
        f"Paired difference of a machine's mean downtime, {PAIRED}",
        _differences("downtime_s_mean"),
        _rows(figures.paired_differences, metric="downtime_s_mean"),
    ),
    "makespan difference": Plate(
        f"Paired difference of the makespan, {PAIRED}",
        _differences("makespan_s"),
        _rows(figures.paired_differences, metric="makespan_s"),
    ),
    "upgrade bytes": Plate(
        "Bytes that the upgrade read and wrote, and the extra space at its peak, with 95 % intervals of the means.",
        _fleets,
        _rows(fleet_figures.bytes_and_space),
    ),
    "latency": Plate(
        "Mean and 99th percentile of latency, with the 95 % interval of the mean over the runs.",
        _table,
        _rows(figures.latency_intervals),
    ),
    "latency difference": Plate(
        f"Paired difference of mean latency, {PAIRED}",
        _differences("latency_s_mean"),
        _rows(figures.paired_differences),
    ),
    "tail difference": Plate(
        "The same for the 99th percentile of latency.",
        _differences("latency_s_p99"),
        _rows(figures.paired_differences, metric="latency_s_p99"),
    ),
    "latency distribution": Plate(
        "Share of the finished requests that took longer than a latency, all runs added up; both axes "
        "logarithmic. The 99th percentile is where a line crosses 1 %.",
        _frame("latencies"),
        lambda frame, policies: figures.draw(run_figures.latency_distribution, frame, height=3.8),
    ),
    "fill": Plate(
        f"How full each disk is over time {FIRST}.",
        _frame("timeline"),
        lambda frame, policies: figures.panels(figures.fill_over_time, _by_policy(frame)),
    ),
    "load": Plate(
        f"How busy each disk is over time {FIRST}: a row a disk, a column a window; the darker, the busier.",
        _frame("timeline"),
        _load_panels,
    ),
    "stranded": Plate(
        "Free space left on the object's disks when a write first found no space, mean of the runs in which that "
        "happened: capacity bought and not usable under this rule.",
        _stranding,
        _rows(figures.stranded_capacity),
    ),
    "front": Plate(
        "Mean latency against uneven fill. Filled: no other rule has a better mean in both; the line joins those. "
        "Where intervals overlap, other draws may change which they are.",
        _several,
        lambda frame, policies: figures.draw(trade_figures.pareto_front, frame, height=max(3.4, 1.2 + 0.24 * policies)),
    ),
    "maps": Plate(
        "Memory of the allocation maps at the end of a run. A rule that computes the owner keeps no map of owners.",
        _table,
        _rows(trade_figures.map_cost),
    ),
}


def pictures(comparison: ComparisonLike, ran: str) -> list[Picture]:
    """Draw the figures of a comparison; each caption ends with `ran`, which says what was run."""
    count = len(policies_of(comparison.table))
    drawn = []
    for plate in PLATES.values():
        frame = plate.frame(comparison)
        if len(frame):
            first = f" The first {PANELS} are shown." if count > PANELS and FIRST in plate.shows else ""
            drawn.append(picture(plate.draw(frame, count), f"{plate.shows}{first} {ran}"))
    return drawn
