"""The ``[fleet]`` section of a scenario: machines, their disks, an upgrade, and how it is brought out.

Names and numbers only. Sizes of boot, start and patch default to published numbers or to stated assumptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from placement_sim.experiments.misfit import MisfitError, construct, near
from placement_sim.experiments.parts import Bytes, DurationNs, Name, Open, Part, SyntheticSpec, TraceSpec, named
from placement_sim.upgrades import ROLLOUTS, STRATEGIES, Rollout, UpgradeStrategy, make_strategy
from placement_sim.upgrades.failures import Failures, PlannedFailure
from placement_sim.upgrades.limits import Limits
from placement_sim.upgrades.rollouts import MaintenanceWindow

HAZARD = (
    "the data disks would be block-level deltas of OS disk 1, and over OS disk 2 their blocks mean nothing (B10): "
    "data would be ruined"
)


class BaseDisk(Part):
    """A disk of a template: its size, and how much of it is written and read."""

    size: Annotated[Bytes, Field(gt=0)]
    content: Annotated[Bytes, Field(gt=0)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.content > self.size:
            raise MisfitError("content", f"{self.content} bytes exceed the disk of {self.size}", "give less")
        return self


class DataDisk(Part):
    """The data disk of each machine; thin."""

    size: Annotated[Bytes, Field(gt=0)] = 2 * 2**30


def _named_file(value: Any) -> Any:
    """Let a trace be named by its file alone."""
    return {"file": value} if isinstance(value, str) else value


class TransferSpec(Part):
    """I/O of a step, a closed loop: so many bytes in so many requests, and the time that it takes on instant disks.

    ``requests = 0`` leaves the I/O out; fewer, larger requests of the same bytes run faster. `trace` takes the place
    of all four: recorded requests, whose times apart are think times.
    """

    read: Bytes = 0
    written: Bytes = 0
    requests: int = Field(default=0, ge=0)
    think: DurationNs = 0
    trace: Annotated[TraceSpec, BeforeValidator(_named_file)] | None = None

    @property
    def is_any(self) -> bool:
        """Whether it moves anything."""
        return self.requests > 0 or self.trace is not None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.trace is not None and len(self.model_fields_set) > 1:
            other = min(self.model_fields_set - {"trace"})
            raise MisfitError(other, "a trace says that already", "give the trace alone, or no trace")
        if self.requests > self.read + self.written:
            problem = f"{self.requests} requests for {self.read + self.written} bytes"
            raise MisfitError("requests", problem, "give more bytes, or fewer requests")
        return self


class StrategyChoice(Open):
    """An upgrade strategy's name and its own parameters."""

    name: Name

    def make(self) -> UpgradeStrategy:
        """Build the strategy."""
        if self.name not in STRATEGIES:
            raise MisfitError("name", f"no strategy is called {self.name!r}", near(self.name, STRATEGIES))
        strategy: UpgradeStrategy = construct("", STRATEGIES[self.name], self.parameters)
        return strategy

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.make()
        return self


class RolloutChoice(Open):
    """A rollout's name and its own parameters; ``window`` is a table of opens, length and every."""

    name: Name

    def make(self) -> Rollout:
        """Build the rollout."""
        if self.name not in ROLLOUTS:
            raise MisfitError("name", f"no rollout is called {self.name!r}", near(self.name, ROLLOUTS))
        values = self.parameters
        if isinstance(values.get("window"), Mapping):
            values["window"] = construct("window", MaintenanceWindow, values["window"])
        rollout: Rollout = construct("", ROLLOUTS[self.name], values)
        return rollout

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.make()
        return self


RECORDED_STEPS = ("boot", "start", "patch")  # whose I/O may come from a trace


class FleetSpec(Part):
    """A fleet of linked clones and an upgrade.

    Parameters
    ----------
    delivers
        Which disk may carry the new version; ``any``: it can be packaged in either.
    layout
        ``independent`` data disks, or ``delta_of_base``, which is refused unless `insist` is set.
    datastores
        Lists of disks; machines take turns on them. None: one of all disks.
    keep_old
        How long each machine keeps its old version after its upgrade; one that the gate may want back is kept until
        the rollout has ended. The template's old disk, which all share, goes with the last machine.
    host_cache
        Memory of each host that keeps blocks of the templates' disks; off by default, because it changes who wins.
    hosts
        Where the machines run; None: every host of the scenario. Machines take turns.
    """

    machines: int = Field(ge=1, le=100_000)
    strategy: Annotated[StrategyChoice, BeforeValidator(named)] = StrategyChoice(name="software_swap")
    rollout: Annotated[RolloutChoice, BeforeValidator(named)] = RolloutChoice(name="rolling")
    delivers: Literal["any", "os", "software"] = "any"
    layout: Literal["independent", "delta_of_base"] = "independent"
    insist: bool = False
    hosts: tuple[str, ...] | None = None
    datastores: tuple[tuple[str, ...], ...] | None = None
    block_size: Annotated[Bytes, Field(gt=0)] = 2**20
    mirrors: int = Field(default=1, ge=1, le=3)
    host_cache: Bytes = 0
    os: BaseDisk = BaseDisk(size=20 * 2**30, content=8 * 2**30)  # assumption
    software: BaseDisk = BaseDisk(size=4 * 2**30, content=2 * 2**30)  # assumption
    data: DataDisk = DataDisk()
    # 500-600 MB read, 20-30 MB written, about 70,000 requests in 2-3 min: ThinScale on Windows 7.
    boot: TransferSpec = TransferSpec(read=550_000_000, written=25_000_000, requests=70_000, think=140)
    # Assumption: a tenth of a boot's requests, mostly reads of the software disk.
    start: TransferSpec = TransferSpec(read=150_000_000, written=2_000_000, requests=7_000, think=10)
    # Assumption: a patch of 1 GB in requests of 64 KiB.
    patch: TransferSpec = TransferSpec(written=1_000_000_000, requests=15_259)
    guest: SyntheticSpec | None = None
    lead_in: DurationNs = 0
    lead_out: DurationNs = 0
    keep_old: DurationNs = 0
    limits: dict[str, Any] = Field(default_factory=dict)
    failures: dict[str, Any] = Field(default_factory=dict)

    @property
    def traces(self) -> dict[str, TraceSpec]:
        """The recorded steps, as ``fleet.boot``."""
        steps = {name: getattr(self, name).trace for name in RECORDED_STEPS}
        return {f"fleet.{name}": trace for name, trace in steps.items() if trace is not None}

    def make_limits(self) -> Limits:
        """Build the limits of the management server."""
        limits: Limits = construct("limits", Limits, self.limits)
        return limits

    def make_failures(self) -> Failures:
        """Build what may go wrong."""
        planned = tuple(
            construct(f"failures.planned[{i}]", PlannedFailure, row)
            for i, row in enumerate(self.failures.get("planned", ()))
        )
        failures: Failures = construct("failures", Failures, self.failures | {"planned": planned})
        return failures

    def check_strategy(self, strategy: UpgradeStrategy) -> None:
        """Refuse a strategy that cannot deliver this upgrade.

        Raises
        ------
        MisfitError
            It changes the other disk, or a planned failure names a step or a machine that is not there.
        """
        if self.delivers not in ("any", strategy.role):
            problem = (
                f"{strategy.name} changes the {strategy.role} disk, the new version is on the {self.delivers} disk"
            )
            raise MisfitError("strategy", problem, "choose a strategy for that disk, or deliver 'any'")
        names = [step.name for step in strategy.steps]
        for i, planned in enumerate(self.make_failures().planned):
            if not 0 <= planned.machine < self.machines:
                problem = f"there is no machine number {planned.machine}"
                raise MisfitError(f"failures.planned[{i}].machine", problem, f"give 0 to {self.machines - 1}")
            if planned.step not in names and self.strategy.name == strategy.name:
                problem = f"{strategy.name} has no step {planned.step!r}"
                raise MisfitError(f"failures.planned[{i}].step", problem, near(planned.step, names))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.layout == "delta_of_base" and not self.insist:
            raise MisfitError("layout", HAZARD, "use 'independent', or set insist = true to see the consequence")
        self.make_limits()
        self.check_strategy(self.strategy.make())
        for key, base in (("boot", self.os), ("start", self.software)):
            transfer: TransferSpec = getattr(self, key)
            if transfer.read > base.content:
                problem = f"{transfer.read} bytes exceed the content of {base.content}"
                raise MisfitError(f"{key}.read", problem, "read less, or give the disk more content")
            if transfer.written > self.data.size:
                raise MisfitError(f"{key}.written", "is more than the data disk", "write less, or enlarge it")
        if self.patch.written > min(self.os.size, self.software.size):
            raise MisfitError("patch.written", "is more than the smaller disk", "write less, or enlarge the disk")
        largest = max((size for size, _ in self.guest.size_shares), default=0) if self.guest else 0
        if largest > self.data.size:
            raise MisfitError("guest.size", f"requests of {largest} bytes exceed the data disk", "use smaller ones")
        return self


def resolve_strategy(fleet: FleetSpec, strategy: str | UpgradeStrategy | None) -> UpgradeStrategy:
    """Give the strategy object; a name alone takes the scenario's parameters if they are that strategy's.

    Raises
    ------
    InputError
        No strategy has this name, it cannot deliver the upgrade, or it would lose machines.
    """
    from placement_sim.errors import InputError
    from placement_sim.upgrades.check import check_strategy

    if strategy is None or strategy == fleet.strategy.name:
        chosen = fleet.strategy.make()
    elif isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise InputError("strategy", f"no strategy is called {strategy!r}", near(strategy, STRATEGIES))
        chosen = make_strategy(strategy)
    else:
        chosen = strategy
        check_strategy(chosen)
    try:
        fleet.check_strategy(chosen)
    except MisfitError as error:
        key, problem, cure = error.args
        raise InputError(f"fleet.{key}", problem, cure) from None
    return chosen
