"""Placement policies: the list of rules. Each file holds one rule, or a tight family, and its source.

Policies decide, the engine acts. They import only errors, randomness and their interface.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from placement_sim.errors import InputError
from placement_sim.policies.chance import proportional_free, random
from placement_sim.policies.d_choices import d_choices
from placement_sim.policies.hdfs import hdfs_available_space
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.policies.jump import jump
from placement_sim.policies.least_queue import least_queue
from placement_sim.policies.most_free import least_used_percent, most_free
from placement_sim.policies.rendezvous import rendezvous
from placement_sim.policies.rotation import round_robin
from placement_sim.policies.straw2 import straw2
from placement_sim.policies.striping import concat, stripe
from placement_sim.policies.zfs import zfs_rotor

__all__ = ["POLICIES", "make_policy", "policies_table"]

Constructor = Callable[..., PlacementPolicy]


def _named(constructor: Constructor) -> Constructor:
    """Let a constructor take keywords only and answer an unknown one with an ``InputError``."""
    known = list(inspect.signature(constructor).parameters)

    @functools.wraps(constructor)
    def checked(**parameters: Any) -> PlacementPolicy:
        for name in parameters:
            if name not in known:
                cure = f"use {', '.join(known)}" if known else "this policy takes none"
                raise InputError(f"policy {constructor.__name__}", f"unknown parameter {name!r}", cure)
        return constructor(**parameters)

    return checked


POLICIES: dict[str, Constructor] = {
    "stripe": _named(stripe),
    "concat": _named(concat),
    "random": _named(random),
    "round_robin": _named(round_robin),
    "most_free": _named(most_free),
    "least_used_percent": _named(least_used_percent),
    "proportional_free": _named(proportional_free),
    "least_queue": _named(least_queue),
    "d_choices": _named(d_choices),
    "hdfs_available_space": _named(hdfs_available_space),
    "straw2": _named(straw2),
    "rendezvous": _named(rendezvous),
    "jump": _named(jump),
    "zfs_rotor": _named(zfs_rotor),
}


def make_policy(name: str, **parameters: Any) -> PlacementPolicy:
    """Make a policy by name.

    Parameters
    ----------
    name
        A key of ``POLICIES``.
    **parameters
        What its constructor takes.

    Raises
    ------
    InputError
        The name, a parameter or a value is bad.

    Examples
    --------
    >>> make_policy("stripe", stripe=4).parameters
    {'stripe': 4}
    """
    if name not in POLICIES:
        raise InputError("policy", f"{name!r} is unknown", f"use one of {', '.join(POLICIES)}")
    return POLICIES[name](**parameters)


def policies_table() -> list[dict[str, str | bool]]:
    """List every policy: name, source, whether it needs a map, one line about it.

    Examples
    --------
    >>> [row["name"] for row in policies_table() if not row["needs_map"]]
    ['stripe', 'concat', 'straw2', 'rendezvous', 'jump']
    """
    rows: list[dict[str, str | bool]] = []
    for constructor in POLICIES.values():
        policy = constructor()
        rows.append(
            {
                "name": policy.name,
                "source": policy.source,
                "needs_map": policy.needs_map,
                "summary": policy.summary,
            }
        )
    return rows
