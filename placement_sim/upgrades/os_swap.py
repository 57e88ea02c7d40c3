"""OS-disk swap: shut down, remove the link to OS disk 1, create one to OS disk 2, boot the new OS.

Source: US9471365B2, claim 1 (rows B3, B5, B6, B7); shutdown and boot are implied.
"""

from __future__ import annotations

from placement_sim.model.machine import OS
from placement_sim.upgrades import common_steps as do
from placement_sim.upgrades.steps import UpgradeStrategy

# Both are taken before the stop and kept as long as they are needed, so that no machine that is down waits for one.
HELD = ("power", "vcenter")


def os_swap() -> UpgradeStrategy:
    """Make the strategy; only links change, and every machine boots from the shared disk."""
    return UpgradeStrategy(
        "os_swap",
        "US9471365B2, claim 1",
        "exchange the shared OS disk of a machine that is off, then boot",
        OS,
        steps=(
            do.stop_application("claim", HELD),
            do.power_off(HELD),
            do.detach(OS, "claim", HELD),
            do.attach(OS, "claim", HELD),
            do.boot(HELD),
            do.start_application(HELD),
            do.check_health(),
        ),
        prepare=(do.make_template(OS),),
    )
