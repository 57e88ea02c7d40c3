"""Placement policies: the list of rules. Each file holds one rule, or a tight family, and its source.

Policies decide, the engine acts. They import only errors, randomness and their interface.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from placement_sim.errors import check_named
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


POLICIES: dict[str, Constructor] = {
    "stripe": stripe,
    "concat": concat,
    "random": random,
    "round_robin": round_robin,
    "most_free": most_free,
    "least_used_percent": least_used_percent,
    "proportional_free": proportional_free,
    "least_queue": least_queue,
    "d_choices": d_choices,
    "hdfs_available_space": hdfs_available_space,
    "straw2": straw2,
    "rendezvous": rendezvous,
    "jump": jump,
    "zfs_rotor": zfs_rotor,
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
    check_named("policy", name, POLICIES, parameters)
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
