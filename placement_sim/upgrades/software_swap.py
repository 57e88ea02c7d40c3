"""Software-disk swap: stop the application, exchange the link to the software disk, start it again.

Source: US9110757B2 and the abstract of US20150339149A1 (rows B3, B4, B6, B7).
"""

from __future__ import annotations

from placement_sim.model.machine import SOFTWARE
from placement_sim.upgrades import common_steps as do
from placement_sim.upgrades.steps import UpgradeStrategy

VCENTER = ("vcenter",)  # taken before the stop, so that no stopped application waits for it


def software_swap() -> UpgradeStrategy:
    """Make the strategy; only links change, and the guest stays up."""
    return UpgradeStrategy(
        "software_swap",
        "US9110757B2; abstract of US20150339149A1",
        "exchange the shared software disk under a running guest",
        SOFTWARE,
        steps=(
            do.stop_application("claim", VCENTER),
            do.flush(VCENTER),
            do.unmount(SOFTWARE, VCENTER),
            do.detach(SOFTWARE, "abstract"),
            do.attach(SOFTWARE, "abstract"),
            do.mount(SOFTWARE, VCENTER),
            do.start_application(VCENTER),
            do.check_health(),
        ),
        prepare=(do.make_template(SOFTWARE),),
    )
