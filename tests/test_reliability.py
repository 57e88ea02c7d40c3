"""Failures and rebuilds without guest I/O: hand cases, closed forms within intervals, random histories, speed.

A stochastic value is accepted if |error| <= max(tolerance, 3.5 standard errors) and the standard error, from
independent replications, is at most a third of the tolerance.
"""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_sim.engine.rare_events import rare_loss
from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.engine.reliability import FAIL, History, Outages, ReliabilityModel, Replacement
from placement_sim.model.mttdl import mttdl_exponential_repair, mttdl_fixed_repair
from placement_sim.model.redundancy import RedundancyGroup, draw_groups
from placement_sim.workloads.failures import YEAR_S, Exponential, Fixed, Weibull, backblaze

NEVER = Fixed(1e30)


def model(groups, life=NEVER, repair=None, free=None, domains=None, outages=None):
    count = 1 + max(disk for group in groups for disk in group.disks) if free is None else len(free)
    domains = domains or [f"h{i}" for i in range(count)]
    names = [f"d{i}" for i in range(count)]
    return ReliabilityModel(
        names, domains, domains, free or [0] * count, groups, life, repair or Replacement(Fixed(10.0)), outages
    )


def one_group(disks, tolerates, repair):
    return model([RedundancyGroup(tuple(range(disks)), 1 << 20, tolerates)], Exponential(1000.0), Replacement(repair))


def accept(best, error, expected, tolerance):
    assert error <= tolerance * expected / 3, f"too few: standard error {error} of {expected}"
    assert abs(best - expected) <= max(tolerance * expected, 3.5 * error), f"{best} +- {error}, expected {expected}"


def after_failures(world, *failures):
    """Run to the end of 1,000 s with disks that fail at stated times."""
    history = History(world, 1)
    for time_s, disk in failures:
        history.schedule(time_s, FAIL, disk)
    return history, history.run(1000.0)


# -- closed forms -----------------------------------------------------------------------------

ROWS = {  # ORACLES.md gives 51,500, 51,250.4 and 2,053.571 for the first three
    "mirror pair, exponential repair": (2, 1, Exponential(10.0), mttdl_exponential_repair(2, 1, 1000.0, 10.0)),
    "mirror pair, fixed repair": (2, 1, Fixed(10.0), mttdl_fixed_repair(2, 1000.0, 10.0)),
    "single parity over 8": (8, 1, Exponential(10.0), mttdl_exponential_repair(8, 1, 1000.0, 10.0)),
}


def test_closed_forms_are_those_of_the_formulas():
    rate, repair_rate = 1 / 1000.0, 1 / 10.0
    pair = (3 * rate + repair_rate) / (2 * rate**2)
    parity = (15 * rate + repair_rate) / (56 * rate**2)
    assert ROWS["mirror pair, exponential repair"][3] == pytest.approx(pair) == pytest.approx(51_500)
    assert ROWS["single parity over 8"][3] == pytest.approx(parity) == pytest.approx(2_053.571, abs=1e-3)
    assert ROWS["mirror pair, fixed repair"][3] == pytest.approx(51_250.4, abs=0.05)
    # A triple mirror by hand: T0 = 1/3a + T1, T1 = (1 + 2a T2 + b T0) / (2a + b), T2 = (1 + 2b T1) / (a + 2b).
    a, b = rate, repair_rate
    matrix = np.array([[1, -1, 0], [-b, 2 * a + b, -2 * a], [0, -2 * b, a + 2 * b]])
    expected = np.linalg.solve(matrix, [1 / (3 * a), 1, 1])[0]
    assert mttdl_exponential_repair(3, 2, 1000.0, 10.0) == pytest.approx(expected)


@pytest.mark.parametrize("row", ROWS)
def test_mttdl_by_simulation(row):
    disks, tolerates, repair, expected = ROWS[row]
    world = one_group(disks, tolerates, repair)
    runs = 1200
    losses = [History(world, 1, index).run(math.inf, stop_at_loss=True).first_loss_s for index in range(runs)]
    accept(np.mean(losses), np.std(losses, ddof=1) / math.sqrt(runs), expected, 0.1)


@pytest.mark.parametrize("row", ROWS)
def test_mttdl_by_importance_sampling(row):
    disks, tolerates, repair, expected = ROWS[row]
    found = rare_loss(one_group(disks, tolerates, repair), seed=1, cycles=10_000)
    accept(found.mttdl_s, found.relative_error * found.mttdl_s, expected, 0.06)
    assert found.effective_cycles > 1000 and found.losses > 1000


def test_mttdl_of_a_triple_mirror_is_out_of_reach_of_plain_simulation_but_not_of_importance_sampling():
    expected = mttdl_exponential_repair(3, 2, 1000.0, 10.0)
    found = rare_loss(one_group(3, 2, Exponential(10.0)), seed=1, cycles=12_000)
    accept(found.mttdl_s, found.relative_error * found.mttdl_s, expected, 0.2)
    assert found.loss_probability * found.cycles < 2  # what plain simulation would have seen


def test_importance_sampling_does_not_depend_on_the_bias():
    world = one_group(2, 1, Fixed(10.0))
    for boost in (5.0, 150.0):
        found = rare_loss(world, seed=2, cycles=12_000, boost=boost)
        accept(found.mttdl_s, found.relative_error * found.mttdl_s, ROWS["mirror pair, fixed repair"][3], 0.15)
    plain = rare_loss(one_group(8, 1, Exponential(10.0)), seed=2, cycles=8_000, boost=1.0)
    assert plain.effective_cycles == pytest.approx(plain.losses)  # no bias, so that every loss counts 1
    accept(plain.mttdl_s, plain.relative_error * plain.mttdl_s, ROWS["single parity over 8"][3], 0.15)


def test_importance_sampling_refuses_what_it_cannot_do():
    for world in (
        replace(one_group(2, 1, NEVER), life=Weibull(2.0, 1000.0)),
        replace(one_group(2, 1, NEVER), outages=Outages(NEVER, NEVER)),
    ):
        with pytest.raises(ValueError, match="exponential lives"):
            rare_loss(world, 1)


def test_availability_of_two_copies_on_two_hosts():
    up_s, down_s = 90.0, 10.0
    world = model([RedundancyGroup((0, 1), 100, 1)], outages=Outages(Exponential(up_s), Exponential(down_s)))
    shares = []
    for index in range(60):
        outcome = History(world, 1, index).run(20_000.0)
        shares.append(outcome.unavailable_byte_s / outcome.data_bytes / outcome.end_s)
    expected = (down_s / (up_s + down_s)) ** 2
    accept(np.mean(shares), np.std(shares, ddof=1) / math.sqrt(len(shares)), expected, 0.15)


# -- hand cases -------------------------------------------------------------------------------

PAIRS = [RedundancyGroup((0, 1), 100, 1), RedundancyGroup((0, 2), 100, 1)]


@pytest.mark.parametrize(("free", "streams", "whole_s"), [
    ([0, 0, 0, 100, 100], 1, 25.0),  # two targets: in parallel
    ([0, 0, 0, 200, 0], 1, 35.0),  # one target: one after the other
    ([0, 0, 0, 200, 0], 2, 25.0),  # one target that takes two streams
])  # fmt: skip
def test_a_rebuild_is_parallel_across_disks_and_throttled(free, streams, whole_s):
    world = model(PAIRS, repair=Rebuild(10.0, streams, delay_s=5.0), free=free)
    history, outcome = after_failures(world, (10.0, 0))
    [record] = outcome.failures
    assert (record.time_s, record.part_bytes, record.lost_bytes, record.whole_s) == (10.0, 200, 0, whole_s)
    assert outcome.rebuilt_bytes == 200 and outcome.degraded_s == whole_s - 10.0
    assert all(len(members) == 2 and 0 not in members for members in history.members)


def test_a_second_failure_before_the_rebuild_is_done_is_a_loss_and_is_counted():
    world = model(PAIRS, repair=Rebuild(10.0, delay_s=5.0), free=[0, 0, 0, 100, 100])
    _, outcome = after_failures(world, (10.0, 0), (24.0, 1))
    assert outcome.lost_groups == 1 and outcome.first_loss_s == 24.0
    assert [record.lost_bytes for record in outcome.failures] == [0, 100]
    assert [record.whole_s for record in outcome.failures] == [25.0, 24.0]
    assert outcome.unavailable_byte_s == 100 * (1000.0 - 24.0)  # lost data stays unavailable
    _, later = after_failures(world, (10.0, 0), (26.0, 1))
    assert later.lost_groups == 0


def test_a_target_that_fails_is_replaced_by_another():
    world = model(PAIRS[:1], repair=Rebuild(10.0), free=[0, 0, 100, 100])
    history = History(world, 1)
    history.schedule(10.0, FAIL, 0)
    history.run(11.0)
    target = next(disk for disk in (2, 3) if history._queue._jobs_of[disk])
    history.schedule(4.0, FAIL, target)
    outcome = history.run(1000.0)
    assert outcome.restarted == 1 and outcome.lost_groups == 0
    assert history.members[0] == {1, 5 - target}
    assert outcome.failures[0].whole_s == 25.0


def test_two_parts_never_share_a_failure_domain():
    world = model(PAIRS[:1], repair=Rebuild(10.0), free=[0, 0, 100, 100], domains=["a", "b", "b", "c"])
    history, outcome = after_failures(world, (10.0, 0))
    assert history.members[0] == {1, 3}
    crowded = replace(world, domains=["a", "b", "b", "b"], repair=Rebuild(10.0, replace_s=500.0))
    history, outcome = after_failures(crowded, (10.0, 0))
    assert history.members[0] == {0, 1}  # only the new disk in a's place may take it
    assert outcome.failures[0].whole_s == 520.0


def test_an_outage_makes_unavailable_but_loses_nothing():
    world = model(PAIRS[:1], outages=Outages(Fixed(100.0), Fixed(10.0)))
    outcome = History(world, 1).run(105.0)
    assert outcome.outages == 2 and outcome.lost_groups == 0
    assert outcome.unavailable_byte_s == 100 * 5.0


# -- random histories -------------------------------------------------------------------------


@st.composite
def clusters(draw):
    count = draw(st.integers(3, 8))
    domains = [f"h{draw(st.integers(0, 4))}" for _ in range(count)]
    groups = []
    for _ in range(draw(st.integers(1, 12))):
        disks = draw(st.permutations(range(count)))
        chosen = [d for i, d in enumerate(disks) if domains[d] not in {domains[e] for e in disks[:i]}]
        width = draw(st.integers(1, len(chosen)))
        groups.append(RedundancyGroup(tuple(chosen[:width]), draw(st.integers(1, 50)), draw(st.integers(0, width - 1))))
    repair = draw(st.sampled_from([
        Replacement(Exponential(20.0)), Rebuild(5.0, delay_s=1.0, replace_s=30.0), Rebuild(20.0, streams=3),
    ]))  # fmt: skip
    outages = draw(st.sampled_from([None, Outages(Exponential(200.0), Exponential(10.0))]))
    life = draw(st.sampled_from([Exponential(150.0), Weibull(0.7, 150.0), Weibull(3.0, 150.0)]))
    free = [draw(st.integers(0, 200)) for _ in range(count)]
    return model(groups, life, repair, free, domains, outages), draw(st.integers(0, 2**32))


@settings(max_examples=120)
@given(clusters())
def test_every_part_is_accounted_for_in_any_history(case):
    world, seed = case
    history = History(world, seed)
    outcome = history.run(600.0)
    assert outcome == History(world, seed).run(600.0)
    lost = 0
    for index, group in enumerate(world.groups):
        members = history.members[index]
        lost += not members
        if members:
            assert len(members) + history.missing[index] == len(group.disks)
            assert history.missing[index] <= group.tolerates
            assert len({world.domains[disk] for disk in members}) == len(members)
        assert (index in history.degraded) == bool(members and history.missing[index])
        assert [disk for disk, parts in enumerate(history.parts) if index in parts] == sorted(members)
    assert lost == outcome.lost_groups
    data_bytes = sum(group.data_bytes for i, group in enumerate(world.groups) if not history.members[i])
    assert sum(record.lost_bytes for record in outcome.failures) == data_bytes
    assert 0 <= outcome.unavailable_byte_s <= outcome.data_bytes * outcome.end_s * (1 + 1e-9)
    for record in outcome.failures:
        assert (record.waiting == 0) == (record.whole_s >= record.time_s)
    if isinstance(world.repair, Rebuild):
        used = [sum(world.groups[index].part_bytes for index in parts) for parts in history.parts]
        assert all(used[d] <= world.capacity_bytes[d] for d in range(len(used)))


def test_another_law_leaves_every_other_draw_as_it_was():
    first = History(model(PAIRS, Exponential(50.0)), 1).run(1000.0)
    wider = model([*PAIRS, RedundancyGroup((3, 4), 100, 1)], Exponential(50.0))
    second = History(wider, 1).run(1000.0)
    assert [r.time_s for r in first.failures] == [r.time_s for r in second.failures if r.disk < 3]


def test_a_year_of_a_thousand_disks_takes_seconds():
    count = 1000
    hosts = [f"h{disk // 10}" for disk in range(count)]
    free = np.full(count, 4 * 10**12, np.int64)
    groups = [
        group for part in range(100) for group in draw_groups(1, f"o{part}", 12 * 10**12, 64 << 30, 2, free, hosts)
    ]
    world = ReliabilityModel(
        [f"d{disk}" for disk in range(count)], hosts, hosts, free.tolist(), groups, backblaze(),
        Rebuild(50e6, delay_s=600.0), Outages(Exponential(90 * 86_400.0), Exponential(600.0)),
    )  # fmt: skip
    start = time.process_time()
    outcome = History(world, 1).run(YEAR_S)
    assert time.process_time() - start < 10
    assert 5 < len(outcome.failures) < 35  # Poisson of 16.9: outside with 0.1 % at most, for a fixed seed
    assert outcome.rebuilt_bytes == sum(record.part_bytes for record in outcome.failures)
