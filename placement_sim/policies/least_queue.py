"""Join the shortest queue: fewest requests waiting and in service.

Ties go to the first in cyclic order after the last chosen disk: always taking the lowest
index would load the first disks of an idle system.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.interface import PlacementPolicy, View, Write
from placement_sim.policies.rotation import steps_after


def choose_least_queue(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name the candidate with the fewest requests present.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [9, 9], [9, 9], [3, 1], [1, 1])
    >>> choose_least_queue(Write(0, 0, 0, 4, 1, 0), view, [], [0])
    1
    """
    best, best_queue, best_steps = -1, 0, 0
    for item in view.candidates:
        disk = int(item)
        queue = int(view.queue_requests[disk])
        steps = steps_after(disk, int(state[0]), len(view.blocked))
        if best < 0 or queue < best_queue or (queue == best_queue and steps < best_steps):
            best, best_queue, best_steps = disk, queue, steps
    if best >= 0:
        state[0] = best + 1
    return best


def least_queue() -> PlacementPolicy:
    """Make join-the-shortest-queue.

    Examples
    --------
    >>> least_queue().needs_map
    True
    """
    return PlacementPolicy(
        "least_queue",
        "Winston, Optimality of the shortest line discipline, J. Appl. Prob. 1977",
        "fewest requests waiting and in service (JSQ)",
        choose_least_queue,
    )
