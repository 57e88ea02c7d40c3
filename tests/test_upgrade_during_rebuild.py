"""A disk fails in the middle of a rollout and is rebuilt beside it: the machines end upgraded and all is whole."""

import pytest

from placement_sim import Scenario, run

TEXT = """
name = "upgrade during a rebuild"
window = "10 s"
EVENTS
[failures]
rebuild = { rate = "2 MB/s", streams = 1, delay = "1 s" }
[fleet]
machines = 4
strategy = "os_swap"
rollout = { name = "rolling", batch = 2 }
lead_in = "10 s"
lead_out = "120 s"
mirrors = 2
os = { size = "64 MiB", content = "16 MiB" }
software = { size = "32 MiB", content = "8 MiB" }
boot = { read = "8 MiB", written = "1 MiB", requests = 18, think = "20 s" }
start = { read = "4 MiB", requests = 4, think = "5 s" }
patch = { written = "4 MiB", requests = 4 }
"""
DISK = """
[[hosts]]
name = "h{0}"
[[disks]]
name = "d{0}"
host = "h{0}"
capacity = "2 GiB"
service = {{ kind = "deterministic", time = "2 ms" }}
"""
DISKS = "".join(DISK.format(number) for number in range(4))


@pytest.mark.parametrize("data_path", ["reference", "compiled"])
def test_an_upgrade_during_a_rebuild_ends_and_so_does_the_rebuild(data_path):
    calm = run(Scenario.from_text(TEXT.replace("EVENTS", "") + DISKS), data_path=data_path)
    at_s = float(calm.events.set_index("action")["time_s"]["rollout_start"]) + 15
    events = f'events = [{{ at = "{at_s} s", action = "disk_fail", disk = "d1" }}]'
    result = run(Scenario.from_text(TEXT.replace("EVENTS", events) + DISKS), data_path=data_path)  # checks invariants
    marks = result.events.set_index("action")["time_s"]
    assert set(result.vms["outcome"]) == {"upgraded"}
    assert marks["rollout_start"] < marks["repair_begins"] < marks["rollout_end"]
    assert result.summary["repaired_bytes"] > 0 == result.summary["lost_bytes"]
    assert result.summary["whole_at_end"] == 1
