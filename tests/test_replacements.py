"""New disks in the place of failed ones in runs with guest I/O: when they join, what is copied to them, by hand."""

import pytest

from placement_sim import Scenario, run
from placement_sim.errors import InputError
from placement_sim.experiments.build import build_cluster
from placement_sim.experiments.faults import build_changes
from placement_sim.workloads.failures import Weibull, renewals

PATHS = pytest.mark.parametrize("data_path", ["reference", "compiled"])
TEXT = """
horizon = "10 s"
events = [EVENTS]
objects = [{ name = "vm", size = "BLOCKS MiB", block_size = "1 MiB", mirrors = 2 }]
[failures]
rebuild = { rate = "4194304 B/s", delay = "500 ms", replace_after = "3 s" }
[[disks]]
name = "d"
count = DISKS
capacity = "100 MiB"
service = { kind = "deterministic", time = "1 ms" }
[[workloads]]
name = "fill"
object = "vm"
[workloads.synthetic]
size = "1 MiB"
align = "1 MiB"
requests = BLOCKS
read_share = 0
addresses = { law = "sequential" }
arrivals = { law = "fixed", rate = 100 }
"""
FAIL = '{ at = "2 s", action = "disk_fail", disk = "d-0" }'


def scenario(events=FAIL, disks=2, blocks=8, folder=".", **replaced):
    text = TEXT
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    text = text.replace("EVENTS", events).replace("DISKS", str(disks)).replace("BLOCKS", str(blocks))
    return Scenario.from_text(text, folder=folder)


def told(made, seed=1):
    cluster, events = build_changes(made, build_cluster(made), seed)
    return [(event.time_ns / 1e9, event.action, cluster.disks[event.disk].name) for event in events]


@PATHS
def test_the_second_copies_wait_for_the_replacement_and_go_there(data_path):
    """Two disks, two copies: from 2 s on there is no other disk, the new one joins at 5 s.

    Eight blocks of 1 MiB at 4 MiB/s take 2 s.
    """
    found = run(scenario(), data_path=data_path)
    assert found.summary["time_to_whole_s"] == pytest.approx(7 - 2)
    assert (found.summary["repaired_bytes"], found.summary["whole_at_end"]) == (8 * 2**20, 1)
    assert (found.summary["loss_events"], found.summary["failed_requests"]) == (0, 0)
    [row] = found.resyncs.to_dict("records")
    assert (row["start_s"], row["end_s"], row["copied_blocks"]) == (5.0, pytest.approx(7.0), 8)
    disks = found.disks.set_index("disk")
    assert disks.index.tolist() == ["d-0", "d-1", "d-0 replacement 1"]
    assert disks["added"].tolist() == [False, False, True]
    assert disks.loc["d-0 replacement 1", "host"] == disks.loc["d-0", "host"] == "host of d-0"
    assert disks.loc["d-0 replacement 1", ["used_bytes", "written_bytes", "capacity_bytes"]].tolist() == [
        8 * 2**20, 8 * 2**20, 100 * 2**20,
    ]  # fmt: skip
    marks = found.events[found.events["disk"] != ""]
    assert list(zip(marks["time_s"], marks["action"], marks["disk"], strict=True)) == [
        (2.0, "disk_fail", "d-0"), (5.0, "add_disk", "d-0 replacement 1"),
    ]  # fmt: skip


@PATHS
@pytest.mark.parametrize("policy", ["round_robin", "straw2"])
def test_a_rebalance_fills_the_replacement(data_path, policy):
    """Three disks hold 24 copies; two of them hold all after the rebuild, three hold 8 each after the rebalance."""
    events = FAIL + ', { at = "6 s", action = "rebalance", spread = 0.001 }'
    fast = {"rate": ("4194304 B/s", "104857600 B/s")}
    found = run(scenario(events, disks=3, blocks=12, **fast), data_path=data_path, policy=policy)
    used = found.disks.set_index("disk")["used_bytes"] // 2**20
    assert found.summary["whole_at_end"] == 1 and used["d-0 replacement 1"] > 0
    if policy == "round_robin":  # a computed rule's rebuild is not even, nor need it move much
        assert used.drop("d-0").tolist() == [8, 8, 8]
        assert found.resyncs["action"].tolist() == ["repair", "rebalance"]
        assert found.resyncs["copied_blocks"].tolist() == [8, 8]


def test_scheduled_drawn_and_replayed_failures_are_replaced_alike(tmp_path):
    expected = [
        (3.0, "disk_fail", "d-0"), (3.0, "disk_fail", "d-1"),
        (4.0, "add_disk", "d-0 replacement 1"), (4.0, "add_disk", "d-1 replacement 1"),
        (7.0, "disk_fail", "d-0 replacement 1"), (7.0, "disk_fail", "d-1 replacement 1"),
        (8.0, "add_disk", "d-0 replacement 2"), (8.0, "add_disk", "d-1 replacement 2"),
    ]  # fmt: skip
    soon = {"after": ('"3 s"', '"1 s"')}
    times = [(at, disk) for at in (3, 7) for disk in ("d-0", "d-1")]
    events = ", ".join(f'{{ at = "{at} s", action = "disk_fail", disk = "{disk}" }}' for at, disk in times)
    assert told(scenario(events, **soon)) == expected
    law = ("[failures]\n", '[failures]\ndisks = { law = "fixed", time = "3 s" }\n')
    assert told(scenario("", **soon, law=law)) == expected
    rows = "".join(f"{at},disk_fail,{disk}\n" for at, disk in times)
    (tmp_path / "log.csv").write_text("time_s,action,name\n" + rows)
    log = ("[failures]\n", '[failures]\nlog = "log.csv"\n')
    assert told(scenario("", folder=tmp_path, **soon, log=log)) == expected


def test_a_replacement_lives_as_long_as_the_law_says():
    law = ("[failures]\n", '[failures]\ndisks = { law = "weibull", shape = 0.7, scale = "1 s" }\n')
    found = told(scenario("", law=law, after=('"3 s"', '"1 s"'), end=('"10 s"', '"60 s"')), seed=3)
    for disk in ("d-0", "d-1"):
        fails = [time_s for time_s, action, name in found if action == "disk_fail" and name.startswith(disk)]
        joins = [time_s for time_s, action, name in found if action == "add_disk" and name.startswith(disk)]
        lives = list(renewals(3, disk, Weibull(0.7, 1.0), type("Second", (), {"life_s": lambda self, word: 1.0})(), 60))
        assert fails == pytest.approx([failed_s for failed_s, _ in lives]) and len(fails) > 10
        assert joins == pytest.approx([back_s for _, back_s in lives if back_s <= 60])


def test_what_is_said_of_a_failed_disk_strikes_its_replacement_once_that_is_there():
    slow = ', {{ at = "{} s", action = "disk_slow", disk = "d-0", factor = 2 }}'
    again = ', { at = "6 s", action = "disk_fail", disk = "d-0" }'
    assert told(scenario(FAIL + again.replace("6 s", "4 s") + slow.format(4.5) + slow.format(5))) == [
        (2.0, "disk_fail", "d-0"), (4.5, "disk_slow", "d-0"), (5.0, "add_disk", "d-0 replacement 1"),
        (5.0, "disk_slow", "d-0 replacement 1"),
    ]  # fmt: skip
    assert told(scenario(FAIL + again))[-2:] == [
        (6.0, "disk_fail", "d-0 replacement 1"),
        (9.0, "add_disk", "d-0 replacement 2"),
    ]


def test_nothing_is_replaced_after_the_horizon_or_before_a_disk_is_there():
    assert told(scenario(FAIL.replace("2 s", "8 s"))) == [(8.0, "disk_fail", "d-0")]
    absent = {"new": ("[[workloads]]", SPARE + "[[workloads]]")}
    early = '{ at = "2 s", action = "disk_fail", disk = "new" }'
    assert told(scenario(early, **absent)) == []
    later = '{ at = "1 s", action = "add_disk", disk = "new" }, '
    assert [name for _, _, name in told(scenario(later + early, **absent))] == ["new", "new", "new replacement 1"]


SPARE = """[[disks]]
name = "new"
present = false
capacity = "100 MiB"
service = { kind = "deterministic", time = "1 ms" }
"""


def test_a_replacement_on_a_host_that_is_down_joins_when_the_host_is_back():
    hosts = {"one": ("[[disks]]\n", '[[hosts]]\nname = "h"\n[[disks]]\nhost = "h"\n')}
    events = FAIL + ', { at = "4 s", action = "host_down", host = "h" }, { at = "7 s", action = "host_up", host = "h" }'
    new = [(time_s, action) for time_s, action, name in told(scenario(events, **hosts)) if name.endswith("1")]
    assert [row for row in new if row[0] >= 5] == [
        (5.0, "add_disk"), (5.0, "disk_offline"), (7.0, "disk_online"), (7.0, "disk_online"),
    ]  # fmt: skip


def test_a_replacement_that_has_not_joined_by_the_end_counts_for_nothing():
    found = run(scenario(FAIL.replace("2 s", "1 s"), end=('horizon = "10 s"', 'horizon = "10 s"\non_no_space = "stop"'),
                         size=('capacity = "100 MiB"', 'capacity = "4 MiB"')))  # fmt: skip
    assert found.summary["no_space_time_s"] < 1 and found.disks["added"].tolist() == [False, False, False]
    assert found.summary["fill_min"] == 1 and found.events["action"].tolist() == ["no_space"]


def test_mistakes_are_told():
    endless = {"end": ('horizon = "10 s"\n', "")}
    with pytest.raises(InputError, match=r"failures\.rebuild\.replace_after: is given, and the run has no horizon"):
        told(scenario(**endless))
    unsaid = {"after": (', replace_after = "3 s"', "")}
    assert told(scenario(**endless, **unsaid)) == [(2.0, "disk_fail", "d-0")]
    taken = {"name": ("[[workloads]]", SPARE.replace("new", "d-0 replacement 1") + "[[workloads]]")}
    with pytest.raises(InputError, match="'d-0 replacement 1' is the name of a replacement, too"):
        told(scenario(**taken))
