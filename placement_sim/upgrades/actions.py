"""What a step does to a machine: plain functions from a machine to the next one.

Each changes links, power or application and nothing else; the machine refuses what is not legal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from placement_sim.model.machine import DATA, OLD, LinkedClone, Template, VirtualMachine, Vmdk


class Target(NamedTuple):
    """What an action is about: the disk it names and the template it takes disks from."""

    disk: str  # os, software or data; "" where the action is about the whole machine
    template: Template
    data: Vmdk


Action = Callable[[VirtualMachine, Target], VirtualMachine]


def nothing(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Work that changes neither links nor power, such as flushing caches."""
    return vm


def stop_application(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Command the application to stop (B4)."""
    return vm.become(application=False)


def start_application(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Start the application; implied by B4 and B5."""
    return vm.become(application=True)


def power_off(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Shut the guest down."""
    return vm.become(powered=False, booting=False, application=False)


def power_on(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Switch on; the guest begins to boot."""
    return vm.become(powered=True, booting=True)


def booted(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """End the boot: the guest is up, the application does not run yet."""
    return vm.become(booting=False)


def detach(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Remove a link (B4, B5): the disk stays where it is."""
    return vm.link(target.disk, None)


def attach(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Create a link (B4, B5): to the template's disk, or to the machine's own data disk."""
    return vm.link(target.disk, target.data if target.disk == DATA else getattr(target.template, target.disk))


def patch(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Install or remove the version in the machine's own blocks; the links stay."""
    return vm.become(patched=target.template.os.version != OLD or target.template.software.version != OLD)


def delete_clone(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Delete the clone: both shared links go, with what it wrote over them."""
    return vm.become(clone=LinkedClone(None, None, vm.clone.data), patched=False)


def destroy_clone(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Switch a running clone off and delete it at once."""
    return delete_clone(power_off(vm, target), target)


def create_clone(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Make the clone anew from a template: no data is copied, both links are created (B2)."""
    return vm.become(clone=LinkedClone(target.template.os, target.template.software, vm.clone.data))


def fork(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Make the clone from a running parent: it is up at once, without a boot."""
    return create_clone(vm, target).become(powered=True, booting=False)


def attach_standby(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Attach the template's disk beside the one in use."""
    return vm.become(standby=getattr(target.template, target.disk))


def detach_standby(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Detach the disk that is not in use."""
    return vm.become(standby=None)


def exchange_standby(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Use the disk that stood by, and keep the other one in its place."""
    in_use: Vmdk | None = getattr(vm.clone, target.disk)
    return vm.link(target.disk, vm.standby).become(standby=in_use)


def create_twin(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Make a second clone from a template, switched off and without the data disk."""
    return vm.become(twin=LinkedClone(target.template.os, target.template.software, None))


def start_twin(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """End the boot of the second clone, which serves nobody yet."""
    return vm.become(twin_powered=True)


def exchange_twin(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Let the second clone take the machine's place; the first one stands by, still up. Data is with neither."""
    twin = vm.twin or LinkedClone(None, None, None)
    return vm.become(clone=twin, twin=vm.clone)


def delete_twin(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Delete the clone that is not in use."""
    return vm.become(twin=None, twin_powered=False)


def repair(vm: VirtualMachine, target: Target) -> VirtualMachine:
    """Let an operator rebuild the machine from template 1; its data disk is attached again."""
    whole = LinkedClone(target.template.os, target.template.software, target.data)
    return vm.become(failed=True).become(
        clone=whole, powered=True, booting=False, application=True, patched=False,
        standby=None, twin=None, twin_powered=False, failed=False,
    )  # fmt: skip


ACTIONS: dict[str, Action] = {
    action.__name__: action
    for action in (
        nothing, stop_application, start_application, power_off, power_on, booted, detach, attach, patch,
        delete_clone, destroy_clone, create_clone, fork, attach_standby, detach_standby, exchange_standby,
        create_twin, start_twin, exchange_twin, delete_twin, repair,
    )
}  # fmt: skip
