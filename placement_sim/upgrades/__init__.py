"""Upgrade strategies as lists of steps, and rollouts: which machine when. Pure: no clock, no chance.

`STRATEGIES` and `ROLLOUTS` are the lists; a user's own strategy is an `UpgradeStrategy` object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from placement_sim.errors import check_named
from placement_sim.upgrades.blue_green import blue_green
from placement_sim.upgrades.in_place import in_place
from placement_sim.upgrades.instant_clone import instant_clone
from placement_sim.upgrades.os_swap import os_swap
from placement_sim.upgrades.preattached import preattached
from placement_sim.upgrades.recompose import recompose
from placement_sim.upgrades.refresh import refresh
from placement_sim.upgrades.rollouts import Rollout, all_at_once, canary, rolling
from placement_sim.upgrades.software_swap import software_swap
from placement_sim.upgrades.steps import Step, UpgradeStrategy

__all__ = ["ROLLOUTS", "STRATEGIES", "Rollout", "Step", "UpgradeStrategy", "make_strategy", "strategies_table"]

STRATEGIES: dict[str, Callable[..., UpgradeStrategy]] = {
    "in_place": in_place,
    "recompose": recompose,
    "refresh": refresh,
    "software_swap": software_swap,
    "os_swap": os_swap,
    "preattached": preattached,
    "blue_green": blue_green,
    "instant_clone": instant_clone,
}

ROLLOUTS: dict[str, Callable[..., Rollout]] = {
    "all_at_once": all_at_once,
    "rolling": rolling,
    "canary": canary,
}


def make_strategy(name: str, **parameters: Any) -> UpgradeStrategy:
    """Make a strategy by name.

    Raises
    ------
    InputError
        The name, a parameter or a value is bad.

    Examples
    --------
    >>> make_strategy("preattached", role="os").reboots
    True
    """
    check_named("strategy", name, STRATEGIES, parameters)
    return STRATEGIES[name](**parameters)


def strategies_table() -> list[dict[str, Any]]:
    """List every strategy with its steps, as plain values.

    Examples
    --------
    >>> [row["name"] for row in strategies_table() if not row["needs_reboot"]]
    ['software_swap', 'preattached', 'blue_green']
    """
    return [make().describe() for make in STRATEGIES.values()]
