"""Pre-attached A/B: the new disk is attached before the stop and the old one stays attached after it.

Source: the A/B pairs of update systems for devices, applied to the disks of B4 and B5; implied, not claimed.
"""

from __future__ import annotations

from placement_sim.model.machine import OS, SOFTWARE
from placement_sim.upgrades import common_steps as do
from placement_sim.upgrades.steps import Step, UpgradeStrategy
from placement_sim.upgrades.times import Between


def preattached(role: str = SOFTWARE) -> UpgradeStrategy:
    """Make the strategy for a software disk (no reboot) or an OS disk (one reboot)."""
    detach = Step(
        "detach standby disk", "detach_standby", Between(0.2, 1), do.DETACH_SOURCE, disk=role, slots=("vcenter",),
        commands=1,
    )  # fmt: skip
    attach = Step(
        "attach standby disk", "attach_standby", Between(6, 10), do.ATTACH_SOURCE, disk=role, slots=("vcenter",),
        commands=1, can_fail="attach",
    )  # fmt: skip
    held = ("power",) if role == OS else ()  # from the stop to the end of the boot
    exchange = Step(
        "use standby disk", "exchange_standby", Between(0.5, 2), do.ASSUMED, disk=role, slots=held, commands=1
    )  # fmt: skip
    inner = (do.power_off(), do.with_undo(exchange, exchange), do.boot())
    return UpgradeStrategy(
        "preattached",
        "A/B updates, applied to the disks of US20150339149A1 (implied)",
        f"attach the new {role} disk beside the old one, then change over",
        role,
        steps=(
            do.with_undo(attach, detach),
            do.stop_application(slots=held),
            *(inner if role == OS else (do.flush(), inner[1])),
            do.start_application(held),
            do.check_health(),
        ),
        prepare=(do.make_template(role),),
        cleanup=(detach,),
    )
