"""Faults of a scenario: scheduled, drawn and replayed; what they do to a run, and years without guest I/O."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from placement_sim.cli import main
from placement_sim.errors import InputError
from placement_sim.experiments.build import build_cluster
from placement_sim.experiments.faults import build_changes
from placement_sim.experiments.parts import data_folder
from placement_sim.experiments.reliability import reliability
from placement_sim.experiments.run import run
from placement_sim.experiments.scenario import Scenario
from placement_sim.model.faults import ACTIONS, Fault, disk_changes
from placement_sim.workloads.failures import ANNUAL_FAILURE_RATES, FAILURE_LAWS, YEAR_S, Exponential, renewals

BASE = """
name = "faults"
horizon = "10 s"
objects = [{ name = "vm", size = "16 MiB", block_size = "1 MiB", mirrors = 2 }]
hosts = [{ name = "h0" }, { name = "h1" }, { name = "h2" }]
EVENTS
[[disks]]
name = "a"
count = 2
host = "h0"
capacity = "1 GiB"
service = { kind = "deterministic", time = "1 ms" }
[[disks]]
name = "b"
host = "h1"
capacity = "1 GiB"
service = { kind = "deterministic", time = "1 ms" }
[[disks]]
name = "c"
host = "h2"
capacity = "1 GiB"
service = { kind = "deterministic", time = "1 ms" }
[[workloads]]
name = "w"
object = "vm"
synthetic = { size = "4 KiB", requests = 900, read_share = 1.0, arrivals = { law = "fixed", rate = 100 } }
FAILURES
"""
PAIR = """
[[disks]]
name = "d"
count = 2
capacity = "1 TB"
service = { kind = "deterministic", time = "1 ms" }
[[objects]]
name = "o"
size = "100 GB"
block_size = "1 MiB"
mirrors = 2
[[workloads]]
name = "w"
object = "o"
synthetic = { size = "4 KiB", requests = 1, arrivals = { law = "fixed", rate = 100 } }
[failures]
disks = { law = "exponential", mean = "1000 h" }
replace = { law = "exponential", mean = "10 h" }
"""


def scenario_of(text, events, failures, folder="."):
    return Scenario.from_text(text.replace("EVENTS", events).replace("FAILURES", failures), folder=folder)


def scenario(events="", failures="", folder="."):
    return Scenario.from_text(BASE.replace("EVENTS", events).replace("FAILURES", failures), folder=folder)


def events_of(made, seed=1):
    return [(e.time_ns / 1e9, e.action, e.disk) for e in build_changes(made, build_cluster(made), seed)[1]]


def changes(faults):
    found = disk_changes([Fault(*fault) for fault in faults], [0, 0, 1], [True, True, True])
    return [(change.time_ns, change.action.removeprefix("disk_"), change.disk) for change in found]


def test_causes_overlap():
    down_up = [(1, "host_down", 0), (2, "host_up", 0)]
    assert changes(down_up) == [(1, "offline", 0), (1, "offline", 1), (2, "online", 0), (2, "online", 1)]
    assert changes([(1, "disk_fail", 0), (2, "disk_online", 0)]) == [(1, "fail", 0)]
    assert changes([*down_up, (1, "disk_fail", 1)])[-1] == (2, "online", 0)
    overlap = [(1, "host_down", 0), (2, "disk_offline", 0), (3, "host_up", 0), (4, "disk_online", 0)]
    assert changes(overlap)[2:] == [(3, "online", 1), (4, "online", 0)]
    twice = [(1, "disk_offline", 2), (1, "disk_offline", 2), (2, "disk_online", 2), (2, "disk_online", 2)]
    assert changes(twice) == [(1, "offline", 2), (2, "online", 2)]


def test_a_disk_added_to_a_host_that_is_down_is_out_of_reach():
    faults = [Fault(1, "host_down", 0), Fault(2, "add_disk", 1), Fault(3, "host_up", 0)]
    found = disk_changes(faults, [1, 0], [True, False])
    assert [tuple(change[:3]) for change in found] == [
        (2, "add_disk", 1),
        (2, "disk_offline", 1),
        (3, "disk_online", 1),
    ]


def test_power_and_partitions_are_causes_of_their_own():
    cut = [(1, "host_cut_off", 0), (2, "host_down", 0), (3, "host_up", 0), (4, "host_rejoined", 0)]
    assert changes(cut) == [(1, "offline", 0), (1, "offline", 1), (4, "online", 0), (4, "online", 1)]
    dark = [(1, "disk_fail", 1), (2, "power_loss", -1), (3, "host_down", 1), (4, "power_on", -1), (5, "host_up", 1)]
    assert changes(dark) == [
        (1, "fail", 1), (2, "power_loss", -1), (4, "power_on", -1), (4, "online", 0), (5, "online", 2),
    ]  # fmt: skip


def test_read_only_outlasts_an_outage():
    read_only = [(1, "disk_read_only", 2), (2, "host_down", 1), (3, "host_up", 1), (4, "disk_writable", 2)]
    assert changes(read_only) == [(1, "read_only", 2), (2, "offline", 2), (3, "read_only", 2), (4, "online", 2)]
    assert changes([(1, "disk_slow", 0)]) == [(1, "slow", 0)]


ONE_DISK = """
objects = [{ name = "vm", size = "16 MiB", block_size = "1 MiB" }]
EVENTS
[[disks]]
name = "a"
count = DISKS
capacity = "1 GiB"
service = { kind = "deterministic", time = "1 ms" }
[[workloads]]
name = "w"
object = "vm"
[workloads.synthetic]
size = "1 MiB"
align = "1 MiB"
requests = 16
read_share = 0.0
addresses = { law = "sequential" }
arrivals = { law = "fixed", rate = 100 }
"""


def test_a_slow_disk_takes_as_much_longer():
    events = 'events = [{ at = "75 ms", action = "disk_slow", disk = "a", factor = 4 },'
    events += ' { at = "115 ms", action = "disk_slow", disk = "a", factor = 1 }]'
    made = Scenario.from_text(ONE_DISK.replace("EVENTS", events).replace("DISKS", "1"))
    found = run(made, record_requests=True)
    slow = found.requests["issued_s"].between(0.075, 0.115)
    assert found.requests["latency_s"][slow].round(9).tolist() == [0.004] * int(slow.sum())
    assert found.requests["latency_s"][~slow].round(9).tolist() == [0.001] * int((~slow).sum())
    assert 0 < slow.sum() < len(slow) == 16
    assert found.events["factor"].tolist() == [4.0, 1.0]


def test_a_read_only_disk_takes_no_new_block():
    events = 'events = [{ at = "75 ms", action = "disk_read_only", disk = "a-0" }]'
    made = Scenario.from_text(ONE_DISK.replace("EVENTS", events).replace("DISKS", "2"))
    found = run(made, policy="round_robin")
    assert found.summary["failed_requests"] == 0
    written = found.disks["written_bytes"] // 2**20
    assert written.sum() == 16 and written[0] in (3, 4)


def test_a_rebuild_beside_guests_is_told_in_the_summary_events_and_phases():
    both = '[[workloads]]\nname = "r"\nobject = "vm"\nsynthetic = { size = "4 KiB", requests = 700, read_share = 1.0,'
    both += ' arrivals = { law = "fixed", rate = 100 } }\n[failures]\n'
    both += 'rebuild = { rate = "20 MB/s", delay = "100 ms" }\n'
    events = 'events = [{ at = "2 s", action = "disk_fail", disk = "b" }, { at = "5 s", action = "power_loss" },'
    events += ' { at = "5500 ms", action = "power_on" }, { at = "6 s", action = "evacuate", disk = "a-0" }]'
    text = BASE.replace("read_share = 1.0", "read_share = 0.0").replace("900", "100")
    found = run(scenario_of(text, events, both))
    summary = found.summary
    assert (summary["loss_events"], summary["lost_bytes"], summary["away_bytes"]) == (0, 0, 0)
    assert summary["repaired_bytes"] > 0 and summary["repaired_bytes"] % 2**20 == 0 and summary["whole_at_end"] == 1
    assert 0.9 < summary["availability"] < 1 and summary["time_to_whole_s"] > 0.1
    assert summary["moved_bytes"] > 0 and summary["finished_requests"] + summary["failed_requests"] == 800
    assert {"repair_begins", "repair_ends", "power_loss", "power_on", "evacuate_ends"} <= set(found.events["action"])
    quiet = {"start", "after repair", "after evacuate a-0"}
    assert {*quiet, "repair", "evacuate a-0"} == set(found.phases["phase"])
    assert {"guest", "repair", "move"} == set(found.phases["purpose"])


def test_a_host_that_is_down_fails_no_read_of_a_mirror():
    written = BASE.replace("read_share = 1.0", "read_share = 0.0").replace("900", "100")
    both = '[[workloads]]\nname = "r"\nobject = "vm"\nsynthetic = { size = "4 KiB", requests = 700, read_share = 1.0,'
    both += ' arrivals = { law = "fixed", rate = 100 } }\n'
    events = 'events = [{ at = "2 s", action = "host_down", host = "HOST" },'
    events += ' { at = "4 s", action = "host_up", host = "HOST" }]'
    for host in ("h0", "h1"):
        made = Scenario.from_text(written.replace("EVENTS", events.replace("HOST", host)).replace("FAILURES", both))
        found = run(made)
        assert found.summary["failed_requests"] == 0
        assert found.summary["finished_requests"] == 800
        assert set(found.events["action"]) == {"disk_offline", "disk_online"}


def test_drawn_failures_hang_on_their_disk_alone():
    law = '[failures]\ndisks = { law = "exponential", mean = "5 s" }\n'
    found = events_of(scenario(failures=law))
    expected = []
    for index, name in enumerate(("a-0", "a-1", "b", "c")):
        expected += [(failed_s, index) for failed_s, _ in renewals(1, name, Exponential(5.0), None, 10.0)]
    assert [(round(time_s, 6), disk) for time_s, _, disk in found] == [(round(t, 6), d) for t, d in sorted(expected)]
    assert len(found) > 0 and {action for _, action, _ in found} == {"disk_fail"}
    assert found != events_of(scenario(failures=law), seed=2)
    hosts = law + 'hosts = { life = { law = "fixed", time = "3 s" }, down = { law = "fixed", time = "1 s" } }\n'
    outages = events_of(scenario(failures=hosts.replace('disks = { law = "exponential", mean = "5 s" }\n', "")))
    assert [(t, a) for t, a, disk in outages if disk == 2] == [
        (3.0, "disk_offline"), (4.0, "disk_online"), (7.0, "disk_offline"), (8.0, "disk_online"),
    ]  # fmt: skip


def test_a_log_is_replayed(tmp_path):
    log = "time_s,action,name,factor\n2.5,host_down,h0,\n1,disk_fail,c,\n4,host_up,h0,\n0,disk_slow,b,2.5\n"
    (tmp_path / "log.csv").write_text(log)
    found = events_of(scenario(failures='[failures]\nlog = "log.csv"\n', folder=tmp_path))
    assert found == [
        (0.0, "disk_slow", 2), (1.0, "disk_fail", 3), (2.5, "disk_offline", 0), (2.5, "disk_offline", 1),
        (4.0, "disk_online", 0), (4.0, "disk_online", 1),
    ]  # fmt: skip
    log_digest = run(scenario(failures='[failures]\nlog = "log.csv"\n', folder=tmp_path)).manifest["traces_sha256"]
    assert list(log_digest) == ["log.csv"] and len(log_digest["log.csv"]) == 64


LOGS = [
    ("", "line 1"),
    ("time,action,name\n", "line 1"),
    ("time_s,action,name\n1,disk_fail\n", "line 2"),
    ("time_s,action,name\n1,disk_fall,c\n", "disk_fall"),
    ("time_s,action,name\n1,disk_fail,h0\n", "no disk is called 'h0'"),
    ("time_s,action,name\n\n-1,disk_fail,c\n", "line 3"),
    ("time_s,action,name\nx,disk_fail,c\n", "line 2"),
    ("time_s,action,name\n1,disk_slow,c\n", "no factor"),
    ("time_s,action,name,factor\n1,disk_slow,c,0\n", "no factor"),
    ("time_s,action,name,factor\n1,disk_fail,c,2\n", "no factor"),
    ("time_s,action,name\n1,power_loss,c\n", "no cluster"),
    ("time_s,action,name\n1,rebalance,\n", "no factor"),
]


@pytest.mark.parametrize(("text", "part"), LOGS)
def test_a_bad_log_is_told_in_one_line(tmp_path, text, part):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(InputError, match=part):
        events_of(scenario(failures='[failures]\nlog = "log.csv"\n', folder=tmp_path))


MISTAKES = [
    ('events = [{ at = 1, action = "disk_slow", disk = "b" }]', "", "events[0].factor"),
    ('events = [{ at = 1, action = "disk_fail", disk = "b", factor = 2 }]', "", "events[0].factor"),
    ('events = [{ at = 1, action = "disk_slow", disk = "b", factor = 0 }]', "", "events[0].factor"),
    ('events = [{ at = 1, action = "host_down", disk = "b" }]', "", "events[0].host"),
    ('events = [{ at = 1, action = "host_down", host = "b" }]', "", "events[0].host"),
    ('events = [{ at = 1, action = "disk_fail" }]', "", "events[0].disk"),
    ('events = [{ at = 1, action = "disk_melt", disk = "b" }]', "", "events[0].action"),
    ('events = [{ at = 1, action = "power_loss", disk = "b" }]', "", "events[0].disk"),
    ('events = [{ at = 1, action = "rebalance" }]', "", "events[0].spread"),
    ('events = [{ at = 1, action = "evacuate", disk = "b", spread = 0.1 }]', "", "events[0].spread"),
    ("", '[failures]\ndisks = { law = "backblaze", model = "ST1" }', "failures.disks"),
    ("", '[failures]\ndisks = { law = "weibul" }', "failures.disks.law"),
    ("", '[failures]\ndisks = { law = "annual_rate", rate = 0 }', "failures.disks"),
    ("", '[failures]\nrebuild = { rate = "0 MB/s" }', "failures.rebuild.rate"),
    ("", '[failures]\nreplace = { law = "fixed", time = "1 h" }\nrebuild = { rate = "1 MB/s" }', "failures.replace"),
    ("", '[failures]\nhosts = { life = { law = "fixed", time = "1 h" } }', "failures.hosts.down"),
]


@pytest.mark.parametrize(("events", "failures", "key"), MISTAKES)
def test_a_mistake_names_its_place(events, failures, key):
    with pytest.raises(InputError) as caught:
        scenario(events, failures)
    assert str(caught.value).startswith(f"scenario: {key}")


def test_what_a_run_cannot_do_yet_is_refused():
    with pytest.raises(InputError, match="no law replaces"):
        run(scenario(failures='[failures]\nreplace = { law = "fixed", time = "1 h" }'))
    text = BASE.replace("EVENTS", "").replace('horizon = "10 s"', "")
    with pytest.raises(InputError, match="no horizon"):
        run(Scenario.from_text(text.replace("FAILURES", '[failures]\ndisks = { law = "backblaze" }')))


def test_a_log_may_strike_the_whole_cluster(tmp_path):
    (tmp_path / "log.csv").write_text("time_s,action,name,factor\n1,power_loss,,\n2,power_on,,\n3,rebalance,,0.1\n")
    found = events_of(scenario(failures='[failures]\nlog = "log.csv"\n', folder=tmp_path))
    assert [found[0], found[-1]] == [(1.0, "power_loss", -1), (3.0, "rebalance", -1)] and len(found) == 7


def test_every_action_has_a_target_and_a_meaning():
    assert {action.target for action in ACTIONS.values()} == {"disk", "host", "cluster"}
    assert all(action.meaning for action in ACTIONS.values())


# -- years without guest I/O ------------------------------------------------------------------


def test_a_pair_lives_as_long_as_the_formula_says():
    found = reliability(Scenario.from_text(PAIR), replications=3, cycles=2000)
    hours = 3600 / YEAR_S
    row = found.summary.loc["mttdl_years"]
    assert row["low"] < 51_500 * hours < row["high"]
    assert found.summary.loc["mttdl_years_closed_form", "best"] == pytest.approx(51_500 * hours)
    assert found.summary.loc["mttdl_effective_cycles", "best"] > 300
    assert list(found.summary["low"]) <= list(found.summary["best"])


def test_the_same_scenario_gives_the_same_tables_and_another_seed_others():
    made = Scenario.from_text(PAIR)
    first, second = (reliability(made, replications=3, cycles=50) for _ in range(2))
    pd.testing.assert_frame_equal(first.summary, second.summary)
    pd.testing.assert_frame_equal(first.failures, second.failures)
    assert first.manifest == second.manifest
    assert not reliability(made, seed=2, replications=3, cycles=50).failures.equals(first.failures)


def test_no_loss_in_a_few_years_does_not_mean_never():
    found = reliability(Scenario.from_text(PAIR), replications=2, years=0.01, cycles=0).summary
    assert found.loc["loss_events_per_year", "best"] == 0
    assert found.loc["loss_events_per_year", "high"] == pytest.approx(-math.log(0.025) / 0.02)
    assert found.loc["lost_bytes_per_year", "high"] == math.inf


BAD_YEARS = [
    (PAIR[: PAIR.index("[failures]")], "failures"),
    (PAIR.replace('disks = { law = "exponential", mean = "1000 h" }', ""), "failures.disks"),
    (PAIR.replace('replace = { law = "exponential", mean = "10 h" }', ""), "failures.rebuild"),
    (PAIR.replace("100 GB", "3 TB"), "object o"),
    (
        PAIR.replace("count = 2", "count = 1").replace("mirrors = 2", "mirrors = 1").replace("100 GB", "2 TB"),
        "object o",
    ),
]


@pytest.mark.parametrize(("text", "place"), BAD_YEARS)
def test_years_that_cannot_be_simulated_are_told_in_one_line(text, place, tmp_path, capsys):
    (tmp_path / "a.toml").write_text(text)
    assert main(["reliability", str(tmp_path / "a.toml")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"placement-sim: {place}") and error.count("\n") == 1


def test_the_command(tmp_path, capsys):
    (tmp_path / "a.toml").write_text(PAIR)
    options = [str(tmp_path / "a.toml"), "--replications", "2", "--cycles", "20"]
    assert main(["reliability", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["metric"] for row in found["summary"]} >= {"mttdl_years", "unavailable_share", "whole_after_s_mean"}
    assert main(["reliability", *options]) == 0
    assert "95 % intervals" in capsys.readouterr().out
    assert main(["reliability", *options, "--years", "-1"]) == 2


def test_the_shipped_scenario_of_a_thousand_disks():
    found = reliability(
        Scenario.from_toml(data_folder() / "scenarios" / "thousand_disks.toml"), replications=2, cycles=0
    )
    row = found.summary.loc["disk_failures_per_year"]
    assert row["low"] < 1000 * 0.0169 < row["high"]


def test_the_docs_list_every_action_and_law():
    text = (Path(__file__).parents[1] / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = [f"| {name} | {action.target} | {action.meaning} |" for name, action in ACTIONS.items()]
    assert "\n".join(rows) in text
    assert all(f"`{law}`" in text for law in FAILURE_LAWS)
    assert all(rate in text for rate in ANNUAL_FAILURE_RATES)
