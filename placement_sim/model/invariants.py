"""Invariants of the maps and the space, checked at the end of every run."""

from __future__ import annotations

import numpy as np

from placement_sim.errors import InvariantError
from placement_sim.model.storage_object import Leg, StorageObject


def check_parent_implies_written(name: str, leg_index: int, leg: Leg) -> None:
    """parent[b] = k implies written_k[b]."""
    blocks, disks = leg.parent.allocated()
    named = disks + 1 < leg.parent.stale
    blocks, disks = blocks[named], disks[named]
    written_blocks, written_disks = leg.written.pairs()
    scale = int(max(disks.max(initial=0), written_disks.max(initial=0))) + 1
    missing = np.flatnonzero(~np.isin(blocks * scale + disks, written_blocks * scale + written_disks))
    if len(missing):
        block, disk = int(blocks[missing[0]]), int(disks[missing[0]])
        raise InvariantError(f"{name} leg {leg_index}: parent names disk {disk} for block {block}, unwritten")


def check_written_once(name: str, leg_index: int, leg: Leg) -> None:
    """No block is written on two components of a leg, unless its entry says that one copy is old (A14)."""
    blocks, _ = leg.written.pairs()
    twice = np.flatnonzero((blocks[1:] == blocks[:-1]) & (leg.parent.array[blocks[1:]] < leg.parent.stale))
    if len(twice):
        raise InvariantError(f"{name} leg {leg_index}: block {int(blocks[twice[0]])} is written on two components")


def check_used_space(objects: list[StorageObject], used_bytes: list[int]) -> None:
    """Written blocks x block size = used space, on every disk."""
    expected = np.zeros(len(used_bytes), np.int64)
    for tree in objects:
        for leg in tree.legs:
            counted = np.bincount(leg.written.pairs()[1], minlength=len(used_bytes))
            wrong = np.flatnonzero(counted != leg.written.counts(len(used_bytes)))
            if len(wrong):
                disk = int(wrong[0])
                counts = leg.written.counts(len(used_bytes))
                raise InvariantError(f"{tree.spec.name}: disk {disk} counts {counts[disk]}: {counted[disk]}")
            expected += counted * tree.spec.block_bytes
    if expected.tolist() != list(used_bytes):
        raise InvariantError(f"used space {used_bytes} is not written blocks x block size {expected.tolist()}")


def check_reservations(objects: list[StorageObject], reserved_bytes: list[int], in_flight: int) -> None:
    """Nothing stays reserved, and no block stays in flight, when no request is."""
    if in_flight == 0 and any(reserved_bytes):
        raise InvariantError(f"nothing is in flight, yet bytes are reserved: {reserved_bytes}")
    if min(reserved_bytes, default=0) < 0:
        raise InvariantError(f"negative reservation: {reserved_bytes}")


def check_all(objects: list[StorageObject], used_bytes: list[int], reserved_bytes: list[int], in_flight: int) -> None:
    """Check every invariant; `used_bytes` excludes the prefilled ones."""
    check_used_space(objects, used_bytes)
    check_reservations(objects, reserved_bytes, in_flight)
    for tree in objects:
        for index, leg in enumerate(tree.legs):
            check_parent_implies_written(tree.spec.name, index, leg)
            check_written_once(tree.spec.name, index, leg)
