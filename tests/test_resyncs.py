"""Repairs, evacuations and rebalances side by side: time, bytes and the guests' p99, worked out again from requests."""

import numpy as np
import pandas as pd
import pytest

from placement_sim import Result, Scenario, run
from placement_sim.experiments.fault_frames import resync_table
from placement_sim.experiments.statistics import t_interval

TEXT = """
horizon = "60 s"
window = "10 s"
events = [
  { at = "10 s", action = "disk_fail", disk = "d1" },
  { at = "30 s", action = "evacuate", disk = "d2" },
  { at = "45 s", action = "rebalance", spread = 0.001 },
]
objects = [{ name = "vm", size = "32 MiB", block_size = "1 MiB", mirrors = 2 }]
[failures]
rebuild = { rate = "4 MB/s", delay = "2 s" }
[[workloads]]
name = "fill"
object = "vm"
[workloads.synthetic]
size = "1 MiB"
align = "1 MiB"
requests = 32
read_share = 0
addresses = { law = "sequential" }
arrivals = { law = "fixed", rate = 20 }
[[workloads]]
name = "guests"
object = "vm"
synthetic = { size = "64 KiB", requests = 9000, read_share = 0.7, arrivals = { law = "poisson", rate = 150 } }
"""
DISK = '[[disks]]\nname = "d{0}"\ncapacity = "256 MiB"\nservice = {{ kind = "ssd", READ }}\n'
SERVICE = "read_latency_s = 0.001, write_latency_s = 0.001, read_bytes_per_s = 1e8, write_bytes_per_s = 5e7"
DISKS = "".join(DISK.format(number) for number in range(5)).replace("READ", SERVICE)


@pytest.fixture(scope="module")
def found() -> Result:
    return run(Scenario.from_text(TEXT + DISKS), policy="round_robin", record_requests=True, data_path="compiled")


def p99(requests: pd.DataFrame, start_s: float, end_s: float) -> float:
    """Take it from the requests that ended in between; those of one instant with a copy's end are few."""
    ended_s = requests["issued_s"] + requests["latency_s"]
    chosen = requests["latency_s"][(ended_s >= start_s) & (ended_s < end_s) & (requests["status"] == "done")]
    return float(np.quantile(chosen, 0.99, method="inverted_cdf"))


def test_each_has_its_time_its_bytes_and_the_guests_p99_before_during_and_after(found):
    rows = found.resyncs
    assert rows["action"].tolist() == ["repair", "evacuate", "rebalance"]
    assert rows["disk"].tolist() == ["", "d2", ""]
    assert rows["start_s"].tolist() == pytest.approx([12.0, 30.0, 45.0])
    assert (rows["copied_bytes"] == rows["copied_blocks"] * 2**20).all() and (rows["copied_blocks"] > 0).all()
    edges = [0.0, *np.stack([rows["start_s"], rows["end_s"]], axis=1).ravel(), 60.0]
    assert edges == sorted(edges)
    for number in range(3):
        before, start, end, after = edges[2 * number : 2 * number + 4]
        row, requests = rows.iloc[number], found.requests
        for when, since, until in (("before", before, start), ("during", start, end), ("after", end, after)):
            # The histogram's bins are 1/256 wide (docs/architecture.md).
            assert row[f"guest_latency_s_p99_{when}"] == pytest.approx(p99(requests, since, until), rel=0.005)
            assert row[f"guest_requests_{when}"] > 50


def test_all_that_is_copied_is_in_one_row(found):
    copies = found.phases[found.phases["purpose"] != "guest"]
    assert found.resyncs["copied_bytes"].sum() == copies["written_bytes"].sum()
    assert found.summary["repaired_bytes"] + found.summary["moved_bytes"] == found.resyncs["copied_bytes"].sum()
    times = found.resyncs.groupby("action")["active_s"].sum()
    assert found.summary["repair_s"] == pytest.approx(times["repair"])
    assert found.summary["move_s"] == pytest.approx(times["evacuate"] + times["rebalance"])


def test_both_data_paths_give_the_same_rows_and_they_are_saved(found, tmp_path):
    other = run(Scenario.from_text(TEXT + DISKS), policy="round_robin", data_path="reference")
    pd.testing.assert_frame_equal(found.resyncs, other.resyncs, check_exact=True)
    pd.testing.assert_frame_equal(Result.load(found.save(tmp_path)).resyncs, found.resyncs, check_exact=True)


def test_what_goes_on_together_is_a_phase_of_its_own():
    text = TEXT.replace('at = "30 s"', 'at = "12100 ms"').replace('at = "45 s"', 'at = "12200 ms"')
    text = text.replace('"rebalance", spread = 0.001', '"evacuate", disk = "d3"')
    rows = (result := run(Scenario.from_text(text + DISKS), policy="round_robin")).resyncs
    assert "repair + evacuate d2 + evacuate d3" in set(result.phases["phase"])
    assert rows["guest_requests_before"].nunique() == rows["guest_requests_after"].nunique() == 1
    assert rows["guest_requests_during"].nunique() > 1


def test_a_move_that_has_not_ended_has_no_end():
    text = TEXT.replace('at = "45 s"', 'at = "59500 ms"').replace("4 MB/s", "1 MB/s")
    last = run(Scenario.from_text(text + DISKS), policy="round_robin").resyncs.iloc[-1]
    assert np.isnan(last["end_s"]) and last["active_s"] == pytest.approx(0.5)
    assert np.isnan(last["guest_latency_s_p99_after"]) and last["guest_requests_during"] > 0


def test_the_table_of_several_runs_has_intervals_and_numbers_what_comes_twice(found):
    twice = pd.concat([found.resyncs, found.resyncs[:1].assign(active_s=np.nan)])
    rows = pd.concat([part.assign(case="c", replication=i) for i, part in enumerate([twice, found.resyncs])])
    rows.iloc[-3, rows.columns.get_loc("active_s")] += 1.0
    table = resync_table(rows).set_index(["copied_by", "metric"])
    assert list(table.index.levels[0]) == ["evacuate d2", "rebalance", "repair", "repair 2"] and len(table) == 20
    active_s = found.resyncs["active_s"][0]
    expected = t_interval([active_s, active_s + 1.0])
    got = table.loc[("repair", "active_s")]
    assert (got["low"], got["best"], got["high"]) == (expected.low, expected.best, expected.high)
    assert table.loc[("repair 2", "active_s"), ["low", "best", "high"]].isna().all()
    assert table.loc[("repair 2", "copied_bytes"), ["low", "high"]].tolist() == [-np.inf, np.inf]  # one run
