"""Choosing the best point: OCBA's shares against theory, and how often the rule is right against equal shares.

The probability of a correct selection under equal shares is known: an integral over the normal density.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from placement_sim.experiments.statistics import ocba_shares
from placement_sim.experiments.studies.schedule import StopRule, allocate, batches, contest


def test_two_designs_share_by_their_deviations() -> None:
    """Chen et al. (2000): for two designs the theorem is the well-known N1 / N2 = sigma1 / sigma2."""
    assert ocba_shares([1.0, 3.0], [2.0, 6.0]).tolist() == pytest.approx([0.25, 0.75])


def test_shares_follow_the_theorem() -> None:
    """N_i / N_j = ((sigma_i / delta_i) / (sigma_j / delta_j))^2 and N_b = sigma_b sqrt(sum of (N_i / sigma_i)^2)."""
    means, deviations = np.array([5.0, 2.0, 4.0, 10.0]), np.array([1.0, 3.0, 2.0, 4.0])
    share = ocba_shares(means, deviations)
    gaps = means - 2.0
    others = [0, 2, 3]
    for i in others:
        for j in others:
            theory = (deviations[i] / gaps[i] / (deviations[j] / gaps[j])) ** 2
            assert share[i] / share[j] == pytest.approx(theory)
    assert share[1] == pytest.approx(3.0 * math.sqrt(sum((share[i] / deviations[i]) ** 2 for i in others)))
    assert share.sum() == pytest.approx(1.0)


def test_ten_equal_rivals_leave_a_quarter_to_the_best() -> None:
    """Nine rivals alike: the best gets sqrt(9) times the runs of one, 3 / (3 + 9)."""
    share = ocba_shares([0.0] + [1.0] * 9, [1.0] * 10)
    assert share[0] == pytest.approx(0.25) and share[1:].tolist() == pytest.approx([0.75 / 9] * 9)
    assert ocba_shares([0.0] + [1.0] * 9, [1.0] * 10, paired=True).tolist() == pytest.approx([0.1] * 10)


def test_shares_are_near_the_best_there_are() -> None:
    """The bound on a wrong choice that the theorem minimises (Bonferroni) against its numerical minimum."""
    means, deviations = np.arange(5.0), np.full(5, 2.0)

    def wrong(share: np.ndarray, budget: float = 200.0) -> float:
        variance = deviations**2 / (np.abs(share) / np.abs(share).sum() * budget)
        return float(stats.norm.sf(means[1:] / np.sqrt(variance[0] + variance[1:])).sum())

    least = optimize.minimize(wrong, np.full(5, 0.2), method="Nelder-Mead", options={"maxiter": 4000}).fun
    ours, equal = wrong(ocba_shares(means, deviations)), wrong(np.full(5, 0.2))
    assert least <= ours <= 1.35 * least < 0.2 * equal


@pytest.mark.parametrize(
    ("means", "deviations", "expected"),
    [
        ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1 / 3] * 3),
        ([1.0, 1.0], [2.0, 2.0], [0.5, 0.5]),
        ([1.0, math.inf], [2.0, math.nan], [1.0, 0.0]),
    ],
)
def test_ties_and_unknown_points(means: list[float], deviations: list[float], expected: list[float]) -> None:
    assert ocba_shares(means, deviations, paired=True).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("means", "deviations"), [([], []), ([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0, math.nan])])
def test_bad_input_is_refused(means: list[float], deviations: list[float]) -> None:
    with pytest.raises(ValueError, match="one shape"):
        ocba_shares(means, deviations)


def test_ocba_gives_runs_to_what_is_near_the_best_and_uncertain() -> None:
    rng = np.random.default_rng(2)
    samples = [rng.normal(mean, 1.0, 10) for mean in (0.0, 0.4, 5.0, 9.0)]
    more = allocate(samples, "lower", 40)
    assert sum(more) == 40 and more[0] > 5 and more[1] > 5 and more[3] <= 1
    turned = allocate([-sample for sample in samples], "higher", 40)
    assert turned == more
    assert sum(allocate([np.zeros(3), np.zeros(3), np.ones(3)], "lower", 7)) == 7


def test_contest_skips_what_has_no_value() -> None:
    found = contest([np.array([np.nan] * 3), np.array([1.0, np.nan, 2.0]), np.array([2.0, 3.0, 4.0])])
    assert found is not None and (found.best, found.second, found.pairs) == (1, 2, 2)
    assert contest([np.array([1.0, 2.0])]) is None
    assert contest([np.array([1.0, 2.0]), np.array([np.nan, 1.0])]) is None


def test_lucky_replications_do_not_make_a_point_the_best() -> None:
    """All points share what a replication brings; the one that had only the three good ones is still the worse."""
    shared = np.array([-9.0, -8.0, -10.0, 9.0, 8.0, 10.0])
    found = contest([shared, shared[:3] + np.array([1.0, 1.1, 0.9])])
    assert found is not None and found.best == 0 and found.difference.best == pytest.approx(-1.0)


def chance_of_equal_shares(means: np.ndarray, deviation: float, runs: int) -> float:
    """Probability that the first of independent normal sample means is the least, by quadrature."""
    error = deviation / math.sqrt(runs)

    def density(x: float) -> float:
        return float(stats.norm.pdf(x, means[0], error) * np.prod(stats.norm.sf(x, means[1:], error)))

    return float(integrate.quad(density, means[0] - 9 * error, means[0] + 9 * error)[0])


def chosen(means: np.ndarray, deviation: float, shared: float, budget: int, trials: int) -> tuple[float, float]:
    """Share of trials in which the rule, and equal shares of the same budget, choose the first point."""
    rule = StopRule(metric="m", width=1e-9, max_runs=budget, first=5, batch=10)
    rng = np.random.default_rng(8)
    hits = equal = 0
    for _ in range(trials):
        table = rng.normal(means[:, None], deviation, (len(means), budget)) + rng.normal(0, shared, budget)
        seen: list[list[float]] = [[] for _ in means]
        rounds = batches(len(means), 1, rule, lambda pairs, table=table: np.array([table[pair] for pair in pairs]))  # type: ignore[misc]
        for batch in rounds:
            for point, replication in batch:
                seen[point].append(table[point, replication])
        assert sum(map(len, seen)) == budget
        found = contest([np.array(values) for values in seen])
        assert found is not None
        hits += found.best == 0
        equal += int(np.argmin(table[:, : budget // len(means)].mean(axis=1))) == 0
    return hits / trials, equal / trials


def check_selection(means: np.ndarray, deviation: float, shared: float, budget: int, trials: int, worth: float) -> None:
    """The rule is better than equal shares of `worth` times its budget, told apart by 3.5 standard errors.

    The simulation of equal shares is held against the integral first: what replications share cancels in it.
    """
    rule, equal = chosen(means, deviation, shared, budget, trials)
    known = chance_of_equal_shares(means, deviation, budget // len(means))
    assert abs(equal - known) <= 3.5 * math.sqrt(known * (1 - known) / trials)
    rival = chance_of_equal_shares(means, deviation, int(worth * budget) // len(means))
    assert rule - 3.5 * math.sqrt(rule * (1 - rule) / trials) > rival, (rule, rival)


@pytest.mark.parametrize("shared", [0.0, 20.0])
def test_the_rule_chooses_better_than_equal_shares(shared: float) -> None:
    """Ten points half a unit apart, deviation 2, 150 runs: equal shares find the best in .715."""
    check_selection(0.5 * np.arange(10), 2.0, shared, 150, 400, worth=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.0, 6.0, 60.0])
def test_the_rule_is_worth_more_runs(shared: float) -> None:
    """Chen's ten normal designs with means 0 to 9 and deviation 6: better than equal shares of a fifth more runs."""
    check_selection(np.arange(10.0), 6.0, shared, 500, 500, worth=1.2)
