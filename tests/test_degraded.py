"""Mirrors and degraded writes followed by hand, on both data paths: rows A12 and A14 of the model.

A12 and A14's reconciliation are our engineering reading; A14's degraded write is claim 1 of US10642526B2.
"""

import numpy as np
import pytest

from placement_sim.engine.datapath import Stream
from placement_sim.engine.faults import FaultControl
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.faults import DiskChange
from placement_sim.model.service import Deterministic
from placement_sim.policies import make_policy
from placement_sim.workloads.requests import READ, UNMAP, WRITE, Requests

BLOCK = 4096
MS = 1_000_000
PATHS = pytest.mark.parametrize("data_path", ["reference", "compiled"])


def rows(*requests):
    """Requests given as (time in ms, kind, offset, size)."""
    times, kinds, offsets, sizes = zip(*requests, strict=True)
    yield Requests(
        np.array(np.array(times) * MS, np.int64), np.array(kinds, np.uint8), np.array(offsets, np.int64),
        np.array(sizes, np.int64), np.zeros(len(times), np.int32),
    )  # fmt: skip


def go(requests, events, *, disks=3, mirrors=1, capacity_blocks=100, policy="round_robin", data_path, horizon=None):
    """Disks of 1 ms service, each on a host of its own; one object of 64 blocks; events as (ms, action, disk)."""
    where = Cluster(
        tuple(Host(f"host-{i}", f"domain-{i}") for i in range(disks)),
        tuple(Disk(f"disk-{i}", i, capacity_blocks * BLOCK, Deterministic(0.001)) for i in range(disks)),
        (StorageObjectSpec("volume", 64 * BLOCK, BLOCK, tuple(range(disks)), mirrors),),
    )
    changes = [DiskChange(round(time * MS), action, disk) for time, action, disk in events]
    return simulate(
        where, [Stream("guest", 0, rows(*requests))], make_policy(policy), seed=1, record_requests=True,
        control=[FaultControl(changes)], data_path=data_path, horizon_ns=horizon and horizon * MS,
    )  # fmt: skip


def statuses(outcome):
    order = np.argsort(outcome.records.number)
    return outcome.records.status[order].tolist()


def guests_bytes(moved):
    """Bytes by disk without those of copies; guests are the first purpose."""
    return moved[:, 0].sum(axis=0).tolist()


@PATHS
def test_a12_a_write_is_acknowledged_by_the_live_legs_and_the_other_leg_is_not_read_again(data_path):
    requests = [(0, WRITE, 0, BLOCK), (5, WRITE, 0, 512), *[(20, READ, 0, BLOCK)] * 3]
    out = go(requests, [(3, "disk_offline", 0), (19.5, "disk_online", 0)], mirrors=2, data_path=data_path)
    assert statuses(out) == [0] * 5
    assert guests_bytes(out.split.written_bytes) == [BLOCK, BLOCK + 512, 0]
    assert guests_bytes(out.split.read_bytes) == [0, 3 * BLOCK, 0]  # disk 0 has just come back, with an old copy


@PATHS
def test_a12_a_first_write_needs_one_leg_while_the_other_domains_are_away(data_path):
    events = [(0, "disk_offline", 1)]
    out = go([(1, WRITE, 0, BLOCK), (5, READ, 0, BLOCK)], events, disks=2, mirrors=2, data_path=data_path)
    assert statuses(out) == [0, 0]
    assert out.written_bytes.tolist() == [BLOCK, 0]


@PATHS
@pytest.mark.parametrize("away", [0, 1])
def test_a12_a_computed_rule_first_writes_to_the_live_leg_alone_whichever_it_is(away, data_path):
    """Block 0 belongs on the disks 0 and 1; what is away misses the write, is noted as stale, and gets it later."""
    requests = [(1, WRITE, 0, BLOCK), (5, READ, 0, BLOCK), (30, READ, 0, BLOCK)]
    events = [(0, "disk_offline", away), (10, "disk_online", away)]
    out = go(requests, events, disks=4, mirrors=2, policy="stripe", data_path=data_path)
    assert statuses(out) == [0, 0, 0]
    assert guests_bytes(out.split.written_bytes)[1 - away] == BLOCK == sum(guests_bytes(out.split.written_bytes))
    assert out.written_blocks[0].tolist() == [1, 1, 0, 0] and out.counts["recorded_blocks"] == 0


@PATHS
@pytest.mark.parametrize("policy", ["stripe", "concat", "jump"])
def test_a12_a_computed_rule_with_no_disk_of_any_leg_fails(policy, data_path):
    events = [(0, "disk_offline", disk) for disk in range(3)]
    out = go([(1, WRITE, 0, BLOCK), (9, READ, 0, BLOCK)], events, mirrors=2, policy=policy, data_path=data_path)
    assert statuses(out) == [2, 0] and out.counts["zero_read_blocks"] == 1


@PATHS
def test_a12_a_block_that_nobody_was_told_of_reads_as_zeros_while_its_first_write_is_on_its_way(data_path):
    """Leg 0 is stale, since its disk is away; leg 1 has not answered when the read comes."""
    requests = [(1, WRITE, 0, BLOCK), (1.5, READ, 0, BLOCK), (9, READ, 0, BLOCK)]
    out = go(requests, [(0, "disk_offline", 0)], disks=2, mirrors=2, data_path=data_path)
    assert statuses(out) == [0, 0, 0]
    assert out.counts["zero_read_blocks"] == 1 and guests_bytes(out.split.read_bytes) == [0, BLOCK]


@PATHS
def test_a12_too_few_domains_are_an_error_and_not_a_single_copy(data_path):
    out = go([(1, WRITE, 0, BLOCK), (9, READ, 0, BLOCK)], [], disks=1, mirrors=2, data_path=data_path)
    assert statuses(out)[0] == 2


@PATHS
def test_a12_a_block_without_any_copy_is_unallocated_again(data_path):
    """Leg 0 fails while leg 1 has no domain left: nothing was acknowledged, so the read gives zeros."""
    events = [(0, "disk_offline", 1), (1.5, "disk_offline", 0), (5, "disk_online", 0)]
    out = go([(1, WRITE, 0, BLOCK), (9, READ, 0, BLOCK)], events, disks=2, mirrors=2, data_path=data_path)
    assert statuses(out) == [2, 0]
    assert out.counts["zero_read_blocks"] == 1 and out.counts["recorded_blocks"] == 0


@PATHS
def test_a14_a_degraded_write_goes_to_a_second_component_and_is_read_there(data_path):
    requests = [(0, WRITE, 0, BLOCK), (5, WRITE, 512, 1024), (10, READ, 512, 1024), (12, READ, 1024, 256)]
    out = go(requests, [(3, "disk_offline", 0)], data_path=data_path)
    assert statuses(out) == [0] * 4
    assert out.written_bytes.tolist() == [BLOCK, 1024, 0]
    assert out.read_bytes.tolist() == [0, 1024 + 256, 0]
    assert (out.counts["degraded_written_bytes"], out.counts["recorded_blocks"]) == (1024, 1)
    assert out.written_blocks[0].tolist() == [1, 1, 0]  # the old copy is there, and the record says that it is old


@PATHS
def test_a14_what_was_not_rewritten_cannot_be_read_until_the_owner_is_back(data_path):
    requests = [(0, WRITE, 0, BLOCK), (5, WRITE, 512, 1024), (10, READ, 0, BLOCK), (11, READ, 0, 256),
                (30, READ, 0, BLOCK), (30, READ, 2048, 512), (30, READ, 600, 100)]  # fmt: skip
    out = go(requests, [(3, "disk_offline", 0), (29.5, "disk_online", 0)], data_path=data_path)
    assert statuses(out) == [0, 0, 2, 2, 0, 0, 0]
    assert guests_bytes(out.split.read_bytes) == [
        BLOCK + 512,
        BLOCK + 100,
        0,
    ]  # of both, of the old, of the newer


@PATHS
def test_a14_a_write_that_replaces_the_newer_part_on_the_returned_owner_ends_the_record(data_path):
    requests = [(0, WRITE, 0, BLOCK), (5, WRITE, 512, 1024), (30, WRITE, 0, BLOCK), (40, READ, 0, BLOCK)]
    events = [(3, "disk_offline", 0), (20, "disk_offline", 1), (21, "disk_online", 0)]
    out = go(requests, events, data_path=data_path)
    assert statuses(out) == [0] * 4
    assert out.counts["recorded_blocks"] == 0
    assert out.written_blocks[0].tolist() == [1, 0, 0]


@PATHS
def test_a14_a_degraded_write_that_fails_leaves_the_old_copy_as_it_was(data_path):
    requests = [(0, WRITE, 0, BLOCK), (5, WRITE, 0, BLOCK), (30, READ, 0, BLOCK)]
    events = [(3, "disk_offline", 0), (5.5, "disk_offline", 1), (5.5, "disk_offline", 2), (20, "disk_online", 0)]
    out = go(requests, events, data_path=data_path)
    assert statuses(out) == [0, 2, 0]
    assert out.counts["recorded_blocks"] == 0 and out.read_bytes.tolist() == [BLOCK, 0, 0]


@PATHS
def test_a14_a_second_failure_is_an_error_and_never_old_data(data_path):
    """Disk 1 has the newer bytes and goes; disk 0 returns with old ones."""
    requests = [(0, WRITE, 0, BLOCK), (5, WRITE, 512, 1024), (30, READ, 512, 1024), (40, READ, 2048, 512)]
    events = [(3, "disk_offline", 0), (20, "disk_offline", 1), (21, "disk_online", 0)]
    assert statuses(go(requests, events, data_path=data_path)) == [0, 0, 2, 0]


@PATHS
def test_a14_an_unmap_drops_both_copies_and_the_record(data_path):
    requests = [(0, WRITE, 0, BLOCK), (5, WRITE, 512, 1024), (10, UNMAP, 0, BLOCK), (30, READ, 0, BLOCK)]
    out = go(requests, [(3, "disk_offline", 0), (20, "disk_online", 0)], data_path=data_path)
    assert out.counts["unmapped_blocks"] == 1 and out.counts["recorded_blocks"] == 0
    assert out.used_bytes.tolist() == [0, 0, 0] and out.counts["zero_read_blocks"] == 1


@PATHS
def test_a14_a_computed_rule_names_the_next_disk_of_its_own_order(data_path):
    requests = [(0, WRITE, 0, BLOCK), (5, WRITE, 0, BLOCK), (10, READ, 0, BLOCK)]
    out = go(requests, [(3, "disk_offline", 0)], policy="concat", data_path=data_path)
    assert statuses(out) == [0] * 3
    assert out.read_bytes.tolist() == [0, BLOCK, 0]
