"""Redundancy that returns while guests go on: reconciliation, rebuild, moves, power loss; on both data paths."""

from types import SimpleNamespace

import numpy as np
import pytest
from test_degraded import BLOCK, MS, PATHS, READ, UNMAP, WRITE, rows, statuses

from placement_sim.engine.datapath import Stream
from placement_sim.engine.faults import FaultControl
from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.faults import Fault, disk_changes
from placement_sim.model.service import Deterministic
from placement_sim.policies import make_policy

FAST = Rebuild(1e9, streams=2)
FILL = [(t, WRITE, t * BLOCK, BLOCK) for t in range(32)]


def go(requests, faults, *, disks=4, mirrors=2, rebuild=FAST, capacity_blocks=100, data_path, horizon=1000):
    """Disks of 1 ms service, each on a host of its own; an object of 64 blocks; faults as (ms, action, target)."""
    where = Cluster(
        tuple(Host(f"host-{i}", f"domain-{i}") for i in range(disks)),
        tuple(Disk(f"disk-{i}", i, capacity_blocks * BLOCK, Deterministic(0.001)) for i in range(disks)),
        (StorageObjectSpec("volume", 64 * BLOCK, BLOCK, tuple(range(disks)), mirrors),),
    )
    changes = disk_changes([Fault(round(fault[0] * MS), *fault[1:]) for fault in faults], range(disks), [True] * disks)
    control = FaultControl(changes, seed=1, rebuild=rebuild)
    out = simulate(
        where, [Stream("guest", 0, rows(*requests))], make_policy("round_robin"), seed=1, record_requests=True,
        control=[control], data_path=data_path, horizon_ns=horizon * MS,
    )  # fmt: skip
    log, whole = control.repair.close()
    return SimpleNamespace(out=out, log=log, whole=whole, moves=control.mover.moves, counts=out.counts)


def owners(found, leg):
    return found.out.allocation[0][leg].astype(int) - 1


@PATHS
def test_only_blocks_that_a_disk_missed_are_reconciled_when_it_returns(data_path):
    late = [(50 + t, WRITE, t * BLOCK, 512) for t in range(4)]
    found = go([*FILL, *late], [(40, "host_down", 0), (100, "host_up", 0)], rebuild=None, data_path=data_path)
    missed = sum(int(owners(found, leg)[block] == 0) for leg in (0, 1) for block in range(4))
    assert missed > 0 and found.counts["failed_offline"] == 0
    assert (found.log.copied_blocks, found.log.copied_bytes) == (missed, missed * BLOCK)
    assert found.whole and found.counts["recorded_blocks"] == 0
    [(since, until)] = found.log.missing
    assert since == 40 * MS and 100 * MS < until < 130 * MS


@PATHS
def test_a14_only_the_newer_bytes_are_copied_back(data_path):
    late = [(50 + t, WRITE, t * BLOCK, 512) for t in range(4)]
    reads = [(500 + t, READ, t * BLOCK, BLOCK) for t in range(32)]
    found = go([*FILL, *late, *reads], [(40, "disk_offline", 0), (100, "disk_online", 0)], mirrors=1,
               rebuild=None, data_path=data_path)  # fmt: skip
    assert found.log.copied_bytes == 512 * found.log.copied_blocks == found.counts["degraded_written_bytes"] == 512
    assert found.whole and found.counts["failed_offline"] == 0
    assert found.out.written_blocks.sum() == 32


@PATHS
def test_a14_a_second_failure_before_reconciliation_is_reported_as_loss(data_path):
    faults = [(40, "disk_offline", 0), (90, "disk_fail", 1), (91, "disk_fail", 2), (92, "disk_fail", 3),
              (100, "disk_online", 0)]  # fmt: skip
    requests = [(0, WRITE, 0, BLOCK), (50, WRITE, 256, 512), (200, READ, 256, 512), (210, READ, 1024, 512)]
    found = go(requests, faults, mirrors=1, data_path=data_path)
    assert statuses(found.out) == [0, 0, 2, 0]
    assert (found.counts["held_bytes"], found.counts["lost_bytes"]) == (BLOCK, 512)
    assert found.log.losses == [(90 * MS, 512)] and not found.whole


@PATHS
def test_a_rebuild_copies_written_blocks_only_and_no_two_legs_meet_in_one_domain(data_path):
    found = go(FILL, [(40, "disk_fail", 0)], data_path=data_path)
    lost = found.out.written_bytes.sum() // BLOCK - 64
    assert found.log.copied_blocks == lost > 0
    legs = owners(found, 0)[:32], owners(found, 1)[:32]
    assert 0 not in [*legs[0], *legs[1]] and (legs[0] != legs[1]).all() and min(*legs[0], *legs[1]) > 0
    assert found.whole and found.counts["lost_bytes"] == 0


@PATHS
def test_a_rebuild_keeps_to_its_throttle_and_its_delay(data_path):
    rate = BLOCK / 0.01  # a block in 10 ms, one stream
    found = go(FILL, [(40, "disk_fail", 0)], rebuild=Rebuild(rate, delay_s=0.1), data_path=data_path)
    [(start, end)] = found.log.sessions
    by_source = max(np.bincount(np.concatenate([owners(found, leg)[:32] for leg in (0, 1)])))
    assert start == 140 * MS
    assert found.log.copied_blocks * 10 / 3 <= (end - start) / MS <= 10 * by_source


@PATHS
def test_a_disk_that_returns_before_the_delay_is_not_rebuilt(data_path):
    found = go(FILL, [(40, "disk_offline", 0), (90, "disk_online", 0)], rebuild=Rebuild(1e9, delay_s=0.1),
               data_path=data_path)  # fmt: skip
    assert found.log.copied_blocks == 0 and found.log.missing == [(40 * MS, 90 * MS)]


@PATHS
def test_a_block_is_copied_once_while_guests_write_it_all_the_time(data_path):
    hot = [(t, WRITE, 0, 512) for t in range(1, 400)]
    found = go([(0, WRITE, 0, BLOCK), *hot], [(40, "evacuate", disk) for disk in (0, 1)], data_path=data_path)
    assert found.counts["failed_offline"] == 0
    assert {int(owners(found, leg)[0]) for leg in (0, 1)} == {2, 3}
    assert [move.copied_blocks for move in found.moves] == [1, 1]


@PATHS
def test_an_evacuated_disk_is_empty_and_takes_no_new_block(data_path):
    later = [(500 + t, WRITE, (32 + t) * BLOCK, BLOCK) for t in range(32)]
    found = go([*FILL, *later], [(40, "evacuate", 0)], mirrors=1, data_path=data_path)
    assert found.out.used_bytes[0] == 0 and found.out.used_bytes.sum() == 64 * BLOCK
    [move] = found.moves
    assert move.copied_bytes == move.copied_blocks * BLOCK == 8 * BLOCK and 0 < move.end_ns - move.start_ns < 100 * MS


@PATHS
def test_an_unmap_in_the_middle_of_a_move_leaves_nothing(data_path):
    found = go([(0, WRITE, 0, BLOCK), (41, UNMAP, 0, BLOCK)], [(40, "evacuate", disk) for disk in range(3)], mirrors=1,
               data_path=data_path)  # fmt: skip
    assert found.out.used_bytes.sum() == 0 and found.counts["recorded_blocks"] == 0


@PATHS
@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_a_rebalance_comes_within_its_bound_and_does_not_overshoot(spread, data_path):
    faults = [(0, "disk_offline", 3), (40, "disk_online", 3), (50, "rebalance", 0, spread)]
    found = go(FILL, faults, mirrors=1, data_path=data_path)
    used = found.out.used_bytes // BLOCK
    assert used.max() - used.min() <= max(1, spread * 100) and used[3] <= 8 and used.sum() == 32
    assert found.moves[0].copied_blocks == used[3]


@PATHS
def test_a_rebalance_can_be_stopped(data_path):
    faults = [(0, "disk_offline", 3), (40, "disk_online", 3), (50, "rebalance", 0, 0.01), (55, "rebalance_stop", 0)]
    found = go(FILL, faults, mirrors=1, data_path=data_path)
    assert found.moves[0].copied_blocks == 3 and found.moves[0].end_ns == 56 * MS
    assert found.out.used_bytes[3] == 3 * BLOCK


@PATHS
def test_a9_power_loss_drops_what_is_in_flight_and_nothing_that_was_acknowledged(data_path):
    burst = [(40, WRITE, t * BLOCK, BLOCK) for t in range(64)]
    reads = [(500 + t, READ, t * BLOCK, BLOCK) for t in range(64)]
    found = go([*FILL, *burst, *reads], [(42.5, "power_loss", 0), (100, "power_on", 0)], data_path=data_path)
    assert found.counts["failed_offline"] > 0 == found.counts["lost_bytes"]
    assert statuses(found.out)[96:] == [0] * 64
    assert found.whole and found.log.missing[0][0] == round(42.5 * MS)


@PATHS
def test_a_sector_error_is_found_by_a_read_and_mended_from_the_other_leg(data_path):
    reads = [(100 + t, READ, t * BLOCK, BLOCK) for t in range(32)] * 1
    again = [(500 + t, READ, t * BLOCK, BLOCK) for t in range(32)]
    found = go([*FILL, *reads, *again], [(40, "sector_error", 0)], data_path=data_path)
    assert found.counts["failed_offline"] == 0
    assert found.log.copied_blocks == 1 and found.whole and found.counts["lost_bytes"] == 0


@PATHS
def test_a_sector_error_without_another_leg_is_a_loss_until_it_is_written_anew(data_path):
    reads = [(100 + t, READ, t * BLOCK, BLOCK) for t in range(32)]
    found = go([*FILL, *reads], [(40, "sector_error", 0)], mirrors=1, data_path=data_path)
    assert found.counts["failed_offline"] == 1 and found.counts["lost_bytes"] == BLOCK
    again = [(200 + t, WRITE, t * BLOCK, BLOCK) for t in range(32)]
    assert go([*FILL, *reads, *again], [(40, "sector_error", 0)], mirrors=1, data_path=data_path).whole
