"""What an upgrade of a fleet is given and what it leaves: plain values, no configuration.

`experiments` fills a plan from a scenario; `upgrade` carries it out and writes the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from placement_sim.engine.datapath import Stream
from placement_sim.model.machine import Template, VirtualMachine
from placement_sim.upgrades.failures import Failures
from placement_sim.upgrades.limits import Limits
from placement_sim.upgrades.rollouts import Rollout
from placement_sim.upgrades.steps import UpgradeStrategy
from placement_sim.workloads.requests import Requests


@dataclass(frozen=True)
class Transfer:
    """A closed loop of requests that belongs to a step.

    Parameters
    ----------
    disk
        What it goes to: the machine's ``os``, ``software`` or ``data``, ``twin os``, or the name of a template's disk.
    requests
        Chunks of arrays; ``time_ns`` is think time.
    outstanding
        Requests at a time.
    think_ns
        Sum of the think times over `outstanding`: what it takes on disks that answer at once.
    writes
        Whether there are writes among them; reads take no space, which then need not be counted again.
    """

    disk: str
    requests: Iterator[Requests]
    outstanding: int
    think_ns: int
    writes: bool


@dataclass(frozen=True)
class FleetMember:
    """One machine with the places of its objects in the cluster; -1 where it has none.

    ``os_object`` and ``software_object`` are its links: thin objects whose unallocated blocks are read from the
    linked disk. A twin's objects are there only for strategies that make one.
    """

    machine: VirtualMachine
    host_index: int
    datastore: str
    os_object: int
    software_object: int
    data_object: int
    twin_os_object: int = -1
    twin_software_object: int = -1


@dataclass(frozen=True)
class FleetPlan:
    """A fleet, an upgrade and the rules by which it is brought out.

    Parameters
    ----------
    disk_objects
        Name of each template's disk -> its object in the cluster.
    io
        Key of a step's I/O and name of a machine -> its transfers; a key that is missing means no I/O.
    template_io
        Name of a template's disk -> the transfers that make it.
    guest
        Machine index and number of the start of its application -> its stream; None where guests are idle.
    lead_in_ns, lead_out_ns
        Time with guests before the upgrade is available, and after the rollout.
    keep_old_ns
        How long a machine keeps its old version after its upgrade; longer while a gate may roll it back.
    hazardous
        Data disks are deltas of OS disk 1 (B10), because the scenario insisted.
    """

    seed: int
    members: tuple[FleetMember, ...]
    templates: tuple[Template, Template]
    strategy: UpgradeStrategy
    rollout: Rollout
    limits: Limits
    failures: Failures
    disk_objects: dict[str, int]
    io: dict[str, Callable[[str], list[Transfer]]] = field(default_factory=dict)
    template_io: Callable[[str], list[Transfer]] | None = None
    guest: Callable[[int, int], Stream] | None = None
    lead_in_ns: int = 0
    lead_out_ns: int = 0
    keep_old_ns: int = 0
    hazardous: bool = False


@dataclass(frozen=True)
class StepRecord:
    """One try of one step of one machine (-1: of the server's own work)."""

    machine: int
    step: str
    mode: str
    attempt: int
    start_ns: int
    end_ns: int
    io_ns: int
    is_done: bool
    reason: str  # why it failed, "" if it did not
    state: str  # of the machine, after it
    slots: tuple[str, ...] = ()


@dataclass(frozen=True)
class WaitRecord:
    """One wait of one machine: for what, from when to when, and how many were before it."""

    machine: int
    step: str
    waited_for: str
    start_ns: int
    end_ns: int
    ahead: int


@dataclass
class FleetLog:
    """What happened, in order of time.

    ``availability`` holds (time_ns, machines unavailable, machines upgraded, machines failed) at each change;
    ``extra_bytes`` (time_ns, bytes of space that the upgrade took) at each change; ``marks`` the times of
    upgrade_available, prepare_failed, rollout_start, rollout_end, gate, rollback_end and old_discarded, as far as
    they came; ``keeping_old`` (time_ns, machines that keep their old version) at each change.
    """

    steps: list[StepRecord] = field(default_factory=list)
    waits: list[WaitRecord] = field(default_factory=list)
    availability: list[tuple[int, int, int, int]] = field(default_factory=list)
    extra_bytes: list[tuple[int, int]] = field(default_factory=list)
    keeping_old: list[tuple[int, int]] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    waves: list[int] = field(default_factory=list)  # by machine; -1: never started
    outcomes: list[str] = field(default_factory=list)
    machines: list[VirtualMachine] = field(default_factory=list)
    started_ns: list[int] = field(default_factory=list)  # -1: never
    ended_ns: list[int] = field(default_factory=list)  # -1: never
    downtime_ns: list[int] = field(default_factory=list)
    degraded_ns: list[int] = field(default_factory=list)
    kept_old_ns: list[int] = field(default_factory=list)  # by machine; -1: never upgraded
    own_bytes_max: list[int] = field(default_factory=list)  # by machine: space of its own OS and software blocks
    damaged: list[bool] = field(default_factory=list)  # data ruined by a delta over the wrong base (B10)
    failed_tries: list[int] = field(default_factory=list)
    gate_reason: str = ""
