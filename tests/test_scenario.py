"""Scenario files: what they mean, that they print and read back, and what a mistake is told."""

from pathlib import Path

import pytest

from placement_sim.errors import InputError
from placement_sim.experiments.build import build_cluster, build_streams
from placement_sim.experiments.faults import build_changes
from placement_sim.experiments.parts import data_folder
from placement_sim.experiments.scenario import Scenario

BASE = """
name = "tiny"
horizon = "10 s"
policy = { name = "d_choices", d = 3 }
objects = [{ name = "vm", size = "64 MiB", block_size = "1 MiB", mirrors = 2 }]
events = [{ at = "2 s", action = "disk_offline", disk = "d-0" }, { at = "1 s", action = "add_disk", disk = "new" }]
[[hosts]]
name = "h"
link = { latency = "50 us", bandwidth = "8 Gbit/s" }
[[disks]]
name = "d"
count = 2
capacity = "1 GiB"
fill = 0.25
service = { kind = "exponential", mean = "5 ms", channels = 2 }
[[disks]]
name = "new"
host = "h"
capacity = "1 TiB"
weight = 0.5
model = "hdd-7200"
present = false
[[workloads]]
name = "w"
object = "vm"
synthetic = { size = "4 KiB", arrivals = { law = "poisson", rate = 100 } }
[[workloads]]
name = "c"
object = "vm"
[workloads.synthetic]
sizes = [{ size = "4 KiB", share = 3 }, { size = "8 KiB", share = 1 }]
addresses = { law = "zipf", exponent = 0.9 }
closed = { outstanding = 2, think = { law = "exponential", mean = "1 ms" } }
"""

MISTAKES = [
    ('"1 GiB"', '"1 GX"', "disks[0].capacity", "GX"),
    ('"1 GiB"', "-1", "disks[0].capacity", "negative"),
    ("count = 2", "cuont = 2", "disks[0].cuont", "write 'count'"),
    ("count = 2", "count = 0", "disks[0].count", "0"),
    ('capacity = "1 GiB"\n', "", "disks[0].capacity", "is missing"),
    ("fill = 0.25", 'fill = 0.25\nprefilled = "1 MiB"', "disks[0].fill", "both"),
    ("fill = 0.25", 'prefilled = "2 GiB"', "disks[0].prefilled", "more than the capacity"),
    ("fill = 0.25", 'model = "hdd-7200"', "disks[0].model", "exactly one"),
    ("hdd-7200", "hdd-720", "disks[1].model", "write 'hdd-7200'"),
    ('host = "h"', 'host = "i"', "disks[1].host", "use one of h"),
    ('name = "new"', 'name = "d-1"', "disks", "twice"),
    ("mirrors = 2", "mirrors = 2, disks = ['d', 'd-0']", "objects[0].disks", "twice"),
    ("mirrors = 2", "mirrors = 2, disks = ['d-0']", "objects[0].mirrors", "do not fit"),
    ("mirrors = 2", "disks = ['e']", "objects[0].disks[0]", "'e'"),
    ('name = "c"\nobject = "vm"', 'name = "c"\nobject = "vn"', "workloads[1].object", "use one of vm"),
    ('name = "c"', 'name = "w"', "workloads", "twice"),
    ("poisson", "poison", "workloads[0].synthetic.arrivals.law", "write 'poisson'"),
    ("rate = 100", "raet = 100", "workloads[0].synthetic.arrivals.raet", "rate_per_s"),
    ("exponent = 0.9", "exponent = -1", "workloads[1].synthetic.addresses", "-1"),
    ("closed = ", "arrivals = {law = 'fixed', rate = 1}\nclosed = ", "workloads[1].synthetic.arrivals", "one of"),
    ('horizon = "10 s"\n', "", "workloads[0].synthetic.requests", "never end"),
    ('horizon = "10 s"', 'horizon = "10 s"\nwarm_up = "10 s"', "warm_up", "shorten"),
    ('horizon = "10 s"', 'horizon = "10 s"\nseed = -1', "seed", "-1"),
    ("d_choices", "d_choice", "policy.name", "write 'd_choices'"),
    ("d = 3", "e = 3", "policy.e", "unknown"),
    ("mean = \"5 ms\"", "mean = \"5\"", "disks[0].service.mean", "no unit"),
    ("[[hosts]]", "[[hosts]", "", "not valid TOML"),
    ('"add_disk", disk = "new"', '"add_disk", disk = "d-1"', "events[1].disk", "present = false"),
    ('size = "64 MiB"', 'size = "1 KiB"', "workloads[0].synthetic.size", "exceed"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "part"), MISTAKES)
def test_a_mistake_names_file_key_and_cure(tmp_path: Path, old: str, new: str, key: str, part: str) -> None:
    assert BASE.count(old) >= 1
    file = tmp_path / "a.toml"
    file.write_text(BASE.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        Scenario.from_toml(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: {key}")
    assert part in line and "\n" not in line


def test_text_round_trip() -> None:
    scenario = Scenario.from_text(BASE)
    assert Scenario.from_text(scenario.to_toml()) == scenario
    assert Scenario.from_dict(scenario.to_dict()) == scenario
    assert Scenario.model_json_schema()["additionalProperties"] is False


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Scenario.from_toml(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        Scenario.from_toml(tmp_path / "b.toml")


def test_build_by_hand() -> None:
    scenario = Scenario.from_text(BASE)
    cluster = build_cluster(scenario)
    assert [disk.name for disk in cluster.disks] == ["d-0", "d-1", "new"]
    assert cluster.disks[0].prefilled_bytes == 2**28 and cluster.disks[0].channels == 2
    assert cluster.disks[0].weight == 64  # 1 GiB of 1 TiB in 16.16
    assert cluster.disks[2].weight == 0x8000 and not cluster.disks[2].present
    assert cluster.hosts[0].bandwidth_bytes_per_s == 1e9 and cluster.hosts[0].latency_ns == 50_000
    assert len({disk.host_index for disk in cluster.disks}) == 3
    assert cluster.objects[0].disks == (0, 1, 2)
    assert [(event.time_ns, event.disk) for event in build_changes(scenario, cluster, 1)[1]] == [
        (10**9, 2),
        (2 * 10**9, 0),
    ]
    streams = build_streams(scenario, 1)
    assert [stream.outstanding for stream in streams] == [0, 2]
    assert scenario.window_ns == 10**8


def test_the_shipped_scenarios_are_valid() -> None:
    files = sorted((data_folder() / "scenarios").glob("*.toml"))
    assert len(files) >= 2
    for file in files:
        build_cluster(Scenario.from_toml(file))


def test_a_trace_device_can_be_numbered_and_scaled(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("10,a,0,Write,4096,512,1\n30,b,0,Read,1048064,512,1\n")
    text = BASE.replace(
        'synthetic = { size = "4 KiB", arrivals = { law = "poisson", rate = 100 } }',
        'trace = { file = "t.csv", device = 1, addresses = "scale" }',
    )
    scenario = Scenario.from_text(text, folder=tmp_path)
    [chunk] = build_streams(scenario, 1)[0].requests
    assert chunk.offset_bytes.tolist() == [1048064 * 64]
    with pytest.raises(InputError, match="device 7"):
        build_streams(Scenario.from_text(text.replace("device = 1", "device = 7"), folder=tmp_path), 1)
