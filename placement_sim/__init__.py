"""A simulator of block placement on disks, and of upgrades of the machines whose disks they are.

Names are loaded when first used, so that ``import placement_sim`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from placement_sim.errors import InputError as InputError
    from placement_sim.errors import PlacementSimError as PlacementSimError
    from placement_sim.experiments.any_host import can_lose_any_host as can_lose_any_host
    from placement_sim.experiments.compare import Comparison as Comparison
    from placement_sim.experiments.compare import compare as compare
    from placement_sim.experiments.reliability import reliability as reliability
    from placement_sim.experiments.result import Result as Result
    from placement_sim.experiments.run import run as run
    from placement_sim.experiments.scenario import Scenario as Scenario
    from placement_sim.experiments.statistics import Interval as Interval
    from placement_sim.experiments.studies.study import Study as Study
    from placement_sim.experiments.studies.sweep import sweep as sweep
    from placement_sim.policies import POLICIES as POLICIES
    from placement_sim.policies.interface import PlacementPolicy as PlacementPolicy
    from placement_sim.reporting import report as report
    from placement_sim.upgrades import STRATEGIES as STRATEGIES
    from placement_sim.upgrades import UpgradeStrategy as UpgradeStrategy
    from placement_sim.widgets.explorer import explore as explore
    from placement_sim.workloads.traces import read_trace as read_trace

_HOMES = {
    "Comparison": "experiments.compare",
    "InputError": "errors",
    "Interval": "experiments.statistics",
    "POLICIES": "policies",
    "PlacementPolicy": "policies.interface",
    "PlacementSimError": "errors",
    "Result": "experiments.result",
    "STRATEGIES": "upgrades",
    "Scenario": "experiments.scenario",
    "Study": "experiments.studies.study",
    "UpgradeStrategy": "upgrades",
    "can_lose_any_host": "experiments.any_host",
    "compare": "experiments.compare",
    "explore": "widgets.explorer",
    "read_trace": "workloads.traces",
    "report": "reporting",
    "reliability": "experiments.reliability",
    "run": "experiments.run",
    "sweep": "experiments.studies.sweep",
}
__all__ = [
    "POLICIES",
    "STRATEGIES",
    "Comparison",
    "InputError",
    "Interval",
    "PlacementPolicy",
    "PlacementSimError",
    "Result",
    "Scenario",
    "Study",
    "UpgradeStrategy",
    "can_lose_any_host",
    "compare",
    "explore",
    "read_trace",
    "reliability",
    "report",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'placement_sim' has no attribute {name!r}")
    value = getattr(import_module(f"placement_sim.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOMES)
