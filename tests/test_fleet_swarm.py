"""Fleets that go wrong: bad templates, hazards, windows, and random fleets under the invariants."""

from itertools import pairwise

import pytest
from fleet_cases import IdlePath, carry_out, plan_of, rollout_s
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_sim.engine.upgrade_plan import FleetLog
from placement_sim.upgrades import STRATEGIES, Rollout, make_strategy
from placement_sim.upgrades.failures import Failures
from placement_sim.upgrades.limits import Limits
from placement_sim.upgrades.rollouts import MaintenanceWindow, all_at_once, canary, rolling

HOUR_NS = 3600 * 10**9


def test_a_bad_template_stops_at_the_canary() -> None:
    log = carry_out(plan_of("os_swap", 50, canary(canaries=2, growth=4), failures=Failures(bad_template=True)))
    assert log.outcomes == ["rolled_back"] * 2 + ["untouched"] * 48
    assert "wave 0: 2 of 2" in log.gate_reason
    assert [wave for wave in log.waves if wave >= 0] == [0, 0]
    tried = [record for record in log.steps if record.machine == 0 and record.mode == "forward" and not record.is_done]
    assert {record.reason for record in tried} == {"unhealthy: bad template"} and len(tried) == 2
    # Users are without service from the first stop until the old version runs again.
    mine = [record for record in log.steps if record.machine == 0]
    stopped = next(r.end_ns for r in mine if r.step == "stop application")
    again = next(r.end_ns for r in mine if r.step == "start application" and r.mode == "rollback")
    assert log.downtime_ns[0] == again - stopped


def test_a_gate_may_roll_everything_back() -> None:
    failures = Failures(boot_fails=0.5, retries=0)
    log = carry_out(plan_of("os_swap", 60, rolling(batch=20, max_failed_share=0.2, on_gate="rollback"), None, failures))
    assert set(log.outcomes) == {"rolled_back", "untouched", "repaired"}
    assert log.marks["gate"] < log.marks["rollback_end"] <= log.marks["rollout_end"]


def test_b10_a_delta_over_another_base_ruins_the_data() -> None:
    log = carry_out(plan_of("os_swap", 4, hazardous=True))
    assert log.damaged == [True] * 4 and set(log.outcomes) == {"rolled_back"}
    assert {record.reason for record in log.steps if not record.is_done} == {
        "unhealthy: data is a delta of another OS disk"
    }
    log = carry_out(plan_of("software_swap", 4, hazardous=True))
    assert log.damaged == [False] * 4 and set(log.outcomes) == {"upgraded"}


def test_a_window_stops_and_resumes() -> None:
    window = MaintenanceWindow(opens_s=1800, length_s=600, every_s=3600)
    log = carry_out(plan_of("in_place", 6, rolling(batch=2, window=window)))
    starts_s = sorted((start - log.marks["rollout_start"]) / 1e9 for start in log.started_ns)
    assert all((s - 1800) % 3600 < 600 for s in starts_s) and starts_s[0] == 1800
    assert {wait.waited_for for wait in log.waits} >= {"window", "earlier waves"}


@pytest.mark.parametrize("limit", ["per_host", "per_datastore"])
def test_limits_by_place(limit: str) -> None:
    plan = plan_of("software_swap", 12, all_at_once(**{limit: 1}))
    log = carry_out(plan)
    for place in ("host_index", "datastore"):
        if (place == "host_index") != (limit == "per_host"):
            continue
        for value in {getattr(member, place) for member in plan.members}:
            mine = sorted(
                (log.started_ns[i], log.ended_ns[i])
                for i, member in enumerate(plan.members)
                if getattr(member, place) == value
            )
            assert all(end <= start for (_, end), (start, _) in pairwise(mine))


def test_a_horizon_leaves_machines_on_their_way() -> None:
    log = carry_out(plan_of("recompose", 30), until_ns=800 * 10**9)
    assert "in_progress" in log.outcomes
    assert sum(log.downtime_ns) > 0


def test_the_same_seed_gives_the_same_log_and_strategies_share_draws() -> None:
    a, b = (carry_out(plan_of("os_swap", 20, rolling(5))) for _ in range(2))
    assert a == b
    other = carry_out(plan_of("software_swap", 20, rolling(5)))

    def stops(log: FleetLog) -> list[int]:
        return [r.end_ns - r.start_ns for r in log.steps if r.step == "stop application" and r.machine == 7]

    assert stops(a) == stops(other)
    assert carry_out(plan_of("os_swap", 20, rolling(5), seed=2)) != a


def test_two_thousand_machines_are_quick() -> None:
    log = carry_out(plan_of("software_swap", 2000, rolling(batch=100)))
    assert log.outcomes == ["upgraded"] * 2000
    assert rollout_s(log) < 2000 * 60


ROLLOUTS = st.builds(
    Rollout,
    st.just("own"),
    st.just(""),
    first=st.integers(1, 9),
    growth=st.floats(1, 3),
    max_unavailable=st.none() | st.integers(1, 5),
    soak_s=st.sampled_from([0.0, 60.0]),
    max_failed_share=st.sampled_from([0.0, 0.3, 1.0]),
    on_gate=st.sampled_from(["stop", "rollback"]),
    per_host=st.none() | st.integers(1, 3),
    per_datastore=st.none() | st.integers(1, 3),
    window=st.none() | st.just(MaintenanceWindow(100, 300, 900)),
)
FAILURES = st.builds(
    Failures,
    stop_hangs=st.sampled_from([0.0, 0.3]),
    attach_fails=st.sampled_from([0.0, 0.4]),
    boot_fails=st.sampled_from([0.0, 0.4]),
    bad_template=st.booleans(),
    retries=st.integers(0, 2),
    recover=st.sampled_from(["rollback", "repair", "leave"]),
    repair_after_rollback=st.booleans(),
)
LIMITS = st.builds(Limits, *[st.integers(1, 4)] * 6, operations_per_s=st.sampled_from([0.2, 60.0]))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(STRATEGIES)), st.integers(1, 14), ROLLOUTS, LIMITS, FAILURES, st.integers(0, 9))
def test_random_fleets_end_under_the_invariants(
    name: str, machines: int, rollout: Rollout, limits: Limits, failures: Failures, seed: int
) -> None:
    """`close` checks outcomes, downtime and limits; here: nothing waits for ever, nobody stays down unsaid."""
    path = IdlePath()
    log = carry_out(plan_of(make_strategy(name), machines, rollout, limits, failures, seed=seed), path)
    assert "in_progress" not in log.outcomes
    assert log.availability[-1][1] == log.outcomes.count("failed")
    assert all(wait.end_ns > wait.start_ns for wait in log.waits)
    assert log.marks["rollout_end"] < 1000 * HOUR_NS
