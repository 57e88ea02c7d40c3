"""Which replications are run, and when to stop: all of them, or as many as the choice of the best needs.

Decisions hang on results alone and are taken between whole batches, so that they are the same for any
number of workers and after any interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from placement_sim.experiments.misfit import MisfitError
from placement_sim.experiments.parts import Name, Part
from placement_sim.experiments.statistics import Interval, ocba_shares, paired_difference

Floats = npt.NDArray[np.float64]
Pair = tuple[int, int]  # point, replication
MIN_REGRESSION = 3  # replications from which a slope can be estimated
SEQUENTIAL_BIAS = (
    "The number of runs was chosen by looking at the results: the interval of best minus second covers less "
    "often than it says, and the best mean is a little too good (it was picked for being the best)."
)


class StopRule(Part):
    """Stop when best minus second is known well enough, or after so many runs.

    Parameters
    ----------
    metric
        What decides.
    better
        Whether the "lower" or the "higher" mean is best.
    width
        Stop when the interval of best minus second is narrower than this, in the metric's unit.
    max_runs
        Stop after so many runs of the whole study.
    first
        Replications of every point before the first decision.
    batch
        Runs between decisions; by default a fifth of the points, at least 2.
    confidence
        Of the interval.
    """

    metric: Name
    better: Literal["lower", "higher"] = "lower"
    width: float = Field(gt=0, allow_inf_nan=False)
    max_runs: int = Field(ge=1)
    first: int = Field(default=5, ge=2)
    batch: int | None = Field(default=None, ge=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_runs < 2 * self.first:
            problem = f"{self.max_runs} runs are fewer than {self.first} replications of two points"
            raise MisfitError("max_runs", problem, "give more runs or fewer first replications")
        return self


class Contest(NamedTuple):
    """Best and second point and the interval of best minus second over their common replications."""

    best: int
    second: int
    difference: Interval
    pairs: int


def batches(
    points: int, replications: int, stop: StopRule | None, values: Callable[[Sequence[Pair]], Floats]
) -> Iterator[list[Pair]]:
    """Give batches of (point, replication), each to be finished before the next is asked for.

    Parameters
    ----------
    values
        Gives the stop rule's metric of finished runs; NaN for one that failed or has no value.

    Examples
    --------
    >>> next(batches(2, 2, None, lambda pairs: np.zeros(0)))
    [(0, 0), (1, 0), (0, 1), (1, 1)]
    """
    first = replications if stop is None else min(stop.first, max(1, stop.max_runs // max(1, points)))
    opening = [(point, replication) for replication in range(first) for point in range(points)]
    yield opening
    if stop is None or points < 2:
        return
    samples = [values([(point, replication) for replication in range(first)]) for point in range(points)]
    while (room := stop.max_runs - sum(map(len, samples))) > 0:
        found = contest(samples, stop.better, stop.confidence)
        if found is None or found.difference.high - found.difference.low <= stop.width:
            return
        more = allocate(samples, stop.better, min(room, stop.batch or max(2, points // 5)))
        batch = [(p, len(samples[p]) + i) for p, count in enumerate(more) for i in range(count)]
        yield batch
        for point in range(points):
            fresh = [pair for pair in batch if pair[0] == point]
            if fresh:
                samples[point] = np.concatenate([samples[point], values(fresh)])


def _means(samples: Sequence[Floats], better: str) -> Floats:
    """Means with the sign turned so that lower is better; infinite where fewer than two values are known.

    Replications meet the same random numbers at all points, so a point with few of them is moved by how these few
    turned out at the point with the most: the regression estimate for samples of which one goes on. Without
    it, lucky replications would pass for a good point.

    Source: T. W. Anderson, "Maximum likelihood estimates for a multivariate normal distribution when some
    observations are missing", J. Amer. Statist. Assoc. 52 (1957).
    """
    sign = 1.0 if better == "lower" else -1.0
    longest = max(samples, key=lambda sample: np.isfinite(sample).sum())
    return np.array([sign * _mean_beside(sample, longest) if np.isfinite(sample).sum() > 1 else np.inf
                     for sample in samples])  # fmt: skip


def _mean_beside(sample: Floats, longest: Floats) -> float:
    mean = float(sample[np.isfinite(sample)].mean())
    common = min(len(sample), len(longest))
    both = np.isfinite(sample[:common]) & np.isfinite(longest[:common])
    if both.sum() < MIN_REGRESSION:
        return mean
    seen = longest[:common][both]
    step = seen - seen.mean()
    squares = float(step @ step)
    slope = float(step @ sample[:common][both]) / squares if squares > 0 else 0.0
    return mean - slope * float(seen.mean() - longest[np.isfinite(longest)].mean())


def contest(samples: Sequence[Floats], better: str = "lower", confidence: float = 0.95) -> Contest | None:
    """Name best and second and compare them pair by pair; None where fewer than two can be compared.

    Examples
    --------
    >>> found = contest([np.array([3.0, 5.0]), np.array([1.0, 2.0]), np.array([9.0, 9.0])])
    >>> found.best, found.second, found.difference.best
    (1, 0, -2.5)
    """
    means = _means(samples, better)
    order = np.argsort(means, kind="stable")
    if len(order) < 2 or not np.isfinite(means[order[1]]):
        return None
    best, second = int(order[0]), int(order[1])
    common = min(len(samples[best]), len(samples[second]))
    a, b = samples[best][:common], samples[second][:common]
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 2:
        return None
    return Contest(best, second, paired_difference(a[both], b[both], confidence).interval, int(both.sum()))


def allocate(samples: Sequence[Floats], better: str, budget: int) -> list[int]:
    """Share out further replications: half to best and second, which the rule looks at, half by OCBA.

    OCBA (`ocba_shares`) gives more to a point whose mean is near the best and uncertain; runs are paired by
    common random numbers here.

    Parameters
    ----------
    samples
        Values of each point, at least two.
    budget
        Replications to share out.

    Returns
    -------
    list of int
        Further replications of each point; they sum to `budget`.

    Source: as `ocba_shares`; with pairing, and with half the budget set apart, it is a heuristic.

    Examples
    --------
    >>> near, far = np.array([1.1, 2.1, 3.4]), np.array([9.0, 11.0, 10.0])
    >>> allocate([np.array([1.0, 2.0, 3.0]), near, far], "lower", 4)
    [2, 2, 0]
    """
    means = _means(samples, better)
    best, second = (int(index) for index in np.argsort(means, kind="stable")[:2])
    counts = np.array([len(sample) for sample in samples])
    more = np.zeros(len(samples), dtype=int)
    for _ in range((budget + 1) // 2):
        more[best if (counts + more)[best] <= (counts + more)[second] else second] += 1
    rest = budget - int(more.sum())
    spread = np.array([_paired_std(sample, samples[best]) for sample in samples])
    wanted = ocba_shares(means, spread, paired=True) * (counts.sum() + budget)
    return [int(count) for count in more + _apportion(np.maximum(wanted - counts - more, 0.0), rest)]


def _paired_std(sample: Floats, best: Floats) -> float:
    common = min(len(sample), len(best))
    difference = sample[:common] - best[:common]
    finite = difference[np.isfinite(difference)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else 0.0


def _apportion(wanted: Floats, budget: int) -> npt.NDArray[np.int64]:
    """Round shares to whole numbers that sum to the budget: largest remainders first."""
    exact = wanted / wanted.sum() * budget if wanted.sum() > 0 else np.full(len(wanted), budget / len(wanted))
    whole: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    for index in np.argsort(whole - exact, kind="stable")[: budget - whole.sum()]:
        whole[index] += 1
    return whole
