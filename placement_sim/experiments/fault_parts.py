"""The parts of a scenario that break things: scheduled events, laws of failure, how redundancy returns."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.engine.reliability import Outages, Replacement
from placement_sim.experiments.misfit import MisfitError
from placement_sim.experiments.parts import Bandwidth, Bytes, DurationNs, Law, Name, Part
from placement_sim.model.faults import ACTIONS
from placement_sim.workloads.failures import FAILURE_LAWS, LifeLaw

NS = 1e-9
COMPONENT_BYTES = 255 * 10**9  # vSAN cuts an object into components of up to 255 GB (VMware documentation)


class EventSpec(Part):
    """Something that happens to one disk, one host or the cluster at a stated time.

    `factor` is that of ``disk_slow``; `spread` is the difference of fills at which ``rebalance`` ends.
    """

    at: DurationNs
    action: Literal[
        "add_disk",
        "disk_offline",
        "disk_online",
        "disk_fail",
        "disk_read_only",
        "disk_writable",
        "disk_slow",
        "host_down",
        "host_up",
        "host_cut_off",
        "host_rejoined",
        "sector_error",
        "evacuate",
        "rebalance",
        "rebalance_stop",
        "power_loss",
        "power_on",
    ]
    disk: Name | None = None
    host: Name | None = None
    factor: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    spread: float | None = Field(default=None, gt=0, lt=1)

    @property
    def target(self) -> str:
        """Name of the disk or host."""
        return self.disk or self.host or ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        wanted = ACTIONS[self.action].target
        given = [kind for kind in ("disk", "host") if getattr(self, kind) is not None]
        if wanted == "cluster" and given:
            raise MisfitError(given[0], f"{self.action} is of the whole cluster", "remove it")
        if wanted != "cluster" and given != [wanted]:
            problem = f"{self.action} strikes a {wanted}, given is {' and '.join(given) or 'none'}"
            raise MisfitError(wanted, problem, f"name a {wanted} and nothing else")
        if (self.spread is None) == (self.action == "rebalance"):
            cure = "give the difference of fills that may remain" if self.spread is None else "remove the spread"
            raise MisfitError("spread", f"belongs to rebalance, the action is {self.action}", cure)
        if (self.factor is None) == (self.action == "disk_slow"):
            cure = "give the factor of its service times" if self.factor is None else "remove the factor"
            raise MisfitError("factor", f"belongs to disk_slow, the action is {self.action}", cure)
        return self


class OutageSpec(Part):
    """Hosts that go down after lives of one law and return, with their data, after times of another."""

    life: Law
    down: Law

    def make(self) -> Outages:
        """Build the laws."""
        return Outages(self.life.make("life", FAILURE_LAWS), self.down.make("down", FAILURE_LAWS))

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.make()
        return self


class RebuildSpec(Part):
    """Rebuild of what was written onto other disks, see ``engine.rebuild_queue.Rebuild``."""

    rate: Bandwidth
    streams: int = Field(default=1, ge=1)
    delay: DurationNs = 0
    replace_after: Annotated[DurationNs, Field(gt=0)] = 86_400 * 10**9

    def make(self) -> Rebuild:
        """Build what the engine takes."""
        return Rebuild(self.rate, self.streams, self.delay * NS, self.replace_after * NS)


class FailuresSpec(Part):
    """Failures drawn from laws or replayed from a log, and how redundancy returns.

    `log` is relative to the scenario. `group_size` cuts objects into what is placed and rebuilt as
    one where no guest I/O places blocks.
    """

    disks: Law | None = None
    hosts: OutageSpec | None = None
    log: Name | None = None
    replace: Law | None = None
    rebuild: RebuildSpec | None = None
    group_size: Annotated[Bytes, Field(gt=0)] = COMPONENT_BYTES

    def life(self) -> LifeLaw | None:
        """Build the law of the disks' lives."""
        law: LifeLaw | None = self.disks.make("disks", FAILURE_LAWS) if self.disks else None
        return law

    def repair(self) -> Replacement | Rebuild | None:
        """Build the way in which redundancy returns."""
        if self.rebuild is not None:
            return self.rebuild.make()
        return Replacement(self.replace.make("replace", FAILURE_LAWS)) if self.replace else None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.replace is not None and self.rebuild is not None:
            raise MisfitError("replace", "both replace and rebuild are given", "keep one of them")
        self.life()
        self.repair()
        return self
