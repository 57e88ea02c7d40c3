"""What a placement policy is given and what it answers.

A policy is asked at the first write of a block and names a component. It decides; the
engine acts. A component is named by the index of the disk that carries it: a leg has at
most one component on a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# Why a component may not take the block: the bits of ``View.blocked``.
FULL = 1  # free space after the write would fall below the disk's minimum
OFFLINE = 2
READ_ONLY = 4
DOMAIN = 8  # another leg holds the block in the same failure domain


class Write(NamedTuple):
    """The first write that asks for a component.

    ``word`` is 64 random bits of this (object, leg, block): the same for every policy and
    every order of events. Draw from it with ``randomness.draw(write.word, i)``.
    """

    object_index: int
    leg: int
    block: int
    block_count: int  # blocks of the whole object
    block_bytes: int
    word: int


class View(NamedTuple):
    """Read-only picture of the components at the moment of the choice.

    Sequences are indexed by disk.
    ``members`` lists the disks that carry a component of the object, in component order;
    ``candidates`` those of them that may take the block, in the same order.
    """

    members: Sequence[int]
    candidates: Sequence[int]
    blocked: Sequence[int]  # bits FULL, OFFLINE, READ_ONLY, DOMAIN
    free_bytes: Sequence[int]
    capacity_bytes: Sequence[int]
    queue_requests: Sequence[int]  # waiting and in service
    weight: Sequence[int]  # 16.16 fixed point, 0x10000 = 1.0; by default capacity in TiB


Choose = Callable[[Write, View, Sequence[float], Any], int]


@dataclass(frozen=True)
class PlacementPolicy:
    """One rule: its name, its source, its parameters and the function that chooses.

    Parameters
    ----------
    name, source, summary
        Name, where the rule comes from, one line about it.
    choose
        ``choose(write, view, parameters, state) -> disk index``, or -1 for none. `state`
        is the policy's own int64 array of ``state_size(disks)`` zeros. A rule that chooses
        at run time must name one of ``view.candidates``; a computed rule
        (``needs_map=False``) names the computed owner even if that one is full or offline:
        the write then fails, which is what such systems do.
    needs_map
        False where the owner can be computed from the address alone.
    parameters
        Name -> value, numbers only, in the order in which `choose` unpacks them.
    """

    name: str
    source: str
    summary: str
    choose: Choose
    needs_map: bool = True
    parameters: dict[str, float] = field(default_factory=dict)
    state_size: Callable[[int], int] = lambda disk_count: 1
