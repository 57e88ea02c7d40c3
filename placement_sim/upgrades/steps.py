"""Steps and the strategies made of them: what happens to one machine, as a list that prints.

The engine takes the steps in order; `journey` says what follows when one fails.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields, replace
from typing import Any

from placement_sim.errors import InputError
from placement_sim.model.machine import NEW, OLD
from placement_sim.upgrades.actions import ACTIONS
from placement_sim.upgrades.limits import SLOT_ORDER
from placement_sim.upgrades.times import Fixed, TimeLaw

NO_TIME = Fixed(0.0)


@dataclass(frozen=True)
class Step:
    """One thing that is done to one machine.

    Parameters
    ----------
    name
        What an operator would call it; with the machine's name it keys the random draws.
    action
        What it changes when it ends, a key of ``actions.ACTIONS``.
    time
        How long the control part takes; the I/O comes after it and takes what the disks need.
    source
        Where the time comes from; "assumption" if it was made up.
    mark
        Where the step comes from: "claim", "abstract", "implied", or a product.
    disk, version
        Which disk, and of which template (OLD or NEW), where the action needs to know.
    io
        Key of the I/O that belongs to it: boot, start, patch, template; "" for none.
    slots
        What it holds of the server, by ``limits.SLOT_ORDER``. Neighbouring steps that name the
        same slot keep it in between.
    commands
        Commands to the management server, which passes a limited number a second.
    before, after_failure
        Actions at its beginning, and when it fails.
    can_fail
        How it may fail: hang, attach, boot, unhealthy; "" for never.
    undo
        The step that takes it back, None where there is nothing to take back.
    """

    name: str
    action: str
    time: TimeLaw = NO_TIME
    source: str = ""
    mark: str = "implied"
    disk: str = ""
    version: int = NEW
    io: str = ""
    slots: tuple[str, ...] = ()
    commands: int = 0
    before: str = "nothing"
    after_failure: str = "nothing"
    can_fail: str = ""
    undo: Step | None = None

    def __post_init__(self) -> None:
        for name in (self.action, self.before, self.after_failure):
            if name not in ACTIONS:
                raise InputError(f"step {self.name!r}", f"no action is called {name!r}", f"use {', '.join(ACTIONS)}")
        for slot in self.slots:
            if slot not in SLOT_ORDER:
                raise InputError(f"step {self.name!r}", f"no slot {slot!r}", f"use one of {', '.join(SLOT_ORDER)}")

    @property
    def stops_application(self) -> bool:
        """Whether users lose the application by it; before such a step a place in the budget is taken."""
        return bool({"stop_application", "power_off", "destroy_clone"} & {self.action, self.before})

    def __repr__(self) -> str:
        shown = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        return f"Step({', '.join(f'{name}={value!r}' for name, value, default in shown if value != default)})"


@dataclass(frozen=True)
class UpgradeStrategy:
    """How a new version reaches one machine.

    Parameters
    ----------
    name, source, summary
        Name, where it comes from, one line about it.
    role
        The disk that template 2 changes: ``"os"`` or ``"software"``.
    steps
        For each machine, in order.
    prepare
        Once, before the first machine: making template 2 (B3).
    cleanup
        For each machine, when the old version need not be kept any longer.

    Examples
    --------
    >>> from placement_sim.upgrades import STRATEGIES
    >>> swap = STRATEGIES["software_swap"]()
    >>> swap.reboots, swap.detaches_data, swap.writes_per_machine
    (False, False, False)
    >>> print(swap.text().splitlines()[1])
     1. stop application            6.0 s  claim, holds vcenter
    """

    name: str
    source: str
    summary: str
    role: str
    steps: tuple[Step, ...]
    prepare: tuple[Step, ...] = ()
    cleanup: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        place = f"strategy {self.name!r}"
        if self.role not in ("os", "software"):
            raise InputError(place, f"role {self.role!r} is neither os nor software", "name the disk that changes")
        if not self.steps:
            raise InputError(place, "it has no steps", "give at least one")
        names = [step.name for step in self.steps]
        for name in names:
            if names.count(name) > 1:
                raise InputError(
                    place, f"two steps are called {name!r}", "names key the random draws: make them differ"
                )
        for way in (self.steps, self.undo_steps(len(self.steps)), self.prepare, self.cleanup):
            _check_slots(place, way)

    @property
    def reboots(self) -> bool:
        """Whether a machine that serves users is restarted."""
        return any({"power_off", "destroy_clone"} & {step.action, step.before} for step in self.steps)

    @property
    def detaches_data(self) -> bool:
        """Whether the data disk is detached for a while (B6 forbids it for the swaps)."""
        return any(step.disk == "data" and step.action == "detach" for step in self.steps)

    @property
    def writes_per_machine(self) -> bool:
        """Whether the new version itself is written once a machine, which a swap never does (B7)."""
        return any(step.io == "patch" for step in self.steps)

    def undo_steps(self, done: int) -> tuple[Step, ...]:
        """Give the way back after so many steps are done (B9): their undoing, last one first."""
        return tuple(step.undo for step in reversed(self.steps[:done]) if step.undo is not None)

    def at_mean_times(self) -> UpgradeStrategy:
        """Give the same strategy without chance in its times, for exact checks."""
        steps, prepare, cleanup = (
            tuple(_at_mean(step) for step in way) for way in (self.steps, self.prepare, self.cleanup)
        )
        return replace(self, steps=steps, prepare=prepare, cleanup=cleanup)

    def text(self) -> str:
        """Write the steps as they would be taken, with mean times; I/O takes what the disks need on top."""
        lines = [f"{self.name}: {self.summary}"]
        for i, step in enumerate(self.steps, 1):
            extra = "".join(
                [f", then {step.io} I/O" if step.io else "", f", holds {'+'.join(step.slots)}" * bool(step.slots)]
            )
            lines.append(f"{i:2d}. {step.name:<24}{step.time.mean_s:7.1f} s  {step.mark}{extra}")
        return "\n".join(lines)

    def describe(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        return {
            "name": self.name,
            "source": self.source,
            "summary": self.summary,
            "needs_template_of": self.role,
            "needs_reboot": self.reboots,
            "needs_data_detached": self.detaches_data,
            "needs_writes_per_vm": self.writes_per_machine,
            "prepare": [_plain(step) for step in self.prepare],
            "steps": [_plain(step) for step in self.steps],
            "cleanup": [_plain(step) for step in self.cleanup],
        }


def _plain(step: Step) -> dict[str, Any]:
    return {
        "step": step.name,
        "time_s_mean": step.time.mean_s,
        "time": repr(step.time),
        "source": step.source,
        "mark": step.mark,
        "io": step.io or None,
        "holds": list(step.slots),
        "commands": step.commands,
        "can_fail": step.can_fail or None,
        "undo": step.undo.name if step.undo else None,
    }


def _at_mean(step: Step) -> Step:
    undo = _at_mean(step.undo) if step.undo else None
    return replace(step, time=Fixed(step.time.mean_s), undo=undo)


def _check_slots(place: str, way: tuple[Step, ...]) -> None:
    """Slots must be takable in one order: else two machines could wait for each other for ever."""
    rank = SLOT_ORDER.index
    for before, after in itertools.pairwise(way):
        kept = [slot for slot in before.slots if slot in after.slots]
        fresh = [slot for slot in after.slots if slot not in kept]
        if kept and after.stops_application and not before.stops_application and before.action == "nothing":
            raise InputError(place, f"step {after.name!r} stops the application while {kept} is held", "stop it first")
        if kept and fresh and min(map(rank, fresh)) < max(map(rank, kept)):
            problem = f"step {after.name!r} takes {fresh} while it keeps {kept}"
            raise InputError(place, problem, f"take slots in the order {', '.join(SLOT_ORDER)}")


def to_old(step: Step) -> Step:
    """Give the same step for the old template, as the way back needs it."""
    return replace(step, version=OLD, undo=None)
