"""Laws for the time that a control step takes: one uniform draw gives one time.

One draw keyed by (seed, machine, step) whatever the strategy: that is what pairs comparisons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class TimeLaw(Protocol):
    """A distribution of a duration in seconds."""

    def quantile_s(self, u: float) -> float:
        """Give the time at probability `u`, 0 <= u < 1."""
        ...

    @property
    def mean_s(self) -> float:
        """Mean of the law."""
        ...


def _check(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be finite and not negative, got {value!r}")


@dataclass(frozen=True)
class Fixed:
    """Always the same time.

    Examples
    --------
    >>> Fixed(144.0).quantile_s(0.9)
    144.0
    """

    time_s: float

    def __post_init__(self) -> None:
        _check(time_s=self.time_s)

    def quantile_s(self, u: float) -> float:
        """Give the time."""
        return self.time_s

    @property
    def mean_s(self) -> float:
        """Give the time."""
        return self.time_s


@dataclass(frozen=True)
class Between:
    """Uniform between two published or assumed bounds.

    Examples
    --------
    >>> Between(6.0, 10.0).quantile_s(0.25), Between(6.0, 10.0).mean_s
    (7.0, 8.0)
    """

    low_s: float
    high_s: float

    def __post_init__(self) -> None:
        _check(low_s=self.low_s, high_s=self.high_s)
        if self.high_s < self.low_s:
            raise ValueError(f"high_s {self.high_s!r} is below low_s {self.low_s!r}")

    def quantile_s(self, u: float) -> float:
        """Give the time at probability `u`."""
        return self.low_s + (self.high_s - self.low_s) * u

    @property
    def mean_s(self) -> float:
        """Give the middle."""
        return (self.low_s + self.high_s) / 2


@dataclass(frozen=True)
class Triangle:
    """A most likely time between two bounds, for what an expert estimates.

    Examples
    --------
    >>> Triangle(0.0, 1.0, 2.0).quantile_s(0.5), Triangle(0.0, 0.0, 3.0).mean_s
    (1.0, 1.0)
    """

    low_s: float
    mode_s: float
    high_s: float

    def __post_init__(self) -> None:
        _check(low_s=self.low_s, mode_s=self.mode_s, high_s=self.high_s)
        if not self.low_s <= self.mode_s <= self.high_s or self.low_s == self.high_s:
            raise ValueError(f"need low_s <= mode_s <= high_s and low_s < high_s, got {self}")

    def quantile_s(self, u: float) -> float:
        """Give the time at probability `u`."""
        span = self.high_s - self.low_s
        if u * span < self.mode_s - self.low_s:
            return self.low_s + math.sqrt(u * span * (self.mode_s - self.low_s))
        return self.high_s - math.sqrt((1 - u) * span * (self.high_s - self.mode_s))

    @property
    def mean_s(self) -> float:
        """Give the mean."""
        return (self.low_s + self.mode_s + self.high_s) / 3


TIME_LAWS = {"fixed": Fixed, "between": Between, "triangle": Triangle}
