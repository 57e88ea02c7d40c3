"""Disks and links, as `engine.hardware` and `engine.station` have them."""

from __future__ import annotations

from placement_sim.engine.compiled.heap import free_operation, push
from placement_sim.engine.compiled.layout import (
    COMPLETION,
    DISK_SERVED,
    HOPPED,
    ISSUE,
    LINK_SERVED,
    NONE,
    NOTE_SERVED,
    NOWHERE,
    TO_ANSWER,
    TO_DISK,
    State,
)
from placement_sim.engine.compiled.maps import component_wrote, keep_in_cache, parent_learns
from placement_sim.model.cluster import OFFLINE
from placement_sim.model.encoding import HDD
from placement_sim.model.service import service_time_ns
from placement_sim.randomness import draw, mix

IN_SERVICE, WAITING = 1, 2


def service_ns(s: State, op_index: int) -> int:
    """Give the service time of an operation at its disk, and move the head."""
    op = s.operations[op_index]
    disk = s.disks[op.disk]
    request = s.requests[op.request]
    u0 = u1 = 0.0
    if disk.draws > 0:
        word = mix(int(s.streams[request.stream].key), int(request.number))
        u0 = draw(word, int(2 * op.index))
        if disk.draws > 1:
            u1 = draw(word, int(2 * op.index + 1))
    position, head = disk.serving + disk.waiting, NOWHERE  # this one counts, whose end made room for it does not
    if disk.law == HDD:
        object_bytes = s.objects[op.object].size_bytes if op.object >= 0 else 1 << 32
        position, head = share(op.start_bytes, object_bytes), disk.head
        disk.head = position + share(op.size_bytes, object_bytes)
    time_ns = service_time_ns(disk.law, s.laws[op.disk], op.is_write != 0, op.size_bytes, position, head, u0, u1)
    if disk.slowdown != 1.0:
        time_ns = int(time_ns * disk.slowdown + 0.5)
    return time_ns


def share(part: int, whole: int) -> int:
    """Give ``(part << 32) // whole`` without leaving 64 bits: long division, 8 bits at a time."""
    quotient, rest = part // whole, part % whole
    for _ in range(4):
        rest <<= 8
        quotient = (quotient << 8) + rest // whole
        rest %= whole
    return quotient


def start_service(s: State, op_index: int, now_ns: int) -> None:
    """Begin to serve an operation at its disk."""
    op = s.operations[op_index]
    op.serving = IN_SERVICE
    s.disks[op.disk].serving += 1
    op.event = push(s, now_ns + service_ns(s, op_index), COMPLETION, DISK_SERVED, op_index)


def enter_disk(s: State, op_index: int, now_ns: int) -> bool:
    """Take an operation at its disk; give False if the disk is gone."""
    op = s.operations[op_index]
    disk = s.disks[op.disk]
    # Whatever was on its way when the disk went offline is lost, even if the disk is back by now.
    if op.outages != disk.outages or s.status[op.disk] == OFFLINE:
        s.queue_requests[op.disk] -= 1
        return False
    op.entered_ns = now_ns
    disk.area_ns -= now_ns
    if disk.serving < disk.channels:
        disk.busy_ns -= now_ns
        start_service(s, op_index, now_ns)
        return True
    op.serving = WAITING
    op.next = NONE
    if disk.waiting == 0:
        disk.first = op_index
    else:
        s.operations[disk.last].next = op_index
    disk.last = op_index
    disk.waiting += 1
    return True


def start_waiting(s: State, disk_index: int, now_ns: int) -> None:
    """Begin to serve the operation that has waited longest."""
    disk = s.disks[disk_index]
    following = disk.first
    disk.first = s.operations[following].next
    disk.waiting -= 1
    start_service(s, following, now_ns)


def disk_served(s: State, op_index: int, now_ns: int) -> bool:
    """Let an operation leave its disk, and serve the next; give True if the answer is back at once."""
    op = s.operations[op_index]
    disk = s.disks[op.disk]
    disk.finished += 1
    disk.area_ns += now_ns
    disk.sojourn_sum_ns += now_ns - op.entered_ns
    disk.serving -= 1
    op.serving = 0
    op.event = NONE
    if disk.waiting > 0 and disk.serving < disk.channels:
        start_waiting(s, op.disk, now_ns)
    else:
        disk.busy_ns += now_ns
    stream = s.streams[s.requests[op.request].stream]
    s.moved_bytes[(2 * stream.tally + op.is_write) * len(s.disks) + op.disk] += op.size_bytes
    if op.is_write:
        if op.object >= 0 and component_wrote(s, op_index):
            g = s.g[0]
            g.work, g.work_operation = NOTE_SERVED, op_index  # before the next event, should it be free by then
            g.wake = 1
    else:
        if stream.host >= 0:
            for block in range(op.block, op.block + op.blocks):
                keep_in_cache(s, stream.host, op.object, block)
        if disk.bandwidth > 0.0:
            enter_link(s, 2 * disk.host + 1, op_index, now_ns)
            return False
    return not hop(s, op_index, TO_ANSWER, now_ns)


def hop(s: State, op_index: int, stage: int, now_ns: int) -> bool:
    """Send an operation over the network's latency; give False if there is none."""
    op = s.operations[op_index]
    delay_ns = s.disks[op.disk].latency_ns
    if delay_ns == 0:
        return False
    op.stage = stage
    op.event = push(s, now_ns + delay_ns, ISSUE, HOPPED, op_index)
    return True


def enter_link(s: State, link_index: int, op_index: int, now_ns: int) -> None:
    """Take an operation at one direction of a host's link."""
    link = s.links[link_index]
    op = s.operations[op_index]
    op.next = NONE
    if link.serving:
        if link.first == NONE:
            link.first = op_index
        else:
            s.operations[link.last].next = op_index
        link.last = op_index
    else:
        serve_on_link(s, link_index, op_index, now_ns)


def serve_on_link(s: State, link_index: int, op_index: int, now_ns: int) -> None:
    """Begin to transfer an operation's data."""
    link = s.links[link_index]
    link.serving = 1
    op = s.operations[op_index]
    op.stage = link_index
    time_ns = int(op.size_bytes * 1e9 / s.disks[op.disk].bandwidth + 0.5)
    op.event = push(s, now_ns + time_ns, COMPLETION, LINK_SERVED, op_index)


def link_served(s: State, op_index: int, now_ns: int) -> int:
    """Let an operation leave a link, and serve the next; give the link."""
    link_index = s.operations[op_index].stage
    link = s.links[link_index]
    link.serving = 0
    following = link.first
    if following != NONE:
        link.first = s.operations[following].next
        serve_on_link(s, link_index, following, now_ns)
    return link_index


def send(s: State, op_index: int, now_ns: int) -> bool:
    """Send an operation to its disk; give False if the disk is gone."""
    op = s.operations[op_index]
    disk = s.disks[op.disk]
    op.outages = disk.outages
    s.queue_requests[op.disk] += 1
    if disk.is_direct:
        return enter_disk(s, op_index, now_ns)
    if op.is_write and disk.bandwidth > 0.0:
        enter_link(s, 2 * disk.host, op_index, now_ns)
        return True
    if hop(s, op_index, TO_DISK, now_ns):
        return True
    return enter_disk(s, op_index, now_ns)


def take_answer(s: State, op_index: int) -> int:
    """Note that the answer is back: the parent's map changes (A6); give the request."""
    op = s.operations[op_index]
    s.queue_requests[op.disk] -= 1
    if op.is_write and op.object >= 0:
        parent_learns(s, op_index)
    request = op.request
    free_operation(s, op_index)
    return request


def fails_at_once(s: State, disk_index: int, is_write: int) -> bool:
    """Tell whether an operation finds its disk gone as soon as it is sent, no network lying between."""
    disk = s.disks[disk_index]
    is_near = disk.latency_ns == 0 and not (is_write and disk.bandwidth > 0.0)
    return is_near and s.status[disk_index] == OFFLINE


def set_channels(s: State, disk_index: int, channels: int, now_ns: int) -> None:
    """Change how many operations a disk serves at once; what is in service stays in service."""
    disk = s.disks[disk_index]
    disk.channels = channels
    while disk.waiting > 0 and disk.serving < channels:
        disk.busy_ns -= now_ns
        start_waiting(s, disk_index, now_ns)


def lose_disk(s: State, disk_index: int, now_ns: int) -> None:
    """Put what a disk holds, in the order of service and then of arrival, into the inbox of failures."""
    g = s.g[0]
    g.inbox_next = g.inbox_count = 0
    disk = s.disks[disk_index]
    disk.outages += 1
    disk.area_ns += (disk.serving + disk.waiting) * now_ns
    disk.busy_ns += disk.serving * now_ns
    first = g.inbox_count
    for op_index in range(len(s.operations)):
        op = s.operations[op_index]
        if op.serving == IN_SERVICE and op.disk == disk_index:
            place = g.inbox_count
            while place > first and s.operations[s.inbox[place - 1]].event > op.event:
                s.inbox[place] = s.inbox[place - 1]
                place -= 1
            s.inbox[place] = op_index
            g.inbox_count += 1
    op_index = disk.first
    for _ in range(disk.waiting):
        s.inbox[g.inbox_count] = op_index
        g.inbox_count += 1
        op_index = s.operations[op_index].next
    for place in range(first, g.inbox_count):
        s.operations[s.inbox[place]].event = NONE
        s.operations[s.inbox[place]].serving = 0
    disk.serving = 0
    disk.waiting = 0
