"""Checks of policy parameters: every bad value becomes an ``InputError`` with its cure."""

from __future__ import annotations

import math

from placement_sim.errors import InputError


def whole(policy: str, name: str, value: float, least: int) -> int:
    """Return `value` as an int of at least `least`.

    Raises
    ------
    InputError
        The value is no whole number in [least, 2**53].

    Examples
    --------
    >>> whole("stripe", "stripe", 4.0, least=1)
    4
    """
    cure = f"give a whole number from {least} to 2**53"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"policy {policy}: {name}", f"{value!r} is not a number", cure)
    if not least <= value <= 2**53 or value != int(value):
        raise InputError(f"policy {policy}: {name}", f"{value!r} is out of range or not whole", cure)
    return int(value)


def fraction(policy: str, name: str, value: float) -> float:
    """Return `value` as a float in [0, 1].

    Raises
    ------
    InputError
        The value is no number in [0, 1].

    Examples
    --------
    >>> fraction("hdfs_available_space", "p", 0.75)
    0.75
    """
    cure = "give a number from 0 to 1"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise InputError(f"policy {policy}: {name}", f"{value!r} is not a number", cure)
    if not 0 <= value <= 1:
        raise InputError(f"policy {policy}: {name}", f"{value!r} is out of range", cure)
    return float(value)
