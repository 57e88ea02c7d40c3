"""Pure chance: uniform over the candidates, or in proportion to their free bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.interface import PlacementPolicy, View, Write
from placement_sim.randomness import draw


def choose_random(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name a candidate, each with the same probability.

    Examples
    --------
    >>> view = View([0, 1], [1], [1, 0], [0, 7], [9, 9], [0, 0], [1, 1])
    >>> choose_random(Write(0, 0, 0, 4, 1, 77), view, [], [0])
    1
    """
    count = len(view.candidates)
    if count == 0:
        return -1
    return int(view.candidates[int(draw(write.word, 0) * count)])


def choose_proportional_free(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name candidate i with probability free_i / (sum of free); uniform if nothing is free.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [0, 7], [9, 9], [0, 0], [1, 1])
    >>> choose_proportional_free(Write(0, 0, 0, 4, 1, 77), view, [], [0])
    1
    """
    total = 0.0
    for item in view.candidates:
        total += max(0.0, float(view.free_bytes[item]))
    if total <= 0.0:
        return choose_random(write, view, parameters, state)
    rest = draw(write.word, 0) * total
    last = -1
    for item in view.candidates:
        free = float(view.free_bytes[item])
        if free > 0.0:
            last = int(item)
            rest -= free
            if rest < 0.0:
                return last
    return last  # rounding may leave a tiny rest: it belongs to the last one


def random() -> PlacementPolicy:
    """Make uniform random placement.

    Examples
    --------
    >>> random().name
    'random'
    """
    return PlacementPolicy(
        "random",
        "Azar, Broder, Karlin and Upfal, Balanced Allocations, STOC 1994 (d = 1)",
        "uniform over the candidates",
        choose_random,
    )


def proportional_free() -> PlacementPolicy:
    """Make random placement in proportion to free bytes.

    Examples
    --------
    >>> proportional_free().name
    'proportional_free'
    """
    return PlacementPolicy(
        "proportional_free",
        "mergerfs pfrd",
        "random, in proportion to free bytes",
        choose_proportional_free,
    )
