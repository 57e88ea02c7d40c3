"""Intervals, paired differences and truncation: pure functions of numbers.

Low, best and high are one value, so that no table can show a mean without its interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval and the best estimate inside it.

    Examples
    --------
    >>> Interval(1.0, 2.0, 3.5).half_width, Interval(-1.0, 0.5, 2.0).holds(0.0)
    (1.25, True)
    """

    low: float
    best: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.best or self.best > self.high:
            raise ValueError(f"interval is out of order: {self.low} <= {self.best} <= {self.high} is false")

    @property
    def half_width(self) -> float:
        """Half the distance from low to high."""
        return (self.high - self.low) / 2

    def holds(self, value: float) -> bool:
        """Tell whether `value` lies in the interval, ends included."""
        return self.low <= value <= self.high


def t_interval(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Give Student's t interval of the mean of independent values.

    One value has an infinite interval: a single run says that it is one.

    Parameters
    ----------
    values
        Shape (runs,), at least one, finite.

    Raises
    ------
    ValueError
        No values, values that are not finite, or a confidence outside (0, 1).

    Source: Student, "The probable error of a mean", Biometrika 6 (1908).

    Examples
    --------
    >>> interval = t_interval([1.0, 2.0, 3.0])
    >>> round(interval.low, 3), interval.best, round(interval.high, 3)
    (-0.484, 2.0, 4.484)
    """
    sample = _sample(values)
    _check_confidence(confidence)
    best = float(sample.mean())
    if len(sample) == 1:
        return Interval(-math.inf, best, math.inf)
    quantile = float(stats.t.ppf((1 + confidence) / 2, len(sample) - 1))
    half_width = quantile * float(sample.std(ddof=1)) / math.sqrt(len(sample))
    return Interval(best - half_width, best, best + half_width)


def t_half_widths(deviations: npt.ArrayLike, counts: npt.ArrayLike, confidence: float = 0.95) -> Floats:
    """Give half the widths of many t intervals at once: infinite for one value, nan for none.

    Parameters
    ----------
    deviations, counts
        Standard deviations (divisor n - 1) and numbers of values, same shape.

    Examples
    --------
    >>> t_half_widths([1.0, 0.0], [3, 1]).round(3).tolist()
    [2.484, inf]
    """
    _check_confidence(confidence)
    deviation, count = np.asarray(deviations, dtype=np.float64), np.asarray(counts)
    many = np.maximum(count, 2)
    half: Floats = stats.t.ppf((1 + confidence) / 2, many - 1) * deviation / np.sqrt(many)
    return np.where(count > 1, half, np.where(count == 1, np.inf, np.nan))


def bootstrap_interval(
    values: npt.ArrayLike,
    rng: np.random.Generator,
    statistic: Callable[..., Any] = np.mean,
    confidence: float = 0.95,
    resample_count: int = 9999,
) -> Interval:
    """Give the percentile bootstrap interval of a statistic, for example ``numpy.median``.

    Parameters
    ----------
    statistic
        Called as ``statistic(sample, axis=axis)``.

    Raises
    ------
    ValueError
        Fewer than two values, values that are not finite, or a confidence outside (0, 1).

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.

    Examples
    --------
    >>> interval = bootstrap_interval([1.0, 2.0, 3.0, 4.0], np.random.default_rng(1))
    >>> interval.low < interval.best == 2.5 < interval.high
    True
    """
    sample = _sample(values, least=2)
    _check_confidence(confidence)
    best = float(statistic(sample, axis=0))
    found = stats.bootstrap(
        (sample,),
        statistic,
        n_resamples=resample_count,
        confidence_level=confidence,
        method="percentile",
        vectorized=True,
        rng=rng,
        batch=max(1, 1_000_000 // len(sample)),
    ).confidence_interval
    return Interval(min(float(found.low), best), best, max(float(found.high), best))


@dataclass(frozen=True)
class PairedDifference:
    """The mean of ``a - b`` over paired runs, and what pairing gained.

    ``variance_reduction`` is ``(var a + var b) / var(a - b)``: how many times as many
    independent runs the same precision would take. It is nan where it is 0 / 0 or where
    there is one pair only. ``p_value`` is that of the two-sided t test of no difference, nan
    for one pair; where the differences have no variance it is 1 for none and 0 for some.
    """

    interval: Interval
    variance_reduction: float
    p_value: float


def paired_difference(a: npt.ArrayLike, b: npt.ArrayLike, confidence: float = 0.95) -> PairedDifference:
    """Compare runs that shared their random numbers, pair by pair.

    Parameters
    ----------
    a, b
        Shape (runs,); ``a[i]`` and ``b[i]`` had the same seed.

    Raises
    ------
    ValueError
        Different lengths, no values, or values that are not finite.

    Source: Law, "Simulation Modeling and Analysis", section on common random numbers.

    Examples
    --------
    >>> found = paired_difference([3.0, 5.0, 7.5], [2.0, 4.0, 6.0])
    >>> round(found.interval.best, 3), round(found.variance_reduction, 1)
    (1.167, 109.0)
    """
    left, right = _sample(a), _sample(b)
    if len(left) != len(right):
        raise ValueError(f"pairs need equal lengths, got {len(left)} and {len(right)}")
    difference = left - right
    interval = t_interval(difference, confidence)
    if len(difference) == 1:
        return PairedDifference(interval, math.nan, math.nan)
    unpaired = float(left.var(ddof=1) + right.var(ddof=1))
    paired = float(difference.var(ddof=1))
    if paired == 0.0:
        return PairedDifference(interval, math.inf if unpaired > 0.0 else math.nan, float(interval.best == 0.0))
    statistic = abs(interval.best) / math.sqrt(paired / len(difference))
    p_value = 2 * float(stats.t.sf(statistic, len(difference) - 1))
    return PairedDifference(interval, unpaired / paired, p_value)


def batch_means(values: npt.ArrayLike, batch_count: int) -> Floats:
    """Give the means of equal consecutive batches; what does not fit is dropped at the start.

    Raises
    ------
    ValueError
        `batch_count` below 1 or above the number of values.

    Source: Schmeiser, "Batch size effects in the analysis of simulation output",
    Operations Research 30 (1982).

    Examples
    --------
    >>> batch_means([9.0, 1.0, 3.0, 5.0, 7.0], 2).tolist()
    [2.0, 6.0]
    """
    sample = _sample(values)
    if not 1 <= batch_count <= len(sample):
        raise ValueError(f"batch_count {batch_count} is not between 1 and {len(sample)}, the number of values")
    size = len(sample) // batch_count
    means: Floats = sample[len(sample) - size * batch_count :].reshape(batch_count, size).mean(axis=1)
    return means


def mser5(values: npt.ArrayLike) -> int:
    """Give the number of values to cut from the start of a series: its warm-up.

    The cut minimises the squared standard error of what remains, over means of five values,
    and lies in the first half of the series; of equal minima the first is taken.

    Raises
    ------
    ValueError
        Fewer than ten values, or values that are not finite.

    Source: White, Cobb and Spratt, "A comparison of five steady-state truncation
    heuristics for simulation", Winter Simulation Conference 2000.

    Examples
    --------
    >>> mser5([10.0] * 100 + [0.0, 1.0] * 450)
    100
    """
    sample = _sample(values, least=10)
    count = len(sample) // 5
    means = sample[: count * 5].reshape(count, 5).mean(axis=1)
    means = means - means[-1]  # near zero, so that the sums of squares lose nothing
    remaining = np.arange(count, 0, -1)
    sums = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum(means[::-1] ** 2)[::-1]
    error = (squares - sums**2 / remaining) / remaining.astype(np.float64) ** 2
    return 5 * int(np.argmin(error[: count // 2 + 1]))


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjust p-values for being several, in their order; compare each with the level itself.

    Raises
    ------
    ValueError
        A value outside [0, 1].

    Source: Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6 (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, dtype=np.float64)
    if not bool(((raw >= 0) & (raw <= 1)).all()):
        raise ValueError("p-values lie between 0 and 1")
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def ocba_shares(means: npt.ArrayLike, deviations: npt.ArrayLike, *, paired: bool = False) -> Floats:
    """Share out a budget of runs so that the least mean is likely to be found (OCBA).

    Parameters
    ----------
    means
        Shape (points,): present means, lower is better; infinite where nothing is known, which gets nothing.
    deviations
        Standard deviations of a point's values; with `paired`, of their differences to the best point's.
    paired
        Whether all points meet the same random numbers. Then the best gets as many runs as the most that any
        other has, so that each of those finds its pair.

    Returns
    -------
    numpy.ndarray
        Shares that sum to 1.

    Raises
    ------
    ValueError
        Different shapes, or no finite mean with a finite deviation.

    Source: Chen, Lin, Yucesan and Chick, "Simulation budget allocation for further enhancing the efficiency
    of ordinal optimization", Discrete Event Dynamic Systems 10 (2000), theorem 1, which takes independent
    samples; pairing is not theirs.

    Examples
    --------
    >>> ocba_shares([0.0, 1.0, 2.0], [1.0, 1.0, 1.0]).round(3).tolist()  # 4 to 1, the best the root of 4^2 + 1^2
    [0.452, 0.438, 0.11]
    """
    mean, deviation = np.asarray(means, dtype=np.float64), np.asarray(deviations, dtype=np.float64)
    known = np.isfinite(mean)
    if mean.shape != deviation.shape or mean.ndim != 1 or not known.any() or not np.isfinite(deviation[known]).all():
        raise ValueError("means and deviations must have one shape, (points,), and a finite mean with its deviation")
    best = int(np.argmin(mean))
    others = known & (np.arange(len(mean)) != best)
    weight = np.zeros(len(mean))
    if not others.any():
        weight[best] = 1.0
        return weight
    gap = mean - mean[best]
    # A tie, or a point without variance, would divide by zero: bound both by what can be told apart.
    scale = max(float(gap[others].max()), float(deviation[others].max()))
    floor = 1e-6 * scale if scale > 0 else 1.0
    spread = np.maximum(deviation, floor)
    weight[others] = (spread[others] / np.maximum(gap[others], floor)) ** 2
    if paired:
        weight[best] = weight.max()
    else:
        weight[best] = spread[best] * math.sqrt(float(((weight[others] / spread[others]) ** 2).sum()))
    shares: Floats = weight / weight.sum()
    return shares


def _sample(values: npt.ArrayLike, least: int = 1) -> Floats:
    """Check that `values` is a flat series of at least `least` finite numbers."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) < least:
        raise ValueError(f"need a flat series of at least {least} values, got shape {sample.shape}")
    if not bool(np.isfinite(sample).all()):
        raise ValueError("values must be finite; drop or explain nan and infinity first")
    return sample


def _check_confidence(confidence: float) -> None:
    """Refuse a confidence that is no probability, such as 95."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence} is not between 0 and 1; write 0.95 for 95 %")
