"""What the central management server lets happen at once, with the products' limits as defaults."""

from __future__ import annotations

from dataclasses import dataclass

# A step that holds several slots takes them in this order, and so does a machine that holds one
# already: that is why no two machines can wait for each other.
SLOT_ORDER = ("repair", "maintenance", "provisioning", "power", "vcenter", "fork")

LIMIT_SOURCES = {
    "maintenance": "View Composer maintenance operations: VMware Horizon 7.13 documentation",
    "provisioning": "View Composer provisioning operations: VMware Horizon 7.13 documentation",
    "vcenter": "vCenter provisioning operations: VMware Horizon 7.13 documentation; detach and attach are "
    "taken to be such operations (assumption)",
    "power": "concurrent power operations: VMware Horizon 7.13 documentation",
    "fork": "assumption: the published 1 to 2 s a machine is a rate, so one fork at a time",
    "repair": "assumption: two operators",
    "operations_per_s": "vCenter 6.5, over 60 operations a second: VMware performance blog",
}


@dataclass(frozen=True)
class Limits:
    """Concurrent operations by kind of slot, and commands a second through the server (B11).

    The source of each default is in ``LIMIT_SOURCES``.

    Examples
    --------
    >>> Limits().slots("power"), Limits(maintenance=6).slots("maintenance")
    (50, 6)
    """

    maintenance: int = 12
    provisioning: int = 8
    vcenter: int = 20
    power: int = 50
    fork: int = 1
    repair: int = 2
    operations_per_s: float = 60.0

    def __post_init__(self) -> None:
        for name in SLOT_ORDER:
            if self.slots(name) < 1:
                raise ValueError(f"{name} is {self.slots(name)}; give 1 or more slots")
        if not 1e-9 <= self.operations_per_s <= 1e9:  # the clock's step, 1 ns, is the shortest time between two
            raise ValueError(f"operations_per_s is {self.operations_per_s}; give a rate from 1e-9 to 1e9")

    def slots(self, name: str) -> int:
        """Give how many may hold such a slot at once."""
        count: int = getattr(self, name)
        return count
