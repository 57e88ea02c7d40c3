"""Laws of when: arrivals of an open loop as gaps, think times of a closed loop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placement_sim.workloads.checks import check_positive

NS_PER_S = 1_000_000_000

Ints = npt.NDArray[np.int64]


def _whole_ns(seconds: npt.NDArray[np.float64]) -> Ints:
    return np.rint(seconds * NS_PER_S).astype(np.int64)


@dataclass(frozen=True)
class Poisson:
    """Independent arrivals in an open loop: exponential gaps, rounded to whole nanoseconds.

    Examples
    --------
    >>> Poisson(1000.0).gaps_ns(np.random.default_rng(1), 0, 5).shape
    (5,)
    """

    rate_per_s: float

    def __post_init__(self) -> None:
        check_positive(**vars(self))

    def gaps_ns(self, rng: np.random.Generator, first: int, count: int) -> Ints:
        """Give the gaps before requests first ... first + count - 1, shape (count,)."""
        return _whole_ns(rng.standard_exponential(count) / self.rate_per_s)

    def wall_ns(self, clock_ns: Ints) -> Ints:
        """Map the sum of gaps to time since the start of the stream, shape as given."""
        return clock_ns


@dataclass(frozen=True)
class FixedRate(Poisson):
    """Evenly spaced arrivals, the first one gap after the start; rounding does not add up.

    Examples
    --------
    >>> FixedRate(3.0).gaps_ns(np.random.default_rng(1), 0, 3).tolist()
    [333333333, 333333334, 333333333]
    """

    def gaps_ns(self, rng: np.random.Generator, first: int, count: int) -> Ints:
        """Give the gaps; nothing is drawn."""
        return np.diff(_whole_ns(np.arange(first, first + count + 1) / self.rate_per_s))


@dataclass(frozen=True)
class OnOff(Poisson):
    """Poisson arrivals at `rate_per_s` for exactly `on_s`, then silence for `off_s`, and again.

    Examples
    --------
    >>> OnOff(100.0, 1.0, 9.0).wall_ns(np.array([500_000_000, 1_500_000_000])).tolist()
    [500000000, 10500000000]
    """

    on_s: float
    off_s: float

    def wall_ns(self, clock_ns: Ints) -> Ints:
        """Put the off periods back in; the clock of the gaps runs only in on periods."""
        on_ns, off_ns = max(1, round(self.on_s * NS_PER_S)), round(self.off_s * NS_PER_S)
        return clock_ns + clock_ns // on_ns * off_ns


@dataclass(frozen=True)
class Renewal(Poisson):
    """Independent gaps of any distribution: the share ``levels[i]`` of them is at most ``gaps_s[i]``.

    Between the levels it is straight; the first level is 0, the last 1. All gaps are then scaled to the rate.

    Examples
    --------
    >>> gaps = Renewal(10.0, (0.0, 0.9, 1.0), (0.0, 0.02, 1.0)).gaps_ns(np.random.default_rng(1), 0, 10_000)
    >>> bool(abs(gaps.mean() / 1e8 - 1) < 0.1)
    True
    """

    levels: tuple[float, ...]
    gaps_s: tuple[float, ...]

    def __post_init__(self) -> None:
        check_positive(rate_per_s=self.rate_per_s)
        levels, gaps = np.array(self.levels, dtype=np.float64), np.array(self.gaps_s, dtype=np.float64)
        if len(levels) != len(gaps) or len(levels) < 2 or levels[0] != 0 or levels[-1] != 1:
            raise ValueError("levels must begin with 0 and end with 1, and gaps_s must have as many values")
        if (np.diff(levels) <= 0).any() or (np.diff(gaps) < 0).any() or gaps[0] < 0 or not 0 < gaps[-1] < math.inf:
            raise ValueError("levels must rise, and gaps_s be finite, 0 or more, never falling, and not all 0")

    def gaps_ns(self, rng: np.random.Generator, first: int, count: int) -> Ints:
        """Give the gaps: one draw a request, through the inverse of the distribution."""
        middles = np.add(self.gaps_s[1:], self.gaps_s[:-1]) / 2
        scale = 1.0 / (self.rate_per_s * float(middles @ np.diff(self.levels)))
        return _whole_ns(np.interp(rng.random(count), self.levels, self.gaps_s) * scale)


@dataclass(frozen=True)
class ExponentialThink:
    """Exponential waits of a closed loop between an answer and the next request.

    Examples
    --------
    >>> bool((ExponentialThink(0.5).think_ns(np.random.default_rng(1), 9) >= 0).all())
    True
    """

    mean_s: float

    def __post_init__(self) -> None:
        if self.mean_s != 0.0:
            check_positive(mean_s=self.mean_s)

    def think_ns(self, rng: np.random.Generator, count: int) -> Ints:
        """Give think times, shape (count,)."""
        return _whole_ns(rng.standard_exponential(count) * self.mean_s)


@dataclass(frozen=True)
class FixedThink(ExponentialThink):
    """The same think time before every request; 0 keeps the loop saturated.

    Examples
    --------
    >>> FixedThink(0.5).think_ns(np.random.default_rng(1), 2).tolist()
    [500000000, 500000000]
    """

    def think_ns(self, rng: np.random.Generator, count: int) -> Ints:
        """Give `count` equal times; nothing is drawn."""
        return np.full(count, round(self.mean_s * NS_PER_S), dtype=np.int64)


Arrivals = Poisson | FixedRate | OnOff | Renewal
Think = FixedThink | ExponentialThink
