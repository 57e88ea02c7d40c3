"""The way of one machine through a strategy: forward, tried again, rolled back, repaired.

No clock and no chance: the engine says how each try went, and here is decided what follows. Every
way ends in a stated outcome, which the tests enumerate.
"""

from __future__ import annotations

from placement_sim.model.machine import FAILED, NEW, Template, VirtualMachine, Vmdk
from placement_sim.upgrades.actions import ACTIONS, Target
from placement_sim.upgrades.common_steps import REPAIR
from placement_sim.upgrades.failures import Failures
from placement_sim.upgrades.steps import Step, UpgradeStrategy

FORWARD, BACK, REPAIRING, CLEANUP, ENDED = "forward", "rollback", "repair", "cleanup", "ended"
UNTOUCHED, UPGRADED, ROLLED_BACK, REPAIRED, LEFT_FAILED = "untouched", "upgraded", "rolled_back", "repaired", "failed"
IN_PROGRESS = "in_progress"
OUTCOMES = (UPGRADED, ROLLED_BACK, REPAIRED, LEFT_FAILED, UNTOUCHED, IN_PROGRESS)


class Journey:
    """One machine on its way.

    Parameters
    ----------
    machine, strategy, templates, failures
        Who, by what steps, from and to which template, and what is done about a failure.

    Examples
    --------
    >>> from placement_sim.model.machine import LinkedClone, templates
    >>> from placement_sim.upgrades import STRATEGIES
    >>> old, new = templates("software")
    >>> vm = VirtualMachine("vm-0", LinkedClone(old.os, old.software, Vmdk("own", "data")), "software")
    >>> journey = Journey(vm, STRATEGIES["software_swap"](), (old, new), Failures())
    >>> while journey.step:
    ...     journey.begin()
    ...     journey.succeed()
    >>> journey.outcome, journey.machine.state
    ('upgraded', 'running_new')
    """

    def __init__(
        self,
        machine: VirtualMachine,
        strategy: UpgradeStrategy,
        templates: tuple[Template, Template],
        failures: Failures,
    ) -> None:
        assert machine.clone.data is not None
        self.machine = machine
        self.strategy = strategy
        self.mode = FORWARD
        self.outcome = UNTOUCHED
        self.attempt = 0
        self.failed_tries = 0
        self._templates = templates
        self._data: Vmdk = machine.clone.data
        self._failures = failures
        self._todo: tuple[Step, ...] = strategy.steps
        self._at = 0
        self._done = 0  # forward steps that are in force

    @property
    def step(self) -> Step | None:
        """The step to be taken next; None at the end of the way."""
        return self._todo[self._at] if self.mode != ENDED else None

    def _act(self, name: str) -> None:
        step = self._todo[self._at]
        template = self._templates[1 if step.version == NEW else 0]
        self.machine = ACTIONS[name](self.machine, Target(step.disk, template, self._data))

    def begin(self) -> None:
        """Note that the step begins."""
        self.outcome = IN_PROGRESS if self.mode != CLEANUP else self.outcome
        self._act(self._todo[self._at].before)

    def succeed(self) -> None:
        """Note that the step is done."""
        self._act(self._todo[self._at].action)
        self.attempt = 0
        self._at += 1
        if self.mode == FORWARD:
            self._done += 1
        if self._at == len(self._todo):
            self._end({FORWARD: UPGRADED, BACK: ROLLED_BACK, REPAIRING: REPAIRED, CLEANUP: self.outcome}[self.mode])

    def _end(self, outcome: str) -> None:
        self.mode, self.outcome = ENDED, outcome

    def fail(self) -> None:
        """Note that the try failed: it is tried again, or the way turns."""
        self._act(self._todo[self._at].after_failure)
        self.failed_tries += 1
        self.attempt += 1
        if self.attempt <= self._failures.retries:
            return
        if self.mode == FORWARD and self._failures.recover == "rollback":
            self._turn_back()
        elif self._failures.recover == "repair" or (self.mode == BACK and self._failures.repair_after_rollback):
            self._go(REPAIRING, (REPAIR,))
        else:
            self.machine = self.machine.become(application=False, failed=True)
            self._end(LEFT_FAILED)

    def _go(self, mode: str, todo: tuple[Step, ...]) -> None:
        self.mode, self._todo, self._at, self.attempt = mode, todo, 0, 0

    def _turn_back(self) -> None:
        back = self.strategy.undo_steps(self._done)
        self._done = 0
        self._go(BACK, back)
        if not back:
            self._end(ROLLED_BACK)

    def roll_back(self) -> None:
        """Take an upgraded machine back to the old version, while the old disk is kept (B9)."""
        assert self.outcome == UPGRADED and self.mode == ENDED
        self._turn_back()

    def clean_up(self) -> None:
        """Give up what the old version still holds of an upgraded machine."""
        assert self.outcome == UPGRADED and self.mode == ENDED
        if self.strategy.cleanup:
            self._go(CLEANUP, self.strategy.cleanup)
        self._done = 0


def is_settled(journey: Journey) -> bool:
    """Whether the machine is in a state in which it may be left."""
    return journey.machine.is_available or journey.machine.state == FAILED
