"""Can any one host be lost: room against enumeration and a formula, maps against a count by hand."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_sim.cli import main
from placement_sim.experiments.any_host import can_lose_any_host
from placement_sim.experiments.run import simulate_scenario
from placement_sim.experiments.scenario import Scenario
from placement_sim.model.room import Demand, has_room

BASE = """
name = "hosts"
policy = "most_free"
[[hosts]]
name = "h0"
[[hosts]]
name = "h1"
[[hosts]]
name = "h2"
[[disks]]
name = "a"
host = "h0"
capacity = "CAPACITY MiB"
service = { kind = "deterministic", time = "1 ms" }
[[disks]]
name = "b"
host = "h1"
capacity = "CAPACITY MiB"
service = { kind = "deterministic", time = "1 ms" }
[[disks]]
name = "c"
host = "h2"
capacity = "CAPACITY MiB"
service = { kind = "deterministic", time = "1 ms" }
[[objects]]
name = "o"
size = "30 MiB"
block_size = "1 MiB"
mirrors = MIRRORS
[[workloads]]
name = "w"
object = "o"
[workloads.synthetic]
size = "1 MiB"
requests = 30
read_share = 0
align = "1 MiB"
addresses = { law = "sequential" }
arrivals = { law = "fixed", rate = 10 }
"""


def scenario(capacity=50, mirrors=2, more=""):
    return Scenario.from_text(BASE.replace("CAPACITY", str(capacity)).replace("MIRRORS", str(mirrors)) + more)


# -- room -------------------------------------------------------------------------------------


def by_enumeration(demands, free, domains):
    """Try every set of disks for every block."""
    if not demands:
        return True
    first, rest = demands[0], demands[1:]
    if first.blocks == 0:
        return by_enumeration(rest, free, domains)
    rest = [first._replace(blocks=first.blocks - 1), *rest]
    disks = [disk for disk in first.disks if domains[disk] not in first.taken]
    for chosen in itertools.combinations(disks, first.copies):
        if len({domains[disk] for disk in chosen}) < first.copies:
            continue
        left = [size - first.block_bytes * (disk in chosen) for disk, size in enumerate(free)]
        if min(left) >= 0 and by_enumeration(rest, left, domains):
            return True
    return False


@st.composite
def tiny_cases(draw, sizes):
    disks = draw(st.integers(1, 4))
    domains = [draw(st.sampled_from("abc")) for _ in range(disks)]
    free = [draw(st.integers(0, 5)) for _ in range(disks)]
    demands = []
    for _ in range(draw(st.integers(1, 3))):
        members = tuple(disk for disk in range(disks) if draw(st.integers(0, 3)))
        taken = frozenset(draw(st.sets(st.sampled_from("abc"), max_size=1)))
        demands.append(
            Demand(draw(st.integers(0, 3)), draw(st.sampled_from(sizes)), draw(st.integers(1, 3)), members, taken)
        )
    return demands, free, domains


@settings(max_examples=300)
@given(tiny_cases([2]))
def test_with_one_block_size_room_is_exact(case):
    assert has_room(*case) is by_enumeration(*case)


@settings(max_examples=300)
@given(tiny_cases([1, 2, 3]))
def test_with_several_sizes_yes_and_no_are_exact(case):
    found = has_room(*case)
    assert found is None or found is by_enumeration(*case)


def test_a_case_too_tight_to_tell():
    demands = [Demand(2, 2, 1, (0, 1, 2, 3)), Demand(2, 1, 1, (0, 1, 2, 3))]
    assert has_room(demands, [1, 1, 1, 3], ["a", "b", "c", "d"]) is None


@settings(max_examples=200)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(1, 20), st.integers(1, 3))
def test_copies_of_one_object_follow_the_formula(free, blocks, copies):
    """N blocks of m copies fit in domains of c_d blocks exactly if the sum of min(c_d, N) is m N at least."""
    domains = [str(i) for i in range(len(free))]
    expected = sum(min(size, blocks) for size in free) >= copies * blocks
    assert (
        has_room([Demand(blocks, 4096, copies, tuple(range(len(free))))], [4096 * f for f in free], domains) is expected
    )


def test_petabytes_in_small_blocks_do_not_overflow():
    disks = tuple(range(20))
    domains = [str(disk) for disk in disks]
    demands = [Demand(10**15 // 4096, 4096, 3, disks)]
    assert has_room(demands, [160 * 10**12] * 20, domains) is True
    assert has_room(demands, [140 * 10**12] * 20, domains) is False


# -- hosts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("capacity", "mirrors", "expected"), [
    (30, 2, True),  # 60 MiB of copies on the two hosts that remain
    (29, 2, False),
    (40, 1, False),  # no second copy
    (60, 3, False),  # three copies, two hosts
])  # fmt: skip
def test_by_capacity(capacity, mirrors, expected):
    found = can_lose_any_host(scenario(capacity, mirrors))
    assert found.answer is expected and bool(found) is expected
    assert found.table["host"].tolist() == ["h0", "h1", "h2"]
    assert found.table["survives"].tolist() == [expected] * 3
    assert found.table["why"].str.len().min() > 10


def test_after_a_run_the_maps_are_counted():
    made = scenario(30)
    found = can_lose_any_host(made, after_run=True)
    assert found.answer is True
    outcome = simulate_scenario(made).outcome
    for host in range(3):
        on_host = sum(int((parent == host + 1).sum()) for parent in outcome.allocation[0])
        assert found.table["moved_bytes"][host] == on_host * 2**20
        free = sum(30 * 2**20 - int(outcome.used_bytes[disk]) for disk in range(3) if disk != host)
        assert found.table["free_bytes"][host] == free
    assert found.table["lost_bytes"].tolist() == [0, 0, 0]


def test_after_a_run_without_mirrors_the_answer_is_what_each_host_holds():
    found = can_lose_any_host(scenario(30, 1), after_run=True)
    assert found.answer is False
    assert found.table["lost_bytes"].sum() == 30 * 2**20
    assert (found.table["lost_bytes"] == found.table["moved_bytes"]).all()
    assert "have no copy" in found.table["why"][0]


def test_too_full_after_a_run():
    found = can_lose_any_host(scenario(25), after_run=True)
    assert found.answer is False and not found.table["lost_bytes"].any()
    assert "find no place" in found.table["why"][0]


def test_a_copy_on_a_disk_that_has_failed_is_none():
    failed = 'events = [{ at = "2.5 s", action = "disk_fail", disk = "a" }]\n'
    made = Scenario.from_text(failed + BASE.replace("CAPACITY", "60").replace("MIRRORS", "2"))
    before = can_lose_any_host(scenario(60), after_run=True)
    after = can_lose_any_host(made, after_run=True)
    assert before.answer is True and after.answer is False
    assert after.table["lost_bytes"][1] > 0


AWAY = ('action = "disk_offline", disk = "a"', 'action = "power_loss"', 'action = "host_cut_off", host = "h0"')


@pytest.mark.parametrize("event", AWAY)
def test_stale_copies_and_copies_out_of_reach_do_not_count(event):
    events = f'events = [{{ at = "0.5 s", {event} }}]\n'
    made = Scenario.from_text(events + BASE.replace("CAPACITY", "60").replace("MIRRORS", "2"))
    assert can_lose_any_host(made, after_run=True).answer is False


def test_a_policy_may_take_the_place_of_the_scenarios():
    made = scenario(40, 1)
    concat = can_lose_any_host(made, after_run=True, policy="concat").table
    spread = can_lose_any_host(made, after_run=True, policy="round_robin").table
    assert sorted(concat["lost_bytes"]) == [10 * 2**20] * 3 == sorted(spread["lost_bytes"])


def test_a_failure_domain_of_two_hosts_is_one():
    shared = BASE.replace('name = "h1"', 'name = "h1"\nfailure_domain = "h0"', 1)
    made = Scenario.from_text(shared.replace("CAPACITY", "60").replace("MIRRORS", "2"))
    found = can_lose_any_host(made)
    assert found.table["survives"].tolist() == [True, True, False]  # h2 gone: only one domain is left


def test_the_command(tmp_path, capsys):
    (tmp_path / "a.toml").write_text(BASE.replace("CAPACITY", "29").replace("MIRRORS", "2"))
    assert main(["host-loss", str(tmp_path / "a.toml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["answer"] is False and [row["host"] for row in found["hosts"]] == ["h0", "h1", "h2"]
    assert main(["host-loss", str(tmp_path / "a.toml"), "--after-run", "--policy", "most_free"]) == 0
    assert "Can any one host be lost? No" in capsys.readouterr().out
    assert main(["host-loss", str(tmp_path / "a.toml"), "--after-run", "--policy", "none"]) == 2
    assert main(["host-loss", str(tmp_path / "a.toml"), "--policy", "most_free"]) == 2
