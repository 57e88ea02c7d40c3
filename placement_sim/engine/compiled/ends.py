"""How a request ends, well or not, and what is counted then."""

from __future__ import annotations

from placement_sim.engine.compiled.heap import (
    free_request,
)
from placement_sim.engine.compiled.layout import (
    FIRST_NO_SPACE,
    RAW_DONE,
    State,
)
from placement_sim.engine.compiled.streams import end_if_done, signal, think
from placement_sim.engine.degraded import DONE, NO_SPACE
from placement_sim.engine.histogram import BIN_COUNT, bin_index
from placement_sim.model.cluster import OFFLINE
from placement_sim.workloads.requests import UNMAP


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
        row = 2 * stream.tally + request.kind
        s.latency_sum_ns[row] += latency_ns
        s.histogram[row * BIN_COUNT + bin_index(latency_ns)] += 1
    if g.keeps_records and not stream.is_raw:
        line = s.records[g.record_count]
        line[0], line[1], line[2] = request.stream, request.number, request.kind
        line[3], line[4], line[5] = request.issued_ns, latency_ns, request.status
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
