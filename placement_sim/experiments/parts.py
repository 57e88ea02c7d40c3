"""The parts of a scenario: hosts, disks, objects, workloads and laws, as pydantic models."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from placement_sim.experiments.misfit import MisfitError, as_input_error, construct, near
from placement_sim.model.service import SERVICE_MODELS, ServiceModel
from placement_sim.policies import POLICIES
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.units import parse_bandwidth, parse_bytes, parse_duration_ns
from placement_sim.workloads import ADDRESSES, ARRIVALS, THINK
from placement_sim.workloads.traces.trace import WINDOW_REQUESTS

DEVICE_KEYS = ("source", "assumptions", "kind", "channels", "parameters")

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


class Part(BaseModel):
    """A frozen table that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Open(BaseModel):
    """A table whose further keys are the parameters of what it names."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @property
    def parameters(self) -> dict[str, Any]:
        """The keys that are not fields."""
        return dict(self.model_extra or {})


class PolicyChoice(Open):
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


class LinkSpec(Part):
    """A host's network link, full duplex; latency is one way."""

    latency: DurationNs = 0
    bandwidth: Bandwidth


class HostSpec(Part):
    """A host; its failure domain is itself unless named."""

    name: Name
    failure_domain: str | None = None
    link: LinkSpec | None = None


class ServiceSpec(Open):
    """A service-time law with its parameters, and how many operations run at once."""

    kind: Literal["hdd", "ssd", "table", "exponential", "deterministic", "uniform", "hyperexponential", "measured"]
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


def device_model(name: str, folder: Path | None = None) -> ServiceSpec:
    """Read the service-time law of a device in ``data/disks``, or of a file ``*.toml`` relative to `folder`."""
    if name.endswith(".toml"):
        path = (folder or Path(".")) / name
    else:
        path = data_folder() / "disks" / f"{name}.toml"
        known = sorted(file.stem for file in path.parent.glob("*.toml"))
        if name not in known:
            raise MisfitError("model", f"no device model is called {name!r}", near(name, known))
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise MisfitError("model", f"{name!r}: {reason}", "name a disk model that can be read") from None
    except tomllib.TOMLDecodeError as error:
        raise MisfitError("model", f"{name!r} is not valid TOML: {error}", "mend the file") from None
    unknown = sorted(set(values) - set(DEVICE_KEYS))
    if unknown or "kind" not in values or not isinstance(values.get("parameters", {}), dict):
        problem = f"{name!r} has the unknown key {unknown[0]!r}" if unknown else f"{name!r} is no disk model"
        raise MisfitError("model", problem, f"a disk model has the keys {', '.join(DEVICE_KEYS)}")
    law = {"kind": values["kind"], "channels": values.get("channels", 1)}
    try:
        return ServiceSpec.model_validate({**values.get("parameters", {}), **law})
    except ValidationError as error:
        found = as_input_error(ServiceSpec, name, error)
        raise MisfitError("model", f"{found.place}: {found.problem}", found.cure) from None


class DiskSpec(Part):
    """A disk, or `count` equal ones named name-0, name-1 and so on.

    A `model` that ends in ``.toml`` is a file relative to the scenario; its numbers are taken
    in as `service`, so that a scenario holds all that its results depend on.
    """

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

    @model_validator(mode="before")
    @classmethod
    def _take_in(cls, values: Any, info: ValidationInfo) -> Any:
        model = values.get("model") if isinstance(values, dict) else None
        if not isinstance(model, str) or not model.endswith(".toml") or values.get("service") is not None:
            return values
        law = device_model(model, (info.context or {}).get("folder"))
        return {key: value for key, value in values.items() if key != "model"} | {"service": law}

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


class ObjectSpec(Part):
    """A thin storage object; `disks` may name single disks or entries with a count."""

    name: Name
    size: Annotated[Bytes, Field(gt=0)]
    block_size: Annotated[Bytes, Field(gt=0)]
    mirrors: int = Field(default=1, ge=1, le=3)
    disks: tuple[str, ...] | None = None


class TraceSpec(Part):
    """A recorded trace as a workload; `file` is relative to the scenario file.

    `address_span` saves the pass over the trace that scaling else needs; `sort_window` is in rows.
    """

    file: Name
    format: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    on_bad_row: Literal["error", "skip"] = "error"
    sort_window: int = Field(default=WINDOW_REQUESTS, ge=1)
    speed_up: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    start: DurationNs = 0
    end: DurationNs | None = None
    addresses: Literal["as_is", "wrap", "scale"] = "as_is"
    address_span: Annotated[Bytes, Field(gt=0)] | None = None
    device: str | int | None = None
    limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise MisfitError("end", "is not after start", "give a later end")
        return self


class Law(Open):
    """A law by name, with its parameters."""

    law: Name

    def make(self, key: str, laws: Mapping[str, Callable[..., Any]]) -> Any:
        """Build the law of this name out of `laws`."""
        if self.law not in laws:
            raise MisfitError(f"{key}.law", f"no such law: {self.law!r}", near(self.law, laws))
        return construct(key, laws[self.law], self.parameters)


class SizeShare(Part):
    """One request size and its share of the requests."""

    size: Annotated[Bytes, Field(gt=0)]
    share: float = Field(gt=0, allow_inf_nan=False)


class ClosedLoop(Part):
    """A fixed number of outstanding requests, each followed by a think time."""

    outstanding: int = Field(ge=1)
    think: Law | None = None


class SyntheticSpec(Part):
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
            "addresses": self.addresses.make("addresses", ADDRESSES),
            "arrivals": self.arrivals.make("arrivals", ARRIVALS) if self.arrivals else None,
            "think": think.make("closed.think", THINK) if think else None,
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


class WorkloadSpec(Part):
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


def named(value: Any) -> Any:
    """Let a bare name stand for a table with that name."""
    return {"name": value} if isinstance(value, str) else value
