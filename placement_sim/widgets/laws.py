"""Choices by name that bring parameters of their own: policies, strategies, rollouts, service times, laws.

What a newly chosen law needs and the scenario does not say begins with a value from here: a place to turn
from, an assumption, no recommendation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from placement_sim.experiments.parts import Open
from placement_sim.model.service import SERVICE_MODELS
from placement_sim.policies import POLICIES
from placement_sim.upgrades import ROLLOUTS, STRATEGIES
from placement_sim.upgrades.failures import RECOVERIES, Failures, PlannedFailure
from placement_sim.upgrades.limits import Limits
from placement_sim.upgrades.rollouts import MaintenanceWindow
from placement_sim.workloads import ADDRESSES, ARRIVALS, THINK
from placement_sim.workloads.failures import ANNUAL_FAILURE_RATES, FAILURE_LAWS


class Choice(NamedTuple):
    """A choice: the key that holds its name, what can be chosen, and what parameters without a default begin with."""

    key: str
    makers: Mapping[str, Callable[..., Any]]
    starts: Mapping[str, str]


SERVICE = Choice("kind", SERVICE_MODELS, {
    "seek_read_mean_s": "8.5 ms", "seek_write_mean_s": "9.5 ms", "half_rotation_s": "4.17 ms",
    "outer_bytes_per_s": "180 MB/s", "inner_bytes_per_s": "90 MB/s",
    "read_latency_s": "90 us", "write_latency_s": "30 us", "read_bytes_per_s": "500 MB/s",
    "write_bytes_per_s": "450 MB/s", "sizes_bytes": "[4096, 1048576]", "read_s": "[0.0001, 0.002]",
    "write_s": "[0.0001, 0.003]", "mean_s": "6 ms", "time_s": "6 ms", "low_s": "2 ms", "high_s": "10 ms",
    "p": "0.9", "mean_1_s": "2 ms", "mean_2_s": "40 ms",
    "read_quantiles_s": "[0.001, 0.002, 0.003, 0.004, 0.006, 0.01, 0.03]",
    "write_quantiles_s": "[0.001, 0.002, 0.003, 0.005, 0.008, 0.02, 0.05]",
})  # fmt: skip
LIVES = Choice("law", FAILURE_LAWS, {
    "mean_s": "60 s", "time_s": "60 s", "shape": "1.12", "scale_s": "60 s", "early_shape": "0.7",
    "early_scale_s": "30 min", "constant_mean_s": "60 min", "wear_shape": "3", "wear_scale_s": "60 min",
    "rate_per_year": "0.0169",
})  # fmt: skip
CHOICES: dict[str, Choice] = {
    "Scenario.policy": Choice("name", POLICIES, {}),
    "FleetSpec.strategy": Choice("name", STRATEGIES, {}),
    "FleetSpec.rollout": Choice("name", ROLLOUTS, {}),
    "DiskSpec.service": SERVICE,
    "SyntheticSpec.addresses": Choice("law", ADDRESSES, {
        "exponent": "0.9", "hot_share_of_space": "0.2", "hot_share_of_requests": "0.8", "continue_share": "0.5",
        "extent_bytes": "1 MiB", "extents": "64",
    }),
    "SyntheticSpec.arrivals": Choice("law", ARRIVALS, {
        "rate_per_s": "100", "on_s": "1 s", "off_s": "1 s", "levels": "[0.0, 0.5, 1.0]", "gaps_s": "[0.0, 0.01, 0.1]",
    }),
    "ClosedLoop.think": Choice("law", THINK, {"mean_s": "10 ms"}),
    "FailuresSpec.disks": LIVES,
    "FailuresSpec.replace": LIVES,
    "OutageSpec.life": LIVES,
    "OutageSpec.down": LIVES,
}  # fmt: skip
# Tables that a scenario holds as plain values and hands to a constructor.
TABLES: dict[str, Callable[..., Any]] = {
    "FleetSpec.limits": Limits,
    "FleetSpec.failures": Failures,
    "window": MaintenanceWindow,
    "planned": PlannedFailure,
}
# Names that a parameter may take.
OPTIONS: dict[str, tuple[str, ...]] = {
    "FleetSpec.failures.recover": RECOVERIES,
    "FleetSpec.strategy.role": ("os", "software"),
    "FleetSpec.rollout.on_gate": ("stop", "rollback"),
    "Scenario.policy.by": ("queue", "free"),
    **{f"{field}.model": tuple(ANNUAL_FAILURE_RATES) for field, choice in CHOICES.items() if choice is LIVES},
}


def chosen(field: str, value: Open) -> str:
    """Give the name that a choice holds.

    Examples
    --------
    >>> from placement_sim.experiments.parts import PolicyChoice
    >>> chosen("Scenario.policy", PolicyChoice(name="stripe"))
    'stripe'
    """
    return str(getattr(value, CHOICES[field].key))
