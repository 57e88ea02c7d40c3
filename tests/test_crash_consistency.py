"""A9: after a crash at any instant the parent is the union of the written maps, and acknowledged data is found.

Twice: every interleaving of two writers over two components with a crash at every step; and random swarms.
Wrong orders of the same steps must be caught by both.
"""

import itertools
from math import comb

import pytest
from crash_machine import PATENT, LostError, Machine, Writer, explore, paths, replay
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from placement_sim.errors import InvariantError
from placement_sim.model.cluster import StorageObjectSpec
from placement_sim.model.recovery import rebuild_parent
from placement_sim.model.storage_object import Leg

WRITERS = {
    "the same block": (Writer("a", 0), Writer("b", 0)),
    "two blocks": (Writer("a", 0), Writer("b", 1)),
    "overlapping": (Writer("a", 0, 2), Writer("b", 1, 2)),
    "one around the other": (Writer("a", 0, 3), Writer("b", 1)),
    "a write and an unmap": (Writer("a", 0), Writer("u", 0, 1, unmap=True)),
}
WRONG_ORDERS = {
    "parent before component": ("media", "parent", "ack", "component"),
    "acknowledged before the component's map": ("media", "ack", "component", "parent"),
    "the component's map before its data": ("component", "media", "parent", "ack"),
}
HARMLESS_AFTER_A_CRASH = {  # nothing is acknowledged before the component's map; the invariant sees it all the same
    "parent before component, acknowledged last": ("media", "parent", "component", "ack"),
}


def scripts(writers):
    """Every sequence of choices between two components, up to naming them: the first choice is component 0."""
    placements = sum(writer.blocks for writer in writers if not writer.unmap)
    return [(0, *rest) for rest in itertools.product(range(2), repeat=placements - 1)]


@pytest.mark.parametrize("case", WRITERS)
def test_a9_a_crash_in_every_state_of_two_writers_loses_nothing(case):
    writers = WRITERS[case]
    states = [explore(writers, choices) for choices in scripts(writers)]
    assert min(states) > 15


def test_a9_every_interleaving_of_two_writers_with_a_crash_at_every_step():
    writers = WRITERS["the same block"]
    steps = 1 + len(PATENT)  # placing, then the order
    for choices in scripts(writers):
        every = list(paths(writers, choices))
        assert len(every) == len(set(every)) == comb(2 * steps, steps)
        for path in every:
            for length in range(len(path) + 1):
                replay(path[:length], writers, choices).crash()


@pytest.mark.parametrize("order", WRONG_ORDERS)
def test_a9_a_wrong_order_is_caught_by_the_exhaustive_search(order):
    with pytest.raises(LostError):
        for path in paths(WRITERS["two blocks"], (0, 1), WRONG_ORDERS[order]):
            for length in range(len(path) + 1):
                replay(path[:length], WRITERS["two blocks"], (0, 1), WRONG_ORDERS[order]).crash()


@pytest.mark.parametrize("order", sorted({"parent before component", *HARMLESS_AFTER_A_CRASH}))
def test_a9_a_parent_that_knows_too_early_is_caught_without_a_crash(order):
    with pytest.raises(InvariantError, match="unwritten"):
        explore(WRITERS["two blocks"], (0, 1), {**WRONG_ORDERS, **HARMLESS_AFTER_A_CRASH}[order])


def test_a6_the_engine_refuses_to_tell_the_parent_too_early():
    machine = Machine((Writer("a", 0),), (1,))
    machine.step((0, -1))
    assert machine.placement.parent_learns(0, 0, 1, 0, 1, 0) == 0
    assert machine.leg.parent.owner(0) == -1


def test_a9_a_block_on_two_components_has_no_single_owner():
    leg = Leg.alone(StorageObjectSpec("o", 4096, 512, (0, 1)), 2)
    leg.written[0].mark(3)
    leg.written[1].mark(3)
    with pytest.raises(InvariantError, match="block 3 is written on disk 0 and on disk 1"):
        rebuild_parent(leg, 2)


@st.composite
def histories(draw):
    blocks = draw(st.integers(1, 4))
    writers = []
    for index in range(draw(st.integers(2, 5))):
        first = draw(st.integers(0, blocks - 1))
        writers.append(Writer(f"w{index}", first, draw(st.integers(1, blocks - first)), draw(st.integers(0, 3)) == 0))
    components = draw(st.integers(1, 3))
    choices = draw(st.lists(st.integers(0, components - 1), min_size=20, max_size=20))
    return tuple(writers), choices, components, blocks, draw(st.lists(st.integers(0, 999), max_size=60))


def swarm(order, examples):
    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(histories())
    def any_history(history):
        writers, choices, components, blocks, schedule = history
        machine = Machine(writers, choices, order, components, blocks)
        for pick in schedule:
            enabled = machine.enabled()
            if not enabled:
                break
            machine.step(enabled[pick % len(enabled)])
            if order == PATENT:
                machine.check_running()
        machine.crash()

    any_history()


def test_a9_a_random_swarm_of_crashes_loses_nothing():
    swarm(PATENT, 600)


@pytest.mark.parametrize("order", WRONG_ORDERS)
def test_a9_a_wrong_order_is_caught_by_the_swarm(order):
    with pytest.raises((LostError, InvariantError)):
        swarm(WRONG_ORDERS[order], 600)
