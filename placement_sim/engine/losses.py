"""Where the data stands: of every byte that was ever acknowledged and not unmapped, readable, out of reach or lost."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from placement_sim.errors import InvariantError
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
    by_entry = np.concatenate(([_NONE], grade)).astype(np.int8)
    totals = np.zeros(4, np.int64)
    held_bytes = 0
    for index, tree in enumerate(path.objects):
        spec = tree.spec
        blocks, best = _best_copies(tree, by_entry)
        special = {key[2] for key in path.placement.degraded.records if key[0] == index}
        in_flight = [block for block in special if not _is_written(tree, block)]
        is_held = ~(np.isin(blocks, in_flight) | _is_awaited(tree, blocks, best))
        blocks, best = blocks[is_held], best[is_held]
        special.intersection_update(blocks.tolist())
        sizes = np.minimum(spec.block_bytes, spec.size_bytes - blocks * spec.block_bytes)
        held_bytes += int(sizes.sum())
        plain = ~np.isin(blocks, list(special))
        totals += np.bincount(best[plain], weights=sizes[plain], minlength=4).astype(np.int64)
        for block in sorted(special):
            for level, size in _special(path, index, block, by_entry):
                totals[level] += size
    stock = Stock(held_bytes, int(totals[_READABLE]), int(totals[_AWAY]), int(totals[_LOST]))
    if stock.held_bytes != stock.readable_bytes + stock.away_bytes + stock.lost_bytes:
        raise InvariantError(f"blocks held are not readable, away or lost: {stock}")
    return stock


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


def _best_copies(tree: Any, by_entry: Any) -> tuple[Any, Any]:
    """Give the blocks that any leg holds, and the best of the copies that an ordinary entry names."""
    listed = [leg.parent.allocated() for leg in tree.legs]
    blocks = np.unique(np.concatenate([found for found, _ in listed]))
    best = np.zeros(len(blocks), np.int8)
    for found, disks in listed:
        entries = np.where(disks + 1 < len(by_entry), disks + 1, 0)  # records are looked at one by one
        places = np.searchsorted(blocks, found)
        best[places] = np.maximum(best[places], by_entry[entries])
    return blocks, best


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
