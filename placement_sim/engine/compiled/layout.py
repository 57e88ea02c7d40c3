"""The state of the compiled data path: a few arrays of records, made once and grown when they are full.

The functions that work on it are plain Python, here and in the files beside; `build` compiles
them, and with the compiler switched off they run as they stand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = Any  # a NumPy array; compiled code and plain Python disagree about the type of its items

# What `advance` returns with; GO_ON is for its parts.
GO_ON, LIMIT, SIGNAL, CHUNK, DECIDE, GROW, BUDGET = range(7)
# Why control processes are told something.
ENDED, RAW_DONE, FIRST_NO_SPACE = range(3)
# Events: what an item of the heap stands for.
THOUGHT, DISK_SERVED, LINK_SERVED, HOPPED = range(4)
# What is being worked off.
IDLE, START, ISSUE_REQUEST, RETRY, RAW_OPERATION, LOSE_DISK, SET_CHANNELS, NOTE_SERVED = range(8)
# Where an operation goes after a hop, and which link serves it.
TO_DISK, TO_ANSWER, ON_ITS_WAY = range(3)

COMPLETION, ISSUE = 2, 3  # classes at one instant, as in `clock`
ORDER_SHIFT = 56
KIND_BITS = 2
KIND_MASK = (1 << KIND_BITS) - 1
SEQUENCE_MASK = (1 << ORDER_SHIFT) - 1
NONE = -1
NOWHERE = 0  # the head of a disk that has none
FOR_A_READ, FOR_A_COPY = 0, 1  # why a block's owner is asked for
FOREVER_NS = (1 << 63) - 1
# Numbers with a name, because Numba compiles anew for a literal one.
FIRST_LEG, FIRST_BLOCK, FIRST_PLACE = 0, 0, 0
ONE_BLOCK, FEW = 1, 4
FIRST, SECOND = 0, 1  # of the copies that a write goes to


def record(*names: str, **others: type) -> np.dtype[Any]:
    """Make a record type of int64 fields and others, whose fields are attributes in Python, too."""
    fields = [*((name, np.int64) for name in names), *others.items()]
    return np.dtype((np.record, fields))


GLOBALS = record(
    "now_ns", "sequence", "heap_size", "arrival_count", "free_operation", "free_request", "operations_free",
    "requests_free", "budget", "wake", "room", "closed_loops", "work", "work_request", "work_stream", "work_disk",
    "work_operation",
    "work_left", "leg", "part_open", "part_is_write", "part_object", "part_leg", "part_start", "part_size", "first",
    "last", "cursor", "decided", "decision_object", "decision_leg", "decision_disk", "decision_reason",
    "decision_is_fresh", "decision_also", "asked_object", "asked_leg", "asked_block",
    "inbox_next", "inbox_count", "signal_count", "record_count", "keeps_records", "needs_map", "policy",
    "stale_entry",
    "wanted_stream", "arrives",
    "no_space_ns", "no_space_disk", "no_space_stranded",
    "failed_no_space", "failed_offline", "unmaps", "zero_read_blocks", "cached_read_blocks", "first_writes",
    "unmapped_blocks", "retries", "split_operations", "copied_up_bytes",
)  # fmt: skip
HEAP = record("time_ns", "key", "event")
STREAM = record(
    "object", "outstanding", "host", "tally", "key", "start_ns", "half", "row", "row_end", "is_final", "number",
    "in_flight", "thinking", "exhausted", "stopped", "has_ended", "is_raw",
)  # fmt: skip
CHUNK_OF_ROWS = record("count", "time_ns", "kind", "offset_bytes", "size_bytes")  # addresses of the columns
REQUEST = record(
    "stream", "number", "kind", "start_bytes", "size_bytes", "issued_ns", "waiting_for", "operations", "status", "next"
)
OPERATION = record(
    "request", "index", "object", "leg", "disk", "block", "blocks", "start_bytes", "size_bytes", "is_write",
    "outages", "unmaps_seen", "is_second", "entered_ns", "next", "event", "stage", "serving",
)  # fmt: skip
DISK = record(
    "law", "channels", "serving", "waiting", "first", "last", "area_ns", "busy_ns", "finished", "sojourn_sum_ns",
    "head", "outages", "host", "latency_ns", "is_direct", "draws", bandwidth=np.float64, slowdown=np.float64,
)  # fmt: skip
LINK = record("serving", "first", "last", latency_ns=np.int64, bandwidth=np.float64)
OBJECT = record(
    "first_leg", "legs", "block_bytes", "block_shift", "block_count", "size_bytes", "backing", "is_cached",
    "cache_first", "key", "first_member", "members",
)  # fmt: skip
LEG = record("first_block", "first_chunk", "first_component")
CACHE = record("free_bytes", "ring", "ring_size", "head", "count", "first_block")


class State(NamedTuple):
    """The arrays. What policies see as sequences stands apart from the records."""

    g: Array  # GLOBALS, one
    heap: Array
    arrivals: Array  # a heap, too: the next arrival of each open loop
    streams: Array
    chunks: Array  # CHUNK_OF_ROWS: two for each stream
    requests: Array
    operations: Array
    disks: Array
    links: Array  # host h: 2 h inbound, 2 h + 1 outbound
    objects: Array
    legs: Array
    members: Array
    laws: Array  # float64 (disks, PARAMETERS)
    free_bytes: Array
    capacity_bytes: Array
    queue_requests: Array
    weight: Array
    minimum_bytes: Array
    used_bytes: Array
    reserved_bytes: Array
    status: Array
    domain: Array
    owners: Array
    pending: Array
    unmapped: Array
    written: Array
    touched: Array
    unmaps: Array
    metadata_writes: Array
    written_blocks: Array
    first_byte: Array
    component_row: Array
    failed: Array  # by tally
    latency_sum_ns: Array  # flat: (tally, reads or writes)
    histogram: Array  # flat: (tally, reads or writes, bin)
    moved_bytes: Array  # flat: (tally, reads or writes, disk)
    records: Array  # (capacity, 6)
    signals: Array  # (capacity, 3): why, stream, number
    inbox: Array  # operations that a lost disk held
    found: Array  # (capacity, 5): object, leg, disk, reason or freshness, second disk of the blocks of a part
    candidates: Array
    blocked: Array
    policy_parameters: Array
    policy_state: Array
    caches: Array
    cache_rings: Array  # (entries, 2): cached block, its size
    cache_held: Array  # uint8 by host and cached block
