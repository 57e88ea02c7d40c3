"""Walks a strategy before it is run: forward, and back from a failure of every step.

A user's own strategy is refused here with one line, not in the middle of a run.
"""

from __future__ import annotations

from placement_sim.errors import InputError, InvariantError
from placement_sim.model.machine import DATA, LinkedClone, VirtualMachine, Vmdk, templates
from placement_sim.upgrades.failures import Failures
from placement_sim.upgrades.journey import UPGRADED, Journey, is_settled
from placement_sim.upgrades.steps import UpgradeStrategy


def check_strategy(strategy: UpgradeStrategy) -> None:
    """Refuse a strategy that breaks a law of the states, or that leaves a machine lost.

    Raises
    ------
    InputError
        Naming the step after which, or with whose failure, it goes wrong.

    Examples
    --------
    >>> from placement_sim.upgrades import make_strategy
    >>> check_strategy(make_strategy("os_swap"))
    """
    for failing in range(-1, len(strategy.steps)):
        step_name = strategy.steps[max(failing, 0)].name
        try:
            journey = walk(strategy, failing)
        except InvariantError as error:
            when = "without a failure" if failing < 0 else f"when {step_name!r} fails"
            raise InputError(f"strategy {strategy.name!r}", f"{when}: {error}", "mend its steps") from None
        if failing < 0 and (journey.outcome != UPGRADED or journey.machine.state != "running_new"):
            problem = f"its steps end in {journey.machine.state}, not in running_new"
            raise InputError(f"strategy {strategy.name!r}", problem, "add the steps that are missing")
        if not is_settled(journey):
            problem = f"when {step_name!r} fails, its undoing ends in {journey.machine.state}"
            raise InputError(f"strategy {strategy.name!r}", problem, "give each step what undoes it")


def walk(strategy: UpgradeStrategy, failing: int) -> Journey:
    """Take one machine through a strategy in which the step of that index fails; -1: none does."""
    old, new = templates(strategy.role)
    machine = VirtualMachine("vm", LinkedClone(old.os, old.software, Vmdk("vm data", DATA)), strategy.role)
    journey = Journey(machine, strategy, (old, new), Failures(retries=0))
    taken = 0
    while journey.step is not None:
        journey.begin()
        if taken == failing:
            journey.fail()
        else:
            journey.succeed()
        taken += 1
    return journey
