"""Blue-green: a new clone is made and booted beside the old one, then the data disk and the users move over.

Source: common practice. A clone takes 19.2 s in one of 8 provisioning slots: about 2,000 desktops in
80 min, VMware EUC blog 2015.
"""

from __future__ import annotations

from placement_sim.model.machine import OS
from placement_sim.upgrades import common_steps as do
from placement_sim.upgrades.steps import Step, UpgradeStrategy
from placement_sim.upgrades.times import Between

SOURCE = "about 2,000 desktops in 80 min: VMware EUC blog 2015; over 8 slots 19.2 s each"


def blue_green() -> UpgradeStrategy:
    """Make the strategy; it needs the space of a second clone until the old one is deleted."""
    delete = Step("delete twin", "delete_twin", Between(15, 25), do.ASSUMED, slots=("provisioning",), commands=1)
    create = Step("create twin", "create_twin", Between(15.36, 23.04), SOURCE, slots=("provisioning",), commands=1)
    boot = Step(
        "boot twin", "start_twin", Between(1, 3), do.ASSUMED, io="boot_twin", slots=("power",), commands=1,
        can_fail="boot",
    )  # fmt: skip
    vcenter = ("vcenter",)  # held from the stop until the data disk is with the new clone
    exchange = Step("cut over", "exchange_twin", Between(1, 5), do.ASSUMED, slots=vcenter, commands=1)
    return UpgradeStrategy(
        "blue_green",
        "common practice; provisioning rate of the VMware EUC blog 2015",
        "boot a new clone beside the old one, then cut over",
        OS,
        steps=(
            do.with_undo(create, delete),
            boot,
            do.stop_application(slots=vcenter),
            do.detach_data(),
            do.with_undo(exchange, exchange),
            do.attach_data(),
            do.start_application(vcenter),
            do.check_health(),
        ),
        prepare=(do.make_template(OS),),
        cleanup=(delete,),
    )
