"""Makes the state from a cluster, and grows its pools when `advance` asks for more room."""

from __future__ import annotations

from typing import Any

import numpy as np

from placement_sim.engine.compiled import layout
from placement_sim.engine.compiled.layout import NONE, State
from placement_sim.engine.space import Space
from placement_sim.model.cluster import Cluster
from placement_sim.model.encoding import DRAWS, PARAMETERS
from placement_sim.model.map_store import MapStore
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.randomness import stream_key

POOL = 256  # requests, operations and events to begin with
STREAMS = 16
LINES = 4096  # of records and of signals: both are emptied when they are full


def signed(key: int) -> int:
    """Give the 64 bits of a key as a signed number, which is what records hold."""
    return key - (1 << 64) if key >= 1 << 63 else key


def make_state(
    cluster: Cluster, policy: PlacementPolicy, seed: int, space: Space, store: MapStore, *, pool: int = POOL
) -> State:
    """Give the arrays of a run; `space` and `store` hold some of them."""
    laws = [disk.service.encode() for disk in cluster.disks]
    disks = _disks(cluster, [kind for kind, _ in laws])
    objects, members = _objects(cluster, seed)
    caches, held, entries = _caches(cluster, objects)
    g = np.zeros(1, layout.GLOBALS)
    g[0].free_operation = g[0].free_request = NONE
    g[0].no_space_ns = NONE
    g[0].needs_map = policy.needs_map
    g[0].stale_entry = np.iinfo(store.owners.dtype).max - 1
    parameters = [float(value) for value in policy.parameters.values()]
    disk_count = len(cluster.disks)
    state = State(
        g=g,
        heap=np.zeros(0, layout.HEAP),
        arrivals=np.zeros(STREAMS + 1, layout.HEAP),
        streams=np.zeros(STREAMS, layout.STREAM),
        chunks=np.zeros(2 * STREAMS, layout.CHUNK_OF_ROWS),
        requests=np.zeros(0, layout.REQUEST),
        operations=np.zeros(0, layout.OPERATION),
        disks=disks,
        links=_links(cluster),
        objects=objects,
        legs=_legs(store),
        members=members,
        laws=np.array([parameters for _, parameters in laws], np.float64).reshape(-1, PARAMETERS),
        free_bytes=space.free_bytes,
        capacity_bytes=space.capacity_bytes,
        queue_requests=np.zeros(disk_count, np.int64),
        weight=space.weight,
        minimum_bytes=space.minimum_bytes,
        used_bytes=space.used_bytes,
        reserved_bytes=space.reserved_bytes,
        status=space.status,
        domain=space.domain,
        owners=store.owners,
        pending=store.pending,
        unmapped=store.unmapped,
        written=store.written,
        touched=store.touched,
        unmaps=store.unmaps,
        metadata_writes=store.metadata_writes,
        written_blocks=store.written_blocks,
        first_byte=store.first_byte,
        component_row=store.component_row,
        failed=np.zeros(0, np.int64),
        latency_sum_ns=np.zeros(0, np.int64),
        histogram=np.zeros(0, np.int64),
        moved_bytes=np.zeros(0, np.int64),
        records=np.zeros((LINES, 6), np.int64),
        signals=np.zeros((LINES, 3), np.int64),
        inbox=np.zeros(0, np.int64),
        found=np.zeros((64, 5), np.int64),
        candidates=np.zeros(disk_count, np.int64),
        blocked=np.zeros(disk_count, np.int64),
        policy_parameters=np.array(parameters or [0.0], np.float64),
        policy_state=np.zeros(policy.state_size(disk_count), np.int64),
        caches=caches,
        cache_rings=np.zeros((max(1, entries), 2), np.int64),
        cache_held=held,
    )
    return grow_pools(state, max(pool, 2 * disk_count))


def _disks(cluster: Cluster, laws: list[int]) -> Any:
    disks = np.zeros(len(cluster.disks), layout.DISK)
    hosts = [cluster.hosts[disk.host_index] for disk in cluster.disks]
    disks["law"] = laws
    disks["draws"] = [DRAWS[law] for law in laws]
    disks["channels"] = [disk.channels for disk in cluster.disks]
    disks["host"] = [disk.host_index for disk in cluster.disks]
    disks["latency_ns"] = [host.latency_ns for host in hosts]
    disks["bandwidth"] = [host.bandwidth_bytes_per_s for host in hosts]
    disks["is_direct"] = (disks["latency_ns"] == 0) & (disks["bandwidth"] == 0.0)
    disks["slowdown"] = 1.0
    disks["first"] = disks["last"] = NONE
    return disks


def _links(cluster: Cluster) -> Any:
    links = np.zeros(2 * len(cluster.hosts), layout.LINK)
    links["first"] = links["last"] = NONE
    return links


def _objects(cluster: Cluster, seed: int) -> tuple[Any, Any]:
    """Give the objects, and their members with a place for every disk that may join."""
    later = [index for index, disk in enumerate(cluster.disks) if not disk.present]
    objects = np.zeros(max(1, len(cluster.objects)), layout.OBJECT)
    members: list[int] = []
    first_leg, cached = 0, 0
    for record, spec in zip(objects, cluster.objects, strict=False):
        record.first_leg, record.legs = first_leg, spec.mirrors
        first_leg += spec.mirrors
        record.block_bytes, record.block_count = spec.block_bytes, spec.block_count
        is_power = spec.block_bytes & (spec.block_bytes - 1) == 0
        record.block_shift = spec.block_bytes.bit_length() - 1 if is_power else NONE
        record.size_bytes, record.backing = spec.size_bytes, spec.backing
        record.key = signed(stream_key(seed, spec.name, "placement"))
        record.first_member, record.members = len(members), len(spec.disks)
        members += [*spec.disks, *(NONE for disk in later if disk not in spec.disks)]
        record.is_cached = spec.host_cached
        if spec.host_cached:
            record.cache_first = cached
            cached += spec.block_count
    return objects, np.array(members or [NONE], np.int64)


def _legs(store: MapStore) -> Any:
    legs = np.zeros(max(1, len(store.first_block)), layout.LEG)
    count = len(store.first_block)
    legs["first_block"][:count] = store.first_block
    legs["first_chunk"][:count] = store.first_chunk
    legs["first_component"][:count] = store.first_component
    return legs


def _caches(cluster: Cluster, objects: Any) -> tuple[Any, Any, int]:
    """Give the hosts' caches, which blocks they hold, and how many places their rings have."""
    caches = np.zeros(len(cluster.hosts), layout.CACHE)
    cached = [spec for spec in cluster.objects if spec.host_cached]
    blocks = sum(spec.block_count for spec in cached)
    smallest = min((spec.block_bytes for spec in cached), default=0)
    entries = 0
    for index, (record, host) in enumerate(zip(caches, cluster.hosts, strict=True)):
        places = host.cache_bytes // smallest + 1 if smallest else 1
        record.free_bytes, record.ring, record.ring_size = host.cache_bytes, entries, places
        record.first_block = index * blocks
        entries += places
    return caches, np.zeros(max(1, len(cluster.hosts) * blocks), np.uint8), entries if blocks else 0


def longer(array: Any, length: int) -> Any:
    """Give a copy of an array with more rows, zeros at the end."""
    grown = np.zeros((length, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


def grow_pools(state: State, more: int) -> State:
    """Give requests, operations and events that much more room."""
    g = state.g[0]
    operations, requests = (
        longer(state.operations, len(state.operations) + more),
        longer(state.requests, len(state.requests) + more),
    )
    for pool, first, head in ((operations, len(state.operations), "free_operation"),
                              (requests, len(state.requests), "free_request")):  # fmt: skip
        following = np.arange(first + 1, first + more + 1)
        following[-1] = g[head]
        pool["next"][first:] = following
        g[head] = first
    operations["event"][len(state.operations) :] = NONE
    g.operations_free += more
    g.requests_free += more
    return state._replace(
        operations=operations,
        requests=requests,
        heap=longer(state.heap, len(state.heap) + 2 * more),
        inbox=longer(state.inbox, len(operations)),
    )
