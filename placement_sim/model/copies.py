"""Which copy of a block is newer, and where: the record of a degraded write (A14) and of a copy being made."""

from __future__ import annotations

from dataclasses import dataclass, field

Parts = list[tuple[int, int]]  # (start, end) in bytes of the object, ascending, apart from each other


@dataclass(slots=True)
class BlockRecord:
    """What the parent writes down about one block of a leg; durable, like the components' maps.

    Parameters
    ----------
    old
        Disk of the older copy, -1 for none: what is not in `parts` is read there.
    newer
        Disk of the newer copy, -1 for none.
    parts
        What is newer there.
    target
        Disk on which a whole copy is being made, -1 for none: writes go there, too.
    """

    old: int
    newer: int
    parts: Parts = field(default_factory=list)
    target: int = -1


def add_part(parts: Parts, start: int, end: int) -> Parts:
    """Give the parts with one more.

    Examples
    --------
    >>> add_part([(0, 10), (30, 40)], 10, 20)
    [(0, 20), (30, 40)]
    """
    apart = [part for part in parts if part[1] < start or part[0] > end]
    touching = [part for part in parts if part[1] >= start and part[0] <= end]
    start = min([start, *(part[0] for part in touching)])
    end = max([end, *(part[1] for part in touching)])
    return sorted([*apart, (start, end)])


def cut_part(parts: Parts, start: int, end: int) -> Parts:
    """Give the parts without a range.

    Examples
    --------
    >>> cut_part([(0, 20), (30, 40)], 10, 35)
    [(0, 10), (35, 40)]
    """
    pieces = [piece for first, last in parts for piece in ((first, min(last, start)), (max(first, end), last))]
    return [piece for piece in pieces if piece[0] < piece[1]]


def covered_bytes(parts: Parts, start: int, end: int) -> int:
    """Count the bytes of a range that lie in the parts.

    Examples
    --------
    >>> covered_bytes([(0, 20), (30, 40)], 10, 35)
    15
    """
    return sum(max(0, min(last, end) - max(first, start)) for first, last in parts)
