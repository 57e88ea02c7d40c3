"""What a run is about, as names and numbers only: the pydantic model of a scenario file.

Every value is checked here, once; whatever `Scenario.from_toml` lets through can be built.
A scenario names policies, laws and device models, never code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from placement_sim.errors import InputError
from placement_sim.experiments.fault_parts import EventSpec, FailuresSpec
from placement_sim.experiments.fleet import FleetSpec
from placement_sim.experiments.misfit import MisfitError, as_input_error, near
from placement_sim.experiments.parts import (
    DiskSpec,
    DurationNs,
    HostSpec,
    ObjectSpec,
    Part,
    PolicyChoice,
    WorkloadSpec,
    named,
)
from placement_sim.experiments.toml_text import toml_text


class Scenario(Part):
    """A run's whole description: a frozen value that prints as TOML and reads back.

    Examples
    --------
    >>> scenario = Scenario.from_text('''
    ... objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
    ... [[disks]]
    ... name = "d"
    ... count = 2
    ... capacity = "1 GiB"
    ... service = {kind = "exponential", mean = "5 ms"}
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 10, size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... ''')
    >>> scenario.disk_names
    ['d-0', 'd-1']
    >>> Scenario.from_text(scenario.to_toml()) == scenario
    True
    """

    name: str = "scenario"
    seed: int = Field(default=1, ge=0)
    horizon: Annotated[DurationNs, Field(gt=0)] | None = None
    window: Annotated[DurationNs, Field(gt=0)] | None = None
    warm_up: DurationNs = 0
    on_no_space: Literal["continue", "stop"] = "continue"
    policy: Annotated[PolicyChoice, BeforeValidator(named)] = PolicyChoice(name="most_free")
    hosts: tuple[HostSpec, ...] = ()
    disks: tuple[DiskSpec, ...] = Field(min_length=1)
    objects: tuple[ObjectSpec, ...] = ()
    workloads: tuple[WorkloadSpec, ...] = ()
    fleet: FleetSpec | None = None
    events: tuple[EventSpec, ...] = ()
    failures: FailuresSpec | None = None
    _folder: Path = PrivateAttr(default=Path("."))

    @property
    def folder(self) -> Path:
        """Where the files of its traces are looked for."""
        return self._folder

    @property
    def disk_names(self) -> list[str]:
        """Names of all disks, entries with a count written out."""
        return [name for disk in self.disks for name in disk.names]

    @property
    def window_ns(self) -> int:
        """Length of a window of the timeline."""
        return self.window or max(1, (self.horizon or 100 * 10**9) // 100)

    def disk_indices(self, names: Iterable[str] | None) -> list[int]:
        """Give the indices of disks named singly or by their entry; None is all of them."""
        every = self.disk_names
        if names is None:
            return list(range(len(every)))
        groups = {disk.name: disk.names for disk in self.disks}
        return [every.index(single) for name in names for single in groups.get(name, [name])]

    @classmethod
    def from_toml(cls, path: str | Path) -> Scenario:
        """Read a scenario file; an InputError says file, key, value and cure."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8 text"
            raise InputError(str(path), str(reason), "name a readable scenario file in TOML") from None
        return cls.from_text(text, place=str(path), folder=path.parent)

    @classmethod
    def from_text(cls, text: str, *, place: str = "scenario", folder: str | Path = ".") -> Scenario:
        """Read a scenario from TOML text; traces are looked for in `folder`."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(place, f"not valid TOML: {error}", "mend the syntax at that place") from None
        return cls.from_dict(values, place=place, folder=folder)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, place: str = "scenario", folder: str | Path = ".") -> Scenario:
        """Check plain values as a TOML file would hold them."""
        try:
            scenario = cls.model_validate(dict(values), context={"folder": Path(folder)})
        except ValidationError as error:
            raise as_input_error(cls, place, error) from None
        scenario._folder = Path(folder)
        return scenario

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON and TOML; durations as text, nothing that is a default."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return {"name": self.name, "seed": self.seed, "policy": self.policy.model_dump(), **values}

    def to_toml(self) -> str:
        """Write the scenario as TOML that `from_text` reads back to the same value."""
        return toml_text(self.to_dict())

    @model_validator(mode="after")
    def _check(self) -> Self:
        for check in (_check_purpose, _check_names, _check_references, _check_fleet, _check_ends):
            check(self)
        return self


def _check_purpose(scenario: Scenario) -> None:
    if scenario.fleet is None and not (scenario.objects and scenario.workloads):
        missing = "workloads" if scenario.objects else "objects"
        raise MisfitError(missing, "none are given, and no fleet either", f"add [[{missing}]] or a [fleet]")


def _check_fleet(scenario: Scenario) -> None:
    fleet = scenario.fleet
    if fleet is None:
        return
    for i, name in enumerate(fleet.hosts or ()):
        _check_known(f"fleet.hosts[{i}]", name, [host.name for host in scenario.hosts])
    stores = fleet.datastores if fleet.datastores is not None else (tuple(scenario.disk_names),)
    if not stores or fleet.hosts == ():
        raise MisfitError("fleet", "no datastore or no host is left", "leave the key out to use all")
    known = [*scenario.disk_names, *(disk.name for disk in scenario.disks)]
    for i, store in enumerate(stores):
        for j, name in enumerate(store):
            _check_known(f"fleet.datastores[{i}][{j}]", name, known)
        indices = scenario.disk_indices(store)
        if len(set(indices)) < len(indices):
            raise MisfitError(f"fleet.datastores[{i}]", "a disk is listed twice", "list each disk once")
        if fleet.mirrors > len(indices):
            problem = f"{fleet.mirrors} mirrors do not fit on {len(indices)} disks"
            raise MisfitError(f"fleet.datastores[{i}]", problem, "use fewer mirrors or more disks")


def _check_names(scenario: Scenario) -> None:
    fleet = scenario.fleet
    groups = {
        "hosts": [host.name for host in scenario.hosts],
        "disks": scenario.disk_names,
        "objects": [thing.name for thing in scenario.objects],
        "workloads": [workload.name for workload in scenario.workloads] + list(fleet.traces if fleet else ()),
    }
    for key, names in groups.items():
        for name in names:
            if names.count(name) > 1:
                raise MisfitError(key, f"the name {name!r} is given twice", "give each its own name")


def _check_known(key: str, name: str, known: Iterable[str]) -> None:
    if name not in (known := list(known)):
        raise MisfitError(key, f"{name!r} is not known", near(name, known))


def _check_references(scenario: Scenario) -> None:
    disks = [*scenario.disk_names, *(disk.name for disk in scenario.disks)]
    for i, disk in enumerate(scenario.disks):
        if disk.host is not None:
            _check_known(f"disks[{i}].host", disk.host, [host.name for host in scenario.hosts])
    for i, thing in enumerate(scenario.objects):
        for j, name in enumerate(thing.disks or ()):
            _check_known(f"objects[{i}].disks[{j}]", name, disks)
        indices = scenario.disk_indices(thing.disks)
        if len(set(indices)) < len(indices):
            raise MisfitError(f"objects[{i}].disks", "a disk is listed twice", "list each disk once")
        if thing.mirrors > len(indices):
            problem = f"{thing.mirrors} mirrors do not fit on {len(indices)} disks"
            raise MisfitError(f"objects[{i}].mirrors", problem, "use fewer mirrors or more disks")
    _check_events(scenario)


def _check_events(scenario: Scenario) -> None:
    hosts = [host.name for host in scenario.hosts]
    absent = {name for disk in scenario.disks if not disk.present for name in disk.names}
    for i, event in enumerate(scenario.events):
        kind = "disk" if event.disk else "host"
        if event.target:
            _check_known(f"events[{i}].{kind}", event.target, scenario.disk_names if event.disk else hosts)
        if event.action == "add_disk" and event.target not in absent:
            problem = f"{event.target!r} is there from the start"
            raise MisfitError(f"events[{i}].disk", problem, "set present = false on the disk")
    failures = scenario.failures
    if failures and failures.hosts and not hosts:
        raise MisfitError("failures.hosts", "there are no hosts", "name hosts, and the host of each disk")


def _check_ends(scenario: Scenario) -> None:
    sizes = {thing.name: thing.size for thing in scenario.objects}
    for i, workload in enumerate(scenario.workloads):
        _check_known(f"workloads[{i}].object", workload.object, sizes)
        drawn = workload.synthetic
        if drawn and drawn.requests is None and scenario.horizon is None:
            key = f"workloads[{i}].synthetic.requests"
            raise MisfitError(key, "the run would never end", "give requests here or a horizon")
        largest = max((size for size, _ in drawn.size_shares), default=0) if drawn else 0
        if largest > sizes[workload.object]:
            problem = f"requests of {largest} bytes exceed the object of {sizes[workload.object]}"
            raise MisfitError(f"workloads[{i}].synthetic.size", problem, "use smaller requests")
    if scenario.horizon is not None and scenario.warm_up >= scenario.horizon:
        raise MisfitError("warm_up", "is not shorter than the horizon", "shorten it")
