"""Invariants of the maps and the space, checked at the end of every run."""

from __future__ import annotations

import numpy as np

from placement_sim.errors import InvariantError
from placement_sim.model.storage_object import Leg, StorageObject


def check_parent_implies_written(name: str, leg_index: int, leg: Leg) -> None:
    """parent[b] = k implies written_k[b]."""
    blocks, disks = leg.parent.allocated()
    for disk, written in leg.written.items():
        owned = blocks[disks == disk]
        marked = (written.bits[owned >> 3] >> (owned & 7).astype(np.uint8)) & 1
        if not marked.all():
            block = int(owned[np.argmin(marked)])
            raise InvariantError(f"{name} leg {leg_index}: parent names disk {disk} for block {block}, unwritten")


def check_written_once(name: str, leg_index: int, leg: Leg) -> None:
    """No block is written on two components of a leg, unless its entry says that one copy is old (A14)."""
    blocks = np.sort(np.concatenate([written.blocks() for written in leg.written.values()]))
    twice = np.flatnonzero((blocks[1:] == blocks[:-1]) & (leg.parent.array[blocks[1:]] < leg.parent.stale))
    if len(twice):
        raise InvariantError(f"{name} leg {leg_index}: block {int(blocks[twice[0]])} is written on two components")


def check_used_space(objects: list[StorageObject], used_bytes: list[int]) -> None:
    """Written blocks x block size = used space, on every disk."""
    expected = [0] * len(used_bytes)
    for tree in objects:
        for leg in tree.legs:
            for disk, written in leg.written.items():
                counted = len(written.blocks())
                if counted != written.written_blocks:
                    raise InvariantError(f"{tree.spec.name}: disk {disk} counts {written.written_blocks}: {counted}")
                expected[disk] += counted * tree.spec.block_bytes
    if expected != list(used_bytes):
        raise InvariantError(f"used space {used_bytes} is not written blocks x block size {expected}")


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
