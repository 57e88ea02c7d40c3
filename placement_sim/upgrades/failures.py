"""What may go wrong with a step, how long it takes to notice, and what is done then."""

from __future__ import annotations

from dataclasses import dataclass, field

from placement_sim.errors import InputError

HANG, ATTACH, BOOT, UNHEALTHY = "hang", "attach", "boot", "unhealthy"
RECOVERIES = ("rollback", "repair", "leave")


@dataclass(frozen=True)
class PlannedFailure:
    """A failure that a scenario insists on: the first `attempts` tries of one step of one machine."""

    machine: int
    step: str
    attempts: int = 1


@dataclass(frozen=True)
class Failures:
    """Chances of failure a try, and the answer to them; by default nothing fails.

    Parameters
    ----------
    stop_hangs, attach_fails, boot_fails
        Probability a try: assumptions of the scenario.
    bad_template
        Every machine that runs template 2 is unhealthy, whatever is tried (a canary finds it).
    retries
        Further tries of a step, before `recover`.
    recover
        ``rollback`` to the old version, ``repair`` by an operator, or ``leave`` the machine failed.
    repair_after_rollback
        Whether a machine whose rollback fails too is repaired; else it is left failed.
    hang_s, attach_stall_s, boot_limit_s
        Time until a failure is noticed. A hanging stop: assumption. Attach: a stall of 25 s, vSphere storage
        for Docker, issue 1373. Boot: at most 5 min, VMware Horizon documentation.

    Examples
    --------
    >>> Failures(stop_hangs=0.01).chance("hang"), Failures().notice_s("attach")
    (0.01, 25.0)
    """

    stop_hangs: float = 0.0
    attach_fails: float = 0.0
    boot_fails: float = 0.0
    bad_template: bool = False
    retries: int = 1
    recover: str = "rollback"
    repair_after_rollback: bool = True
    hang_s: float = 120.0
    attach_stall_s: float = 25.0
    boot_limit_s: float = 300.0
    planned: tuple[PlannedFailure, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in ("stop_hangs", "attach_fails", "boot_fails"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"failures.{name}", f"{getattr(self, name)} is no probability", "give 0 to 1")
        if self.recover not in RECOVERIES:
            raise InputError("failures.recover", f"{self.recover!r} is unknown", f"use one of {', '.join(RECOVERIES)}")
        if self.retries < 0:
            raise InputError("failures.retries", f"{self.retries} is negative", "give 0 or more")

    def chance(self, kind: str) -> float:
        """Give the probability that a try of a step of this kind fails by chance."""
        return {HANG: self.stop_hangs, ATTACH: self.attach_fails, BOOT: self.boot_fails}.get(kind, 0.0)

    def notice_s(self, kind: str) -> float:
        """Give how long it takes until such a failure is noticed; 0 where it shows at once."""
        return {HANG: self.hang_s, ATTACH: self.attach_stall_s, BOOT: self.boot_limit_s}.get(kind, 0.0)
