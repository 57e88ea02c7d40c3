"""Placement rules: hand cases, exact answers of others, known laws, then hard rules at random."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement_sim.errors import InputError
from placement_sim.policies import POLICIES, make_policy, policies_table
from placement_sim.policies.hdfs import high_probability
from placement_sim.policies.interface import DOMAIN, FULL, OFFLINE, READ_ONLY, PlacementPolicy, View, Write
from placement_sim.policies.zfs import free_ratio_percent
from placement_sim.randomness import mix

RUN_TIME = [row["name"] for row in policies_table() if row["needs_map"]]
COMPUTED = [row["name"] for row in policies_table() if not row["needs_map"]]


def view_of(free: list[int], **changes: Any) -> View:
    """Make a view of equal disks (capacity 1000, weight 1.0) with the given free bytes."""
    disks = list(range(len(free)))
    blocked = changes.get("blocked", [0] * len(free))
    plain = {
        "members": disks,
        "candidates": [disk for disk in disks if not blocked[disk]],
        "blocked": blocked,
        "free_bytes": free,
        "capacity_bytes": [1000] * len(free),
        "queue_requests": [0] * len(free),
        "weight": [0x10000] * len(free),
    }
    return View(**{**plain, **changes})


def ask(policy: PlacementPolicy, view: View, state: Any, block: int = 0, **changes: int) -> int:
    """Ask for one block of object 0; the random word hangs on the block, as in the engine."""
    write = Write(0, 0, block, 1 << 20, 1, mix(12345, block))._replace(**changes)
    return policy.choose(write, view, list(policy.parameters.values()), state)


def fresh(policy: PlacementPolicy, disk_count: int) -> Any:
    return np.zeros(policy.state_size(disk_count), dtype=np.int64)


def test_stripe_and_concat_follow_the_address() -> None:
    view = view_of([9, 9, 9])
    stripe = make_policy("stripe", stripe=2)
    assert [ask(stripe, view, [0], b) for b in range(8)] == [0, 0, 1, 1, 2, 2, 0, 0]
    concat = make_policy("concat")
    assert [ask(concat, view, [0], b, block_count=7) for b in range(7)] == [0, 0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("reason", [FULL, OFFLINE, READ_ONLY])
def test_computed_rules_name_a_blocked_owner_all_the_same(name: str, reason: int) -> None:
    policy = make_policy(name)
    for block in range(50):
        owner = ask(policy, view_of([9] * 5), [0], block)
        blocked = [0] * 5
        blocked[owner] = reason
        assert ask(policy, view_of([9] * 5, blocked=blocked), [0], block) == owner


@pytest.mark.parametrize("name", COMPUTED)
def test_legs_of_a_computed_rule_never_share_a_failure_domain(name: str) -> None:
    policy = make_policy(name)
    for block in range(200):
        blocked = [0] * 6  # three domains of two disks
        for leg in range(3):
            disk = ask(policy, view_of([9] * 6, blocked=blocked), [0], block, leg=leg)
            assert blocked[disk] == 0
            blocked[disk - disk % 2] = blocked[disk - disk % 2 + 1] = DOMAIN
        assert ask(policy, view_of([9] * 6, blocked=blocked), [0], block, leg=3) == -1


def test_least_queue_rotates_among_equals() -> None:
    policy, state = make_policy("least_queue"), [0]
    view = view_of([9] * 4, queue_requests=[0, 0, 0, 5])
    assert [ask(policy, view, state, b) for b in range(6)] == [0, 1, 2, 0, 1, 2]


def test_least_used_percent_looks_at_the_share() -> None:
    view = view_of([60, 90], capacity_bytes=[100, 200])
    assert ask(make_policy("least_used_percent"), view, [0]) == 0
    assert ask(make_policy("most_free"), view, [0]) == 1


@pytest.mark.parametrize("name", ["round_robin", "most_free", "least_used_percent"])
def test_equal_disks_fill_evenly_at_every_instant(name: str) -> None:
    policy, free, state = make_policy(name), [1000] * 7, [0]
    for block in range(3000):
        free[ask(policy, view_of(free), state, block)] -= 1
        assert max(free) - min(free) <= 1


def test_proportional_free_frequencies() -> None:
    # Binomial with p = free / sum; the interval is 4 standard errors on each of 3 disks
    # (all three hold with probability above 0.9998).
    policy, free, count = make_policy("proportional_free"), [100, 300, 600], 40_000
    hits = np.bincount([ask(policy, view_of(free), [0], b) for b in range(count)], minlength=3)
    for disk in range(3):
        p = free[disk] / 1000
        assert abs(hits[disk] / count - p) <= 4 * math.sqrt(p * (1 - p) / count)


def test_balls_in_bins_mean_of_the_maximum() -> None:
    # Theory for m = n = 256 balls, d = 1: 4.76665. Standard deviation of the maximum is about
    # 0.83, so 800 replications give a standard error of about 0.03; 3.5 of them are allowed.
    policy, view, maxima = make_policy("random"), view_of([9] * 256), []
    for replication in range(800):
        words = [mix(replication + 1, ball) for ball in range(256)]
        maxima.append(np.bincount([ask(policy, view, [0], word=word) for word in words]).max())
    error = float(np.std(maxima, ddof=1)) / math.sqrt(len(maxima))
    assert error < 0.04
    assert abs(float(np.mean(maxima)) - 4.76665) <= 3.5 * error


def test_heavily_loaded_two_choices() -> None:
    # n = 100, d = 2 with replacement: the mean of (max - m/n) is 1.92, and does not grow with m. Tolerance 0.2,
    # or 3.5 standard errors, which must be below a third of it.
    policy, excess = make_policy("d_choices", by="free", replacement=True), []
    for replication in range(30):
        free = [1000] * 100
        view = view_of(free)
        for block in range(10_000):
            free[ask(policy, view, [0], block, word=mix(replication + 1, block))] -= 1
        excess.append(900 - min(free))
    error = float(np.std(excess, ddof=1)) / math.sqrt(len(excess))
    assert error < 0.2 / 3
    assert abs(float(np.mean(excess)) - 1.92) <= max(0.2, 3.5 * error)


@pytest.mark.parametrize("replacement", [True, False])
def test_two_choices_break_ties_evenly(replacement: bool) -> None:
    # 10 equal disks, 20,000 choices: 2,000 each, standard deviation 42.4; 4.5 of them are allowed.
    policy, view = make_policy("d_choices", d=3, replacement=replacement), view_of([9] * 10)
    hits = np.bincount([ask(policy, view, [0], b) for b in range(20_000)], minlength=10)
    assert np.abs(hits - 2000).max() < 4.5 * 42.43


def test_two_choices_without_replacement_of_two_takes_the_better() -> None:
    policy, view = make_policy("d_choices"), view_of([9, 9], queue_requests=[2, 1])
    assert {ask(policy, view, [0], b) for b in range(100)} == {1}
    with_replacement = make_policy("d_choices", replacement=True)  # 1 in 4 samples disk 0 twice
    hits = sum(ask(with_replacement, view, [0], b) == 0 for b in range(10_000))
    assert abs(hits / 10_000 - 0.25) <= 4 * math.sqrt(0.25 * 0.75 / 10_000)


@pytest.mark.parametrize(("low", "high", "expected"), [(1, 1, 0.75), (5, 1, 0.375)])
def test_hdfs_probability_of_the_emptier_set(low: int, high: int, expected: float) -> None:
    assert high_probability(low, high, 0.75) == expected
    policy, count = make_policy("hdfs_available_space", threshold=10), 20_000
    view, state = view_of([50] * low + [500] * high), fresh(make_policy("hdfs_available_space"), 9)
    share = sum(ask(policy, view, state, b) >= low for b in range(count)) / count
    assert abs(share - expected) <= 4 * math.sqrt(expected * (1 - expected) / count)


def test_hdfs_balanced_volumes_go_round_and_a_full_low_set_is_left() -> None:
    policy = make_policy("hdfs_available_space", threshold=10)
    state = fresh(policy, 3)
    assert [ask(policy, view_of([50, 55, 59]), state, b) for b in range(4)] == [0, 1, 2, 0]
    assert {ask(policy, view_of([5, 5, 500]), state, b, block_bytes=6) for b in range(50)} == {2}


def test_zfs_rotor_stays_longer_where_more_is_free() -> None:
    assert [free_ratio_percent(free << 20, 176 << 20, 2) for free in (112, 64)] == [127, 72]
    # free 112 and 64 of 128 MiB: 127 % and 72 % of an aliquot of 100 one-byte blocks
    policy = make_policy("zfs_rotor", aliquot=100)
    view, state = view_of([112 << 20, 64 << 20]), fresh(policy, 2)
    answers = [ask(policy, view, state, b) for b in range(199)]
    assert answers == [0] * 127 + [1] * 72
    assert ask(policy, view, state, 199) == 0


@given(
    name=st.sampled_from(RUN_TIME),
    disks=st.lists(
        st.tuples(st.integers(0, 15), st.integers(0, 1000), st.integers(0, 5)),
        min_size=1,
        max_size=8,
    ),
    words=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8),
)
def test_run_time_rules_name_a_candidate_or_none(
    name: str, disks: list[tuple[int, int, int]], words: list[int]
) -> None:
    policy = make_policy(name)
    blocked, free, queues = ([disk[i] for disk in disks] for i in range(3))
    view = view_of(free, blocked=blocked, queue_requests=queues)
    state = fresh(policy, len(disks))
    for block, word in enumerate(words):
        answer = ask(policy, view, state, block, word=word)
        assert answer in view.candidates if view.candidates else answer == -1


@pytest.mark.parametrize("name", list(POLICIES))
def test_lists_and_arrays_give_the_same_answer_and_inputs_stay(name: str) -> None:
    policy = make_policy(name)
    lists = view_of([300, 10, 700, 40], blocked=[0, FULL, 0, 0], queue_requests=[1, 0, 1, 2])
    columns: list[Any] = [np.array(column) for column in lists]
    for column in columns:
        column.setflags(write=False)
    arrays = View(*columns)
    one, two = [0] * policy.state_size(4), fresh(policy, 4)
    for block in range(100):
        assert ask(policy, lists, one, block) == ask(policy, arrays, two, block)


@pytest.mark.parametrize("name", list(POLICIES))
def test_table_and_names_agree(name: str) -> None:
    policy = make_policy(name)
    assert policy.name == name
    assert policy.source and policy.summary
    with pytest.raises(InputError, match="unknown parameter 'colour'"):
        make_policy(name, colour=3)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("stripe", {"stripe": 0}),
        ("stripe", {"stripe": 1.5}),
        ("stripe", {"stripe": "4"}),
        ("d_choices", {"by": "size"}),
        ("d_choices", {"by": []}),
        ("d_choices", {"replacement": 2}),
        ("d_choices", {"d": float("nan")}),
        ("hdfs_available_space", {"p": 1.1}),
        ("hdfs_available_space", {"threshold": -1}),
        ("zfs_rotor", {"aliquot": float("inf")}),
        ("fastest", {}),
    ],
)
def test_bad_parameters_are_input_errors(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        make_policy(name, **parameters)
