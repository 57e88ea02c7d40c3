"""Steps that several strategies share, each with its time, the source of it, and what takes it back."""

from __future__ import annotations

from dataclasses import replace

from placement_sim.model.machine import DATA, NEW, OLD
from placement_sim.upgrades.steps import Step, to_old
from placement_sim.upgrades.times import Between, Fixed, TimeLaw

ASSUMED = "assumption"
TEMPLATE_TIME = Fixed(600.0)  # assumption: ten minutes to install the new version once
ATTACH_SOURCE = "6 to 10 s end to end: vSphere storage for Docker, pull request 1040"
DETACH_SOURCE = "assumption: as the fast attach, up to 1 s, of vSphere storage for Docker, pull request 1040"


def with_undo(step: Step, back: Step | None) -> Step:
    """Give a step that is taken back by another."""
    return replace(step, undo=None if back is None else to_old(back))


def stop_application(mark: str = "implied", slots: tuple[str, ...] = ()) -> Step:
    """Command the application to stop, once the machine holds the slots that its next steps need.

    A machine that waits for a slot while its application is stopped is down for nothing.
    """
    step = Step(
        "stop application", "stop_application", Between(2, 10), ASSUMED, mark, slots=slots, commands=1,
        can_fail="hang",
    )  # fmt: skip
    return with_undo(step, _start())


def _start() -> Step:
    return Step("start application", "start_application", Between(5, 20), ASSUMED, io="start", commands=1)


def start_application(slots: tuple[str, ...] = ()) -> Step:
    """Start the application: control time, then its reads; `slots` are held by the stop that takes it back."""
    return with_undo(_start(), stop_application(slots=slots))


def check_health() -> Step:
    """Look whether the new version serves its users; this is what finds a bad template."""
    return Step("check health", "nothing", Between(5, 15), ASSUMED, can_fail="unhealthy")


def flush(slots: tuple[str, ...] = ()) -> Step:
    """Write back what the guest holds in memory for the disk that is to go."""
    return Step("flush", "nothing", Between(0.5, 3), ASSUMED, slots=slots)


def _unmount(disk: str, slots: tuple[str, ...]) -> Step:
    return Step(f"unmount {disk} disk", "nothing", Between(0.1, 1), ASSUMED, slots=slots)


def mount(disk: str, slots: tuple[str, ...] = ()) -> Step:
    """Mount the file system of a disk in the guest; `slots` are held by the unmount that takes it back."""
    return with_undo(Step(f"mount {disk} disk", "nothing", Between(0.5, 2), ASSUMED), _unmount(disk, slots))


def unmount(disk: str, slots: tuple[str, ...] = ()) -> Step:
    """Unmount it."""
    return with_undo(_unmount(disk, slots), mount(disk))


def _detach(disk: str, mark: str) -> Step:
    time = Between(0.2, 1)
    return Step(
        f"detach {disk} disk", "detach", time, DETACH_SOURCE, mark, disk=disk, slots=("vcenter",), commands=1
    )  # fmt: skip


def _attach(disk: str, mark: str) -> Step:
    return Step(
        f"attach {disk} disk", "attach", Between(6, 10), ATTACH_SOURCE, mark, disk=disk, slots=("vcenter",),
        commands=1, can_fail="attach",
    )  # fmt: skip


def detach(disk: str, mark: str = "implied", slots: tuple[str, ...] = ("vcenter",)) -> Step:
    """Remove the link to a disk; undone by attaching that of template 1, or the machine's own."""
    return with_undo(replace(_detach(disk, mark), slots=slots), replace(_attach(disk, "implied"), slots=slots))


def attach(disk: str, mark: str = "implied", slots: tuple[str, ...] = ("vcenter",)) -> Step:
    """Create the link to a disk; undone by removing it."""
    return with_undo(replace(_attach(disk, mark), slots=slots), replace(_detach(disk, "implied"), slots=slots))


def _boot() -> Step:
    return Step(
        "boot", "booted", Between(1, 3), "power on: assumption; the boot itself is I/O and think time", io="boot",
        slots=("power",), commands=1, before="power_on", after_failure="power_off", can_fail="boot",
    )  # fmt: skip


def _power_off(slots: tuple[str, ...]) -> Step:
    return Step("power off", "power_off", Between(10, 30), ASSUMED, slots=slots, commands=1)


def boot(slots: tuple[str, ...] = ("power",)) -> Step:
    """Switch on and boot from whatever OS disk is linked; `slots` are held by the power off that takes it back."""
    return with_undo(_boot(), _power_off(slots))


def power_off(slots: tuple[str, ...] = ("power",)) -> Step:
    """Shut the guest down; undone by a boot."""
    return with_undo(_power_off(slots), _boot())


def make_template(role: str, time: TimeLaw = TEMPLATE_TIME, source: str = ASSUMED) -> Step:
    """Make template 2 once, on the management server (B3): a copy of template 1's disk, then the new version."""
    return Step(
        f"make template 2 ({role} disk)", "nothing", time, source, "claim", disk=role, version=NEW, io="template"
    )  # fmt: skip


def detach_data(slots: tuple[str, ...] = ("vcenter",)) -> Step:
    """Take the data disk off a clone that is to be deleted."""
    return detach(DATA, slots=slots)


def attach_data(slots: tuple[str, ...] = ("vcenter",)) -> Step:
    """Give the data disk to the new clone."""
    return attach(DATA, slots=slots)


REPAIR = Step(
    "repair", "repair", Between(1800, 7200), "assumption: half an hour to two hours of an operator", version=OLD,
    slots=("repair",), commands=1,
)  # fmt: skip
