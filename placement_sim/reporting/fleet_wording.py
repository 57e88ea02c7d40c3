"""What a report on upgrade strategies says in sentences."""

from __future__ import annotations

import math

import pandas as pd

from placement_sim.reporting.metrics import metric_of
from placement_sim.reporting.tables import cell, policies_of

FLEET_LIMITS = (
    "Times of control steps are published numbers or assumptions, and so are the limits of the management server: "
    "`placement-sim strategies --json` says which is which. A site's own times may change the order.",
    "A machine whose turn has come is finished even if the maintenance window closes meanwhile.",
    "A boot is a closed loop of reads and writes with think time; processors and memory are not modelled.",
    "Downtime is of the application on one machine. Sessions that users lose, and their log-on again, are not counted.",
)
FLEET_METHODS = (
    "Each strategy was simulated with the same seeds. The time of a step is drawn by (seed, machine, step), and so are "
    "failures, think times and guests, so within a replication every strategy meets the same. A difference is taken "
    "within the replication; its interval is over the replications (Student's t, 95 %)."
)


def fleet_in_short(table: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """Say which strategy is least in downtime, in makespan and in bytes written, and what was not upgraded."""
    sentences = [_least(table, name) for name in ("downtime_s_mean", "makespan_s", "upgrade_written_bytes")]
    for name in ("failed_vms", "rolled_back_vms", "untouched_vms", "in_progress_vms", "damaged_vms"):
        rows = table[(table["metric"] == name) & (table["best"] > 0)]
        for _, row in rows.iterrows():
            sentences.append(f"Under {row['policy']}, {metric_of(name).label} a run: {cell(row, name)}.")
    if not len(differences):
        sentences.append("One strategy was run: nothing is compared.")
    return sentences


def _least(table: pd.DataFrame, name: str) -> str:
    metric = metric_of(name)
    rows = table[(table["metric"] == name) & table["best"].notna()]
    if rows.empty:
        return f"There is no {metric.label}."
    best, worst = rows.iloc[int(rows["best"].argmin())], rows.iloc[int(rows["best"].argmax())]
    if len(policies_of(table)) == 1:
        return f"{metric.label.capitalize()} under {best['policy']}: {cell(best, name)} {metric.unit}."
    return (
        f"Least {metric.label}: {best['policy']}, {cell(best, name)} {metric.unit}; most: {worst['policy']}, "
        f"{cell(worst, name)} {metric.unit}. Where intervals overlap, the order may be chance."
    )


def fleet_findings(differences: pd.DataFrame) -> list[str]:
    """Say in a sentence a strategy how its downtime and makespan compare with the baseline's."""
    sentences = []
    for name in ("downtime_s_mean", "makespan_s"):
        metric = metric_of(name)
        for _, row in differences[differences["metric"] == name].iterrows():
            low, high, best = (float(row[column]) * metric.scale for column in ("low", "high", "best"))
            span = f"95 % interval {low:+.4g} to {high:+.4g} {metric.unit}"
            if not (math.isfinite(low) and math.isfinite(high)):
                said = f"one run, {best:+.3g} {metric.unit}; one run decides nothing"
            elif low <= 0 <= high:
                said = f"not told apart ({span})"
            else:
                said = f"{'less' if best < 0 else 'more'} by {abs(best):.4g} {metric.unit} ({span})"
            sentences.append(f"{row['policy']} against {row['baseline']}, {metric.label}: {said}.")
    return sentences
