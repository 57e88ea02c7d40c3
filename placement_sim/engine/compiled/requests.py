"""Requests: how streams issue them, how they are split and sent, and how they end.

What may have to wait for Python, a policy or more room, is written as work that can be taken
up again where it stopped: `continue_work`.
"""

from __future__ import annotations

import numpy as np

from placement_sim.engine.compiled.choice import BAD_CHOICE, choose_component
from placement_sim.engine.compiled.hardware import enter_disk, send
from placement_sim.engine.compiled.heap import (
    drop_first_arrival,
    free_operation,
    free_request,
    has_room,
    push,
    push_arrival,
    take_operation,
    take_request,
)
from placement_sim.engine.compiled.layout import (
    CHUNK,
    DECIDE,
    ENDED,
    FEW,
    FIRST_BLOCK,
    FIRST_LEG,
    FIRST_NO_SPACE,
    GROW,
    IDLE,
    ISSUE,
    ISSUE_REQUEST,
    NONE,
    ONE_BLOCK,
    RAW_DONE,
    RAW_OPERATION,
    RETRY,
    START,
    THOUGHT,
    State,
)
from placement_sim.engine.compiled.maps import ASK, first_write_failed, read_owner, stale_entry, unmap, write_owner
from placement_sim.engine.histogram import bin_index
from placement_sim.engine.placement import CACHED, DONE, NO_SPACE, UNAVAILABLE, ZEROS
from placement_sim.model.cluster import OFFLINE, ONLINE
from placement_sim.workloads.requests import READ, UNMAP, WRITE

# -- streams -----------------------------------------------------------------------------------


def signal(s: State, why: int, stream: int, number: int) -> None:
    """Tell Python something at the end of this event."""
    g = s.g[0]
    s.signals[g.signal_count, 0] = why
    s.signals[g.signal_count, 1] = stream
    s.signals[g.signal_count, 2] = number
    g.signal_count += 1


def needs_chunk(s: State, stream_index: int) -> bool:
    """Tell whether a stream's rows are used up and Python has more."""
    stream = s.streams[stream_index]
    return stream.row == stream.row_end and not stream.is_final and not stream.exhausted


def end_if_done(s: State, stream_index: int) -> None:
    """Tell that a stream has ended, once."""
    stream = s.streams[stream_index]
    if stream.exhausted and stream.in_flight == 0 and stream.thinking == 0 and not stream.has_ended:
        stream.has_ended = 1
        signal(s, ENDED, stream_index, NONE)


def take_row(s: State, stream_index: int) -> int:
    """Take the next row of a stream, NONE if there is none: then it is exhausted."""
    stream = s.streams[stream_index]
    if stream.row == stream.row_end:
        stream.exhausted = 1
        end_if_done(s, stream_index)
        return NONE
    row = stream.row
    stream.row = row + 1
    return row


def new_request(s: State, stream_index: int, row: int) -> int:
    """Make a request of a row."""
    index = take_request(s)
    request = s.requests[index]
    stream = s.streams[stream_index]
    request.stream = stream_index
    request.number = stream.number
    stream.number += 1
    request.kind = s.row_kind[row]
    request.start_bytes = s.row_offset_bytes[row]
    request.size_bytes = s.row_size_bytes[row]
    request.operations = 0
    request.waiting_for = 1  # the dispatch itself, so that nothing completes during it
    request.status = DONE
    return index


def think(s: State, stream_index: int) -> None:
    """Begin the think time before the next request of a closed loop."""
    if s.streams[stream_index].exhausted:
        return
    row = take_row(s, stream_index)
    if row != NONE:
        s.streams[stream_index].thinking += 1
        push(s, s.g[0].now_ns + s.row_time_ns[row], ISSUE, THOUGHT, new_request(s, stream_index, row))


def thought(s: State, index: int) -> None:
    """Issue a request whose think time is over."""
    stream = s.streams[s.requests[index].stream]
    if stream.stopped:
        free_request(s, index)
        return
    stream.thinking -= 1
    stream.in_flight += 1
    issue(s, index)


def await_arrival(s: State, stream_index: int) -> None:
    """Schedule the next arrival of an open loop; its row stays the stream's next."""
    stream = s.streams[stream_index]
    if stream.row == stream.row_end:
        stream.exhausted = 1
        end_if_done(s, stream_index)
    else:
        push_arrival(s, stream.start_ns + s.row_time_ns[stream.row], stream_index)


def arrive(s: State) -> None:
    """Issue the request that arrives first, when the next arrival of its stream is scheduled."""
    stream_index = s.arrivals[0].event
    drop_first_arrival(s)
    stream = s.streams[stream_index]
    if stream.stopped:
        return
    index = new_request(s, stream_index, stream.row)
    stream.row += 1
    stream.in_flight += 1
    await_arrival(s, stream_index)
    issue(s, index)


def start_stream(s: State) -> int:
    """Start a stream: the first arrival, or as many think times as requests may be outstanding."""
    g = s.g[0]
    while g.work_left > 0:
        if needs_chunk(s, g.work_stream):
            g.wanted_stream = g.work_stream
            return CHUNK
        if not has_room(s, FEW):
            return GROW
        if s.streams[g.work_stream].outstanding == 0:
            await_arrival(s, g.work_stream)
        else:
            think(s, g.work_stream)
        g.work_left -= 1
    g.work = IDLE
    return 0


# -- issue -------------------------------------------------------------------------------------


def issue(s: State, index: int) -> None:
    """Take one request: at once where it is plain, else as work."""
    g = s.g[0]
    request = s.requests[index]
    request.issued_ns = g.now_ns
    stream = s.streams[request.stream]
    tree = s.objects[stream.object]
    block = (
        request.start_bytes >> tree.block_shift if tree.block_shift >= 0 else request.start_bytes // tree.block_bytes
    )
    if (
        tree.legs == 1
        and request.kind != UNMAP
        and stream.host < 0
        and request.start_bytes + request.size_bytes <= (block + 1) * tree.block_bytes
    ):
        entry = np.int64(s.owners[s.legs[tree.first_leg].first_block + block])
        if 0 < entry < stale_entry(s) and s.status[entry - 1] == ONLINE and s.disks[entry - 1].is_direct:
            request.operations = 1
            op_index = take_operation(s)
            op = s.operations[op_index]
            op.request, op.index, op.object, op.leg = index, 0, stream.object, tree.first_leg
            op.disk, op.block, op.blocks = entry - 1, block, 1
            op.start_bytes, op.size_bytes = request.start_bytes, request.size_bytes
            op.is_write = request.kind == WRITE
            op.unmaps_seen = 0  # it finds its block owned, and changes no map
            op.outages = s.disks[entry - 1].outages
            s.queue_requests[entry - 1] += 1
            enter_disk(s, op_index, g.now_ns)
            return
    g.work = ISSUE_REQUEST
    g.work_request = index
    g.leg = NONE
    g.part_open = 0


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


def continue_work(s: State) -> int:
    """Go on with what was begun; GO_ON when it is done, else what it waits for."""
    g = s.g[0]
    if g.work == START:
        return start_stream(s)
    if g.work == RAW_OPERATION:
        return send_raw(s)
    while True:
        if g.part_open:
            code = resolve(s)
            if code == 0 and not has_room(s, 3 * (g.last - g.first + 1) + 4):
                code = GROW
            if code != 0:
                return code
            emit(s)
            g.part_open = 0
        if not next_part(s):
            index = g.work_request
            g.work = IDLE
            part_done(s, index)
            return 0


def next_part(s: State) -> bool:
    """Open the next part of a new request, if there is one: the range of a read, or that of each leg of a write."""
    g = s.g[0]
    if g.work != ISSUE_REQUEST:
        return False
    request = s.requests[g.work_request]
    obj = s.streams[request.stream].object
    g.leg += 1
    if request.kind == UNMAP:
        if g.leg == 0:
            g.unmapped_blocks += unmap(s, obj, request.start_bytes, request.size_bytes)
        return False
    if g.leg >= (1 if request.kind == READ else s.objects[obj].legs):
        return False
    open_part(
        s,
        obj,
        s.objects[obj].first_leg + g.leg,
        1 if request.kind == WRITE else 0,
        request.start_bytes,
        request.size_bytes,
    )
    return True


def resolve(s: State) -> int:
    """Find the owner of every block of the open part."""
    g = s.g[0]
    if g.last - g.first >= len(s.found):
        return GROW
    request = s.requests[g.work_request]
    host = s.streams[request.stream].host
    while g.cursor <= g.last:
        place = g.cursor - g.first
        if g.part_is_write:
            disk, reason, chooses = write_owner(s, g.part_object, g.part_leg, g.cursor)
            if g.decided:
                g.decided = 0
                disk, reason = g.decision_disk, g.decision_reason
                chooses = 1
            elif chooses:
                disk, reason = choose_component(s, g.part_object, g.part_leg, g.cursor)
            if disk == ASK or disk == BAD_CHOICE:
                g.asked_object, g.asked_leg, g.asked_block = g.part_object, g.part_leg, g.cursor
                g.decision_disk, g.decision_reason = disk, reason
                return DECIDE
            s.found[place, 0] = g.part_object
            s.found[place, 1] = g.part_leg
            s.found[place, 2] = disk
            is_fresh = chooses == 1 and reason == DONE and s.objects[g.part_object].backing >= 0
            s.found[place, 3] = -1 if is_fresh else reason
        else:
            obj, leg, disk = read_owner(s, g.part_object, g.cursor, request.number, host)
            s.found[place, 0] = obj
            s.found[place, 1] = s.objects[obj].first_leg + leg
            s.found[place, 2] = disk
            s.found[place, 3] = DONE
        g.cursor += 1
    return 0


def emit(s: State) -> None:
    """Send an operation for each run of neighbouring blocks with one owner."""
    g = s.g[0]
    block_bytes = s.objects[g.part_object].block_bytes
    count = g.last - g.first + 1
    place = 0
    while place < count:
        end = place + 1
        while end < count and is_same_owner(s, place, end):
            end += 1
        block = g.first + place
        start_bytes = max(g.part_start, block * block_bytes)
        end_bytes = min(g.part_start + g.part_size, (g.first + end) * block_bytes)
        obj, leg, disk, reason = s.found[place, 0], s.found[place, 1], s.found[place, 2], s.found[place, 3]
        if not g.part_is_write:
            emit_read(s, obj, leg, disk, block, end - place, start_bytes, end_bytes - start_bytes)
        elif reason > 0:
            fail(s, g.work_request, reason, disk)
        else:
            if reason < 0:
                start_bytes, end_bytes = copy_up(s, obj, leg, block, end - place, start_bytes, end_bytes)
            emit_one(s, obj, leg, disk, block, end - place, start_bytes, end_bytes - start_bytes, WRITE)
        place = end


def is_same_owner(s: State, one: int, other: int) -> bool:
    """Tell whether two blocks of the part belong to one run."""
    for column in range(4):
        if s.found[one, column] != s.found[other, column]:
            return False
    return True


def emit_read(s: State, obj: int, leg: int, disk: int, block: int, blocks: int, start: int, size: int) -> None:
    """Send a read, or count it where no disk is needed."""
    g = s.g[0]
    if disk >= 0:
        emit_one(s, obj, leg, disk, block, blocks, start, size, READ)
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
    if leg == tree.first_leg:
        backing_bytes = s.objects[tree.backing].size_bytes
        for side in range(2):
            piece = first if side == 0 else end_bytes
            piece_end = start_bytes if side == 0 else end
            copied = min(piece_end, backing_bytes) - piece
            if copied > 0:
                s.g[0].copied_up_bytes += copied
                read_piece(s, tree.backing, piece, copied)
    return first, end


def read_piece(s: State, obj: int, start_bytes: int, size_bytes: int) -> None:
    """Read a range that lies within one block."""
    request = s.requests[s.g[0].work_request]
    block = start_bytes // s.objects[obj].block_bytes
    owner, leg, disk = read_owner(s, obj, block, request.number, s.streams[request.stream].host)
    emit_read(s, owner, s.objects[owner].first_leg + leg, disk, block, ONE_BLOCK, start_bytes, size_bytes)


def emit_one(
    s: State, obj: int, leg: int, disk: int, block: int, blocks: int, start: int, size: int, is_write: int
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
    op.unmaps_seen = s.unmaps[leg] if obj >= 0 else 0
    if not send(s, op_index, g.now_ns):  # only a raw operation can find its disk gone already
        fail(s, g.work_request, UNAVAILABLE, disk)
        free_operation(s, op_index)
        part_done(s, g.work_request)


def send_raw(s: State) -> int:
    """Send the raw operation that a control process asked for."""
    g = s.g[0]
    if not has_room(s, FEW):
        return GROW
    index = take_request(s)
    request = s.requests[index]
    stream = s.streams[g.work_stream]
    request.stream, request.number = g.work_stream, stream.number
    stream.number += 1
    stream.in_flight += 1
    request.kind = WRITE if g.part_is_write else READ
    request.start_bytes, request.size_bytes = g.part_start, g.part_size
    request.issued_ns = g.now_ns
    request.operations, request.waiting_for, request.status = 0, 1, DONE
    g.work_request = index
    emit_one(s, NONE, FIRST_LEG, g.part_leg, FIRST_BLOCK, ONE_BLOCK, g.part_start, g.part_size, g.part_is_write)
    g.work = IDLE
    part_done(s, index)
    return 0


# -- ends --------------------------------------------------------------------------------------


def operation_failed(s: State, op_index: int) -> None:
    """Begin the work of a failed operation: it is tried elsewhere, if it can be (A8, A12)."""
    g = s.g[0]
    op = s.operations[op_index]
    g.work = RETRY
    g.work_request = op.request
    g.part_open = 0
    if s.streams[s.requests[op.request].stream].is_raw:
        fail(s, op.request, UNAVAILABLE, op.disk)
    else:
        if op.is_write:
            freed = first_write_failed(s, op_index)
            if freed > 0 and g.needs_map:
                g.retries += 1
        open_part(s, op.object, op.leg, op.is_write, op.start_bytes, op.size_bytes)
    free_operation(s, op_index)


def fail(s: State, index: int, status: int, disk: int) -> None:
    """Note that a part of a request has failed, and the first no-space error."""
    g = s.g[0]
    request = s.requests[index]
    if request.status == DONE:
        request.status = status
    if status == NO_SPACE and g.no_space_ns < 0:
        tree = s.objects[s.streams[request.stream].object]
        stranded = 0
        for place in range(tree.first_member, tree.first_member + tree.members):
            if s.status[s.members[place]] != OFFLINE:
                stranded += s.free_bytes[s.members[place]]
        g.no_space_ns, g.no_space_disk, g.no_space_stranded = g.now_ns, disk, stranded
        signal(s, FIRST_NO_SPACE, request.stream, request.number)


def part_done(s: State, index: int) -> None:
    """Note that a part of a request is done; with the last one it is complete."""
    g = s.g[0]
    request = s.requests[index]
    request.waiting_for -= 1
    if request.waiting_for > 0:
        return
    stream = s.streams[request.stream]
    latency_ns = g.now_ns - request.issued_ns
    if request.status != DONE:
        if request.status == NO_SPACE:
            g.failed_no_space += 1
        else:
            g.failed_offline += 1
        s.failed[stream.tally] += 1
    elif request.kind == UNMAP:
        g.unmaps += 1
    else:
        s.latency_sum_ns[stream.tally, request.kind] += latency_ns
        s.histogram[stream.tally, request.kind, bin_index(latency_ns)] += 1
    if g.keeps_records:
        row = s.records[g.record_count]
        row[0], row[1], row[2] = request.stream, request.number, request.kind
        row[3], row[4], row[5] = request.issued_ns, latency_ns, request.status
        g.record_count += 1
    stream_index, number, is_done = request.stream, request.number, request.status == DONE
    free_request(s, index)
    stream.in_flight -= 1
    if stream.is_raw:
        signal(s, RAW_DONE, stream_index, 2 * number + (1 if is_done else 0))
        return
    if stream.outstanding > 0:
        think(s, stream_index)
    if stream.exhausted:
        end_if_done(s, stream_index)
