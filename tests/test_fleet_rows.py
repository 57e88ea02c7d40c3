"""The rows B1 to B11 of US20150339149A1 and its family, each under its name, on whole fleets."""

import math

import pytest
from fleet_cases import IdlePath, carry_out, plan_of, rollout_s, without_time

from placement_sim.model.machine import templates
from placement_sim.upgrades import STRATEGIES, make_strategy
from placement_sim.upgrades.failures import Failures, PlannedFailure
from placement_sim.upgrades.limits import Limits
from placement_sim.upgrades.rollouts import all_at_once, rolling
from placement_sim.upgrades.steps import Step, UpgradeStrategy
from placement_sim.upgrades.times import Fixed


def job_of(*work: Step) -> UpgradeStrategy:
    """Work between a stop and a start that take no time."""
    stop, start = Step("stop", "stop_application"), Step("start", "start_application")
    return UpgradeStrategy("job", "test", "a job", "software", (stop, *work, Step("mark", "patch"), start))


def test_b1_b3_templates_differ_in_the_upgraded_disk_only() -> None:
    old, new = templates("software")
    assert (new.os, new.software.version) == (old.os, 2)
    old, new = templates("os")
    assert (new.software, new.os.version) == (old.software, 2)


def test_b2_clones_read_the_shared_disks_and_write_their_own() -> None:
    path = IdlePath()
    plan = plan_of("software_swap", 5)
    carry_out(plan, path)
    first = path.calls[: 2 * len(plan.members)]
    backing = {(name, index): value for name, index, value in first}
    for member in plan.members:
        assert backing["set_backing", member.os_object] == plan.disk_objects["os 1"]
        assert backing["set_backing", member.software_object] == plan.disk_objects["software 1"]
    assert len({member.data_object for member in plan.members}) == 5


def test_b3_template_2_is_made_once() -> None:
    log = carry_out(plan_of("os_swap", 7))
    made = [record for record in log.steps if record.machine == -1]
    assert [record.step for record in made] == ["make template 2 (os disk)"]
    assert made[0].end_ns <= log.marks["rollout_start"]


def test_b7_a_swap_changes_links_only() -> None:
    for name, link in (("software_swap", 1), ("os_swap", 0)):
        path = IdlePath()
        plan = plan_of(name, 3)
        carry_out(plan, path)
        after = path.calls[6:]
        changed = [call for call in after if call[0] == "set_backing"]
        for i in range(3):
            index = 10 + 3 * i + link
            new = plan.disk_objects["software 2" if link else "os 2"]
            steps = [value for _, target, value in changed if target == index]
            assert list(dict.fromkeys(steps)) == [-1, new]
        discarded = [call[1] for call in after if call[0] == "discard_object"]
        assert discarded == [plan.disk_objects["software 1" if link else "os 1"]]


def test_b9_the_old_disk_is_kept_as_long_as_chosen() -> None:
    path = IdlePath()
    log = carry_out(plan_of("os_swap", 2, keep_old_ns=3600 * 10**9), path)
    assert log.marks["old_discarded"] - log.marks["rollout_end"] == 3600 * 10**9
    assert path.calls[-1] == ("discard_object", plan_of("os_swap", 2).disk_objects["os 1"])


def test_b9_each_machine_keeps_its_old_disk_for_its_own_time() -> None:
    """Two batches one after the other: the first gives up its second clones while the second is on its way."""
    log = carry_out(plan_of("blue_green", 4, rolling(batch=2), keep_old_ns=30 * 10**9))
    assert set(log.kept_old_ns) == {30 * 10**9}
    deleted = {r.machine: r.start_ns for r in log.steps if r.step == "delete twin"}
    assert all(abs(deleted[i] - log.ended_ns[i] - 30 * 10**9) < 10**9 for i in range(4)), "commands take a moment"
    assert max(deleted[0], deleted[1]) < min(log.ended_ns[2:])
    assert log.keeping_old[-1][1] == 0 and max(count for _, count in log.keeping_old) == 2


def test_b9_a_gate_that_may_roll_back_keeps_every_old_version_until_the_end() -> None:
    log = carry_out(plan_of("blue_green", 4, rolling(batch=2, on_gate="rollback")))
    end_ns = log.marks["rollout_end"]
    assert [kept + ended for kept, ended in zip(log.kept_old_ns, log.ended_ns, strict=True)] == [end_ns] * 4


def test_b11_n_equal_jobs_in_c_slots() -> None:
    """ceil(N / c) t, exactly."""
    job = job_of(Step("work", "nothing", Fixed(10.0), slots=("vcenter",)))
    for machines, slots in ((1, 1), (7, 3), (40, 8), (41, 8), (5, 50)):
        log = carry_out(plan_of(job, machines, limits=Limits(vcenter=slots)))
        assert rollout_s(log) == math.ceil(machines / slots) * 10.0


@pytest.mark.parametrize(
    ("name", "published_s", "slot_s"), [("recompose", 24_000, 144.0), ("refresh", 9_600, 57.6)]
)  # fmt: skip
def test_b11_the_published_pool_times_follow_from_the_limits(name: str, published_s: int, slot_s: float) -> None:
    """2,000 machines, 12 Composer slots: ceil(2000 / 12) rounds; what is before and after the slot is added."""
    strategy = without_time(make_strategy(name))
    limits = Limits(power=2000, operations_per_s=1e9)
    log = carry_out(plan_of(strategy, 2000, limits=limits))
    held = math.ceil(2000 / 12) * slot_s
    around = sum(step.time.mean_s for step in strategy.steps if step.slots != ("maintenance",))
    assert held == pytest.approx({"recompose": 24_048.0, "refresh": 9_619.2}[name], rel=1e-12)
    assert rollout_s(log) == pytest.approx(held + around, abs=1e-3)
    assert rollout_s(log) == pytest.approx(published_s, rel=0.01)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_b11_no_stopped_application_waits_for_a_slot(name: str) -> None:
    """All at once, mean times, 300 machines: downtime is the time of the steps after the stop, no more."""
    strategy = without_time(make_strategy(name))
    steps = [step.name for step in strategy.steps]
    first, last = steps.index("stop application") + 1, steps.index("start application") + 1
    down_s = sum(step.time.mean_s for step in strategy.steps[first:last])
    log = carry_out(plan_of(strategy, 300, limits=Limits(power=300, operations_per_s=1e9)))
    if name == "instant_clone":  # one fork at a time: at most as many as hold a vCenter slot wait for it
        assert max(log.downtime_ns) / 1e9 <= down_s + Limits().vcenter * 1.5
    else:
        assert all(abs(ns / 1e9 - down_s) < 1e-6 for ns in log.downtime_ns), "a command takes a nanosecond"


def test_b11_fifty_power_slots_sustain_sixteen_boots_a_minute() -> None:
    """50 slots / 3 min = 16.67 a minute."""
    job = job_of(Step("boot", "nothing", Fixed(180.0), slots=("power",)))
    log = carry_out(plan_of(job, 1000))
    ended_min = [record.end_ns / 60e9 for record in log.steps if record.step == "boot"]
    per_minute = len(ended_min) / max(ended_min)
    assert per_minute == pytest.approx(50 / 3, rel=1e-9) and math.floor(per_minute) == 16


def test_b11_the_rate_of_commands_is_limited() -> None:
    job = job_of(Step("work", "nothing", commands=1))
    log = carry_out(plan_of(job, 101, limits=Limits(operations_per_s=10.0)))
    assert rollout_s(log) == pytest.approx(10.0)
    waits = [wait for wait in log.waits if wait.waited_for == "management server"]
    assert len(waits) == 100 and waits[-1].ahead == 100


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_machine_ends_upgraded_without_failures(name: str) -> None:
    log = carry_out(plan_of(name, 30, rolling(batch=7, max_unavailable=3)))
    assert set(log.outcomes) == {"upgraded"}
    assert {machine.state for machine in log.machines} == {"running_new"}
    assert max(down for _, down, _, _ in log.availability) == 3
    assert log.availability[-1][1:3] == (0, 30)
    area = sum(
        entry[1] * (after[0] - entry[0]) for entry, after in zip(log.availability, log.availability[1:], strict=False)
    )
    assert area == sum(log.downtime_ns), "unavailable machines over time, and downtime by machine, are one thing"


def test_planned_failure_of_the_attach_is_rolled_back_and_counted() -> None:
    failures = Failures(retries=1, planned=(PlannedFailure(2, "attach software disk", 2),))
    log = carry_out(plan_of("software_swap", 4, all_at_once(), failures=failures))
    assert log.outcomes == ["upgraded", "upgraded", "rolled_back", "upgraded"]
    tries = [record for record in log.steps if record.machine == 2 and record.step == "attach software disk"]
    assert [record.is_done for record in tries] == [False, False, True]
    assert [(record.end_ns - record.start_ns) / 1e9 for record in tries[:2]] == [25.0, 25.0]
    assert log.failed_tries == [0, 0, 2, 0]
