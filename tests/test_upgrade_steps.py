"""Strategies as lists of steps: legal states, what each row of the patents demands, every way of failing."""

import copy
import itertools

import pytest

from placement_sim.errors import InputError, InvariantError
from placement_sim.model.machine import (
    DATA,
    FAILED,
    STATES,
    TRANSITIONS,
    LinkedClone,
    VirtualMachine,
    Vmdk,
    templates,
)  # fmt: skip
from placement_sim.upgrades import STRATEGIES, make_strategy, strategies_table
from placement_sim.upgrades.check import check_strategy, walk
from placement_sim.upgrades.common_steps import stop_application
from placement_sim.upgrades.failures import Failures
from placement_sim.upgrades.journey import ENDED, OUTCOMES, Journey, is_settled
from placement_sim.upgrades.limits import SLOT_ORDER
from placement_sim.upgrades.recompose import COMPOSER
from placement_sim.upgrades.refresh import SLOT_S as REFRESH_SLOT_S
from placement_sim.upgrades.steps import Step, UpgradeStrategy
from placement_sim.upgrades.times import Between, Fixed, Triangle

EVERY = [*STRATEGIES, "preattached os", "in_place software"]


def strategy_of(text: str) -> UpgradeStrategy:
    name, *role = text.split()
    return make_strategy(name, **({"role": role[0]} if role else {}))


def machine_of(strategy: UpgradeStrategy, name: str = "vm") -> VirtualMachine:
    old, _ = templates(strategy.role)
    return VirtualMachine(name, LinkedClone(old.os, old.software, Vmdk(f"{name} data", DATA)), strategy.role)


def journey_of(strategy: UpgradeStrategy, failures: Failures | None = None, name: str = "vm") -> Journey:
    return Journey(machine_of(strategy, name), strategy, templates(strategy.role), failures or Failures())


def states_passed(journey: Journey) -> list[VirtualMachine]:
    passed = [journey.machine]
    while journey.step is not None:
        journey.begin()
        passed.append(journey.machine)
        journey.succeed()
        passed.append(journey.machine)
    return passed


@pytest.mark.parametrize("text", EVERY)
def test_every_way_is_legal_and_ends_well(text: str) -> None:
    strategy = strategy_of(text)
    check_strategy(strategy)
    passed = states_passed(journey_of(strategy))
    assert passed[-1].state == "running_new" and passed[-1].version == 2
    assert {machine.state for machine in passed} <= set(STATES)
    for before, after in itertools.pairwise(passed):
        assert before.state == after.state or after.state in TRANSITIONS[before.state]
    for failing in range(len(strategy.steps)):
        end = walk(strategy, failing)
        assert (end.outcome, end.machine.state, end.machine.version) == ("rolled_back", "running", 1), failing


@pytest.mark.parametrize(
    ("name", "reboots", "detaches_data", "writes"),
    [
        ("in_place", True, False, True),
        ("recompose", True, True, False),
        ("refresh", True, False, False),
        ("software_swap", False, False, False),
        ("os_swap", True, False, False),
        ("preattached", False, False, False),
        ("blue_green", False, True, False),
        ("instant_clone", True, True, False),
    ],
)
def test_what_a_strategy_needs(name: str, reboots: bool, detaches_data: bool, writes: bool) -> None:
    strategy = make_strategy(name)
    assert (strategy.reboots, strategy.detaches_data, strategy.writes_per_machine) == (reboots, detaches_data, writes)


def test_b4_software_mode_never_leaves_the_guest_and_keeps_the_order_of_the_claim() -> None:
    strategy = make_strategy("software_swap")
    names = [step.name for step in strategy.steps]
    order = ["stop application", "detach software disk", "attach software disk", "start application"]
    assert sorted(order, key=names.index) == order
    assert all(machine.powered and not machine.booting for machine in states_passed(journey_of(strategy)))
    assert [step.mark for step in strategy.steps if step.name in order] == ["claim", "abstract", "abstract", "implied"]


def test_b5_os_mode_gives_a_command_first_and_boots_the_new_disk() -> None:
    strategy = make_strategy("os_swap")
    passed = states_passed(journey_of(strategy))
    states = list(dict.fromkeys(machine.state for machine in passed))
    assert states == [
        "running", "application_stopped", "powered_off", "detached", "booting", "running_new",
    ]  # fmt: skip
    booting = next(machine for machine in passed if machine.booting)
    assert booting.clone.os is not None and booting.clone.os.name == "os 2"
    assert all(not machine.powered for machine in passed if machine.clone.os is None)


@pytest.mark.parametrize("text", ["software_swap", "os_swap", "preattached", "preattached os", "refresh"])
def test_b6_the_data_disk_stays_attached(text: str) -> None:
    strategy = strategy_of(text)
    for failing in range(-1, len(strategy.steps)):
        journey = journey_of(strategy, Failures(retries=0))
        own = journey.machine.clone.data
        taken = 0
        while journey.step is not None:
            journey.begin()
            journey.fail() if taken == failing else journey.succeed()
            taken += 1
            assert journey.machine.clone.data is own


def test_b8_an_attach_that_fails_after_the_detach_leaves_none() -> None:
    journey = journey_of(make_strategy("software_swap"), Failures(retries=1, recover="rollback"))
    while journey.step is not None and journey.step.action != "attach":
        journey.begin()
        journey.succeed()
    for _ in range(2):
        journey.begin()
        journey.fail()
    assert journey.machine.version == 0 and journey.machine.state == "detached"
    assert journey.mode == "rollback" and journey.step is not None and journey.step.name == "attach software disk"
    for _ in range(2):  # the old disk does not come back either: an operator repairs
        journey.begin()
        journey.fail()
    assert journey.mode == "repair"
    states_passed(journey)
    assert (journey.outcome, journey.machine.state, journey.machine.version) == ("repaired", "running", 1)


def test_b9_an_upgraded_machine_goes_back_while_the_old_disk_is_kept() -> None:
    for text in EVERY:
        journey = journey_of(strategy_of(text))
        states_passed(journey)
        journey.roll_back()
        passed = states_passed(journey)
        assert (journey.outcome, passed[-1].state, passed[-1].version) == ("rolled_back", "running", 1)


def test_the_published_slot_times_are_the_sum_of_the_steps() -> None:
    for name, held_s in (("recompose", 144.0), ("refresh", REFRESH_SLOT_S)):
        held = [step.time.mean_s for step in make_strategy(name).steps if step.slots == COMPOSER]
        assert sum(held) == pytest.approx(held_s, rel=1e-12)


# -- every interleaving of two machines with one failure ---------------------------------------


class Walker:
    """One machine with the slots it holds; a copy is a new branch."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.begun = False
        self.held: frozenset[str] = frozenset()

    def key(self) -> tuple[object, ...]:
        j = self.journey
        return (j.machine, j.mode, j._at, j._done, j.attempt, j.outcome, self.begun, self.held)

    def branch(self) -> "Walker":
        other = copy.copy(self)
        other.journey = copy.copy(self.journey)
        return other

    def moves(self, taken: frozenset[str], failures_left: int, budgeted: bool) -> list[tuple["Walker", int]]:
        """Give what may happen next to this machine, when the other one holds `taken`."""
        step = self.journey.step
        if step is None:
            return []
        after = self.branch()
        if not self.begun:
            kept = self.held & set(step.slots)
            if budgeted and self.journey.machine.is_available and step.stops_application:
                kept |= {"budget"} & self.held
                missing = ["budget"] if "budget" not in kept else []
            else:
                kept |= {"budget"} & self.held
                missing = []
            missing += [slot for slot in sorted(step.slots, key=SLOT_ORDER.index) if slot not in kept]
            if not missing:
                after.held, after.begun = frozenset(kept), True
                after.journey.begin()
                return [(after, 0)]
            if missing[0] in taken:
                return []
            after.held = frozenset(kept | {missing[0]})
            return [(after, 0)]
        found = []
        for fails in (False, True) if step.can_fail and failures_left else (False,):
            end = self.branch()
            mode = end.journey.mode
            end.journey.fail() if fails else end.journey.succeed()
            end.begun = False
            following = end.journey.step
            wanted = following.slots if following is not None and end.journey.mode == mode else ()
            end.held &= {"budget", *wanted}
            if end.journey.machine.is_available or end.journey.mode == ENDED:
                end.held = end.held - {"budget"}
            found.append((end, int(fails)))
        return found


@pytest.mark.parametrize("budgeted", [True, False], ids=["budget", "no budget"])
@pytest.mark.parametrize("recover", ["rollback", "repair", "leave"])
@pytest.mark.parametrize("text", EVERY)
def test_every_interleaving_of_two_machines_with_one_failure_ends(text: str, recover: str, budgeted: bool) -> None:
    """Each slot, and the budget of unavailable machines, has one place: the tightest fleet there is."""
    strategy = strategy_of(text)
    failures = Failures(retries=0, recover=recover)
    start = (Walker(journey_of(strategy, failures, "a")), Walker(journey_of(strategy, failures, "b")), 1)
    seen = set()
    todo = [start]
    ends = set()
    while todo:
        a, b, left = todo.pop()
        key = (a.key(), b.key(), left)
        if key in seen:
            continue
        seen.add(key)
        moves = [(after, b, left - used) for after, used in a.moves(b.held, left, budgeted)]
        moves += [(a, after, left - used) for after, used in b.moves(a.held, left, budgeted)]
        todo += moves
        if not moves:
            assert a.journey.step is None and b.journey.step is None, "the two wait for each other"
            ends.add((a.journey.outcome, b.journey.outcome, left))
            assert is_settled(a.journey) and is_settled(b.journey)
    lost = {"rollback": "rolled_back", "repair": "repaired", "leave": "failed"}[recover]
    assert ends == {("upgraded", "upgraded", 1), ("upgraded", lost, 0), (lost, "upgraded", 0)}
    assert {outcome for end in ends for outcome in end[:2]} <= set(OUTCOMES)
    assert len(seen) > 100


# -- refusals ---------------------------------------------------------------------------------


def test_illegal_changes_are_refused() -> None:
    vm = machine_of(make_strategy("os_swap"))
    for change in ({"powered": False}, {"booting": True}, {"booting": True, "powered": False, "application": False}):
        with pytest.raises(InvariantError):
            vm.become(**change)
    with pytest.raises(InvariantError, match="no legal transition"):
        vm.become(application=False).become(booting=True)
    assert vm.become(failed=True).state == FAILED


def test_a_strategy_that_loses_machines_is_refused() -> None:
    own = UpgradeStrategy("own", "test", "stops and never starts", "software", (stop_application(),))
    with pytest.raises(InputError, match="application_stopped"):
        check_strategy(own)
    with pytest.raises(InputError, match="no action"):
        Step("x", "fly")
    with pytest.raises(InputError, match="no slot"):
        Step("x", "nothing", slots=("parking",))
    with pytest.raises(InputError, match="two steps"):
        UpgradeStrategy("own", "", "", "os", (Step("x", "nothing"), Step("x", "nothing")))
    with pytest.raises(InputError, match="neither"):
        UpgradeStrategy("own", "", "", "data", (Step("x", "nothing"),))
    with pytest.raises(InputError, match="no steps"):
        UpgradeStrategy("own", "", "", "os", ())
    with pytest.raises(InputError, match="order"):
        slots = ((), ("vcenter",), ("vcenter", "power"))
        UpgradeStrategy("own", "", "", "os", tuple(Step(f"{i}", "nothing", slots=s) for i, s in enumerate(slots)))
    with pytest.raises(InputError, match="unknown"):
        make_strategy("swap")
    with pytest.raises(InputError, match="unknown parameter"):
        make_strategy("os_swap", disk="os")


def test_the_list_is_complete() -> None:
    rows = strategies_table()
    assert [row["name"] for row in rows] == list(STRATEGIES)
    assert all(row["source"] and row["summary"] and row["steps"] for row in rows)
    for row in rows:
        assert all(step["source"] for step in row["steps"])


@pytest.mark.parametrize("law", [Fixed(3.0), Between(2.0, 5.0), Triangle(1.0, 2.0, 6.0), Triangle(1.0, 1.0, 6.0)])
def test_time_laws_have_the_stated_mean(law: Fixed | Between | Triangle) -> None:
    n = 20_000  # the midpoint rule over the quantile function: error below span / n
    mean = sum(law.quantile_s((i + 0.5) / n) for i in range(n)) / n
    assert mean == pytest.approx(law.mean_s, abs=1e-3)
    for bad in (lambda: Fixed(-1.0), lambda: Between(2.0, 1.0), lambda: Triangle(1.0, 9.0, 6.0)):
        with pytest.raises(ValueError):
            bad()
