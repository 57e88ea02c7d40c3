"""Requests: how streams issue them, how they are split and sent, and how they end.

What may have to wait for Python, a policy or more room, is written as work that can be taken
up again where it stopped: `continue_work`.
"""

from __future__ import annotations

from placement_sim.engine.compiled.choice import BAD_CHOICE, choose_component
from placement_sim.engine.compiled.ends import fail, part_done
from placement_sim.engine.compiled.hardware import enter_disk, fails_at_once, lose_disk, set_channels
from placement_sim.engine.compiled.heap import (
    drop_first_arrival,
    free_operation,
    free_request,
    has_room,
    take_operation,
    take_request,
)
from placement_sim.engine.compiled.layout import (
    CHUNK,
    DECIDE,
    FEW,
    FIRST,
    FIRST_BLOCK,
    FIRST_LEG,
    GO_ON,
    GROW,
    IDLE,
    ISSUE_REQUEST,
    LOSE_DISK,
    NONE,
    ONE_BLOCK,
    RAW_OPERATION,
    RETRY,
    SET_CHANNELS,
    START,
    State,
)
from placement_sim.engine.compiled.maps import (
    ASK,
    first_write_failed,
    is_unmap_special,
    owner_entry,
    stale_entry,
    unmap,
)
from placement_sim.engine.compiled.parts import emit, emit_one, open_part, resolve
from placement_sim.engine.compiled.streams import await_arrival, needs_chunk, new_request, think
from placement_sim.engine.degraded import DONE, UNAVAILABLE
from placement_sim.model.cluster import ONLINE
from placement_sim.workloads.requests import READ, UNMAP, WRITE


def thought(s: State, index: int) -> None:
    """Issue a request whose think time is over."""
    stream = s.streams[s.requests[index].stream]
    if stream.stopped:
        free_request(s, index)
        return
    stream.thinking -= 1
    stream.in_flight += 1
    issue(s, index)


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
    return GO_ON


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
        entry = owner_entry(s, s.legs[tree.first_leg].first_block + block)
        if 0 < entry < stale_entry(s) and s.status[entry - 1] == ONLINE and s.disks[entry - 1].is_direct:
            request.operations = 1
            op_index = take_operation(s)
            op = s.operations[op_index]
            op.request, op.index, op.object, op.leg = index, 0, stream.object, tree.first_leg
            op.disk, op.block, op.blocks = entry - 1, block, 1
            op.start_bytes, op.size_bytes = request.start_bytes, request.size_bytes
            op.is_write = request.kind == WRITE
            op.is_second = FIRST
            op.unmaps_seen = 0  # it finds its block owned, and changes no map
            op.outages = s.disks[entry - 1].outages
            s.queue_requests[entry - 1] += 1
            enter_disk(s, op_index, g.now_ns)
            return
        if entry == 0 and tree.backing < 0 and issue_unowned(s, index, block):
            return
    g.work = ISSUE_REQUEST
    g.wake = 1
    g.work_request = index
    g.leg = NONE
    g.part_open = 0


def issue_unowned(s: State, index: int, block: int) -> bool:
    """Take a request to one block that nobody owns: a short way that gives what the general one gives.

    False, with nothing done, where its first write is in flight or the policy is plain Python.
    """
    g = s.g[0]
    request = s.requests[index]
    obj = s.streams[request.stream].object
    leg = s.objects[obj].first_leg
    g.work_request = index
    if request.kind == READ:
        g.zero_read_blocks += 1
    else:
        if g.policy == NONE or s.pending[s.legs[leg].first_block + block] != 0:
            return False
        disk, reason = choose_component(s, obj, leg, block)
        if disk == BAD_CHOICE or disk == ASK:
            return False
        if reason == DONE:
            emit_one(s, obj, leg, disk, block, ONE_BLOCK, request.start_bytes, request.size_bytes, WRITE, FIRST)
        else:
            fail(s, index, reason, disk)
    part_done(s, index)
    return True


def continue_work(s: State) -> int:
    """Go on with what was begun; GO_ON when it is done, else what it waits for."""
    g = s.g[0]
    if g.work == START:
        return start_stream(s)
    if g.work == RAW_OPERATION:
        return send_raw(s)
    if g.work == LOSE_DISK:
        lose_disk(s, g.work_disk, g.now_ns)
        g.work = IDLE
        return GO_ON
    if g.work == SET_CHANNELS:
        if not has_room(s, g.work_left):
            return GROW
        set_channels(s, g.work_disk, g.work_left, g.now_ns)
        g.work = IDLE
        return GO_ON
    while True:
        if g.part_open:
            code = resolve(s)
            if code == GO_ON and not has_room(s, 4 * (g.last - g.first + 1) + 4):
                code = GROW
            if code != GO_ON:
                return code
            emit(s)
            g.part_open = 0
        if asks_to_unmap(s):
            return DECIDE
        if not next_part(s):
            index = g.work_request
            g.work = IDLE
            part_done(s, index)
            return GO_ON


def asks_to_unmap(s: State) -> bool:
    """Tell whether Python must do the unmap that comes next, and ask for it; it takes the request a leg further."""
    g = s.g[0]
    request = s.requests[g.work_request]
    if g.work != ISSUE_REQUEST or request.kind != UNMAP or g.leg != NONE:
        return False
    obj = s.streams[request.stream].object
    if not is_unmap_special(s, obj, request.start_bytes, request.size_bytes):
        return False
    g.asked_object, g.asked_block = obj, NONE
    return True


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
    disk = g.part_leg
    if fails_at_once(s, disk, g.part_is_write):
        fail(s, index, UNAVAILABLE, disk)
    else:
        emit_one(s, NONE, FIRST_LEG, disk, FIRST_BLOCK, ONE_BLOCK, g.part_start, g.part_size, g.part_is_write, FIRST)
    g.work = IDLE
    part_done(s, index)
    return GO_ON


def operation_failed(s: State, op_index: int) -> None:
    """Begin the work of a failed operation: it is tried elsewhere, if it can be (A8, A12)."""
    g = s.g[0]
    op = s.operations[op_index]
    g.work = RETRY
    g.wake = 1
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
