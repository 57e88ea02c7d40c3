"""What-if: the loss of a host by hand and by enumeration, a trace's blocks by hand, times that can be counted."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from placement_sim.cli import main
from placement_sim.errors import InputError
from placement_sim.experiments.room_without_host import room_without_host
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.trace_load import look_through
from placement_sim.experiments.whatif import WhatIf, what_if
from placement_sim.workloads.traces import open_trace

MIB = 2**20
TAIL = """
objects = [{ name = "o", size = "1 MiB", block_size = "1 MiB" }]
workloads = [{ name = "w", object = "o", synthetic = { requests = 1, size = 4096, closed = { outstanding = 1 } } }]
"""


def cluster(disks: list[tuple[str, int, int]], free: int = 0, extra: str = "") -> Scenario:
    """Make a cluster of (host, capacity, used) in bytes."""
    hosts = sorted({host for host, _, _ in disks})
    text = "".join(f'[[hosts]]\nname = "{host}"\n{extra}\n' for host in hosts)
    for i, (host, capacity, used) in enumerate(disks):
        text += f'[[disks]]\nname = "d{i}"\nhost = "{host}"\ncapacity = {capacity}\nprefilled = {used}\n'
        text += f'min_free = {free}\nweight = 1.0\nmodel = "hdd-7200"\n'
    return Scenario.from_text(TAIL + text)


FOUR = [("a", 100, 60), ("b", 100, 50), ("c", 100, 50), ("d", 100, 50)]


@pytest.mark.parametrize(
    ("disks", "redundancy", "free", "fits", "room", "worst"),
    [
        (FOUR, 1, 0, "yes", 150, 150),
        (FOUR, 2, 0, "yes", 150, 100),
        (FOUR, 3, 0, "depends", 150, 50),
        (FOUR, 4, 0, "no", 150, 0),  # three domains are left
        (FOUR, 1, 30, "yes", 60, 60),  # 20 on each, and all of 60 fit
        (FOUR, 1, 31, "no", 57, 57),
        ([("a", 100, 60), ("a", 100, 90), ("b", 200, 50)], 1, 0, "yes", 150, 150),
        ([("a", 100, 60), ("a", 100, 91), ("b", 200, 50)], 1, 0, "no", 150, 150),
        ([("a", 100, 10)], 1, 0, "no", 0, 0),
    ],
)
def test_loss_of_the_fullest_host_by_hand(
    disks: list[tuple[str, int, int]], redundancy: int, free: int, fits: str, room: int, worst: int
) -> None:
    first = room_without_host(cluster(disks, free), redundancy).iloc[0]
    assert (first["host"], first["fits"]) == ("a", fits)
    assert (first["room_bytes"], first["room_worst_bytes"]) == (room, worst)


def test_hosts_of_one_failure_domain_count_as_one() -> None:
    shared = room_without_host(cluster(FOUR, extra='failure_domain = "rack"'), 2)
    assert (shared["fits"] == "no").all() and (shared["domains_left"] == 1).all()


def test_by_weight_the_smallest_room_decides() -> None:
    # 60 bytes by equal weights: 20 to each; the disk with room for 10 takes half of its share.
    rows = room_without_host(cluster([("a", 100, 60), ("b", 100, 90), ("c", 1000, 50), ("d", 1000, 50)]), 1)
    assert rows.set_index("host").loc["a", "fits_by_weight"] == 0.5
    assert room_without_host(cluster(FOUR), 1).iloc[0]["fits_by_weight"] == 1.0


def feasible(forbidden: tuple[int, ...], rooms: tuple[int, ...]) -> bool:
    """Tell whether unit blocks fit, block i anywhere but on domain forbidden[i]."""
    choices = [[d for d in range(len(rooms)) if d != other] for other in forbidden]
    return any(all(placed.count(d) <= room for d, room in enumerate(rooms)) for placed in itertools.product(*choices))


def test_yes_and_no_are_certain_by_enumeration() -> None:
    # Two copies, so each lost block has one other copy, on any of three domains; every such case is tried.
    answers = set()
    for rooms in itertools.product(range(4), repeat=3):
        for lost in range(1, 4):
            disks = [("a", 10, lost), *((name, 10, 10 - room) for name, room in zip("bcd", rooms, strict=True))]
            rows = room_without_host(cluster(disks), 2).set_index("host")
            answer = rows.loc["a", "fits"]
            outcomes = {feasible(other, rooms) for other in itertools.product(range(3), repeat=lost)}
            answers.add(answer)
            if answer != "depends":
                assert outcomes == {answer == "yes"}
            else:
                assert outcomes == {True, False}
    assert answers == {"yes", "no", "depends"}


def test_redundancy_is_at_least_one() -> None:
    with pytest.raises(InputError, match="redundancy"):
        room_without_host(cluster(FOUR), 0)


def msr(path: Path, rows: list[tuple[float, str, str, int, int]]) -> Path:
    """Write (seconds, host, operation, offset, size) as an MSR trace."""
    lines = [f"{round(s * 1e7)},{host},0,{kind},{offset},{size},1\n" for s, host, kind, offset, size in rows]
    path.write_text("".join(lines))
    return path


def test_blocks_of_a_trace_by_hand(tmp_path: Path) -> None:
    rows = [
        (0.0, "x", "Write", 0, 512),
        (1.0, "x", "Write", 4096, 512),  # the same block of 1 MiB
        (2.0, "x", "Write", MIB - 512, 1024),  # across two blocks
        (3.0, "x", "Read", 7 * MIB, 512),  # a read allocates nothing but widens the object
        (4.0, "y", "Write", 3 * MIB, 2 * MIB + 512),  # three blocks of another device
    ]
    load = look_through(open_trace(msr(tmp_path / "t.csv", rows)), MIB)
    assert load.devices == {"x.0": (7 * MIB + 512, 2), "y.0": (5 * MIB + 512, 3)}
    assert (load.requests, load.span_s, load.new_bytes) == (5, 4.0, 5 * MIB)
    parts = load.parts(1)
    assert [thing["size"] for thing in parts["objects"]] == [8 * MIB, 6 * MIB]
    assert [workload["trace"]["device"] for workload in parts["workloads"]] == ["x.0", "y.0"]
    one = look_through(open_trace(tmp_path / "t.csv"), MIB, device="y.0")
    assert one.new_bytes == 3 * MIB
    with pytest.raises(InputError, match="no device 'z'"):
        look_through(open_trace(tmp_path / "t.csv"), MIB, device="z")


UNEQUAL = """
policy = "stripe"
objects = [{ name = "o", size = "1 MiB", block_size = "1 MiB" }]
workloads = [{ name = "w", object = "o", synthetic = { requests = 1, size = 4096, closed = { outstanding = 1 } } }]
disks = [
    { name = "a", capacity = "10 MiB", service = { kind = "deterministic", time = "1 ms" } },
    { name = "b", capacity = "30 MiB", service = { kind = "deterministic", time = "1 ms" } },
]
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Give a trace that writes one new block of 1 MiB a second, 40 in all."""
    return msr(tmp_path / "t.csv", [(float(i), "x", "Write", i * MIB, 4096) for i in range(40)])


def answer(trace: Path, copies: int | None = 1, **options: int) -> WhatIf:
    load = look_through(open_trace(trace), MIB)
    return what_if(
        Scenario.from_text(UNEQUAL),
        load,
        policies=["most_free"],
        copies=copies,
        replications=2,
        redundancy=1,
        **options,
    )


def test_times_that_can_be_counted(trace: Path) -> None:
    found = answer(trace)
    rules = found.rules.set_index("policy")
    assert found.baseline == "stripe"
    # Even blocks go to disk a: its ten blocks are 0, 2 ... 18, so block 20, at 20 s, is the first too many.
    assert rules.loc["stripe", "time_s_best"] == pytest.approx(20.0, abs=1e-6)
    assert rules.loc["stripe", "stranded_bytes"] == pytest.approx(20 * MIB)
    # All 40 blocks fit under most_free; the last request comes at 39 s.
    assert rules.loc["most_free", "censored"] == 2
    assert rules.loc["most_free", "time_s_best"] == 39.0
    assert rules.loc["most_free", "postponed_s_best"] == pytest.approx(19.0, abs=1e-6)
    assert rules.loc["most_free", "postponed_s_low"] == pytest.approx(rules.loc["most_free", "postponed_s_high"])


def test_a_new_disk_and_its_share(trace: Path) -> None:
    found = answer(trace, new_disk_bytes=40 * MIB)
    rows = found.new_disk.set_index("policy")
    # Free space is 10, 30 and 40 blocks, half of it new. Under stripe block i goes to disk i mod 3, and block 30
    # is the eleventh of disk a: by then the new disk has 10 of 30 blocks, and the error comes 10 s later than at 20 s.
    assert rows.loc["stripe", "fair_share"] == 0.5
    assert rows.loc["stripe", "share_best"] == pytest.approx(1 / 3)
    assert rows.loc["stripe", "postponed_s_best"] == pytest.approx(10.0, abs=1e-6)
    # Most free fills the new disk from 40 down to 30 with its first ten blocks, then it and disk b in turn: 10 + 15.
    assert rows.loc["most_free", "share_best"] == pytest.approx(25 / 40)
    assert rows.loc["most_free", "concentration"] == pytest.approx(1.25)


def test_one_device_of_several_is_taken_alone(tmp_path: Path) -> None:
    rows = [(float(i), host, "Write", i * MIB, 4096) for i in range(24) for host in ("x", "y")]
    load = look_through(open_trace(msr(tmp_path / "t.csv", rows)), MIB, device="y.0")
    found = what_if(Scenario.from_text(UNEQUAL), load, policies=["stripe"], copies=1, replications=1, redundancy=1)
    assert found.rules.iloc[0]["time_s_best"] == pytest.approx(20.0, abs=1e-6)  # as in the first test; both: 10 s


def test_skipped_rows_are_told(tmp_path: Path) -> None:
    path = msr(tmp_path / "t.csv", [(float(i), "x", "Write", i * MIB, 4096) for i in range(8)])
    path.write_text(path.read_text() + "90000000,x,0,Write,none,4096,1\n")
    load = look_through(open_trace(path, "msr", on_bad_row="skip"), MIB)
    found = what_if(Scenario.from_text(UNEQUAL), load, policies=["stripe"], replications=1, redundancy=1)
    assert any("1 bad rows of the trace were skipped" in note for note in found.notes)


def test_copies_divide_the_cluster(trace: Path) -> None:
    four = answer(trace, copies=4)
    # Disk a has room for 2 blocks of 1 MiB: block 4 is the third, at 4 s. Of 7 blocks on b, 2 are used: 5 and the
    # half block that nobody can use, 5.5 MiB, are free there, 0.5 MiB on a: 6 MiB, times four.
    assert four.rules.set_index("policy").loc["stripe", "time_s_best"] == pytest.approx(4.0, abs=1e-6)
    assert four.rules.set_index("policy").loc["stripe", "stranded_bytes"] == pytest.approx(24 * MIB)
    assert "1/4 of every disk" in " ".join(four.notes)
    assert answer(trace, copies=None).copies == 2  # 40 MiB of room, 40 MiB written: 1 / 0.98, rounded up


def test_without_a_trace_the_scenario_is_taken_as_it_is() -> None:
    text = UNEQUAL.replace('"1 MiB", block', '"64 MiB", block').replace("requests = 1,", "requests = 400,")
    found = what_if(Scenario.from_text(text), policies=["most_free"], replications=3, redundancy=1)
    rules = found.rules.set_index("policy")
    assert found.copies == 1
    assert rules.loc["most_free", "postponed_s_low"] < rules.loc["most_free", "postponed_s_best"] > 0  # by chance
    assert rules.loc["stripe", "time_s_low"] <= rules.loc["stripe", "time_s_best"] <= rules.loc["stripe", "time_s_high"]


def test_command_line(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text(UNEQUAL)
    common = ["whatif", str(tmp_path / "c.toml"), "--replications", "1", "--redundancy", "1"]
    asked = [*common, "--trace", str(trace), "--policies", "most_free", "--copies", "1"]
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["policy"] for row in found["rules"]} == {"stripe", "most_free"}
    assert found["hosts"][0]["fits"] == "yes"
    assert main([*asked, "--add", "5 MiB"]) == 0
    said = capsys.readouterr().out
    assert "Loss of the fullest host" in said and "at least" in said
    reads = msr(tmp_path / "r.csv", [(0.0, "x", "Read", 0, 512)])
    for bad in (["--add", "big"], ["--copies", "0"], ["--trace", str(reads)], ["--trace", "none"], ["--device", "x"]):
        arguments = [*common, *bad] if bad[0] != "--device" else [*asked, *bad]
        assert main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1
