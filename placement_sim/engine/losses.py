"""Where the data stands: of every byte that was ever acknowledged and not unmapped, readable, out of reach or lost."""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from placement_sim.errors import InvariantError
from placement_sim.model.allocation import DEGRADED, touched_parts
from placement_sim.model.cluster import OFFLINE
from placement_sim.model.copies import BlockRecord

_NONE, _LOST, _AWAY, _READABLE = range(4)  # how good a copy is: the best one counts


class Stock(NamedTuple):
    """Bytes of blocks that are held, each of them in one of three states.

    `away_bytes` are on disks out of reach that have not failed; `lost_bytes` have no copy that is the newest and
    whose disk has not failed.
    """

    held_bytes: int
    readable_bytes: int
    away_bytes: int
    lost_bytes: int


def take_stock(path: Any) -> Stock:
    """Count what is held by state.

    Raises
    ------
    InvariantError
        A byte is in none of the states, or no leg says where a block is.
    """
    space = path.space
    grade = np.where(np.asarray(space.status) == OFFLINE, _AWAY, _READABLE)
    grade[space.failed] = _LOST
    by_entry = np.zeros(DEGRADED + 1, np.int8)  # entries that name no disk: records are looked at one by one
    by_entry[1 : len(grade) + 1] = grade
    totals = np.zeros(4, np.int64)
    held_bytes = 0
    for index, tree in enumerate(path.objects):
        readable_bytes, blocks = _readable(tree, by_entry)
        totals[_READABLE] += readable_bytes
        held_bytes += readable_bytes
        if len(blocks):
            held_bytes += _add_others(path, index, blocks, by_entry, totals)
    stock = Stock(held_bytes, int(totals[_READABLE]), int(totals[_AWAY]), int(totals[_LOST]))
    if stock.held_bytes != stock.readable_bytes + stock.away_bytes + stock.lost_bytes:
        raise InvariantError(f"blocks held are not readable, away or lost: {stock}")
    return stock


def _readable(tree: Any, by_entry: Any) -> tuple[int, Any]:
    """Give the bytes of blocks with an ordinary copy that is readable, and list the other blocks that a leg holds."""
    readable, others = 0, [np.zeros(0, np.int64)]
    for part in touched_parts(functools.reduce(np.bitwise_or, [leg.touched for leg in tree.legs])):
        entries = [leg.parent.array[part] for leg in tree.legs]
        best = functools.reduce(np.maximum, [by_entry[leg_entries] for leg_entries in entries])
        held = functools.reduce(np.bitwise_or, entries) != 0
        found = int(np.count_nonzero(best == _READABLE))
        readable += found
        if np.count_nonzero(held) > found:
            others.append(np.flatnonzero(held & (best < _READABLE)) + part.start)
    spec = tree.spec
    missing_bytes = spec.block_count * spec.block_bytes - spec.size_bytes  # of the last block
    if missing_bytes and any(by_entry[leg.parent.array[-1]] == _READABLE for leg in tree.legs):
        return readable * spec.block_bytes - missing_bytes, np.concatenate(others)
    return readable * spec.block_bytes, np.concatenate(others)


def _add_others(path: Any, index: int, blocks: Any, by_entry: Any, totals: Any) -> int:
    """Add blocks without a readable ordinary copy to the totals; give how many bytes they hold."""
    tree = path.objects[index]
    spec = tree.spec
    best = functools.reduce(np.maximum, [by_entry[leg.parent.array[blocks]] for leg in tree.legs])
    special = {key[2] for key in path.placement.degraded.records if key[0] == index}
    in_flight = [block for block in special if not _is_written(tree, block)]
    is_held = ~(np.isin(blocks, in_flight) | _is_awaited(tree, blocks, best))
    blocks, best = blocks[is_held], best[is_held]
    special.intersection_update(blocks.tolist())
    sizes = np.minimum(spec.block_bytes, spec.size_bytes - blocks * spec.block_bytes)
    plain = ~np.isin(blocks, list(special))
    totals += np.bincount(best[plain], weights=sizes[plain], minlength=4).astype(np.int64)
    for block in sorted(special):
        for level, size in _special(path, index, block, by_entry):
            totals[level] += size
    return int(sizes.sum())


def _is_written(tree: Any, block: int) -> bool:
    """Tell whether a first write of a block has ever reached a disk; if not, none was acknowledged."""
    return any(written.is_written(block) for leg in tree.legs for written in leg.written.values())


def _is_awaited(tree: Any, blocks: Any, best: Any) -> Any:
    """Tell of each block whether what is gone of it was not acknowledged: another leg's first write is in flight."""
    awaited = np.zeros(len(blocks), bool)
    gone = np.flatnonzero(best <= _LOST)
    for leg in tree.legs:
        entries, pending = leg.parent.array[blocks[gone]], np.asarray(leg.pending)[blocks[gone]]
        awaited[gone] |= (entries == 0) & (pending > 0)
    return awaited


def _special(path: Any, index: int, block: int, by_entry: Any) -> list[tuple[int, int]]:
    """Give (state, bytes) of a block that has a record in some leg."""
    tree = path.objects[index]
    best, records = _LOST, []
    for leg_index, leg in enumerate(tree.legs):
        record = path.placement.degraded.records.get((index, leg_index, block))
        if record is None:
            best = max(best, int(by_entry[leg.parent.entries[block]]))
        elif leg.parent.entries[block] == leg.parent.degraded:
            records.append(record)
    start, end = path.placement.degraded.extent((index, 0, block))
    edges = sorted({start, end, *(edge for record in records for part in record.parts for edge in part)})
    found = []
    for first, last in pairwise(edges):
        copies = [by_entry[_where(record, first) + 1] for record in records]
        found.append((max([best, *map(int, copies)]), last - first))
    return found


def _where(record: BlockRecord, first: int) -> int:
    """Give the disk of the newest copy of a range, which begins at `first` and lies in one part or in none."""
    is_newer = any(start <= first < end for start, end in record.parts)
    return record.newer if is_newer else record.old
