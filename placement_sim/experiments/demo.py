"""The demonstration: six rules on recorded I/O over disks that start unequal, five upgrade strategies on a fleet."""

from __future__ import annotations

from placement_sim.experiments.compare import Comparison, Progress, compare
from placement_sim.experiments.parts import data_folder
from placement_sim.experiments.scenario import Scenario

POLICIES_SHOWN = ("most_free", "stripe", "round_robin", "d_choices", "least_queue", "straw2")
STRATEGIES_SHOWN = ("recompose", "in_place", "blue_green", "os_swap", "software_swap")
REPLICATIONS = 3


def demo(replications: int = REPLICATIONS, progress: Progress | None = None) -> Comparison:
    """Compare the six rules; the first is the baseline."""
    scenario = Scenario.from_toml(data_folder() / "scenarios" / "unequal_disks.toml")
    return compare(scenario, POLICIES_SHOWN, replications, progress=progress)


def demo_fleet(replications: int = REPLICATIONS, progress: Progress | None = None) -> Comparison:
    """Compare the five strategies on 24 desktops; the first is the baseline."""
    scenario = Scenario.from_toml(data_folder() / "scenarios" / "desktops_24.toml")
    return compare(scenario, replications=replications, strategies=STRATEGIES_SHOWN, progress=progress)
