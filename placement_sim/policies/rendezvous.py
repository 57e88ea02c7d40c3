"""Weighted rendezvous hashing: every disk scores -w / ln(h) on a block, the best owns it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from placement_sim.policies.interface import DOMAIN, PlacementPolicy, View, Write
from placement_sim.randomness import draw, mix

_LEAST = 2.0**-54  # stands for a draw of 0, which has no logarithm


def choose_rendezvous(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name the member with the best score outside the failure domains of other legs.

    h hangs on (object index, block, disk), not on the leg: the legs take the first, second
    ... of one ranking. A full or offline owner is named all the same.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [9, 9], [9, 9], [0, 0], [0, 0x10000])
    >>> choose_rendezvous(Write(0, 0, 0, 4, 1, 0), view, [], [0])
    1
    """
    word = mix(write.object_index, write.block)
    best, best_score = -1, 0.0
    for item in view.members:
        disk = int(item)
        weight = float(view.weight[disk])
        if weight > 0.0 and (view.blocked[disk] & DOMAIN) == 0:
            score = -weight / math.log(max(draw(word, disk), _LEAST))
            if best < 0 or score > best_score:
                best, best_score = disk, score
    return best


def rendezvous() -> PlacementPolicy:
    """Make weighted rendezvous hashing.

    Examples
    --------
    >>> rendezvous().needs_map
    False
    """
    return PlacementPolicy(
        "rendezvous",
        "Thaler and Ravishankar, IEEE/ACM ToN 1998; weights: Schindelhauer and Schomaker, SPAA 2005",
        "best score -w / ln(h) of a hash of the address",
        choose_rendezvous,
        needs_map=False,
    )
