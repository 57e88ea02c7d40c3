"""Mean time to data loss of one redundancy group, in closed form: what simulation is held against.

Lives are exponential and independent; every failed disk is repaired on its own, at once.
"""

from __future__ import annotations

import math

import numpy as np


def mttdl_exponential_repair(disks: int, tolerates: int, mttf_s: float, repair_s: float) -> float:
    """Give the mean time, from all disks whole, until more than `tolerates` of them have failed.

    Parameters
    ----------
    disks, tolerates
        Width of the group and failures it survives: (2, 1) a mirror pair, (n, 1) single parity.
    mttf_s, repair_s
        Mean life of a disk and mean repair, in any one unit of time; the answer is in the same unit.

    Source: absorption time of a birth-death chain, as in Gibson, "Redundant Disk Arrays" (1992), chapter 5; a mirror
    pair gives (3 a + b) / (2 a^2), single parity ((2 n - 1) a + b) / (n (n - 1) a^2), a = 1 / mttf, b = 1 / repair.

    Examples
    --------
    >>> round(mttdl_exponential_repair(2, 1, 1000.0, 10.0), 6)
    51500.0
    """
    _check(disks, tolerates, mttf_s, repair_s)
    states = tolerates + 1
    matrix = np.zeros((states, states))
    for failed in range(states):
        down, up = (disks - failed) / mttf_s, failed / repair_s
        matrix[failed, failed] = down + up
        if failed:
            matrix[failed, failed - 1] = -up
        if failed + 1 < states:
            matrix[failed, failed + 1] = -down
    return float(np.linalg.solve(matrix, np.ones(states))[0])


def mttdl_fixed_repair(disks: int, mttf_s: float, repair_s: float) -> float:
    """Give the same for a group that survives one failure and a repair of fixed length.

    A cycle lasts until the first failure and then until the repair or a second failure, and ends
    in a loss with p = 1 - exp(-(n - 1) repair / mttf): the mean is that of a cycle over p.

    Examples
    --------
    >>> round(mttdl_fixed_repair(2, 1000.0, 10.0), 1)
    51250.4
    """
    _check(disks, 1, mttf_s, repair_s)
    second_rate = (disks - 1) / mttf_s
    loss = -math.expm1(-second_rate * repair_s)
    return (mttf_s / disks + loss / second_rate) / loss


def _check(disks: int, tolerates: int, mttf_s: float, repair_s: float) -> None:
    if not 0 <= tolerates < disks:
        raise ValueError(f"{disks} disks cannot survive {tolerates} failures")
    if not (mttf_s > 0 and repair_s > 0):
        raise ValueError(f"mttf {mttf_s} and repair {repair_s} are to be positive")
