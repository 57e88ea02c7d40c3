"""Flexible placement, row by row: each behaviour A1 to A8, A10 to A13 and A15 followed by hand.

Rows A1 to A6 are granted claim 1 of US10268408B2; the others are our engineering reading.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from placement_sim.engine.clock import Clock
from placement_sim.engine.datapath import Outcome, Stream
from placement_sim.engine.faults import FaultControl
from placement_sim.engine.reference import ReferenceDataPath
from placement_sim.engine.simulate import simulate
from placement_sim.errors import InputError, InvariantError, PolicyError
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.faults import DiskChange
from placement_sim.model.invariants import check_all
from placement_sim.model.service import Deterministic
from placement_sim.policies import make_policy
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.workloads.requests import READ, UNMAP, WRITE, Requests

BLOCK = 4096
MS = 1_000_000


def rows(*requests: tuple[float, int, int, int]) -> Iterator[Requests]:
    """Requests given as (time in ms, kind, offset, size)."""
    times, kinds, offsets, sizes = zip(*requests, strict=True)
    yield Requests(
        np.array([round(t * MS) for t in times], np.int64),
        np.array(kinds, np.uint8),
        np.array(offsets, np.int64),
        np.array(sizes, np.int64),
        np.zeros(len(times), np.int32),
    )


def cluster(
    disks: int = 2, *, mirrors: int = 1, capacity_blocks: int = 100, domains: str = "abcdef", latency_ns: int = 0
) -> Cluster:
    """Disks of 1 ms service, each on a host of its own; one object of 64 blocks."""
    return Cluster(
        tuple(Host(f"host-{i}", domains[i], latency_ns) for i in range(disks)),
        tuple(Disk(f"disk-{i}", i, capacity_blocks * BLOCK, Deterministic(0.001)) for i in range(disks)),
        (StorageObjectSpec("volume", 64 * BLOCK, BLOCK, tuple(range(disks)), mirrors),),
    )


def go(where: Cluster, *requests: tuple[float, int, int, int], policy: str = "round_robin", **more: object) -> Outcome:
    stream = Stream("guest", 0, rows(*requests))
    return simulate(where, [stream], make_policy(policy), seed=1, record_requests=True, **more)  # type: ignore[arg-type]


def owners(outcome: Outcome, leg: int = 0) -> list[int]:
    return (outcome.allocation[0][leg].astype(int) - 1).tolist()


def test_a1_components_present_one_block_space() -> None:
    outcome = go(cluster(), *((t, WRITE, t * BLOCK, BLOCK) for t in range(4)))
    assert sorted(outcome.written_blocks[0].tolist()) == [2, 2]
    assert outcome.counts["finished"] == 4


def test_a2_parent_and_component_maps_are_distinct() -> None:
    path = ReferenceDataPath(Clock(), cluster(), make_policy("round_robin"), 1)
    leg = path.objects[0].legs[0]
    assert not np.shares_memory(leg.parent.array, leg.written[0].bits)
    leg.parent.set_owner(3, 0)
    assert not leg.written[0].is_written(3)
    with pytest.raises(InvariantError, match="unwritten"):
        check_all(path.objects, [0, 0], [0, 0], 0)


def test_a3_write_to_allocated_block_keeps_its_owner() -> None:
    outcome = go(cluster(), (0, WRITE, 0, BLOCK), (5, WRITE, 0, BLOCK), (10, WRITE, 0, BLOCK))
    assert outcome.counts["first_writes"] == outcome.counts["metadata_writes"] == 1
    assert int(outcome.written_blocks.sum()) == 1
    assert sorted(outcome.operations.tolist()) == [0, 3]


def test_a4_policy_is_asked_at_the_first_write_only() -> None:
    asked = []

    def choose(write, view, parameters, state):  # type: ignore[no-untyped-def]
        asked.append(write.block)
        return view.candidates[-1]

    stream = Stream("guest", 0, rows((0, WRITE, 0, BLOCK), (5, READ, 0, BLOCK), (9, WRITE, 0, 2 * BLOCK)))
    simulate(cluster(), [stream], PlacementPolicy("own", "test", "last", choose), seed=1)
    assert asked == [0, 1]


@pytest.mark.parametrize("answer", [-1, 7])
def test_a4_a_choice_that_is_no_candidate_is_an_error(answer: int) -> None:
    policy = PlacementPolicy("broken", "test", "wrong", lambda write, view, parameters, state: answer)
    with pytest.raises(PolicyError, match="broken"):
        simulate(cluster(), [Stream("guest", 0, rows((0, WRITE, 0, BLOCK)))], policy, seed=1)


def test_a5_a6_component_first_then_parent_upon_completion() -> None:
    """With 1 ms there and back, the disk has written at 2 ms and the parent knows at 3 ms."""
    env = Clock()
    path = ReferenceDataPath(env, cluster(latency_ns=MS), make_policy("concat"), 1)
    path.start_stream(Stream("guest", 0, rows((0, WRITE, 0, BLOCK))))
    leg = path.objects[0].legs[0]
    seen = []
    for until_ns in (MS * 3 // 2, MS * 5 // 2, MS * 7 // 2):
        env.run(until=until_ns)
        seen.append((leg.written[0].is_written(0), leg.parent.owner(0), leg.pending[0]))
    assert seen == [(False, -1, 1), (True, -1, 1), (True, 0, 0)]


def test_a7_overlapping_first_writes_end_on_one_component() -> None:
    outcome = go(cluster(), (0, WRITE, 0, BLOCK), (0, WRITE, 0, BLOCK), (0.5, WRITE, 0, BLOCK))
    assert int(outcome.written_blocks.sum()) == 1
    assert outcome.counts["finished"] == 3
    assert outcome.counts["first_writes"] == 1


def test_a8_failed_first_write_is_tried_on_another_component() -> None:
    gone = [[FaultControl([DiskChange(MS // 2, "disk_offline", disk)])] for disk in (0, 1)]
    outcome, other = (go(cluster(), (0, WRITE, 0, BLOCK), policy="most_free", control=control) for control in gone)
    retried = outcome if outcome.counts["retries"] else other
    assert {outcome.counts["retries"], other.counts["retries"]} == {0, 1}
    assert retried.counts["finished"] == 1
    assert retried.records is not None
    assert retried.records.latency_ns.tolist() == [MS // 2 + MS]


def test_a8_failed_first_write_without_another_component_leaves_the_block_unallocated() -> None:
    outcome = go(cluster(1), (0, WRITE, 0, BLOCK), control=[FaultControl([DiskChange(MS // 2, "disk_offline", 0)])])
    assert outcome.counts["failed_offline"] == 1
    assert owners(outcome)[0] == -1
    assert int(outcome.used_bytes.sum()) == 0


def test_a8_no_space_is_stated_with_time_and_stranded_bytes() -> None:
    """A computed owner that is full fails although the other disk has room; a chosen one does not."""
    unequal = cluster(capacity_blocks=2)
    roomy = Disk("disk-1", 1, 100 * BLOCK, Deterministic(0.001))
    unequal = Cluster(unequal.hosts, (unequal.disks[0], roomy), unequal.objects)
    writes = [(t, WRITE, t * BLOCK, BLOCK) for t in range(8)]
    stripe = go(unequal, *writes, policy="stripe")
    assert stripe.no_space is not None
    assert (stripe.no_space.time_ns, stripe.no_space.disk_index) == (4 * MS, 0)
    assert stripe.no_space.stranded_bytes == 98 * BLOCK
    assert go(unequal, *writes, policy="most_free").no_space is None


def test_a10_unallocated_reads_are_zeros_and_touch_no_disk() -> None:
    outcome = go(cluster(), (0, READ, 0, 3 * BLOCK))
    assert outcome.counts["zero_read_blocks"] == 3
    assert outcome.operations.tolist() == [0, 0]


def test_a10_a_request_is_split_by_owner_and_a_partial_write_allocates_the_block() -> None:
    outcome = go(cluster(), (0, WRITE, BLOCK // 2, BLOCK), (5, READ, 0, 4 * BLOCK), policy="stripe")
    assert owners(outcome)[:3] == [0, 1, -1]
    assert outcome.used_bytes.tolist() == [BLOCK, BLOCK]
    assert outcome.written_bytes.tolist() == [BLOCK // 2, BLOCK // 2]
    assert outcome.read_bytes.tolist() == [BLOCK, BLOCK]
    assert outcome.counts["zero_read_blocks"] == 2


def test_a11_an_added_component_takes_new_blocks_and_nothing_moves() -> None:
    three = cluster(3)
    added = Disk("disk-2", 2, 100 * BLOCK, Deterministic(0.001), present=False)
    spec = StorageObjectSpec("volume", 64 * BLOCK, BLOCK, (0, 1))
    where = Cluster(three.hosts, (*three.disks[:2], added), (spec,))
    writes = [(t, WRITE, t * BLOCK, BLOCK) for t in range(10)]
    outcome = go(where, *writes, policy="most_free", control=[FaultControl([DiskChange(6 * MS, "add_disk", 2)])])
    assert sorted(owners(outcome)[:6]) == [0, 0, 0, 1, 1, 1]
    assert set(owners(outcome)[6:9]) == {2}


def test_a12_legs_never_share_a_failure_domain() -> None:
    where = cluster(4, mirrors=2, domains="aabb")
    outcome = go(where, *((t, WRITE, t * BLOCK, BLOCK) for t in range(32)), policy="random")
    pairs = list(zip(owners(outcome, 0)[:32], owners(outcome, 1)[:32], strict=True))
    assert all((first < 2) != (second < 2) for first, second in pairs)
    assert len(set(pairs)) > 2  # legs may place one block on different components
    assert outcome.counts["first_writes"] == 64


def test_a12_reads_go_to_the_least_loaded_live_leg() -> None:
    events = [DiskChange(4 * MS, "disk_offline", 0)]
    outcome = go(cluster(mirrors=2), (0, WRITE, 0, BLOCK), *((5 + t / 100, READ, 0, BLOCK) for t in range(4)))
    assert outcome.read_bytes.tolist() == [2 * BLOCK, 2 * BLOCK]
    degraded = go(cluster(mirrors=2), (0, WRITE, 0, BLOCK), (5, READ, 0, BLOCK), control=[FaultControl(events)])
    assert degraded.read_bytes.tolist() == [0, BLOCK]


@pytest.mark.parametrize("disks", [2, 3, 4, 6])
def test_a13_costs_of_the_maps(disks: int) -> None:
    outcome = go(cluster(disks), (0, WRITE, 0, 5 * BLOCK))
    assert outcome.map_bytes["allocation_map_bytes"] == math.ceil(math.ceil(math.log2(disks + 1)) * 64 / 8)
    assert outcome.map_bytes["written_map_bytes"] == disks * 64 // 8
    assert outcome.counts["metadata_writes"] == 5


def test_a15_unmap_returns_space_and_the_next_write_chooses_anew() -> None:
    outcome = go(cluster(), (0, WRITE, 0, BLOCK), (5, UNMAP, 0, BLOCK), (6, WRITE, 0, BLOCK))
    assert outcome.counts["unmapped_blocks"] == 1
    assert outcome.counts["first_writes"] == 2
    assert int(outcome.written_blocks.sum()) == 1
    gone = go(cluster(), (0, WRITE, 0, BLOCK), (5, UNMAP, 0, BLOCK), (6, READ, 0, BLOCK))
    assert gone.used_bytes.tolist() == [0, 0]
    assert gone.counts["zero_read_blocks"] == 1


def test_a15_a_partial_unmap_changes_nothing() -> None:
    outcome = go(cluster(), (0, WRITE, 0, BLOCK), (5, UNMAP, 0, BLOCK - 512), (6, UNMAP, 512, BLOCK))
    assert outcome.counts["unmapped_blocks"] == 0
    assert int(outcome.used_bytes.sum()) == BLOCK


def test_a15_an_unmap_in_flight_is_ordered_after_the_write() -> None:
    outcome = go(cluster(), (0, WRITE, 0, BLOCK), (0.5, UNMAP, 0, BLOCK))
    assert outcome.counts["finished"] == 2
    assert int(outcome.used_bytes.sum()) == 0
    assert owners(outcome)[0] == -1


def test_a7_a_write_on_its_way_through_an_outage_is_not_lost() -> None:
    """Both first writes are on disk A's way; A goes offline and comes back before the second arrives."""
    events = [DiskChange(1_500_000, "disk_offline", disk) for disk in (0,)]
    events += [DiskChange(1_800_000, "disk_online", disk) for disk in (0,)]
    where = cluster(latency_ns=MS, capacity_blocks=1)
    outcome = go(where, (0, WRITE, 0, BLOCK), (1, WRITE, 0, BLOCK), policy="concat", control=[FaultControl(events)])
    assert outcome.records is not None
    finished = int((outcome.records.status == 0).sum())
    assert int(outcome.written_blocks.sum()) == (1 if finished else 0)
    flexible = go(where, (0, WRITE, 0, BLOCK), (1, WRITE, 0, BLOCK), policy="most_free", control=[FaultControl(events)])
    assert flexible.counts["finished"] == 2
    assert int(flexible.written_blocks.sum()) == 1


def test_a13_the_largest_object_costs_only_what_is_touched() -> None:
    """64 TiB in blocks of 4 KiB: 17 billion map entries, of which a run touches a few."""
    four = cluster(4)
    spec = StorageObjectSpec("huge", 64 << 40, BLOCK, (0, 1, 2, 3))
    where = Cluster(four.hosts, four.disks, (spec,))
    far = (64 << 40) - BLOCK
    outcome = go(where, (0, WRITE, 0, BLOCK), (5, WRITE, far, BLOCK), (9, READ, far, BLOCK))
    assert int(outcome.written_blocks.sum()) == 2
    assert outcome.map_bytes["allocation_map_bytes"] == 3 * (1 << 34) // 8


def test_a15_an_older_write_does_not_complete_a_newer_first_write() -> None:
    """Write, unmap, write again, all before the disk has served the first: served at 1 ms and at 2 ms."""
    env = Clock()
    path = ReferenceDataPath(env, cluster(), make_policy("concat"), 1)
    path.start_stream(Stream("guest", 0, rows((0, WRITE, 0, BLOCK), (0.2, UNMAP, 0, BLOCK), (0.5, WRITE, 0, BLOCK))))
    leg = path.objects[0].legs[0]
    seen = []
    for until_ns in (MS * 3 // 2, MS * 5 // 2):
        env.run(until=until_ns)
        seen.append((leg.written[0].is_written(0), leg.parent.owner(0)))
    assert seen == [(False, -1), (True, 0)]


def test_a_request_beyond_its_object_is_an_error_never_a_shorter_request() -> None:
    with pytest.raises(InputError, match=r"workload guest: request 1: .* beyond object volume"):
        go(cluster(), (0, WRITE, 0, BLOCK), (1, WRITE, 63 * BLOCK, 2 * BLOCK))
