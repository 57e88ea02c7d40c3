"""Space and eligibility of the disks: the hard rules that come before every policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from placement_sim.model.cluster import OFFLINE as DISK_OFFLINE
from placement_sim.model.cluster import ONLINE, Cluster
from placement_sim.policies.interface import DOMAIN, FULL, OFFLINE, READ_ONLY

# What the compiled data path keeps as arrays.
SHARED = (
    "capacity_bytes", "free_bytes", "minimum_bytes", "used_bytes", "reserved_bytes", "status", "weight", "domain",
)  # fmt: skip


def as_list(values: Any) -> list[int]:
    """Give Python's own integers, for policies; a list is given as it is."""
    return values if isinstance(values, list) else values.tolist()


class Space:
    """Free, used and reserved bytes of every disk, and who may take a block.

    ``used_bytes`` counts written blocks only; foreign data is taken off ``free_bytes`` at the start.
    """

    def __init__(self, cluster: Cluster, *, arrays: bool = False) -> None:
        disks = cluster.disks
        self.capacity_bytes = [disk.capacity_bytes for disk in disks]
        self.free_bytes = [disk.capacity_bytes - disk.prefilled_bytes for disk in disks]
        self.minimum_bytes = [disk.min_free_bytes for disk in disks]
        self.used_bytes = [0] * len(disks)
        self.reserved_bytes = [0] * len(disks)
        self.status = [ONLINE if disk.present else DISK_OFFLINE for disk in disks]
        self.weight = [disk.weight for disk in disks]
        names = dict.fromkeys(host.failure_domain for host in cluster.hosts)
        numbers = {name: number for number, name in enumerate(names)}
        self.domain = [numbers[cluster.hosts[disk.host_index].failure_domain] for disk in disks]
        self.failed = [False] * len(disks)  # for good, with all that they held
        self.blocked = [0] * len(disks)
        if arrays:
            for name in SHARED:
                setattr(self, name, np.array(getattr(self, name), np.int64))

    def seen(self) -> tuple[list[int], list[int], list[int]]:
        """Give what a policy sees: free bytes, capacities and weights, as lists."""
        return as_list(self.free_bytes), as_list(self.capacity_bytes), as_list(self.weight)

    def reserve(self, disk: int, size_bytes: int) -> None:
        """Set space aside for a first write in flight."""
        self.free_bytes[disk] -= size_bytes
        self.reserved_bytes[disk] += size_bytes

    def commit(self, disk: int, size_bytes: int) -> None:
        """Turn a reservation into used space, when the component has written."""
        self.reserved_bytes[disk] -= size_bytes
        self.used_bytes[disk] += size_bytes

    def cancel(self, disk: int, size_bytes: int) -> None:
        """Give a reservation back."""
        self.free_bytes[disk] += size_bytes
        self.reserved_bytes[disk] -= size_bytes

    def release(self, disk: int, size_bytes: int) -> None:
        """Give used space back, at an unmap."""
        self.free_bytes[disk] += size_bytes
        self.used_bytes[disk] -= size_bytes

    def candidates(
        self, members: list[int], block_bytes: int, taken_domains: set[int], held: Sequence[int] = ()
    ) -> tuple[list[int], list[int]]:
        """Give (candidates, blocked bits by disk) for one block of an object; `held`: its disks of this leg."""
        blocked = self.blocked
        candidates = []
        for disk in members:
            bits = FULL if self.free_bytes[disk] - block_bytes < self.minimum_bytes[disk] else 0
            if self.status[disk] != ONLINE:
                bits |= OFFLINE if self.status[disk] == DISK_OFFLINE else READ_ONLY
            if taken_domains and self.domain[disk] in taken_domains:
                bits |= DOMAIN
            if disk in held:
                bits |= DOMAIN  # one copy more in the same place is worth nothing
            blocked[disk] = bits
            if not bits:
                candidates.append(disk)
        return candidates, blocked
