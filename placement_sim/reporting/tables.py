"""A comparison as text of at most 100 columns: the policies, then what the pairing shows.

The rows are made here once; the terminal and the HTML report print the same strings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, Protocol

import pandas as pd

from placement_sim.reporting.metrics import metric_of

WIDTH = 100
EMPTY = (
    "no space: time of the first no-space error, mean over the runs that had one, (k/n) = in k of n runs, "
    "'never' = in none. stranded: free space on the object's disks at that moment, '-' = there was no such "
    "moment. failed: failed requests a run; latency is of finished requests only. spread: standard deviation "
    "of the disks' fill. An interval of [-] needs at least two runs."
)
PAIRED = (
    "policy minus baseline over the same arrivals, addresses and service draws, in the runs in which both "
    "have a value. Each interval stands alone; the verdict holds for all policies of a metric together, at 5 % "
    "after Holm. 'variance saved': the part of the variance of the difference that the pairing removed, "
    "below 0 where it added some; '-' = not defined."
)


FLEET_EMPTY = (
    "downtime: of a machine's application, mean over the fleet. makespan: from the start of the rollout to its end, "
    "without the making of template 2. down: machines unavailable at once. read, written: by the upgrade, template 2 "
    "included. extra: space beyond that used before, at its peak. done: machines that came out upgraded."
)


OTHER_HEADS = {"guest_during_latency_s_mean": "guests' latency"}


@dataclass(frozen=True)
class Layout:
    """Which metrics a comparison shows first: with intervals, as points, and as paired differences.

    The keys are metrics, the values their heads.
    """

    intervals: dict[str, str]
    points: dict[str, str]
    differences: tuple[str, ...]
    legend: str

    @property
    def heads(self) -> dict[str, str]:
        """Heads of the metrics in a row a policy."""
        return self.intervals | self.points

    def label(self, name: str) -> str:
        """Give the head of a metric in the differences."""
        return self.heads.get(name) or OTHER_HEADS.get(name) or metric_of(name).label


PLACEMENT = Layout(
    {"latency_s_mean": "mean latency", "latency_s_p99": "p99 latency"},
    {
        "no_space_time_s": "no\nspace",
        "no_space_stranded_bytes": "stranded",
        "failed_requests": "failed",
        "fill_spread": "spread",
        "map_bytes": "map",
    },
    ("latency_s_mean", "latency_s_p99", "failed_requests", "fill_spread"),
    EMPTY,
)
FLEET = Layout(
    {"downtime_s_mean": "downtime", "makespan_s": "makespan"},
    {
        "unavailable_vms_max": "down",
        "upgrade_read_bytes": "read",
        "upgrade_written_bytes": "written",
        "extra_space_bytes_max": "extra",
        "upgraded_vms": "done",
    },
    ("downtime_s_mean", "makespan_s", "upgrade_written_bytes", "guest_during_latency_s_mean"),
    FLEET_EMPTY,
)


def layout_of(frame: pd.DataFrame) -> Layout:
    """Give the layout by what was measured: a fleet's upgrade or placement alone."""
    return FLEET if "makespan_s" in set(frame["metric"]) else PLACEMENT


class ComparisonLike(Protocol):
    """What reporting needs of a comparison: frames and a manifest."""

    @property
    def table(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def differences(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def manifest(self) -> dict[str, Any]: ...  # noqa: D102


def cell(row: pd.Series | None, name: str, interval: bool = True) -> str:
    """Write one estimate as ``best [low, high]``, or as ``best`` alone."""
    metric = metric_of(name)
    if row is None:
        return "-"
    best = metric.show(float(row["best"]))
    if not interval or math.isnan(float(row["best"])):
        return best + _share(row) if name == "no_space_time_s" else best
    low, high = float(row["low"]), float(row["high"])
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{best} [-]"
    return f"{best} [{metric.show(low)}, {metric.show(high)}]"


def _share(row: pd.Series) -> str:
    """Say in how many of the runs it happened, where not in all."""
    runs, censored = int(row.get("runs", 0)), int(row.get("censored", 0))
    return f" ({runs}/{runs + censored})" if runs and censored else ""


def notes_of(comparison: ComparisonLike) -> list[str]:
    """Give what the comparison says about itself."""
    return [str(note) for note in comparison.manifest.get("notes", ())]


def _row(frame: pd.DataFrame, policy: str, metric: str) -> pd.Series | None:
    rows = frame[(frame["policy"] == policy) & (frame["metric"] == metric)]
    return rows.iloc[0] if len(rows) else None


def unit_of(name: str, before: str = " ") -> str:
    """Give the unit in brackets, for a head; a count needs none."""
    unit = metric_of(name).unit
    return "" if unit in ("requests", "machines") else f"{before}({unit})"


def policies_of(frame: pd.DataFrame) -> list[str]:
    """Policies in the order of the frame."""
    return [str(name) for name in frame["policy"].drop_duplicates()]


def policy_rows(table: pd.DataFrame) -> list[list[str]]:
    """One row a policy, the first row is the head."""
    layout = layout_of(table)
    names = list(layout.heads)
    heads = [layout.heads[name] + unit_of(name, "\n") for name in names]
    rows = [["policy", *heads]]
    for policy in policies_of(table):
        cells = [cell(_row(table, policy, name), name, name in layout.intervals) for name in names]
        rows.append([policy, *cells])
    return rows


def difference_rows(differences: pd.DataFrame) -> list[list[str]]:
    """One row a policy and metric, the first row is the head."""
    rows = [["policy", "metric", "difference [95 %]", "verdict", "variance\nsaved"]]
    layout = layout_of(differences)
    for policy in policies_of(differences):
        for name in layout.differences:
            row = _row(differences, policy, name)
            if row is None or math.isnan(float(row["best"])):
                continue
            saved = float(row["variance_reduction"])
            label = f"{layout.label(name)}{unit_of(name)}"
            rows.append(
                [
                    policy,
                    label,
                    cell(row, name),
                    verdict(row, name),
                    "-" if math.isnan(saved) else f"{saved:z.0%}",
                ]
            )
    return rows


LEVEL = 0.05  # of all policies of a metric together, after Holm


def told_apart(row: pd.Series) -> bool:
    """Tell whether a difference is more than chance: after Holm where that is known, else by its interval."""
    adjusted = float(row.get("p_holm", math.nan))
    if math.isfinite(adjusted):
        return adjusted < LEVEL
    return not float(row["low"]) <= 0 <= float(row["high"])


def verdict(row: pd.Series, name: str) -> str:
    """Say whether there is a difference, and which way."""
    low, high, better = float(row["low"]), float(row["high"]), metric_of(name).better
    if not (math.isfinite(low) and math.isfinite(high)):
        return "one run"
    if low == high == 0:
        return "the same"
    if not told_apart(row):
        return "not told apart"
    if better is None:
        return "different"
    return "better" if (low + high < 0) == (better == "lower") else "worse"


def text_table(rows: Sequence[Sequence[str]], width: int = WIDTH) -> str:
    """Align columns: numbers to the right, words to the left; a first column too long is cut."""
    head, body = rows[0], rows[1:]
    deep = max(title.count("\n") for title in head) + 1
    broken = [[""] * (deep - title.count("\n") - 1) + title.split("\n") for title in head]
    grid = [*map(list, zip(*broken, strict=True)), *map(list, body)]
    widths = [max(len(row[i]) for row in grid) for i in range(len(head))]
    widths[0] = max(8, min(widths[0], width - sum(widths[1:]) - 2 * (len(head) - 1)))
    words = {i for i, title in enumerate(head) if title in ("policy", "metric", "verdict")}

    def write(row: Sequence[str]) -> str:
        first = row[0] if len(row[0]) <= widths[0] else row[0][: widths[0] - 1] + "~"
        cells = [first, *row[1:]]
        return "  ".join(
            text.ljust(size) if i in words else text.rjust(size)
            for i, (text, size) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()

    lines = [write(row) for row in grid]
    return "\n".join([*lines[:deep], "  ".join("-" * size for size in widths), *lines[deep:]])


def comparison_text(comparison: ComparisonLike) -> str:
    """Write a comparison for a terminal, at most 100 columns wide."""
    table, differences = comparison.table, comparison.differences
    runs = int(table["runs"].max())
    noun = "run" if runs == 1 else "runs"
    parts = [
        f"{runs} {noun} of each; [low, high] is the 95 % interval of the mean over the runs.",
        text_table(policy_rows(table)),
        fill(layout_of(table).legend, WIDTH),
    ]
    if runs == 1:
        parts.insert(1, "This is a single run a policy: it shows no interval and decides nothing.")
    parts += [fill(f"Note: {note}", WIDTH) for note in notes_of(comparison)]
    if len(differences):
        parts += [
            f"Paired differences against {differences['baseline'].iloc[0]}",
            text_table(difference_rows(differences)),
            fill(PAIRED, WIDTH),
        ]
    return "\n\n".join(parts) + "\n"
