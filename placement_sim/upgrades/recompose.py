"""Recompose: delete the clone and make it anew from the new template; the data disk is attached again.

Source: VMware Horizon View 6.0 Architecture Planning: 2,000 machines in 6 h 40 min, with 12 Composer
slots 144 s each. How the 144 s divide over the steps is an assumption, and so is that the stop of the
application is within them and the boot comes after the slot has been given back.
"""

from __future__ import annotations

from placement_sim.model.machine import OS
from placement_sim.upgrades import common_steps as do
from placement_sim.upgrades.steps import Step, UpgradeStrategy
from placement_sim.upgrades.times import Between

COMPOSER = ("maintenance",)
SLOT_S = 144.0  # 24,000 s / 2,000 machines x 12 slots
SOURCE = "2,000 machines in 6 h 40 min over 12 slots: VMware Horizon View 6.0 Architecture Planning"


def recompose() -> UpgradeStrategy:
    """Make the strategy."""
    delete = Step("delete clone", "delete_clone", Between(15, 25), SOURCE, slots=COMPOSER, commands=1)
    others_s = 6 + 20 + 20 + 0.6 + 8  # stop, power off, delete, detach data, attach data
    rest_s = SLOT_S - others_s
    time = Between(0.8 * rest_s, 1.2 * rest_s)
    create = Step("create clone", "create_clone", time, SOURCE, slots=COMPOSER, commands=1)
    return UpgradeStrategy(
        "recompose",
        "VMware Horizon View 6.0 Architecture Planning",
        "delete each clone and make it anew from the new template",
        OS,
        steps=(
            do.stop_application(slots=COMPOSER),
            do.power_off(COMPOSER),
            do.detach_data(COMPOSER),
            do.with_undo(delete, create),
            do.with_undo(create, delete),
            do.attach_data(COMPOSER),
            do.boot(),
            do.start_application(COMPOSER),
            do.check_health(),
        ),
        prepare=(do.make_template(OS),),
    )
