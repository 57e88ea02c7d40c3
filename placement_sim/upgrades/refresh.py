"""Refresh: throw away what the clone wrote over its base, and put it over the new base.

Source: VMware Horizon View 6.0 Architecture Planning: 2,000 machines in 2 h 40 min, with 12 Composer
slots 57.6 s each. The product refreshes over the same base; that the new base costs no more is an assumption.
"""

from __future__ import annotations

from placement_sim.model.machine import OS
from placement_sim.upgrades import common_steps as do
from placement_sim.upgrades.recompose import COMPOSER
from placement_sim.upgrades.steps import Step, UpgradeStrategy
from placement_sim.upgrades.times import Between

SLOT_S = 57.6  # 9,600 s / 2,000 machines x 12 slots
SOURCE = "2,000 machines in 2 h 40 min over 12 slots: VMware Horizon View 6.0 Architecture Planning"


def refresh() -> UpgradeStrategy:
    """Make the strategy."""
    rest_s = SLOT_S - 6 - 20  # after the stop and the power off
    time = Between(0.8 * rest_s, 1.2 * rest_s)
    revert = Step("revert to base", "create_clone", time, SOURCE, slots=COMPOSER, commands=1)
    return UpgradeStrategy(
        "refresh",
        "VMware Horizon View 6.0 Architecture Planning",
        "discard what each clone wrote and put it over the new base",
        OS,
        steps=(
            do.stop_application(slots=COMPOSER),
            do.power_off(COMPOSER),
            do.with_undo(revert, revert),
            do.boot(),
            do.start_application(COMPOSER),
            do.check_health(),
        ),
        prepare=(do.make_template(OS),),
    )
