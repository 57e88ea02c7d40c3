"""How long things live: laws of the time to failure, each a plain function of one random word.

A life hangs on (seed, disk, "failure") and a counter alone, so that another disk or another policy leaves
every other life as it was. Rates from outside carry their source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from placement_sim.randomness import draw, mix, stream_key

YEAR_S = 365.25 * 86400.0

# Failures per drive and year in service. Source: Backblaze drive statistics, single models to the end of 2022,
# all drives to the end of 2024.
ANNUAL_FAILURE_RATES: dict[str, float] = {"all": 0.0169, "HMS5C4040BLE640": 0.0041, "ST4000DM000": 0.0254}


class LifeLaw(Protocol):
    """A law of the time to failure, or of the time to return."""

    @property
    def mean_s(self) -> float:
        """Mean life in seconds."""
        ...

    def life_s(self, word: int) -> float:
        """Give the life that hangs on a 64-bit random word, in seconds."""
        ...


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} {value!r} is not a positive number")


def _exponent(word: int, index: int = 0) -> float:
    """Give a standard exponential draw; finite, since draws are below 1."""
    return -math.log1p(-draw(word, index))


@dataclass(frozen=True)
class Exponential:
    """A constant failure rate: what is old fails no sooner than what is new.

    Examples
    --------
    >>> law = Exponential(mean_s=1000.0)
    >>> 0.0 <= law.life_s(5) < 40_000.0
    True
    """

    mean_s: float

    def __post_init__(self) -> None:
        _positive("mean_s", self.mean_s)

    def life_s(self, word: int) -> float:
        """Give one life in seconds."""
        return self.mean_s * _exponent(word)


@dataclass(frozen=True)
class Fixed:
    """Always the same time, such as a repair that takes an hour.

    Examples
    --------
    >>> Fixed(3600.0).life_s(1)
    3600.0
    """

    time_s: float

    def __post_init__(self) -> None:
        _positive("time_s", self.time_s)

    @property
    def mean_s(self) -> float:
        """The time itself."""
        return self.time_s

    def life_s(self, word: int) -> float:
        """Give the time in seconds."""
        return self.time_s


@dataclass(frozen=True)
class Weibull:
    """A rate that falls (shape below 1) or rises (above 1) with age: (t / scale)^shape is the cumulative hazard.

    Examples
    --------
    >>> round(Weibull(shape=1.0, scale_s=100.0).mean_s, 6)
    100.0
    """

    shape: float
    scale_s: float

    def __post_init__(self) -> None:
        _positive("shape", self.shape)
        _positive("scale_s", self.scale_s)

    @property
    def mean_s(self) -> float:
        """Mean life: scale x gamma(1 + 1 / shape)."""
        return self.scale_s * math.gamma(1.0 + 1.0 / self.shape)

    def life_s(self, word: int) -> float:
        """Give one life in seconds."""
        return self.scale_s * float(_exponent(word) ** (1.0 / self.shape))


@dataclass(frozen=True)
class Bathtub:
    """Early failures, a constant rate and wear-out, whichever comes first.

    The three hazards add up: a Weibull with a shape below 1, a constant, a Weibull with a shape above 1.
    Source: the additive Weibull model of Xie and Lai, Reliability Engineering and System Safety 52 (1996),
    with a constant rate added.

    Examples
    --------
    >>> law = Bathtub(early_shape=0.5, early_scale_s=1e10, constant_mean_s=1e9, wear_shape=5.0, wear_scale_s=2e8)
    >>> 0.0 < law.life_s(3) < 4e8
    True
    """

    early_shape: float
    early_scale_s: float
    constant_mean_s: float
    wear_shape: float
    wear_scale_s: float

    def __post_init__(self) -> None:
        for name in ("early_shape", "early_scale_s", "constant_mean_s", "wear_shape", "wear_scale_s"):
            _positive(name, getattr(self, name))
        if self.early_shape > 1.0 or self.wear_shape < 1.0:
            raise ValueError("a bathtub has an early_shape of at most 1 and a wear_shape of at least 1")

    def survival(self, age_s: float) -> float:
        """Give the probability to be alive at an age."""
        early = (age_s / self.early_scale_s) ** self.early_shape
        wear = (age_s / self.wear_scale_s) ** self.wear_shape
        return math.exp(-early - age_s / self.constant_mean_s - wear)

    @property
    def mean_s(self) -> float:
        """Mean life: the integral of the survival function, by quadrature."""
        from scipy.integrate import quad

        scale = min(self.constant_mean_s, Weibull(self.wear_shape, self.wear_scale_s).mean_s)
        return scale * float(quad(lambda age: self.survival(age * scale), 0.0, math.inf, limit=500)[0])

    def life_s(self, word: int) -> float:
        """Give one life in seconds."""
        early = self.early_scale_s * float(_exponent(word, 0) ** (1.0 / self.early_shape))
        wear = self.wear_scale_s * float(_exponent(word, 2) ** (1.0 / self.wear_shape))
        return min(early, self.constant_mean_s * _exponent(word, 1), wear)


def annual_rate(rate_per_year: float) -> Exponential:
    """Give the law of so many failures per drive and year in service.

    Examples
    --------
    >>> round(annual_rate(0.01).mean_s / YEAR_S, 9)
    100.0
    """
    _positive("rate_per_year", rate_per_year)
    return Exponential(YEAR_S / rate_per_year)


def backblaze(model: str = "all") -> Exponential:
    """Give the law of a drive model that Backblaze reports, taken to be constant over age (an assumption).

    Source: Backblaze drive statistics, to the end of 2022 and 2024; see ANNUAL_FAILURE_RATES.

    Examples
    --------
    >>> round(YEAR_S / backblaze("ST4000DM000").mean_s, 6)
    0.0254
    """
    if model not in ANNUAL_FAILURE_RATES:
        raise ValueError(f"no rate of drive model {model!r} is known; known are {', '.join(ANNUAL_FAILURE_RATES)}")
    return annual_rate(ANNUAL_FAILURE_RATES[model])


FAILURE_LAWS: dict[str, Callable[..., Any]] = {
    "exponential": Exponential,
    "fixed": Fixed,
    "weibull": Weibull,
    "bathtub": Bathtub,
    "annual_rate": annual_rate,
    "backblaze": backblaze,
}


def renewals(
    seed: int, entity: str, life: LifeLaw, down: LifeLaw | None, horizon_s: float
) -> Iterator[tuple[float, float]]:
    """Give (failed, returned) times of one disk or host that is new at time 0, failures up to the horizon.

    Parameters
    ----------
    down
        Law of the time to return; None: it never does, and returned is infinite.

    Examples
    --------
    >>> list(renewals(1, "d-0", Fixed(10.0), Fixed(5.0), 30.0))
    [(10.0, 15.0), (25.0, 30.0)]
    >>> list(renewals(1, "d-0", Fixed(10.0), None, 30.0))
    [(10.0, inf)]
    """
    failure_key, return_key = stream_key(seed, entity, "failure"), stream_key(seed, entity, "return")
    time_s = 0.0
    count = 0
    while (time_s := time_s + life.life_s(mix(failure_key, count))) <= horizon_s:
        failed_s = time_s
        time_s = math.inf if down is None else time_s + down.life_s(mix(return_key, count))
        count += 1
        yield failed_s, time_s
