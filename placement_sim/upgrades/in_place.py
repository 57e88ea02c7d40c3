"""In-place patch: every machine writes the new version into its own blocks, as most sites still do.

Source of the offline phase of an OS update: Microsoft, as reported: 51 min, 30 min aimed at.
"""

from __future__ import annotations

from placement_sim.model.machine import OS
from placement_sim.upgrades import common_steps as do
from placement_sim.upgrades.steps import Step, UpgradeStrategy
from placement_sim.upgrades.times import Between


def in_place(role: str = OS) -> UpgradeStrategy:
    """Make the strategy for an OS update (offline for long, one reboot) or for software (short, no reboot)."""
    os_time, os_source = Between(1800, 3060), "offline phase of a Windows feature update: Microsoft, as reported"
    time, source = (os_time, os_source) if role == OS else (Between(120, 360), do.ASSUMED)
    install = Step("install patch", "patch", time, source, disk=role)
    remove = Step("remove patch", "patch", time, "assumption: as long as installing", disk=role)
    reboot = (do.power_off(), do.boot()) if role == OS else ()
    return UpgradeStrategy(
        "in_place",
        "common practice; offline phase as Microsoft reported it",
        f"every machine writes the {role} patch into blocks of its own",
        role,
        steps=(
            Step("write patch", "nothing", source=do.ASSUMED, disk=role, io="patch"),
            do.stop_application(),
            do.with_undo(install, remove),
            *reboot,
            do.start_application(),
            do.check_health(),
        ),
    )
