"""Maps and space: who owns a block, first writes, unmaps. `engine.placement` says the same in Python."""

from __future__ import annotations

import numpy as np

from placement_sim.engine.compiled.layout import NONE, State
from placement_sim.engine.degraded import DONE, LOST
from placement_sim.engine.placement import CACHED, ZEROS
from placement_sim.model.allocation import CHUNK_BITS
from placement_sim.model.cluster import OFFLINE, ONLINE

ASK = -9  # in place of a disk: Python decides


def owner_entry(s: State, place: int) -> int:
    """Give an entry of the parents' maps, in 64 bits: less would be unsigned in compiled code."""
    return np.int64(s.owners[place])  # type: ignore[return-value]


def pending_entry(s: State, place: int) -> int:
    """Give an entry of the in-flight owners, in 64 bits."""
    return np.int64(s.pending[place])  # type: ignore[return-value]


def is_written(s: State, leg: int, obj: int, disk: int, block: int) -> bool:
    """Tell whether a component has written a block."""
    first = s.first_byte[s.legs[leg].first_component + s.component_row[obj, disk]]
    return (s.written[first + (block >> 3)] >> (block & 7)) & 1 == 1


def mark_written(s: State, leg: int, obj: int, disk: int, block: int) -> None:
    """Mark a component's map (A5), and turn the reservation into used space."""
    component = s.legs[leg].first_component + s.component_row[obj, disk]
    s.written[s.first_byte[component] + (block >> 3)] |= 1 << (block & 7)
    s.written_blocks[component] += 1
    block_bytes = s.objects[obj].block_bytes
    s.reserved_bytes[disk] -= block_bytes
    s.used_bytes[disk] += block_bytes


def clear_written(s: State, leg: int, obj: int, disk: int, block: int) -> None:
    """Clear a component's mark (A15)."""
    component = s.legs[leg].first_component + s.component_row[obj, disk]
    s.written[s.first_byte[component] + (block >> 3)] &= ~(1 << (block & 7)) & 0xFF
    s.written_blocks[component] -= 1


def stale_entry(s: State) -> int:
    """Give the entry of a block that is not readable in a leg; the one above it is degraded."""
    return s.g[0].stale_entry


def write_owner(s: State, obj: int, leg: int, block: int) -> tuple[int, int, int]:
    """Give (disk, reason, needs a choice) of a block that is to be written; ASK where Python decides."""
    place = s.legs[leg].first_block + block
    owner = owner_entry(s, place) - 1
    if owner >= stale_entry(s) - 1:
        return ASK, DONE, 0
    if owner < 0:
        owner = pending_entry(s, place) - 1
        if owner >= 0 and not is_written(s, leg, obj, owner, block):
            if s.status[owner] != OFFLINE:
                return owner, DONE, 0
            # The disk of the first write in flight is gone, and that write about to fail: choose anew.
            give_back(s, obj, leg, owner, block)
            owner = NONE
    if owner < 0:
        if is_special_elsewhere(s, obj, leg, block):
            return ASK, DONE, 0
        return NONE, DONE, 1
    if s.status[owner] == ONLINE:
        return owner, DONE, 0
    return ASK, DONE, 0


def is_special_elsewhere(s: State, obj: int, leg: int, block: int) -> bool:
    """Tell whether another leg's entry names no disk."""
    first = s.objects[obj].first_leg
    for other in range(first, first + s.objects[obj].legs):
        if other != leg and owner_entry(s, s.legs[other].first_block + block) >= stale_entry(s):
            return True
    return False


def is_first_live(s: State, obj: int, leg: int, block: int) -> bool:
    """Tell whether all legs before this one are stale: what a block needs once, this leg sees to."""
    for other in range(s.objects[obj].first_leg, leg):
        if owner_entry(s, s.legs[other].first_block + block) != stale_entry(s):
            return False
    return True


def holder(s: State, leg: int, block: int) -> int:
    """Give the disk that has or is getting a block whose entry is ordinary, -1 for none."""
    place = s.legs[leg].first_block + block
    entry = owner_entry(s, place)
    return (entry if entry > 0 else pending_entry(s, place)) - 1


def least_loaded(s: State, obj: int, block: int, turn: int, is_copy: int) -> tuple[int, int]:
    """Give (leg of the object, disk or ZEROS or LOST) for a read; equal loads take turns; ASK: Python decides.

    `is_copy`: a clone takes its block along, from wherever the newest copy is.
    """
    legs = s.objects[obj].legs
    first_leg = s.objects[obj].first_leg
    best_leg, best, least = 0, ZEROS, -1
    is_awaited = False  # a leg's first write is in flight, so that no write of the block was acknowledged
    for step in range(legs):
        leg = (turn + step) % legs
        place = s.legs[first_leg + leg].first_block + block
        entry = owner_entry(s, place)
        stale = stale_entry(s)
        if entry == stale + 1:
            if not is_copy:
                return 0, ASK
            entry = pending_entry(s, place)
            if entry == 0:
                entry = stale
        if entry == 0:
            is_awaited |= pending_entry(s, place) != 0
            continue
        disk = entry - 1
        if entry == stale or s.status[disk] == OFFLINE:
            if least < 0:
                best_leg, best = 0, LOST
        elif least < 0 or s.queue_requests[disk] < least:
            best_leg, best, least = leg, disk, s.queue_requests[disk]
    if is_awaited and least < 0:
        return 0, ZEROS
    return best_leg, best


def read_owner(s: State, obj: int, block: int, turn: int, host: int, is_copy: int) -> tuple[int, int, int]:
    """Give (object, leg, disk) of a block; what a clone has not written is its backing's (B2)."""
    while True:
        leg, disk = least_loaded(s, obj, block, turn, is_copy)
        if disk != ZEROS:
            if disk >= 0 and host >= 0 and is_cached(s, host, obj, block):
                disk = CACHED
            return obj, leg, disk
        obj = s.objects[obj].backing
        if obj < 0 or block >= s.objects[obj].block_count:
            return 0, 0, ZEROS


def is_cached(s: State, host: int, obj: int, block: int) -> bool:
    """Tell whether a host holds a block of a base disk in memory."""
    if not s.objects[obj].is_cached:
        return False
    return s.cache_held[s.caches[host].first_block + s.objects[obj].cache_first + block] == 1


def keep_in_cache(s: State, host: int, obj: int, block: int) -> None:
    """Keep a block that was just read; the oldest make room."""
    if not s.objects[obj].is_cached or is_cached(s, host, obj, block):
        return
    cache = s.caches[host]
    size_bytes = s.objects[obj].block_bytes
    while cache.free_bytes < size_bytes and cache.count > 0:
        oldest = cache.ring + cache.head
        s.cache_held[cache.first_block + s.cache_rings[oldest, 0]] = 0
        cache.free_bytes += s.cache_rings[oldest, 1]
        cache.head = (cache.head + 1) % cache.ring_size
        cache.count -= 1
    if cache.free_bytes >= size_bytes:
        newest = cache.ring + (cache.head + cache.count) % cache.ring_size
        number = s.objects[obj].cache_first + block
        s.cache_rings[newest, 0] = number
        s.cache_rings[newest, 1] = size_bytes
        s.cache_held[cache.first_block + number] = 1
        cache.free_bytes -= size_bytes
        cache.count += 1


def is_in_flight(s: State, leg: int, disk: int, block: int, unmaps_seen: int) -> bool:
    """Tell whether a write that had seen so many unmaps is the block's first, on this disk."""
    place = s.legs[leg].first_block + block
    return s.pending[place] == disk + 1 and s.unmapped[place] <= unmaps_seen


def component_wrote(s: State, op_index: int) -> bool:
    """Mark the component's map (A5); a block unmapped meanwhile stays unwritten.

    True: a block has a record, which Python changes now (A14).
    """
    op = s.operations[op_index]
    has_record = False
    for block in range(op.block, op.block + op.blocks):
        has_record |= owner_entry(s, s.legs[op.leg].first_block + block) == stale_entry(s) + 1
        if is_in_flight(s, op.leg, op.disk, block, op.unmaps_seen) and not is_written(
            s, op.leg, op.object, op.disk, block
        ):
            mark_written(s, op.leg, op.object, op.disk, block)
    return has_record and not op.is_second


def parent_learns(s: State, op_index: int) -> None:
    """Change the parent's map, upon completion only (A6)."""
    op = s.operations[op_index]
    for block in range(op.block, op.block + op.blocks):
        place = s.legs[op.leg].first_block + block
        if owner_entry(s, place) != 0:  # a degraded block: its record says where its bytes are
            continue
        if is_in_flight(s, op.leg, op.disk, block, op.unmaps_seen) and is_written(s, op.leg, op.object, op.disk, block):
            s.owners[place] = op.disk + 1
            s.metadata_writes[op.leg] += 1
            s.pending[place] = 0
            s.g[0].first_writes += 1


def first_write_failed(s: State, op_index: int) -> int:
    """Leave failed first writes unallocated and free their space (A8); gives how many there were."""
    op = s.operations[op_index]
    freed = 0
    for block in range(op.block, op.block + op.blocks):
        if is_in_flight(s, op.leg, op.disk, block, op.unmaps_seen) and not is_written(
            s, op.leg, op.object, op.disk, block
        ):
            give_back(s, op.object, op.leg, op.disk, block)
            freed += 1
    return freed


def reserve(s: State, obj: int, leg: int, disk: int, block: int) -> None:
    """Set space aside for a first write, and name its in-flight owner (A7)."""
    block_bytes = s.objects[obj].block_bytes
    s.free_bytes[disk] -= block_bytes
    s.reserved_bytes[disk] += block_bytes
    s.pending[s.legs[leg].first_block + block] = disk + 1
    s.touched[s.legs[leg].first_chunk + (block >> CHUNK_BITS)] = 1


def give_back(s: State, obj: int, leg: int, disk: int, block: int) -> None:
    """Undo `reserve`."""
    block_bytes = s.objects[obj].block_bytes
    s.free_bytes[disk] += block_bytes
    s.reserved_bytes[disk] -= block_bytes
    s.pending[s.legs[leg].first_block + block] = 0


def is_unmap_special(s: State, obj: int, offset_bytes: int, size_bytes: int) -> bool:
    """Tell whether a range has a block whose entry names no disk: Python unmaps it."""
    tree = s.objects[obj]
    for block in range(offset_bytes // tree.block_bytes, (offset_bytes + size_bytes - 1) // tree.block_bytes + 1):
        for leg in range(tree.first_leg, tree.first_leg + tree.legs):
            if owner_entry(s, s.legs[leg].first_block + block) >= stale_entry(s):
                return True
    return False


def unmap(s: State, obj: int, offset_bytes: int, size_bytes: int) -> int:
    """Clear whole blocks: the component's bit, then the parent's entry (A15)."""
    tree = s.objects[obj]
    end_bytes = offset_bytes + size_bytes
    last = tree.block_count if end_bytes >= tree.size_bytes else end_bytes // tree.block_bytes
    cleared = 0
    for block in range((offset_bytes + tree.block_bytes - 1) // tree.block_bytes, last):
        for leg in range(tree.first_leg, tree.first_leg + tree.legs):
            place = s.legs[leg].first_block + block
            entry = owner_entry(s, place)
            disk = (entry if entry > 0 else pending_entry(s, place)) - 1
            if disk < 0:
                continue
            if is_written(s, leg, obj, disk, block):
                clear_written(s, leg, obj, disk, block)
                s.used_bytes[disk] -= tree.block_bytes
            else:
                s.reserved_bytes[disk] -= tree.block_bytes
            s.free_bytes[disk] += tree.block_bytes
            s.unmaps[leg] += 1
            s.unmapped[place] = s.unmaps[leg]
            s.pending[place] = 0
            if entry > 0:
                s.owners[place] = 0
                s.metadata_writes[leg] += 1
            cleared += 1
    return cleared
