"""Instant-clone push: the image is published once, then each machine is forked from a running parent.

Source: VMware Tech Zone: publishing takes 7 to 40 min, then 1 to 2 s a machine; nothing boots.
"""

from __future__ import annotations

from placement_sim.model.machine import OS
from placement_sim.upgrades import common_steps as do
from placement_sim.upgrades.steps import Step, UpgradeStrategy
from placement_sim.upgrades.times import Between

SOURCE = "VMware Tech Zone: 1 to 2 s a machine"


def instant_clone() -> UpgradeStrategy:
    """Make the strategy."""
    delete = Step(
        "delete clone", "destroy_clone", Between(1, 5), do.ASSUMED, slots=("vcenter",), commands=1
    )  # fmt: skip
    vcenter = ("vcenter",)  # held from the stop until the data disk is with the new clone
    fork = Step("fork from parent", "fork", Between(1, 2), SOURCE, slots=("vcenter", "fork"), commands=1)
    publish = do.make_template(OS, Between(420, 2400), "publishing, 7 to 40 min: VMware Tech Zone")
    return UpgradeStrategy(
        "instant_clone",
        "VMware Tech Zone",
        "delete each clone and fork it from a running parent of the new image",
        OS,
        steps=(
            do.stop_application(slots=vcenter),
            do.detach_data(),
            do.with_undo(delete, fork),
            do.with_undo(fork, delete),
            do.attach_data(),
            do.start_application(vcenter),
            do.check_health(),
        ),
        prepare=(publish,),
    )
