"""The ZFS metaslab rotor: stay on a device for an aliquot of bytes, longer where more is free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from placement_sim.policies.checks import whole
from placement_sim.policies.interface import PlacementPolicy, View, Write
from placement_sim.policies.rotation import steps_after


def free_ratio_percent(free_bytes: int, total_free_bytes: int, group_count: int) -> int:
    """Give a device's free space in percent of the mean: 100 free groups / (total free + 1).

    Within int64 while free x groups is below 9e16 bytes.

    Examples
    --------
    >>> free_ratio_percent(112 << 20, 176 << 20, 2), free_ratio_percent(64 << 20, 176 << 20, 2)
    (127, 72)
    """
    return 100 * free_bytes * group_count // (total_free_bytes + 1)


def bias_bytes(ratio_percent: int, aliquot_bytes: int) -> int:
    """Give the bytes beyond the aliquot, truncated toward zero: (ratio - 100) aliquot / 100.

    Examples
    --------
    >>> bias_bytes(127, 524288), bias_bytes(72, 524288)
    (141557, -146800)
    """
    product = (ratio_percent - 100) * aliquot_bytes
    return product // 100 if product >= 0 else -(-product // 100)


def choose_zfs_rotor(write: Write, view: View, parameters: Sequence[float], state: Any) -> int:
    """Stay on the rotor's disk until aliquot + bias is allocated there, then turn to the next.

    State: the disk from which to look, bytes allocated there, the bias (set at the first
    allocation). A disk that is no candidate is passed over, and the count starts anew.

    Examples
    --------
    >>> view = View([0, 1], [0, 1], [0, 0], [9, 9], [9, 9], [0, 0], [1, 1])
    >>> state = [0, 0, 0]
    >>> [choose_zfs_rotor(Write(0, 0, b, 9, 2, 0), view, [4.0], state) for b in range(6)]
    [0, 0, 1, 1, 0, 0]
    """
    best, best_steps = -1, 0
    for item in view.candidates:
        steps = steps_after(int(item), int(state[0]), len(view.blocked))
        if best < 0 or steps < best_steps:
            best, best_steps = int(item), steps
    if best < 0:
        return -1
    aliquot = int(parameters[0])
    if best != state[0]:
        state[0] = best
        state[1] = 0
    if state[1] == 0:
        total = 0
        for item in view.members:
            total += int(view.free_bytes[item])
        ratio = free_ratio_percent(int(view.free_bytes[best]), total, len(view.members))
        state[2] = bias_bytes(ratio, aliquot)
    state[1] += write.block_bytes
    if state[1] >= aliquot + state[2]:
        state[0] = best + 1
        state[1] = 0
    return best


def zfs_state_size(disk_count: int) -> int:
    """Count the state words: rotor, bytes allocated, bias.

    Examples
    --------
    >>> zfs_state_size(100)
    3
    """
    return 3


def zfs_rotor(aliquot: int = 512 * 1024) -> PlacementPolicy:
    """Make the ZFS rotor.

    Parameters
    ----------
    aliquot
        Bytes to allocate on a device before the rotor turns, at equal free space.

    Raises
    ------
    InputError
        `aliquot` is no whole number of 1 or more.

    Examples
    --------
    >>> zfs_rotor().parameters
    {'aliquot': 524288}
    """
    return PlacementPolicy(
        "zfs_rotor",
        "OpenZFS module/zfs/metaslab.c (metaslab_aliquot, mg_bias)",
        "stay on a device for an aliquot, longer where more is free",
        choose_zfs_rotor,
        parameters={"aliquot": whole("zfs_rotor", "aliquot", aliquot, least=1)},
        state_size=zfs_state_size,
    )
