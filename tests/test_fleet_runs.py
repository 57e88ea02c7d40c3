"""Fleets of a scenario on the real data path: bytes, space, waits, comparison, refusals."""

import math
from pathlib import Path

import pandas as pd
import pytest

from placement_sim import STRATEGIES, InputError, Result, Scenario, UpgradeStrategy, compare, run
from placement_sim.engine.datapath import PathName
from placement_sim.experiments.columns import COLUMNS
from placement_sim.experiments.parts import data_folder
from placement_sim.experiments.result import FRAMES
from placement_sim.upgrades import Step
from placement_sim.upgrades.common_steps import start_application, stop_application

MIB = 2**20
SMALL = """
name = "small"
window = "30 s"
[fleet]
machines = 6
strategy = "software_swap"
rollout = { name = "rolling", batch = 3 }
lead_in = "20 s"
lead_out = "20 s"
keep_old = "10 min"
os = { size = "256 MiB", content = "64 MiB" }
software = { size = "128 MiB", content = "32 MiB" }
data = { size = "64 MiB" }
boot = { read = "16 MiB", written = "2 MiB", requests = 36, think = "30 s" }
start = { read = "8 MiB", requests = 8, think = "5 s" }
patch = { written = "10 MiB", requests = 10 }
guest = { size = "16 KiB", read_share = 0.5, arrivals = { law = "poisson", rate = 0.5 } }
[[hosts]]
name = "h1"
[[hosts]]
name = "h2"
[[disks]]
name = "d"
count = 3
capacity = "8 GiB"
service = { kind = "exponential", mean = "2 ms" }
"""


def scenario_of(*changes: tuple[str, str]) -> Scenario:
    text = SMALL
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return Scenario.from_text(text)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {name: run(scenario_of(), strategy=name) for name in STRATEGIES}


def bytes_of(result: Result, purpose: str) -> tuple[int, int]:
    rows = result.phases[(result.phases["purpose"] == purpose) & (result.phases["phase"] != "prepare")]
    return int(rows["read_bytes"].sum()), int(rows["written_bytes"].sum())


def test_every_strategy_upgrades_every_machine(results: dict[str, Result]) -> None:
    for name, result in results.items():
        assert set(result.vms["outcome"]) == {"upgraded"} and set(result.vms["version"]) == {"new"}, name
        assert result.summary["failed_requests"] == 0
        assert result.summary["capacity_lost_vm_h"] == pytest.approx(result.vms["downtime_s"].sum() / 3600)
        down = result.steps[result.steps["vm"] == "vm-0"]
        assert down["start_s"].is_monotonic_increasing


def test_b7_a_swap_copies_no_bytes_per_machine(results: dict[str, Result]) -> None:
    """Machines only read the shared disk; what is written is template 2, once."""
    for name, content in (("software_swap", 32 * MIB), ("os_swap", 64 * MIB)):
        assert bytes_of(results[name], "template") == (content, content)
        assert bytes_of(results[name], "patch") == (0, 0)
    assert bytes_of(results["software_swap"], "start") == (6 * 8 * MIB, 0)
    assert results["software_swap"].summary["upgrade_written_bytes"] == 32 * MIB
    assert bytes_of(results["in_place"], "patch")[1] == 6 * 10 * MIB
    assert results["in_place"].summary["upgrade_written_bytes"] == 6 * (10 + 2) * MIB


def test_b2_a_boot_reads_the_shared_base_and_writes_the_own_disk(results: dict[str, Result]) -> None:
    assert bytes_of(results["os_swap"], "boot") == (6 * 16 * MIB, 6 * 2 * MIB)
    objects = results["os_swap"].objects.groupby("object")["written_blocks"].sum()
    assert objects["vm-0 os"] == objects["vm-3 software"] == 0, "a link is written to by nobody"
    assert objects["os 2"] == 64 and objects["vm-0 data"] >= 2
    assert objects["os 1"] == 0, "nobody is linked to it any more, and it need not be kept"


def test_a_host_cache_takes_the_storm_off_the_disks(results: dict[str, Result]) -> None:
    """Both hosts read the boot's 16 MiB and the start's 8 MiB once (blocks whole); the other machines find them."""
    cached = run(scenario_of(("keep_old", 'host_cache = "1 GiB"\nkeep_old')), strategy="os_swap")
    disks = {True: cached.disks["read_bytes"].sum(), False: results["os_swap"].disks["read_bytes"].sum()}
    assert disks[True] < disks[False] - 2 * (16 + 8) * MIB
    assert cached.summary["wait_storage_s_mean"] < results["os_swap"].summary["wait_storage_s_mean"]
    assert set(cached.vms["outcome"]) == {"upgraded"}


def test_b5_b6_os_mode_reboots_and_software_mode_does_not(results: dict[str, Result]) -> None:
    booted = {name: (result.steps["step"] == "boot").sum() for name, result in results.items()}
    assert booted["os_swap"] == 6 and booted["software_swap"] == booted["preattached"] == 0
    data = {name: result.steps["step"].str.contains("data disk").any() for name, result in results.items()}
    assert not data["os_swap"] and not data["software_swap"] and data["recompose"]


def test_b9_the_old_disk_takes_space_until_it_is_given_up(results: dict[str, Result]) -> None:
    fleet, events = results["os_swap"].fleet, results["os_swap"].events.set_index("action")["time_s"]
    assert events["old_discarded"] - events["rollout_end"] == pytest.approx(600.0)
    kept = fleet[(fleet["time_s"] > events["rollout_start"]) & (fleet["time_s"] < events["old_discarded"])]
    assert set(kept["extra_bytes"]) == {64 * MIB} and fleet["extra_bytes"].iloc[-1] == 0
    assert results["in_place"].summary["extra_space_bytes_max"] == 6 * 10 * MIB
    own = {name: set(result.vms["own_bytes_max"]) for name, result in results.items()}
    assert own == {name: {0} for name in STRATEGIES} | {"in_place": {10 * MIB}, "blue_green": {2 * MIB}}
    vms = results["os_swap"].vms
    assert (vms["kept_old_s"] == 600).all() and fleet["keeping_old_vms"].max() == 6


@pytest.mark.parametrize("data_path", ["reference", "compiled"])
def test_b3_a_full_disk_while_template_2_is_made_fails_that_step(data_path: PathName) -> None:
    """Three disks hold template 1 (96 MiB) and half of another OS disk."""
    full = ('capacity = "8 GiB"', f'capacity = "8 GiB"\nprefilled = "{8 * 1024 - 43} MiB"')
    result = run(scenario_of(full), strategy="os_swap", data_path=data_path)
    assert set(result.vms["outcome"]) == {"untouched"} and result.summary["downtime_s_max"] == 0
    tries = result.steps[result.steps["vm"] == "server"]
    assert tries["done"].tolist() == [False, False] and tries["reason"].str.contains("'os 2' is incomplete").all()
    actions = set(result.events["action"])
    assert {"prepare_failed", "no_space"} <= actions and "rollout_start" not in actions
    assert math.isnan(result.summary["makespan_s"]) and result.summary["failed_tries"] == 2
    written = result.objects.groupby("object")["written_blocks"].sum()
    assert written["os 1"] == 64 and written["os 2"] == 0, "half a disk is of no use"


def test_without_template_1_there_is_no_fleet() -> None:
    full = ('capacity = "8 GiB"', f'capacity = "8 GiB"\nprefilled = "{8 * 1024 - 10} MiB"')
    result = run(scenario_of(full))
    assert result.steps["step"].tolist() == ["make template 1"] and set(result.vms["outcome"]) == {"untouched"}


def test_guests_are_idle_while_their_application_is_down() -> None:
    """Poisson 20/s while up: within 5 standard deviations of the time up."""
    result = run(scenario_of(("rate = 0.5", "rate = 20")))
    guests = result.phases[result.phases["purpose"] == "guest"]
    events = result.events.set_index("action")["time_s"]
    start_s = events["upgrade_available"] - 20
    up_s = 6 * (events["rollout_end"] + 20 - start_s) - result.vms["downtime_s"].sum()
    assert abs(guests["finished_requests"].sum() - 20 * up_s) < 5 * math.sqrt(20 * up_s)
    assert result.vms["downtime_s"].min() > 10


def test_waits_are_explained(results: dict[str, Result]) -> None:
    result = run(scenario_of(("keep_old", "limits = { vcenter = 1, operations_per_s = 0.5 }\nkeep_old")))
    waits = result.why_waited(5)
    assert list(waits.columns) == ["step", "waited_for", "start_s", "end_s", "wait_s", "ahead", "because"]
    assert {"earlier waves", "management server", "storage"} <= set(waits["waited_for"])
    every = result.waits[result.waits["waited_for"] == "vcenter"]
    assert every["because"].str.contains("all 1 vcenter slots were taken").all() and len(every)
    row = result.vms.set_index("vm").loc["vm-5"]
    columns = [name for name in row.index if name.startswith("wait_")]
    assert sum(row[columns]) == pytest.approx(waits["wait_s"].sum())
    with pytest.raises(InputError, match="vm-9"):
        result.why_waited(9)


def test_frames_columns_and_files(tmp_path: Path, results: dict[str, Result]) -> None:
    result = results["blue_green"]
    for name in FRAMES:
        frame = getattr(result, name)
        for column in frame.columns:
            assert str(frame[column].dtype) == COLUMNS[column].dtype, (name, column)
    result.save(tmp_path / "a")
    run(scenario_of(), strategy="blue_green").save(tmp_path / "b")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name
    again = Result.load(tmp_path / "a")
    pd.testing.assert_frame_equal(again.vms, result.vms)
    assert again.manifest["strategy"]["name"] == "blue_green"


def test_strategies_are_compared_in_pairs() -> None:
    names = ["recompose", "os_swap", "software_swap"]
    found = compare(scenario_of(), strategies=names, replications=3)
    assert list(found.table["policy"].unique()) == names
    best = found.table.pivot(index="policy", columns="metric", values="best")
    assert best.loc["software_swap", "downtime_s_mean"] < best.loc["os_swap", "downtime_s_mean"]
    assert best.loc["os_swap", "downtime_s_mean"] < best.loc["recompose", "downtime_s_mean"]
    rows = found.differences.set_index(["policy", "metric"])
    assert rows.loc[("software_swap", "downtime_s_mean"), "high"] < 0
    assert [arm["name"] for arm in found.manifest["arms"]] == names


def test_strategy_by_placement() -> None:
    found = compare(scenario_of(), ["stripe", "least_queue"], 2, strategies=["os_swap", "refresh"])
    expected = ["os_swap on stripe", "os_swap on least_queue", "refresh on stripe", "refresh on least_queue"]
    assert list(found.table["policy"].unique()) == expected
    assert {row["name"] for row in found.manifest["policies"]} == {"stripe", "least_queue"}


def test_a_users_own_strategy_runs_like_a_built_in() -> None:
    own = UpgradeStrategy(
        "own", "this test", "patch under a stopped application", "software",
        (stop_application(), Step("patch", "patch", undo=Step("unpatch", "patch", version=1)), start_application()),
    )  # fmt: skip
    result = run(scenario_of(), strategy=own)
    assert set(result.vms["outcome"]) == {"upgraded"}
    broken = UpgradeStrategy("broken", "", "", "software", (stop_application(),))
    with pytest.raises(InputError, match="application_stopped"):
        run(scenario_of(), strategy=broken)


def test_b10_the_hazardous_layout_is_refused_and_shown_if_insisted_on() -> None:
    layout = ("keep_old", 'layout = "delta_of_base"\nkeep_old')
    with pytest.raises(InputError, match="B10"):
        scenario_of(layout)
    insisted = ("keep_old", 'layout = "delta_of_base"\ninsist = true\nkeep_old')
    result = run(scenario_of(insisted), strategy="os_swap")
    assert result.summary["damaged_vms"] == 6 and set(result.vms["outcome"]) == {"rolled_back"}
    assert not result.vms["data_intact"].any()
    assert run(scenario_of(insisted)).summary["damaged_vms"] == 0


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("machines = 6", "machines = 0", "fleet.machines"),
        ("machines = 6", "machines = 6\nmashines = 7", "unknown key 'mashines'; write 'machines'"),
        ('"software_swap"', '"software_swop"', "write 'software_swap'"),
        ('"software_swap"', '{ name = "os_swap", disk = 1 }', "fleet.strategy.disk"),
        ('name = "rolling"', 'name = "roling"', "write 'rolling'"),
        ("batch = 3", "batch = 0", "below 1"),
        ("batch = 3", 'batch = 3, soak = "1 fortnight"', "fortnight"),
        ("batch = 3", 'batch = 3, window = { opens = "1 h", length = "2 d" }', "never opens"),
        ("keep_old", 'delivers = "os"\nkeep_old', "the new version is on the os disk"),
        ("keep_old", "limits = { power = 0 }\nkeep_old", "power is 0"),
        ("keep_old", "limits = { powers = 9 }\nkeep_old", "write 'power'"),
        ("keep_old", "failures = { attach_fails = 2 }\nkeep_old", "no probability"),
        ("keep_old", "failures = { planned = [{ machine = 9, step = 'flush' }] }\nkeep_old", "no machine number 9"),
        ("keep_old", "failures = { planned = [{ machine = 1, step = 'flash' }] }\nkeep_old", "write 'flush'"),
        ("keep_old", "hosts = ['h3']\nkeep_old", "fleet.hosts[0]"),
        ("keep_old", "datastores = [['d-0', 'd']]\nkeep_old", "twice"),
        ("keep_old", "datastores = [['e']]\nkeep_old", "fleet.datastores[0][0]"),
        ("keep_old", "datastores = []\nkeep_old", "no datastore"),
        ("keep_old", "mirrors = 3\ndatastores = [['d-0']]\nkeep_old", "do not fit"),
        ('content = "32 MiB"', 'content = "1 GiB"', "exceed the disk"),
        ('read = "16 MiB"', 'read = "1 GiB"', "fleet.boot.read"),
        ('written = "10 MiB"', 'written = "1 GiB"', "fleet.patch.written"),
        ("requests = 8,", "requests = 999999999,", "fleet.start.requests"),
    ],
)
def test_a_mistake_gets_one_line(old: str, new: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        scenario_of((old, new))
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_a_strategy_needs_a_fleet() -> None:
    plain = Scenario.from_toml(data_folder() / "scenarios" / "unequal_disks.toml")
    for call in (lambda: run(plain, strategy="os_swap"), lambda: compare(plain, strategies=["os_swap"])):
        with pytest.raises(InputError, match="no fleet"):
            call()
    with pytest.raises(InputError, match="none is given"):
        compare(scenario_of(), strategies=[], replications=1)
    with pytest.raises(InputError, match="os_swap"):
        run(scenario_of(), strategy="os_swab")
    with pytest.raises(InputError, match="no fleet"):
        run(Scenario.from_text(SMALL[: SMALL.index("[fleet]")].replace("window", "horizon") + PLAIN)).why_waited(0)


PLAIN = """
objects = [{ name = "o", size = "1 MiB", block_size = "64 KiB" }]
disks = [{ name = "d", capacity = "1 GiB", model = "hdd-7200" }]
workloads = [{ name = "w", object = "o", synthetic = { size = "4 KiB", arrivals = { law = "fixed", rate = 1 } } }]
"""


def test_the_failing_rollout_stops_at_the_canary() -> None:
    result = run(Scenario.from_toml(data_folder() / "scenarios" / "failing_rollout.toml"))
    assert result.vms["outcome"].value_counts().to_dict() == {"untouched": 58, "rolled_back": 2}
    assert "gate" in set(result.events["action"])


def test_the_scenario_prints_and_reads_back() -> None:
    scenario = scenario_of()
    assert Scenario.from_text(scenario.to_toml()) == scenario
