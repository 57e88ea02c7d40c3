"""What a report on upgrade strategies says in sentences."""

from __future__ import annotations

import pandas as pd

from placement_sim.reporting.metrics import metric_of
from placement_sim.reporting.tables import cell

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


def fleet_endings(table: pd.DataFrame) -> list[str]:
    """Say which strategies left machines otherwise than upgraded, and data ruined."""
    sentences = []
    for name in ("failed_vms", "rolled_back_vms", "repaired_vms", "untouched_vms", "in_progress_vms", "damaged_vms"):
        rows = table[(table["metric"] == name) & (table["best"] > 0)]
        for _, row in rows.iterrows():
            sentences.append(f"Under {row['policy']}, {metric_of(name).label} a run: {cell(row, name)}.")
    return sentences
