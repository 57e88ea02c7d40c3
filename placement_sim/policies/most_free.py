"""Greedy by space: the most free bytes, or the least used share of the capacity.

Ties go to the first in cyclic order after the last chosen disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.interface import PlacementPolicy, View, Write
from placement_sim.policies.rotation import steps_after


def choose_most_free(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name the candidate with the most free bytes.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [5, 7], [9, 9], [0, 0], [1, 1])
    >>> choose_most_free(Write(0, 0, 0, 4, 1, 0), view, [], [0])
    1
    """
    best, best_free, best_steps = -1, 0, 0
    for item in view.candidates:
        disk = int(item)
        free = int(view.free_bytes[disk])
        steps = steps_after(disk, int(state[0]), len(view.blocked))
        if best < 0 or free > best_free or (free == best_free and steps < best_steps):
            best, best_free, best_steps = disk, free, steps
    if best >= 0:
        state[0] = best + 1
    return best


def choose_least_used_percent(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name the candidate with the largest share of its capacity free.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [5, 7], [5, 9], [0, 0], [1, 1])
    >>> choose_least_used_percent(Write(0, 0, 0, 4, 1, 0), view, [], [0])
    0
    """
    best, best_share, best_steps = -1, 0.0, 0
    for item in view.candidates:
        disk = int(item)
        capacity = float(view.capacity_bytes[disk])
        share = float(view.free_bytes[disk]) / capacity if capacity > 0.0 else 0.0
        steps = steps_after(disk, int(state[0]), len(view.blocked))
        if best < 0 or share > best_share or (share == best_share and steps < best_steps):
            best, best_share, best_steps = disk, share, steps
    if best >= 0:
        state[0] = best + 1
    return best


def most_free() -> PlacementPolicy:
    """Make the rule that names the candidate with the most free bytes.

    Examples
    --------
    >>> most_free().needs_map
    True
    """
    return PlacementPolicy("most_free", "mergerfs mfs", "most free bytes", choose_most_free)


def least_used_percent() -> PlacementPolicy:
    """Make the rule that names the candidate with the least used share of its capacity.

    Examples
    --------
    >>> least_used_percent().name
    'least_used_percent'
    """
    return PlacementPolicy(
        "least_used_percent",
        "greedy filling by relative use (folklore)",
        "least used share of the capacity",
        choose_least_used_percent,
    )
