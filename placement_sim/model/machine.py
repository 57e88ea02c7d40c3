"""Virtual machines cloned from templates: which disks they are linked to, and the states they pass through.

The state follows from power, application and links, so that it cannot disagree with them; a change
that the table of transitions does not list is a fault of the model (`InvariantError`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from placement_sim.errors import InvariantError

RUNNING = "running"
APPLICATION_STOPPED = "application_stopped"
POWERED_OFF = "powered_off"
DETACHED = "detached"  # a disk that the machine needs is not linked
BOOTING = "booting"
RUNNING_NEW = "running_new"
FAILED = "failed"

# From a state to the states that may follow it; staying in a state is always legal.
TRANSITIONS: dict[str, frozenset[str]] = {
    RUNNING: frozenset({APPLICATION_STOPPED, FAILED}),
    APPLICATION_STOPPED: frozenset({RUNNING, RUNNING_NEW, POWERED_OFF, DETACHED, FAILED}),
    POWERED_OFF: frozenset({DETACHED, BOOTING, FAILED}),
    DETACHED: frozenset({APPLICATION_STOPPED, POWERED_OFF, FAILED}),
    BOOTING: frozenset({APPLICATION_STOPPED, POWERED_OFF, FAILED}),
    RUNNING_NEW: frozenset({APPLICATION_STOPPED, FAILED}),
    FAILED: frozenset({RUNNING}),
}
STATES = tuple(TRANSITIONS)

OS, SOFTWARE, DATA = "os", "software", "data"
OLD, NEW = 1, 2


@dataclass(frozen=True)
class Vmdk:
    """A virtual disk: what it is for, which version it carries (0: none, as a data disk), its object's name."""

    name: str
    role: str
    version: int = 0


@dataclass(frozen=True)
class Template:
    """A template machine: the pair of disks that its clones are linked to (B1, B3)."""

    name: str
    os: Vmdk
    software: Vmdk


@dataclass(frozen=True)
class LinkedClone:
    """The links of one clone (B2): shared disks that it reads, and a data disk of its own; None is no link."""

    os: Vmdk | None
    software: Vmdk | None
    data: Vmdk | None

    @property
    def is_complete(self) -> bool:
        """Whether every disk is linked."""
        return self.os is not None and self.software is not None and self.data is not None


@dataclass(frozen=True)
class VirtualMachine:
    """One machine of a fleet: a value; a step gives the next one.

    Parameters
    ----------
    clone
        Its links.
    role
        Which disk the upgrade changes, ``"os"`` or ``"software"``: it says what is old and new.
    patched
        The new version was written into the machine's own blocks; its links stay.
    standby
        A further disk that is attached but not used yet, or no longer (A/B).
    twin
        A second clone that is not in use yet, or no longer (blue-green).

    Examples
    --------
    >>> old, new = templates("software")
    >>> vm = VirtualMachine("vm-0", LinkedClone(old.os, old.software, Vmdk("vm-0 data", "data")), "software")
    >>> vm.state
    'running'
    >>> vm.become(application=False).link("software", None).state
    'detached'
    """

    name: str
    clone: LinkedClone
    role: str
    powered: bool = True
    booting: bool = False
    application: bool = True
    patched: bool = False
    standby: Vmdk | None = None
    twin: LinkedClone | None = None
    twin_powered: bool = False
    failed: bool = False

    @property
    def version(self) -> int:
        """OLD, NEW, or 0 where the disk that carries it is not linked (B8)."""
        disk: Vmdk | None = getattr(self.clone, self.role)
        if disk is None:
            return 0
        return NEW if self.patched else disk.version

    @property
    def state(self) -> str:
        """One of STATES."""
        if self.failed:
            return FAILED
        if not self.clone.is_complete:
            return DETACHED
        if not self.powered:
            return POWERED_OFF
        if self.booting:
            return BOOTING
        if not self.application:
            return APPLICATION_STOPPED
        return RUNNING_NEW if self.version == NEW else RUNNING

    @property
    def is_available(self) -> bool:
        """Whether the application serves its users."""
        return self.state in (RUNNING, RUNNING_NEW)

    def become(self, **changes: Any) -> VirtualMachine:
        """Give the machine after a change.

        Raises
        ------
        InvariantError
            The change contradicts itself, or no legal transition leads there.
        """
        after = replace(self, **changes)
        if after.application and (not after.powered or after.booting or not after.clone.is_complete):
            raise InvariantError(f"{self.name}: the application cannot run in {after}")
        if after.booting and not after.powered:
            raise InvariantError(f"{self.name}: booting without power")
        if after.state != self.state and after.state not in TRANSITIONS[self.state]:
            raise InvariantError(f"{self.name}: no legal transition from {self.state} to {after.state}")
        return after

    def link(self, role: str, disk: Vmdk | None) -> VirtualMachine:
        """Replace one link; None removes it (B5)."""
        return self.become(clone=replace(self.clone, **{role: disk}))


def templates(role: str) -> tuple[Template, Template]:
    """Give template 1 and template 2, which differ in the disk named by `role` only (B3).

    Examples
    --------
    >>> old, new = templates("software")
    >>> new.software.name, new.os is old.os
    ('software 2', True)
    """
    os_disk, software = Vmdk("os 1", OS, OLD), Vmdk("software 1", SOFTWARE, OLD)
    old = Template("template 1", os_disk, software)
    changed = Vmdk(f"{role} 2", role, NEW)
    return old, Template("template 2", **({OS: os_disk, SOFTWARE: software} | {role: changed}))
