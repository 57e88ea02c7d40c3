"""Degraded writes that fail on their way, followed by hand on both data paths (A14): they hide nothing.

Block 0 is on disk 0, which is away; what is written meanwhile goes to disk 1. A record may say that bytes are newer
somewhere only when they are there (A5): a write that is lost leaves what was acknowledged before as it was.
"""

import pytest
from test_degraded import BLOCK, PATHS, go, guests_bytes, statuses

from placement_sim.workloads.requests import READ, WRITE

BEFORE = [(0, WRITE, 0, BLOCK), (5, WRITE, 0, 512)]  # the second one is acknowledged by disk 1 at 6 ms
AWAY = [(3, "disk_offline", 0)]
OUTAGES = {
    "power loss": [(10.5, "power_loss", -1)],
    "disk away": [(10.5, "disk_offline", 1)],
}


@PATHS
@pytest.mark.parametrize("outage", OUTAGES)
def test_a14_a_degraded_write_lost_on_its_way_does_not_hide_older_bytes(outage, data_path):
    """The write of 2048 to 3072 is issued at 10 ms, in service at 10.5 ms, and gone; nobody was told of it."""
    requests = [*BEFORE, (10, WRITE, 2048, 1024), (30, READ, 0, 512), (32, READ, 2048, 1024), (45, READ, 2048, 1024)]
    events = [*AWAY, *OUTAGES[outage], (20, "disk_online", 1), (44.5, "disk_online", 0)]
    out = go(requests, events, data_path=data_path)
    # Of the last three reads: newer bytes are on disk 1; the older ones are out of reach with disk 0, and then on it.
    assert statuses(out) == [0, 0, 2, 0, 2, 0]
    assert guests_bytes(out.split.read_bytes) == [1024, 512, 0]
    assert out.counts["degraded_written_bytes"] == 512


@PATHS
def test_a14_bytes_of_a_degraded_write_on_its_way_are_not_read_from_the_newer_copy(data_path):
    requests = [*BEFORE, (10, WRITE, 2048, 1024), (10.5, READ, 2048, 1024), (12, READ, 2048, 1024)]
    out = go(requests, AWAY, data_path=data_path)
    assert statuses(out) == [0, 0, 0, 2, 0]
    assert guests_bytes(out.split.read_bytes) == [0, 1024, 0]


@PATHS
def test_a14_a_write_lost_on_its_way_to_the_older_copy_does_not_hide_newer_bytes(data_path):
    """Disk 1 has bytes 0 to 512 and goes; disk 0 is back, and lost while it takes a write of these; disk 1 has them."""
    events = [*AWAY, (10, "disk_offline", 1), (12, "disk_online", 0), (20.5, "disk_offline", 0), (25, "disk_online", 1)]
    out = go([*BEFORE, (20, WRITE, 0, 512), (30, READ, 0, 512)], events, data_path=data_path)
    assert statuses(out) == [0, 0, 2, 0]
    assert guests_bytes(out.split.read_bytes) == [0, 512, 0]
    assert out.counts["recorded_blocks"] == 1


@PATHS
def test_a14_both_copies_written_at_once_become_one_with_the_newest_bytes_of_both(data_path):
    """Disk 0 takes bytes 0 to 512 from 20 to 21 ms; disk 1, back at 20.2 ms, others from 20.3 to 21.3 ms.

    With the first write disk 1 has nothing that is newer, yet its copy may not go: a write to it is on its way.
    """
    events = [*AWAY, (10, "disk_offline", 1), (12, "disk_online", 0), (20.2, "disk_online", 1)]
    requests = [*BEFORE, (20, WRITE, 0, 512), (20.3, WRITE, 2048, 1024), (21.2, READ, 0, 512), (60, READ, 0, BLOCK)]
    out = go(requests, events, data_path=data_path)
    assert statuses(out) == [0] * 6
    assert guests_bytes(out.split.read_bytes) == [BLOCK + 512, 0, 0]
    assert out.counts["recorded_blocks"] == 0 and out.written_blocks[0].tolist() == [1, 0, 0]


@PATHS
def test_a14_a_copy_takes_along_what_was_on_its_way_when_it_began(data_path):
    """Disk 0 is back at 10.5 ms: the copy waits for the write that is in service until 11 ms, and copies both parts."""
    events = [*AWAY, (10.5, "disk_online", 0)]
    out = go([*BEFORE, (10, WRITE, 2048, 1024), (40, READ, 0, BLOCK)], events, data_path=data_path)
    assert statuses(out) == [0] * 4
    assert guests_bytes(out.split.read_bytes) == [BLOCK, 0, 0]
    assert out.written_bytes.tolist() == [BLOCK + 512 + 1024, 512 + 1024, 0]
