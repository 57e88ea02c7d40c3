"""Rollouts: which machines when. Waves, a budget of unavailable machines, a health gate, a window.

Pure values; the engine starts the machines that a rollout names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from placement_sim.errors import InputError


@dataclass(frozen=True)
class MaintenanceWindow:
    """When machines may be started on their way: for `length_s` from `opens_s`, and again every `every_s`.

    A machine that is on its way when the window closes is finished; the others wait for the next one.

    Examples
    --------
    >>> window = MaintenanceWindow(opens_s=3600, length_s=7200, every_s=86400)
    >>> window.wait_s(0), window.wait_s(4000), window.wait_s(10800)
    (3600, 0, 79200)
    """

    opens_s: float
    length_s: float
    every_s: float = 86400.0

    def __post_init__(self) -> None:
        if self.opens_s < 0 or not 0 < self.length_s <= self.every_s:
            raise InputError("rollout.window", f"{self} never opens, or overlaps itself", "need 0 < length <= every")

    def wait_s(self, now_s: float) -> float:
        """Give the time from `now_s`, in seconds since the rollout began, until it is open; 0 if it is."""
        if now_s < self.opens_s:
            return self.opens_s - now_s
        into = (now_s - self.opens_s) % self.every_s
        return 0 if into < self.length_s else self.every_s - into


@dataclass(frozen=True)
class Rollout:
    """Which machines when.

    Parameters
    ----------
    name, summary
        For people.
    first, growth, largest
        Waves: the first has `first` machines, each further one `growth` times as many, at most `largest`.
    max_unavailable
        Machines whose application may be down at once; None: no budget.
    soak_s
        Time after a wave before the next one, in which health is watched.
    max_failed_share
        The gate: a wave with a larger share of machines that did not come out upgraded stops the rollout.
    on_gate
        ``stop``: machines upgraded so far stay; ``rollback``: they go back to the old version.
    per_host, per_datastore
        Machines on their way at once on one host, on one datastore; None: no limit.
    window
        When machines may be started; None: always.

    Examples
    --------
    >>> canary(canaries=2, growth=3, largest=20).waves(30)
    [2, 6, 18, 4]
    """

    name: str
    summary: str
    first: int
    growth: float = 1.0
    largest: int | None = None
    max_unavailable: int | None = None
    soak_s: float = 0.0
    max_failed_share: float = 1.0
    on_gate: str = "stop"
    per_host: int | None = None
    per_datastore: int | None = None
    window: MaintenanceWindow | None = None

    def __post_init__(self) -> None:
        for name in ("first", "largest", "max_unavailable", "per_host", "per_datastore"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"rollout.{name}", f"{value} is below 1", "give 1 or more, or leave it out")
        if not (1 <= self.growth < math.inf):
            raise InputError("rollout.growth", f"{self.growth} is below 1", "give 1 or more")
        if not 0 <= self.max_failed_share <= 1:
            raise InputError("rollout.max_failed_share", f"{self.max_failed_share} is no share", "give 0 to 1")
        if self.on_gate not in ("stop", "rollback"):
            raise InputError("rollout.on_gate", f"{self.on_gate!r} is unknown", "use stop or rollback")
        if not 0 <= self.soak_s < math.inf:
            raise InputError("rollout.soak", f"{self.soak_s} is no duration", "give 0 or more")

    def waves(self, machines: int) -> list[int]:
        """Give the sizes of the waves; they add up to `machines`."""
        sizes: list[int] = []
        size = float(self.first)
        while (left := machines - sum(sizes)) > 0:
            sizes.append(min(left, math.floor(size), self.largest or left))
            size *= self.growth
        return sizes


def all_at_once(
    *,
    per_host: int | None = None,
    per_datastore: int | None = None,
    max_unavailable: int | None = None,
    window: MaintenanceWindow | None = None,
) -> Rollout:
    """Start every machine at once; only the server's limits order them.

    Examples
    --------
    >>> all_at_once().waves(2000)
    [2000]
    """
    return Rollout(
        "all_at_once", "every machine at once", 2**31, max_unavailable=max_unavailable,
        per_host=per_host, per_datastore=per_datastore, window=window,
    )  # fmt: skip


def rolling(
    batch: int = 20,
    *,
    max_unavailable: int | None = None,
    soak_s: float = 0.0,
    max_failed_share: float = 1.0,
    on_gate: str = "stop",
    per_host: int | None = None,
    per_datastore: int | None = None,
    window: MaintenanceWindow | None = None,
) -> Rollout:
    """Take batches of equal size, one after another.

    Examples
    --------
    >>> rolling(batch=40).waves(100)
    [40, 40, 20]
    """
    return Rollout(
        "rolling", f"batches of {batch}", batch, max_unavailable=max_unavailable, soak_s=soak_s,
        max_failed_share=max_failed_share, on_gate=on_gate, per_host=per_host, per_datastore=per_datastore,
        window=window,
    )  # fmt: skip


def canary(
    canaries: int = 1,
    *,
    growth: float = 4.0,
    largest: int | None = None,
    soak_s: float = 600.0,
    max_failed_share: float = 0.0,
    on_gate: str = "rollback",
    max_unavailable: int | None = None,
    per_host: int | None = None,
    per_datastore: int | None = None,
    window: MaintenanceWindow | None = None,
) -> Rollout:
    """Take a few canaries first, then growing waves, each only if the one before came out healthy.

    Examples
    --------
    >>> canary(canaries=1, growth=4).waves(100)
    [1, 4, 16, 64, 15]
    """
    return Rollout(
        "canary", f"{canaries} canaries, then waves that grow", canaries, growth, largest, max_unavailable, soak_s,
        max_failed_share, on_gate, per_host, per_datastore, window,
    )  # fmt: skip
