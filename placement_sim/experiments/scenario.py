"""What a run is about, as names and numbers only: the pydantic model of a scenario file.

Every value is checked here, once; whatever `Scenario.from_toml` lets through can be built.
A scenario names policies, laws and device models, never code.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from placement_sim.errors import InputError
from placement_sim.model.service import SERVICE_MODELS, ServiceModel
from placement_sim.policies import POLICIES
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.units import parse_bandwidth, parse_bytes, parse_duration_ns
from placement_sim.workloads import synthetic

ADDRESS_LAWS: dict[str, Callable[..., Any]] = {
    "uniform": synthetic.UniformAddresses,
    "zipf": synthetic.ZipfAddresses,
    "sequential": synthetic.SequentialAddresses,
    "hot_cold": synthetic.HotColdAddresses,
}
ARRIVAL_LAWS: dict[str, Callable[..., Any]] = {
    "poisson": synthetic.Poisson,
    "fixed": synthetic.FixedRate,
    "on_off": synthetic.OnOff,
}
THINK_LAWS: dict[str, Callable[..., Any]] = {
    "fixed": synthetic.FixedThink,
    "exponential": synthetic.ExponentialThink,
}

_QUANTITY = WithJsonSchema({"type": ["string", "number"]})
Bytes = Annotated[int, BeforeValidator(parse_bytes), Field(ge=0), _QUANTITY]
DurationNs = Annotated[
    int,
    BeforeValidator(parse_duration_ns),
    Field(ge=0),
    PlainSerializer(lambda value: f"{value} ns", return_type=str),
    _QUANTITY,
]
Bandwidth = Annotated[float, BeforeValidator(parse_bandwidth), Field(gt=0, allow_inf_nan=False), _QUANTITY]
Name = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class MisfitError(ValueError):
    """Two parts of a scenario that do not fit: the key, the problem and the cure."""

    def __init__(self, key: str, problem: str, cure: str) -> None:
        super().__init__(key, problem, cure)


def construct(key: str, factory: Callable[..., Any], table: Mapping[str, Any]) -> Any:
    """Make ``factory(**table)``: `rate` means `rate_per_s`, and text carries its unit.

    Raises
    ------
    MisfitError
        A parameter is unknown, missing, or has a value that the factory refuses.

    Examples
    --------
    >>> from placement_sim.model.service import Exponential
    >>> construct("service", Exponential, {"mean": "5 ms"})
    Exponential(mean_s=0.005)
    """
    known = list(inspect.signature(factory).parameters)
    short = {re.sub("(_per_s|_bytes|_ns|_s)$", "", name): name for name in known}
    values: dict[str, Any] = {}
    for given, value in table.items():
        name = given if given in known else short.get(given)
        if name is None:
            takes = near(given, known) if known else "remove it: there are no parameters"
            raise MisfitError(f"{key}.{given}", "unknown parameter", takes)
        try:
            values[name] = _in_unit(name, value)
        except (ValueError, TypeError) as error:
            raise MisfitError(f"{key}.{given}", f"{value!r}: {error}", "mend the value") from None
    try:
        return factory(**values)
    except InputError as error:
        raise MisfitError(key, error.problem, error.cure) from None
    except (ValueError, TypeError) as error:
        raise MisfitError(key, str(error), "mend the parameters") from None


def _in_unit(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_in_unit(name, item) for item in value)
    if not isinstance(value, str):
        return value
    if name.endswith("bytes_per_s"):
        return parse_bandwidth(value)
    if name.endswith("bytes"):
        return parse_bytes(value)
    if name.endswith("_ns"):
        return parse_duration_ns(value)
    return parse_duration_ns(value) / 1e9 if name.endswith("_s") and not name.endswith("_per_s") else value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Open(BaseModel):
    """A table whose further keys are the parameters of what it names."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @property
    def parameters(self) -> dict[str, Any]:
        """The keys that are not fields."""
        return dict(self.model_extra or {})


class PolicyChoice(_Open):
    """A placement policy's name and its own parameters."""

    name: Name

    def make(self) -> PlacementPolicy:
        """Build the policy."""
        if self.name not in POLICIES:
            raise MisfitError("name", f"no policy is called {self.name!r}", near(self.name, POLICIES))
        policy: PlacementPolicy = construct("", POLICIES[self.name], self.parameters)
        return policy

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.make()
        return self


class LinkSpec(_Part):
    """A host's network link, full duplex; latency is one way."""

    latency: DurationNs = 0
    bandwidth: Bandwidth


class HostSpec(_Part):
    """A host; its failure domain is itself unless named."""

    name: Name
    failure_domain: str | None = None
    link: LinkSpec | None = None


class ServiceSpec(_Open):
    """A service-time law with its parameters, and how many operations run at once."""

    kind: Literal["hdd", "ssd", "table", "exponential", "deterministic", "uniform", "hyperexponential"]
    channels: int = Field(default=1, ge=1)

    def make(self) -> ServiceModel:
        """Build the service-time model."""
        model: ServiceModel = construct("", SERVICE_MODELS[self.kind], self.parameters)
        return model

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.make()
        return self


def data_folder() -> Path:
    """Give the folder of device models, traces and scenarios: in the wheel, else beside the package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def device_model(name: str) -> ServiceSpec:
    """Read the service-time law of a device in ``data/disks``."""
    folder = data_folder() / "disks"
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        raise MisfitError("model", f"no device model is called {name!r}", near(name, known))
    values = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    parameters = values.get("parameters", {})
    return ServiceSpec(kind=values["kind"], channels=values.get("channels", 1), **parameters)


class DiskSpec(_Part):
    """A disk, or `count` equal ones named name-0, name-1 and so on."""

    name: Name
    count: int = Field(default=1, ge=1)
    host: str | None = None
    capacity: Annotated[Bytes, Field(gt=0)]
    fill: Share | None = None
    prefilled: Bytes | None = None
    min_free: Bytes = 0
    weight: float | None = Field(default=None, ge=0, le=1e9)
    model: str | None = None
    service: ServiceSpec | None = None
    present: bool = True

    @property
    def names(self) -> list[str]:
        """Names of the disks this entry stands for."""
        return [self.name] if self.count == 1 else [f"{self.name}-{i}" for i in range(self.count)]

    @property
    def law(self) -> ServiceSpec:
        """The service-time law, given here or by the device model."""
        return self.service or device_model(self.model or "")

    @property
    def prefilled_bytes(self) -> int:
        """Foreign data at the start."""
        return self.prefilled or round((self.fill or 0.0) * self.capacity)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.fill is not None and self.prefilled is not None:
            raise MisfitError("fill", "both fill and prefilled are given", "keep one of them")
        if (self.model is None) == (self.service is None):
            raise MisfitError("model", "a disk needs exactly one of model and service", "give one of them")
        self.law.make()
        if self.prefilled_bytes > self.capacity:
            problem = f"{self.prefilled_bytes} bytes are more than the capacity of {self.capacity}"
            raise MisfitError("prefilled", problem, "give less foreign data or a larger disk")
        return self


class ObjectSpec(_Part):
    """A thin storage object; `disks` may name single disks or entries with a count."""

    name: Name
    size: Annotated[Bytes, Field(gt=0)]
    block_size: Annotated[Bytes, Field(gt=0)]
    mirrors: int = Field(default=1, ge=1, le=3)
    disks: tuple[str, ...] | None = None


class TraceSpec(_Part):
    """A recorded trace as a workload; `file` is relative to the scenario file."""

    file: Name
    format: str | None = None
    speed_up: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    start: DurationNs = 0
    end: DurationNs | None = None
    addresses: Literal["as_is", "wrap", "scale"] = "as_is"
    device: str | int | None = None
    limit: int | None = Field(default=None, ge=1)


class Law(_Open):
    """A law by name, with its parameters."""

    law: Name

    def make(self, key: str, laws: Mapping[str, Callable[..., Any]]) -> Any:
        """Build the law of this name out of `laws`."""
        if self.law not in laws:
            raise MisfitError(f"{key}.law", f"no such law: {self.law!r}", near(self.law, laws))
        return construct(key, laws[self.law], self.parameters)


class SizeShare(_Part):
    """One request size and its share of the requests."""

    size: Annotated[Bytes, Field(gt=0)]
    share: float = Field(gt=0, allow_inf_nan=False)


class ClosedLoop(_Part):
    """A fixed number of outstanding requests, each followed by a think time."""

    outstanding: int = Field(ge=1)
    think: Law | None = None


class SyntheticSpec(_Part):
    """A workload drawn from laws."""

    requests: int | None = Field(default=None, ge=1)
    read_share: Share = 0.5
    size: Annotated[Bytes, Field(gt=0)] | None = None
    sizes: tuple[SizeShare, ...] | None = None
    addresses: Law = Law(law="uniform")
    align: Annotated[Bytes, Field(gt=0)] = 4096
    arrivals: Law | None = None
    closed: ClosedLoop | None = None

    def make_laws(self) -> dict[str, Any]:
        """Build the laws of addresses, arrivals and think time, None where not given."""
        think = self.closed.think if self.closed else None
        return {
            "addresses": self.addresses.make("addresses", ADDRESS_LAWS),
            "arrivals": self.arrivals.make("arrivals", ARRIVAL_LAWS) if self.arrivals else None,
            "think": think.make("closed.think", THINK_LAWS) if think else None,
        }

    @property
    def size_shares(self) -> list[tuple[int, float]]:
        """Sizes in bytes with their shares, which are made to sum to 1."""
        if self.size is not None:
            return [(self.size, 1.0)]
        total = sum(entry.share for entry in self.sizes or ())
        return [(entry.size, entry.share / total) for entry in self.sizes or ()]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.arrivals is None) == (self.closed is None):
            raise MisfitError("arrivals", "needs exactly one of arrivals and closed", "give one of them")
        if (self.size is None) == (not self.sizes):
            raise MisfitError("size", "needs exactly one of size and sizes", "give one of them")
        self.make_laws()
        return self


class WorkloadSpec(_Part):
    """A stream of requests to one object, recorded or drawn."""

    name: Name
    object: Name
    trace: TraceSpec | None = None
    synthetic: SyntheticSpec | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.trace is None) == (self.synthetic is None):
            raise MisfitError("trace", "needs exactly one of trace and synthetic", "give one of them")
        return self


class EventSpec(_Part):
    """Something that happens to one disk at a stated time."""

    at: DurationNs
    action: Literal["add_disk", "disk_offline", "disk_online"]
    disk: Name


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Scenario(_Part):
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
    policy: Annotated[PolicyChoice, BeforeValidator(_named)] = PolicyChoice(name="most_free")
    hosts: tuple[HostSpec, ...] = ()
    disks: tuple[DiskSpec, ...] = Field(min_length=1)
    objects: tuple[ObjectSpec, ...] = Field(min_length=1)
    workloads: tuple[WorkloadSpec, ...] = Field(min_length=1)
    events: tuple[EventSpec, ...] = ()
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
            scenario = cls.model_validate(dict(values))
        except ValidationError as error:
            raise _as_input_error(cls, place, error) from None
        scenario._folder = Path(folder)
        return scenario

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON and TOML; durations as text, nothing that is a default."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return {"name": self.name, "seed": self.seed, "policy": self.policy.model_dump(), **values}

    def to_toml(self) -> str:
        """Write the scenario as TOML that `from_text` reads back to the same value."""
        return "".join(_toml_entry(key, value) for key, value in self.to_dict().items())

    @model_validator(mode="after")
    def _check(self) -> Self:
        for check in (_check_names, _check_references, _check_ends):
            check(self)
        return self


def near(name: str, known: Iterable[str]) -> str:
    """Say what to write instead of an unknown name.

    Examples
    --------
    >>> near("mostfree", ["most_free", "hash"])
    "write 'most_free'"
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"write {close[0]!r}" if close else "use one of " + ", ".join(known)


def _toml_entry(key: str, value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "".join(f"\n[[{key}]]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in row.items()) for row in value)
    return f"{key} = {_toml(value)}\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def _fields_at(model: Any, location: tuple[Any, ...]) -> list[str]:
    for part in location:
        if isinstance(part, str):
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in get_args(annotation))
    return next((inner for inner in found if inner is not None), None)


def _as_input_error(model: type[BaseModel], place: str, error: ValidationError) -> InputError:
    first = error.errors()[0]
    location = first["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, MisfitError):
        inner, problem, cure = cause.args
        path = ".".join(part for part in (key, *inner.split(".")) if part)
        return InputError(f"{place}: {path}", problem, cure)
    if first["type"] == "extra_forbidden":
        cure = near(str(location[-1]), _fields_at(model, location[:-1]))
        return InputError(f"{place}: {key}", f"unknown key {location[-1]!r}", cure)
    if first["type"] == "missing":
        return InputError(f"{place}: {key}", "is missing", f"add the key {location[-1]!r}")
    message = first["msg"].removeprefix("Value error, ")
    return InputError(f"{place}: {key}", f"{first['input']!r}: {message}", "mend the value")


def _check_names(scenario: Scenario) -> None:
    groups = {
        "hosts": [host.name for host in scenario.hosts],
        "disks": scenario.disk_names,
        "objects": [thing.name for thing in scenario.objects],
        "workloads": [workload.name for workload in scenario.workloads],
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
    for i, event in enumerate(scenario.events):
        _check_known(f"events[{i}].disk", event.disk, scenario.disk_names)
        present = next(disk.present for disk in scenario.disks if event.disk in disk.names)
        if event.action == "add_disk" and present:
            problem = f"{event.disk!r} is there from the start"
            raise MisfitError(f"events[{i}].disk", problem, "set present = false on the disk")


def _check_ends(scenario: Scenario) -> None:
    sizes = {thing.name: thing.size for thing in scenario.objects}
    for i, workload in enumerate(scenario.workloads):
        _check_known(f"workloads[{i}].object", workload.object, sizes)
        drawn, trace = workload.synthetic, workload.trace
        if drawn and drawn.requests is None and scenario.horizon is None:
            key = f"workloads[{i}].synthetic.requests"
            raise MisfitError(key, "the run would never end", "give requests here or a horizon")
        largest = max((size for size, _ in drawn.size_shares), default=0) if drawn else 0
        if largest > sizes[workload.object]:
            problem = f"requests of {largest} bytes exceed the object of {sizes[workload.object]}"
            raise MisfitError(f"workloads[{i}].synthetic.size", problem, "use smaller requests")
        if trace and trace.end is not None and trace.end <= trace.start:
            raise MisfitError(f"workloads[{i}].trace.end", "is not after start", "give a later end")
    if scenario.horizon is not None and scenario.warm_up >= scenario.horizon:
        raise MisfitError("warm_up", "is not shorter than the horizon", "shorten it")
