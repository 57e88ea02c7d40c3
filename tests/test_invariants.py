"""Each invariant of the end of a run refuses a state that breaks it alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from placement_sim.errors import InvariantError
from placement_sim.model.cluster import StorageObjectSpec
from placement_sim.model.invariants import check_all
from placement_sim.model.storage_object import Leg, StorageObject

BLOCKS = 40_000  # more than a chunk of the touched table


def whole() -> StorageObject:
    """Two legs on three disks, one block in each of two chunks, all in order."""
    tree = StorageObject(StorageObjectSpec("vol", BLOCKS * 512, 512, disks=(2, 0, 1), mirrors=2), disk_count=3)
    for leg, disk in zip(tree.legs, (0, 1), strict=True):
        for block in (7, BLOCKS - 1):
            leg.written[disk].mark(block)
            leg.parent.set_owner(block, disk)
    return tree


def unwritten(leg: Leg) -> None:
    leg.parent.set_owner(8, 0)


def named_elsewhere(leg: Leg) -> None:
    leg.parent.set_owner(BLOCKS - 1, 2)


def twice(leg: Leg) -> None:
    leg.written[2].mark(BLOCKS - 1)


def miscounted(leg: Leg) -> None:
    leg.written[0].bits[0] |= 1


BROKEN: dict[str, tuple[Callable[[Leg], None], list[int], str]] = {
    "unwritten": (unwritten, [1024, 1024, 0], "vol leg 0: parent names disk 0 for block 8, unwritten"),
    "named elsewhere": (named_elsewhere, [1024, 1024, 0], f"vol leg 0: parent names disk 2 for block {BLOCKS - 1}"),
    "twice": (twice, [1024, 1024, 512], f"vol leg 0: block {BLOCKS - 1} is written on two components"),
    "miscounted": (miscounted, [1536, 1024, 0], "vol: disk 0 counts 2 written blocks, its map has 3"),
    "used space": (lambda leg: None, [1024, 512, 0], "is not written blocks x block size"),
}


def test_a_sound_state_passes() -> None:
    check_all([whole()], [1024, 1024, 0], [0, 0, 0], in_flight=0)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_state_is_refused(name: str) -> None:
    harm, used_bytes, message = BROKEN[name]
    tree = whole()
    harm(tree.legs[0])
    with pytest.raises(InvariantError, match=message):
        check_all([tree], used_bytes, [0, 0, 0], in_flight=0)


def test_a_stale_copy_may_stay_beside_the_new_one() -> None:
    """The entry of a block with a newer copy elsewhere names no disk (A14)."""
    tree = whole()
    twice(tree.legs[0])
    tree.legs[0].parent.set_entry(BLOCKS - 1, tree.legs[0].parent.degraded)
    check_all([tree], [1024, 1024, 512], [0, 0, 0], in_flight=0)


def test_marks_are_counted_as_the_maps_list_them() -> None:
    leg = whole().legs[0]
    twice(leg)
    counts, distinct = leg.written.written_counts(3)
    assert counts.tolist() == [leg.written[disk].written_blocks for disk in range(3)] == [2, 0, 1]
    assert distinct == 2
    assert leg.written.holds(np.array([7, 7, BLOCKS - 1]), np.array([0, 1, 2])).tolist() == [True, False, True]
