"""CRUSH straw2: every disk draws a straw as long as its weight allows, the longest wins.

The owner follows from the address, and a new disk takes blocks but moves none between old
disks. Bit-exact with one straw2 bucket of Ceph whose items are the disk indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.crush import crush_ln, hash32_2, hash32_3
from placement_sim.policies.interface import DOMAIN, PlacementPolicy, View, Write

TRIES = 51  # the first and choose_total_tries = 50 more


def straw2_owner(x: int, r: int, view: View) -> int:
    """Give the member with the greatest ln(hash) / weight, the first of equals; -1 if all weigh 0.

    Examples
    --------
    >>> disks = list(range(10))
    >>> view = View(disks, disks, [0] * 10, [], [], [], [0x10000] * 10)
    >>> [straw2_owner(x, 0, view) for x in range(10)]
    [0, 5, 9, 0, 8, 3, 6, 9, 2, 9]
    """
    best, best_length = -1, 0
    for item in view.members:
        disk = int(item)
        weight = int(view.weight[disk])
        if weight > 0:
            ln = crush_ln(hash32_3(x, disk, r) & 0xFFFF) - 0x1000000000000
            length = -((-ln) // weight)  # negative, truncated toward zero
            if best < 0 or length > best_length:
                best, best_length = disk, length
    return best


def choose_straw2(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name the straw2 owner of x = hash32_2(object index, block) at r = leg.

    Where another leg holds the block in the owner's failure domain, r + 1 is tried, as
    Ceph's firstn does, up to 50 times. A full or offline owner is named all the same.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [9, 9], [9, 9], [0, 0], [0x10000, 0])
    >>> choose_straw2(Write(0, 0, 0, 4, 1, 0), view, [], [0])
    0
    """
    x = hash32_2(write.object_index, write.block)
    for attempt in range(TRIES):
        disk = straw2_owner(x, write.leg + attempt, view)
        if disk < 0 or (view.blocked[disk] & DOMAIN) == 0:
            return disk
    return -1


def straw2() -> PlacementPolicy:
    """Make CRUSH straw2 placement, weighted by ``view.weight``.

    Examples
    --------
    >>> straw2().needs_map
    False
    """
    return PlacementPolicy(
        "straw2",
        "Weil et al., CRUSH, SC 2006; straw2 of Ceph Hammer (bucket_straw2_choose)",
        "longest weighted straw of a hash of the address",
        choose_straw2,
        needs_map=False,
    )
