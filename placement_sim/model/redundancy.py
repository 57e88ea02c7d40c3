"""Which data lives together: groups of disks that hold copies, or data and parity, of the same bytes.

Groups come from the maps of real objects, exactly, or are drawn for a cluster that was never written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from placement_sim.errors import InputError
from placement_sim.randomness import generator


class RedundancyGroup(NamedTuple):
    """Disks with `part_bytes` each, of which any `tolerates` may be lost.

    A mirror of m copies survives m - 1, single parity over n disks survives 1.

    Examples
    --------
    >>> RedundancyGroup((0, 3), 1024, 1).data_bytes, RedundancyGroup((0, 1, 2), 1024, 1).data_bytes
    (1024, 2048)
    """

    disks: tuple[int, ...]
    part_bytes: int
    tolerates: int

    @property
    def data_bytes(self) -> int:
        """Bytes of data, without copies and parity."""
        return self.part_bytes * (len(self.disks) - self.tolerates)


def groups_of_maps(parents: Sequence[npt.NDArray[Any]], block_bytes: int) -> list[RedundancyGroup]:
    """Group the blocks of one object by the disks that hold them, one parent's map a leg.

    Parameters
    ----------
    parents
        Arrays of shape (blocks,): disk index + 1, 0 for none. A block that a leg lacks has a copy less.

    Returns
    -------
    list
        In order of the disks, missing copies first; a block counts in full, also the last one of an object.

    Examples
    --------
    >>> for group in groups_of_maps([np.array([1, 1, 0, 2]), np.array([2, 2, 0, 0])], 512):
    ...     print(group.disks, group.part_bytes, group.tolerates)
    (1,) 512 0
    (0, 1) 1024 1
    """
    written = np.flatnonzero(np.logical_or.reduce([parent != 0 for parent in parents]))
    owners = np.sort(np.stack([parent[written].astype(np.int64) - 1 for parent in parents], axis=1), axis=1)
    rows, counts = np.unique(owners, axis=0, return_counts=True)
    groups = []
    for row, count in zip(rows.tolist(), counts.tolist(), strict=True):
        disks = tuple(disk for disk in row if disk >= 0)
        groups.append(RedundancyGroup(disks, count * block_bytes, len(disks) - 1))
    return groups


def draw_groups(
    seed: int,
    name: str,
    data_bytes: int,
    group_bytes: int,
    copies: int,
    free_bytes: npt.NDArray[np.int64],
    domains: Sequence[str],
    disks: Sequence[int] | None = None,
) -> list[RedundancyGroup]:
    """Cut an object into groups and draw the disks of each: distinct failure domains, by free space.

    The chance of a disk is its free space among those that may still be taken.

    Parameters
    ----------
    free_bytes
        Shape (disks,); lessened in place, so that several objects share the disks.
    domains, disks
        Failure domain of every disk, and the disks that may be taken, by default all.

    Raises
    ------
    InputError
        No disk in another failure domain has room for a part.

    Examples
    --------
    >>> free = np.array([100, 100, 100])
    >>> [group.part_bytes for group in draw_groups(1, "vol", 50, 20, 2, free, ["a", "b", "c"])], int(free.sum())
    ([20, 20, 10], 200)
    """
    rng = generator(seed, name, "groups")
    codes = np.unique(np.asarray(domains), return_inverse=True)[1]
    member = np.ones(len(free_bytes), bool)
    if disks is not None:
        member[:] = False
        member[list(disks)] = True
    groups = []
    for start in range(0, data_bytes, group_bytes):
        part_bytes = min(group_bytes, data_bytes - start)
        may = member & (free_bytes >= part_bytes)
        chosen: list[int] = []
        for copy in range(copies):
            reach = np.cumsum(np.where(may, free_bytes, 0))
            if not reach[-1]:
                problem = f"copy {copy + 1} of {copies} of {part_bytes} bytes finds no disk in another failure domain"
                raise InputError(f"object {name}", problem, "use fewer mirrors, smaller groups, more or larger disks")
            disk = int(np.searchsorted(reach, rng.integers(reach[-1]), side="right"))
            chosen.append(disk)
            may &= codes != codes[disk]
        free_bytes[chosen] -= part_bytes
        groups.append(RedundancyGroup(tuple(chosen), part_bytes, copies - 1))
    return groups
