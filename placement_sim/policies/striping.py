"""Static layouts: RAID-0 striping and concatenation. The owner follows from the address.

Leg l of a mirror starts l components further on, and steps on while another leg holds the
block in that failure domain. A full or offline owner is named all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.checks import whole
from placement_sim.policies.interface import DOMAIN, PlacementPolicy, View, Write

SOURCE = "Patterson, Gibson and Katz, A Case for RAID, SIGMOD 1988 (RAID-0); concatenation: Linux md linear"


def first_outside(view: View, start: int) -> int:
    """Give the first member from position `start` on, cyclically, whose failure domain is unused.

    Examples
    --------
    >>> first_outside(View([4, 5], [5], [0, 0, 0, 0, DOMAIN, 0], [], [], [], []), 0)
    5
    """
    count = len(view.members)
    for step in range(count):
        disk = int(view.members[(start + step) % count])
        if (view.blocked[disk] & DOMAIN) == 0:
            return disk
    return -1


def choose_stripe(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name component (block / stripe + leg) mod n.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [9, 9], [9, 9], [0, 0], [1, 1])
    >>> [choose_stripe(Write(0, 0, block, 8, 1, 0), view, [2.0], [0]) for block in range(5)]
    [0, 0, 1, 1, 0]
    """
    if len(view.members) == 0:
        return -1
    return first_outside(view, write.block // int(parameters[0]) + write.leg)


def choose_concat(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name component floor(block * n / block count) + leg: equal ranges one after the other.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [9, 9], [9, 9], [0, 0], [1, 1])
    >>> [choose_concat(Write(0, 0, block, 4, 1, 0), view, [], [0]) for block in range(4)]
    [0, 0, 1, 1]
    """
    if len(view.members) == 0:
        return -1
    return first_outside(view, write.block * len(view.members) // write.block_count + write.leg)


def stripe(stripe: int = 1) -> PlacementPolicy:
    """Make RAID-0 striping: block b on component (b / stripe) mod n.

    Parameters
    ----------
    stripe
        Stripe width in blocks, 1 or more.

    Raises
    ------
    InputError
        `stripe` is no whole number of 1 or more.

    Examples
    --------
    >>> stripe(4).parameters
    {'stripe': 4}
    """
    return PlacementPolicy(
        "stripe", SOURCE, "block b on component (b / stripe) mod n", choose_stripe, needs_map=False,
        parameters={"stripe": whole("stripe", "stripe", stripe, least=1)},
    )  # fmt: skip


def concat() -> PlacementPolicy:
    """Make concatenation: each component holds one contiguous range of the addresses.

    Examples
    --------
    >>> concat().needs_map
    False
    """
    return PlacementPolicy("concat", SOURCE, "one address range a component", choose_concat, needs_map=False)
