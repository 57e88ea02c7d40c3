"""Invariants of the maps and the space, checked at the end of every run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from placement_sim.errors import InvariantError
from placement_sim.model.storage_object import Leg, StorageObject

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # written blocks and their disks


def check_parent_implies_written(name: str, leg_index: int, leg: Leg, pairs: Pairs | None = None) -> None:
    """parent[b] = k implies written_k[b]; `pairs` is ``leg.written.pairs()``, where somebody has it already."""
    blocks, disks = leg.parent.allocated()
    named = disks + 1 < leg.parent.stale
    blocks, disks = blocks[named], disks[named]
    written_blocks, written_disks = leg.written.pairs() if pairs is None else pairs
    scale = int(max(disks.max(initial=0), written_disks.max(initial=0))) + 1
    written, wanted = np.sort(written_blocks * scale + written_disks), blocks * scale + disks
    places = np.searchsorted(written, wanted)
    found = np.append(written, -1)[places] == wanted
    missing = np.flatnonzero(~found)
    if len(missing):
        block, disk = int(blocks[missing[0]]), int(disks[missing[0]])
        raise InvariantError(f"{name} leg {leg_index}: parent names disk {disk} for block {block}, unwritten")


def check_written_once(name: str, leg_index: int, leg: Leg, pairs: Pairs | None = None) -> None:
    """No block is written on two components of a leg, unless its entry says that one copy is old (A14)."""
    blocks, _ = leg.written.pairs() if pairs is None else pairs
    twice = np.flatnonzero((blocks[1:] == blocks[:-1]) & (leg.parent.array[blocks[1:]] < leg.parent.stale))
    if len(twice):
        raise InvariantError(f"{name} leg {leg_index}: block {int(blocks[twice[0]])} is written on two components")


def check_counts(name: str, leg: Leg, pairs: Pairs, disk_count: int) -> npt.NDArray[np.int64]:
    """Check that the components count what their maps hold; give that by disk, shape (disks,)."""
    held, counted = np.bincount(pairs[1], minlength=disk_count), leg.written.counts(disk_count)
    wrong = np.flatnonzero(held != counted)
    if len(wrong):
        disk = int(wrong[0])
        raise InvariantError(f"{name}: disk {disk} counts {counted[disk]} written blocks, its map has {held[disk]}")
    return held


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
            pairs = leg.written.pairs()
            expected += check_counts(tree.spec.name, leg, pairs, len(used_bytes)) * tree.spec.block_bytes
            check_parent_implies_written(tree.spec.name, index, leg, pairs)
            check_written_once(tree.spec.name, index, leg, pairs)
    if expected.tolist() != list(used_bytes):
        raise InvariantError(f"used space {used_bytes} is not written blocks x block size {expected.tolist()}")
