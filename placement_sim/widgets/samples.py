"""Parts of a scenario that can be switched on: what each begins with, which exclude each other, what has no control.

The values are places to turn from, chosen so that something shows; they are assumptions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from placement_sim.experiments.fleet import FleetSpec
from placement_sim.experiments.parts import data_folder
from placement_sim.experiments.scenario import Scenario
from placement_sim.model.faults import ACTIONS
from placement_sim.upgrades import UpgradeStrategy
from placement_sim.workloads.traces.trace import FORMATS

# Fields without a control, each with the reason; every other field of the scenario's model has one.
LEFT_OUT = {
    "Scenario.name": "a label of the file: no result depends on it",
    "HostSpec.name": "what other parts refer to it by",
    "DiskSpec.name": "what other parts refer to it by",
    "ObjectSpec.name": "what other parts refer to it by",
    "WorkloadSpec.name": "what its random numbers are keyed by: another name is another draw",
}
MOST_NAMES = 100  # to choose from; more are typed


class Form(NamedTuple):
    """Fields that exclude each other: the option's name -> its fields."""

    name: str
    options: Mapping[str, tuple[str, ...]]

    def chosen(self, part: Any) -> str:
        """Give the last option that has a value; the first where none has."""
        given = [option for option, names in self.options.items() if any(getattr(part, n) is not None for n in names)]
        return given[-1] if given else next(iter(self.options))

    def option_of(self, field: str) -> str | None:
        """Give the option that a field belongs to."""
        return next((option for option, names in self.options.items() if field in names), None)


FORMS: dict[str, tuple[Form, ...]] = {
    "DiskSpec": (Form("service_times", {"model": ("model",), "service": ("service",)}),),
    "WorkloadSpec": (Form("requests_from", {"trace": ("trace",), "synthetic": ("synthetic",)}),),
    "SyntheticSpec": (
        Form("sizes_of_requests", {"size": ("size",), "sizes": ("sizes",)}),
        Form("loop", {"open": ("arrivals",), "closed": ("closed",)}),
    ),
    "FailuresSpec": (Form("redundancy", {"lost": (), "replace": ("replace",), "rebuild": ("rebuild",)}),),
    "TransferSpec": (Form("io_from", {"drawn": ("read", "written", "requests", "think"), "trace": ("trace",)}),),
}
# Fields that belong to some values of a sibling.
BELONGS: dict[str, tuple[str, frozenset[str]]] = {
    "EventSpec.disk": ("action", frozenset(name for name, action in ACTIONS.items() if action.target == "disk")),
    "EventSpec.host": ("action", frozenset(name for name, action in ACTIONS.items() if action.target == "host")),
    "EventSpec.factor": ("action", frozenset({"disk_slow"})),
    "EventSpec.spread": ("action", frozenset({"rebalance"})),
}


def _first(names: list[str], otherwise: str) -> str:
    return names[0] if names else otherwise


def new_name(names: list[str], stem: str) -> str:
    """Give a name that is not taken.

    Examples
    --------
    >>> new_name(["disk-1"], "disk"), new_name(["disk-1", "disk-2"], "disk")
    ('disk-2', 'disk-3')
    """
    return next(name for i in range(1, len(names) + 2) if (name := f"{stem}-{i}") not in names)


MINUTE: dict[str, Any] = {"law": "exponential", "mean_s": 60}
SYNTHETIC: dict[str, Any] = {"requests": 1000, "size": "16 KiB", "arrivals": {"law": "poisson", "rate_per_s": 50}}


def _another(scenario: Scenario, field: str, stem: str, first: dict[str, Any]) -> dict[str, Any]:
    """Copy the last entry of a list under a new name, or begin the list."""
    entries = getattr(scenario, field)
    names = [*(entry.name for entry in entries), *(scenario.disk_names if field == "disks" else ())]
    copy = entries[-1].model_dump(mode="json", exclude_none=True, exclude_unset=True) if entries else first
    return copy | {"name": new_name(names, stem)}


def _event(scenario: Scenario) -> dict[str, Any]:
    at = f"{(scenario.horizon or 20 * 10**9) // 2} ns"
    return {"at": at, "action": "disk_fail", "disk": scenario.disk_names[0]}


def _strategy(scenario: Scenario) -> UpgradeStrategy:
    return (scenario.fleet.strategy if scenario.fleet else FleetSpec(machines=1).strategy).make()


def _object_name(scenario: Scenario) -> str:
    return _first([thing.name for thing in scenario.objects], "object-1")


SAMPLES: dict[str, Callable[[Scenario], Any]] = {
    "Scenario.hosts": lambda s: {"name": new_name([host.name for host in s.hosts], "host")},
    "Scenario.disks": lambda s: _another(s, "disks", "disk", {}) | {"count": 1},
    "Scenario.objects": lambda s: _another(s, "objects", "object", {"size": "1 GiB", "block_size": "1 MiB"}),
    "Scenario.workloads": lambda s: _another(
        s, "workloads", "workload", {"object": _object_name(s), "synthetic": SYNTHETIC}
    ),
    "Scenario.events": _event,
    "Scenario.fleet": lambda s: {"machines": 6},
    "Scenario.failures": lambda s: {"disks": MINUTE},
    "HostSpec.link": lambda s: {"latency": "50 us", "bandwidth": "10 Gbit/s"},
    "DiskSpec.model": lambda s: "hdd-7200",
    "DiskSpec.service": lambda s: {"kind": "exponential", "mean_s": 0.006},
    "WorkloadSpec.trace": lambda s: {"file": "trace.csv"},
    "WorkloadSpec.synthetic": lambda s: SYNTHETIC,
    "SyntheticSpec.size": lambda s: 16 * 2**10,
    "SyntheticSpec.sizes": lambda s: {"size": "64 KiB", "share": 0.5},
    "SyntheticSpec.arrivals": lambda s: SYNTHETIC["arrivals"],
    "SyntheticSpec.closed": lambda s: {"outstanding": 4},
    "ClosedLoop.think": lambda s: {"law": "exponential", "mean_s": 0.01},
    "FleetSpec.guest": lambda s: SYNTHETIC | {"requests": None, "arrivals": {"law": "poisson", "rate_per_s": 0.2}},
    "TransferSpec.trace": lambda s: {"file": "trace.csv"},
    "FailuresSpec.disks": lambda s: MINUTE,
    "FailuresSpec.hosts": lambda s: {
        "life": {"law": "exponential", "mean_s": 60},
        "down": {"law": "fixed", "time_s": 5},
    },
    "FailuresSpec.replace": lambda s: {"law": "fixed", "time_s": 10},
    "FailuresSpec.rebuild": lambda s: {"rate": "20 MB/s"},
    "EventSpec.disk": lambda s: s.disk_names[0],
    "EventSpec.host": lambda s: _first([host.name for host in s.hosts], ""),
    "EventSpec.factor": lambda s: 4.0,
    "EventSpec.spread": lambda s: 0.1,
    "window": lambda s: {"opens_s": 0, "length_s": 3600},
    "planned": lambda s: {"machine": 0, "step": _strategy(s).steps[0].name},
}
# Names of other parts.
REFERENCES: dict[str, Callable[[Scenario], list[str]]] = {
    "DiskSpec.host": lambda s: [host.name for host in s.hosts],
    "WorkloadSpec.object": lambda s: [thing.name for thing in s.objects],
    "EventSpec.disk": lambda s: s.disk_names,
    "EventSpec.host": lambda s: [host.name for host in s.hosts],
    "DiskSpec.model": lambda s: sorted(file.stem for file in (data_folder() / "disks").glob("*.toml")),
    "TraceSpec.format": lambda s: list(FORMATS),
}
