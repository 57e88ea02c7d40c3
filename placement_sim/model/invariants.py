"""Invariants of the maps and the space, checked at the end of every run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from placement_sim.errors import InvariantError
from placement_sim.model.storage_object import Leg, StorageObject


def check_parent_implies_written(name: str, leg_index: int, leg: Leg) -> None:
    """parent[b] = k implies written_k[b]."""
    blocks, disks = leg.parent.allocated()
    named = disks + 1 < leg.parent.stale
    blocks, disks = blocks[named], disks[named]
    missing = np.flatnonzero(~leg.written.holds(blocks, disks))
    if len(missing):
        block, disk = int(blocks[missing[0]]), int(disks[missing[0]])
        raise InvariantError(f"{name} leg {leg_index}: parent names disk {disk} for block {block}, unwritten")


def check_written_once(name: str, leg_index: int, leg: Leg) -> None:
    """No block is written on two components of a leg, unless its entry says that one copy is old (A14)."""
    blocks = leg.written.written_twice()
    twice = blocks[leg.parent.array[blocks] < leg.parent.stale]
    if len(twice):
        raise InvariantError(f"{name} leg {leg_index}: block {int(twice[0])} is written on two components")


def check_counts(name: str, leg: Leg, held: npt.NDArray[np.int64]) -> None:
    """Check that the components count what their maps hold, which `held` gives by disk, shape (disks,)."""
    counted = leg.written.counts(len(held))
    wrong = np.flatnonzero(held != counted)
    if len(wrong):
        disk = int(wrong[0])
        raise InvariantError(f"{name}: disk {disk} counts {counted[disk]} written blocks, its map has {held[disk]}")


def check_reservations(objects: list[StorageObject], reserved_bytes: list[int], in_flight: int) -> None:
    """Nothing stays reserved, and no block stays in flight, when no request is."""
    if in_flight == 0 and any(reserved_bytes):
        raise InvariantError(f"nothing is in flight, yet bytes are reserved: {reserved_bytes}")
    if min(reserved_bytes, default=0) < 0:
        raise InvariantError(f"negative reservation: {reserved_bytes}")


def check_all(objects: list[StorageObject], used_bytes: list[int], reserved_bytes: list[int], in_flight: int) -> None:
    """Check every invariant; `used_bytes` excludes the prefilled ones."""
    check_reservations(objects, reserved_bytes, in_flight)
    expected = np.zeros(len(used_bytes), np.int64)
    for tree in objects:
        for index, leg in enumerate(tree.legs):
            held, distinct = leg.written.written_counts(len(used_bytes))
            expected += held * tree.spec.block_bytes
            check_counts(tree.spec.name, leg, held)
            check_parent_implies_written(tree.spec.name, index, leg)
            if held.sum() > distinct:
                check_written_once(tree.spec.name, index, leg)
    if expected.tolist() != list(used_bytes):
        raise InvariantError(f"used space {used_bytes} is not written blocks x block size {expected.tolist()}")
