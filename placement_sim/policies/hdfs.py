"""HDFS available-space volume choice: round robin, leaning towards the emptier volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.checks import fraction, whole
from placement_sim.policies.interface import PlacementPolicy, View, Write
from placement_sim.policies.rotation import steps_after
from placement_sim.randomness import draw


def high_probability(low_count: int, high_count: int, p: float) -> float:
    """Give the probability H p / (H p + L (1 - p)) of choosing among the emptier volumes.

    Examples
    --------
    >>> high_probability(1, 1, 0.75), high_probability(5, 1, 0.75)
    (0.75, 0.375)
    """
    high = high_count * p
    both = high + low_count * (1.0 - p)
    return high / both if both > 0.0 else 0.0


def choose_hdfs(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Choose the set (all, low, high), then go round robin in it; parameters: threshold, p.

    State: 1 + the last disk chosen of all, of the low set, of the high set.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [1, 90], [99, 99], [0, 0], [1, 1])
    >>> choose_hdfs(Write(0, 0, 0, 4, 2, 0), view, [10.0, 0.75], [0, 0, 0])
    1
    """
    if len(view.candidates) == 0:
        return -1
    threshold = int(parameters[0])
    least = most = int(view.free_bytes[view.candidates[0]])
    for item in view.candidates:
        least = min(least, int(view.free_bytes[item]))
        most = max(most, int(view.free_bytes[item]))
    cut = least + threshold
    chosen_set = 0
    if most - least >= threshold:
        low_count, high_count, most_low = 0, 0, 0
        for item in view.candidates:
            free = int(view.free_bytes[item])
            if free <= cut:
                low_count += 1
                most_low = max(most_low, free)
            else:
                high_count += 1
        lean = draw(write.word, 0) < high_probability(low_count, high_count, parameters[1])
        chosen_set = 2 if high_count > 0 and (most_low < write.block_bytes or lean) else 1
    best, best_steps = -1, 0
    for item in view.candidates:
        disk = int(item)
        low = int(view.free_bytes[disk]) <= cut
        if chosen_set == 0 or low == (chosen_set == 1):
            steps = steps_after(disk, int(state[chosen_set]), len(view.blocked))
            if best < 0 or steps < best_steps:
                best, best_steps = disk, steps
    if best >= 0:
        state[chosen_set] = best + 1
    return best


def hdfs_state_size(disk_count: int) -> int:
    """Count the state words: one round robin for all, low and high.

    Examples
    --------
    >>> hdfs_state_size(100)
    3
    """
    return 3


def hdfs_available_space(threshold: int = 10 * 2**30, p: float = 0.75) -> PlacementPolicy:
    """Make the HDFS available-space rule.

    Parameters
    ----------
    threshold
        Bytes by which free space may differ while volumes count as balanced.
    p
        Preference for the emptier volumes, 0 to 1.

    Raises
    ------
    InputError
        A parameter is out of range.

    Examples
    --------
    >>> hdfs_available_space(p=0.6).parameters
    {'threshold': 10737418240, 'p': 0.6}
    """
    name = "hdfs_available_space"
    return PlacementPolicy(
        name,
        "HDFS AvailableSpaceVolumeChoosingPolicy (HDFS-1804)",
        "round robin, leaning towards volumes with more free space",
        choose_hdfs,
        parameters={"threshold": whole(name, "threshold", threshold, least=0), "p": fraction(name, "p", p)},
        state_size=hdfs_state_size,
    )
