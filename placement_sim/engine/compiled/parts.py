"""A part of a request, a range of bytes of one leg: its owners, and the operations that it is sent as."""

from __future__ import annotations

from placement_sim.engine.compiled.choice import BAD_CHOICE, choose_component
from placement_sim.engine.compiled.ends import fail
from placement_sim.engine.compiled.hardware import send
from placement_sim.engine.compiled.heap import (
    take_operation,
)
from placement_sim.engine.compiled.layout import (
    DECIDE,
    FIRST,
    FIRST_PLACE,
    FOR_A_COPY,
    FOR_A_READ,
    GO_ON,
    GROW,
    NONE,
    ONE_BLOCK,
    SECOND,
    State,
)
from placement_sim.engine.compiled.maps import (
    ASK,
    is_first_live,
    read_owner,
    write_owner,
)
from placement_sim.engine.degraded import DONE, SKIPPED, UNAVAILABLE
from placement_sim.engine.placement import CACHED, ZEROS
from placement_sim.workloads.requests import READ, WRITE


def open_part(s: State, obj: int, leg: int, is_write: int, start_bytes: int, size_bytes: int) -> None:
    """Begin to split a range of bytes by owner."""
    g = s.g[0]
    block_bytes = s.objects[obj].block_bytes
    g.part_open = 1
    g.part_is_write = is_write
    g.part_object, g.part_leg = obj, leg
    g.part_start, g.part_size = start_bytes, size_bytes
    g.first = start_bytes // block_bytes
    g.last = (start_bytes + size_bytes - 1) // block_bytes
    g.cursor = g.first
    g.decided = 0


def resolve(s: State) -> int:
    """Find the owner of every block of the open part."""
    g = s.g[0]
    if g.last - g.first >= len(s.found):
        return GROW
    while g.cursor <= g.last:
        place = g.cursor - g.first
        if not g.decided:
            if g.part_is_write:
                find_write_owner(s)
            else:
                find_read_owner(s)
            if g.decision_disk == ASK or g.decision_disk == BAD_CHOICE:
                g.asked_object, g.asked_leg, g.asked_block = g.part_object, g.part_leg, g.cursor
                return DECIDE
        g.decided = 0
        s.found[place, 0] = g.decision_object
        s.found[place, 1] = g.decision_leg
        s.found[place, 2] = g.decision_disk
        s.found[place, 3] = -1 if g.decision_is_fresh else g.decision_reason
        s.found[place, 4] = g.decision_also
        g.cursor += 1
    return GO_ON


def find_write_owner(s: State) -> None:
    """Decide where a write of the block at the cursor goes."""
    g = s.g[0]
    disk, reason, chooses = write_owner(s, g.part_object, g.part_leg, g.cursor)
    if chooses:
        disk, reason = choose_component(s, g.part_object, g.part_leg, g.cursor)
    g.decision_object, g.decision_leg, g.decision_also = g.part_object, g.part_leg, NONE
    g.decision_disk, g.decision_reason = disk, reason
    g.decision_is_fresh = chooses == 1 and reason == DONE and s.objects[g.part_object].backing >= 0


def find_read_owner(s: State) -> None:
    """Decide where the block at the cursor is read."""
    g = s.g[0]
    request = s.requests[g.work_request]
    host = s.streams[request.stream].host
    obj, leg, disk = read_owner(s, g.part_object, g.cursor, request.number, host, FOR_A_READ)
    g.decision_object, g.decision_leg, g.decision_also = obj, s.objects[obj].first_leg + leg, NONE
    g.decision_disk, g.decision_reason, g.decision_is_fresh = disk, DONE, 0


def emit(s: State) -> None:
    """Send an operation for each run of neighbouring blocks with one owner."""
    g = s.g[0]
    block_bytes = s.objects[g.part_object].block_bytes
    count = g.last - g.first + 1
    place = FIRST_PLACE
    while place < count:
        end = place + 1
        while end < count and is_same_owner(s, place, end):
            end += 1
        block = g.first + place
        start_bytes = max(g.part_start, block * block_bytes)
        end_bytes = min(g.part_start + g.part_size, (g.first + end) * block_bytes)
        obj, leg, disk, reason = s.found[place, 0], s.found[place, 1], s.found[place, 2], s.found[place, 3]
        also = s.found[place, 4]
        if not g.part_is_write:
            emit_read(s, obj, leg, disk, block, end - place, start_bytes, end_bytes - start_bytes)
            if also >= 0:
                emit_read(s, obj, leg, also, block, end - place, start_bytes, end_bytes - start_bytes)
        elif reason > 0:
            if reason != SKIPPED:
                fail(s, g.work_request, reason, disk)
        else:
            if reason < 0:
                start_bytes, end_bytes = copy_up(s, obj, leg, block, end - place, start_bytes, end_bytes)
            emit_one(s, obj, leg, disk, block, end - place, start_bytes, end_bytes - start_bytes, WRITE, FIRST)
            if also >= 0:
                emit_one(s, obj, leg, also, block, end - place, start_bytes, end_bytes - start_bytes, WRITE, SECOND)
        place = end


def is_same_owner(s: State, one: int, other: int) -> bool:
    """Tell whether two blocks of the part belong to one run."""
    for column in range(5):
        if s.found[one, column] != s.found[other, column]:
            return False
    return True


def emit_read(s: State, obj: int, leg: int, disk: int, block: int, blocks: int, start: int, size: int) -> None:
    """Send a read, or count it where no disk is needed."""
    g = s.g[0]
    if disk >= 0:
        emit_one(s, obj, leg, disk, block, blocks, start, size, READ, FIRST)
    elif disk == ZEROS:
        g.zero_read_blocks += blocks
    elif disk == CACHED:
        g.cached_read_blocks += blocks
    else:
        fail(s, g.work_request, UNAVAILABLE, NONE)


def copy_up(s: State, obj: int, leg: int, block: int, blocks: int, start_bytes: int, end_bytes: int) -> tuple[int, int]:
    """Read what a clone's first write leaves of its blocks from the backing; give the whole blocks' range."""
    tree = s.objects[obj]
    first = block * tree.block_bytes
    end = min((block + blocks) * tree.block_bytes, tree.size_bytes)
    backing_bytes = s.objects[tree.backing].size_bytes
    for side in range(2):
        piece = first if side == 0 else end_bytes
        piece_end = start_bytes if side == 0 else end
        copied = min(piece_end, backing_bytes) - piece
        if copied > 0 and is_first_live(s, obj, leg, block if side == 0 else block + blocks - 1):
            s.g[0].copied_up_bytes += copied
            read_piece(s, tree.backing, piece, copied)
    return first, end


def read_piece(s: State, obj: int, start_bytes: int, size_bytes: int) -> None:
    """Read a range that lies within one block."""
    request = s.requests[s.g[0].work_request]
    block = start_bytes // s.objects[obj].block_bytes
    owner, leg, disk = read_owner(s, obj, block, request.number, s.streams[request.stream].host, FOR_A_COPY)
    emit_read(s, owner, s.objects[owner].first_leg + leg, disk, block, ONE_BLOCK, start_bytes, size_bytes)


def emit_one(
    s: State,
    obj: int,
    leg: int,
    disk: int,
    block: int,
    blocks: int,
    start: int,
    size: int,
    is_write: int,
    is_second: int,
) -> None:
    """Send one operation of the request that is being worked on."""
    g = s.g[0]
    request = s.requests[g.work_request]
    op_index = take_operation(s)
    op = s.operations[op_index]
    op.request, op.index = g.work_request, request.operations
    request.operations += 1
    request.waiting_for += 1
    if op.index > 0:
        g.split_operations += 1
    op.object, op.leg, op.disk, op.block, op.blocks = obj, leg, disk, block, blocks
    op.start_bytes, op.size_bytes, op.is_write = start, size, is_write
    op.is_second = is_second
    op.unmaps_seen = s.unmaps[leg] if obj >= 0 else 0
    send(s, op_index, g.now_ns)
