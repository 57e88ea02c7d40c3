"""Round robin, and the cyclic order by which other rules break ties.

The order is that of disk indices, and the state holds 1 + the last chosen disk (0: none
yet), so it stays defined when components come and go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.interface import PlacementPolicy, View, Write


def steps_after(disk: int, start: int, disk_count: int) -> int:
    """Count the steps from disk `start` to `disk`, upwards and around `disk_count` disks.

    Examples
    --------
    >>> steps_after(1, 3, 4), steps_after(3, 3, 4), steps_after(0, 4, 4)
    (2, 0, 0)
    """
    steps = disk - start
    return steps if steps >= 0 else steps + disk_count


def choose_round_robin(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Name the next candidate after the last chosen disk.

    Examples
    --------
    >>> view = View([0, 1, 2], [0, 2], [0, 1, 0], [9, 0, 9], [9, 9, 9], [0, 0, 0], [1, 1, 1])
    >>> state = [0]
    >>> [choose_round_robin(Write(0, 0, b, 4, 1, 0), view, [], state) for b in range(4)]
    [0, 2, 0, 2]
    """
    best, best_steps = -1, 0
    for item in view.candidates:
        disk = int(item)
        steps = steps_after(disk, int(state[0]), len(view.blocked))
        if best < 0 or steps < best_steps:
            best, best_steps = disk, steps
    if best >= 0:
        state[0] = best + 1
    return best


def round_robin() -> PlacementPolicy:
    """Make round robin over the candidates.

    Examples
    --------
    >>> round_robin().name
    'round_robin'
    """
    return PlacementPolicy(
        "round_robin",
        "HDFS RoundRobinVolumeChoosingPolicy",
        "next candidate in cyclic order after the last chosen",
        choose_round_robin,
    )
