"""Statistics against theory: stated coverage, known variances, hand cases."""

import math

import numpy as np
import pytest
from scipy import stats

from placement_sim.experiments import statistics as st


def test_t_interval_covers_as_often_as_it_says():
    """Binomial(4000, 0.9): 4.5 standard deviations are 0.0213."""
    rng = np.random.default_rng(20)
    hits = sum(st.t_interval(rng.normal(3.0, 2.0, 8), 0.9).holds(3.0) for _ in range(4000))
    assert abs(hits / 4000 - 0.9) < 4.5 * math.sqrt(0.9 * 0.1 / 4000)


def test_t_interval_equals_scipy():
    values = [4.1, 3.9, 5.2, 4.4, 4.0]
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.99)
    found = st.t_interval(values, 0.99)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_one_run_has_no_interval():
    assert st.t_interval([5.0]) == st.Interval(-math.inf, 5.0, math.inf)


def test_bootstrap_agrees_with_the_normal_interval_on_a_large_sample():
    values = np.random.default_rng(3).normal(0.0, 1.0, 2000)
    found = st.bootstrap_interval(values, np.random.default_rng(4))
    normal = 1.959964 * values.std() / math.sqrt(2000)
    assert found.half_width == pytest.approx(normal, rel=0.05)


def test_bootstrap_repeats_and_takes_any_statistic():
    values = np.arange(50.0)
    first, second = (st.bootstrap_interval(values, np.random.default_rng(9), np.median) for _ in range(2))
    assert first == second
    assert first.best == 24.5


def test_bootstrap_of_a_constant_is_a_point():
    assert st.bootstrap_interval([2.0] * 5, np.random.default_rng(1)) == st.Interval(2.0, 2.0, 2.0)


def test_variance_reduction_of_correlated_pairs():
    """a = z + e, b = z + f with var z = 9, var e = var f = 1: (10 + 10) / 2 = 10."""
    rng = np.random.default_rng(5)
    shared = rng.normal(0, 3, 20_000)
    found = st.paired_difference(shared + rng.normal(0.5, 1, 20_000), shared + rng.normal(0, 1, 20_000))
    assert found.variance_reduction == pytest.approx(10.0, rel=0.05)  # 5 standard errors
    assert found.interval.best == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([1, 2], [0, 1], math.inf), ([1, 1], [0, 0], math.nan), ([1], [0], math.nan)],
)
def test_variance_reduction_where_nothing_varies(a, b, expected):
    assert st.paired_difference(a, b).variance_reduction == pytest.approx(expected, nan_ok=True)


def test_mser5_cuts_the_published_transient():
    assert st.mser5([10.0] * 100 + [0.0, 1.0] * 450) == 100


@pytest.mark.parametrize("length", [10, 23, 100])
def test_mser5_equals_its_definition(length):
    values = np.random.default_rng(length).exponential(size=length) + 1e6
    means = values[: length // 5 * 5].reshape(-1, 5).mean(axis=1)
    error = [means[cut:].var() / len(means[cut:]) for cut in range(len(means) // 2 + 1)]
    assert st.mser5(values) == 5 * int(np.argmin(error))


def test_mser5_cuts_nothing_from_a_constant():
    assert st.mser5([0.1] * 1000) == 0


def test_batch_means_have_the_variance_of_a_mean():
    """Independent values of variance 1 in batches of 100: variance 0.01."""
    means = st.batch_means(np.random.default_rng(6).normal(size=200_000), 2000)
    assert means.var(ddof=1) == pytest.approx(0.01, rel=5 * math.sqrt(2 / 1999))


def test_holm_by_hand():
    """Sorted .005 .01 .03 .04 times 4 3 2 1, never falling."""
    assert st.holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert st.holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert st.holm([]).tolist() == []


@pytest.mark.parametrize(
    "call",
    [
        lambda: st.Interval(2.0, 1.0, 3.0),
        lambda: st.t_interval([]),
        lambda: st.t_interval([1.0, math.nan]),
        lambda: st.t_interval([1.0, 2.0], 95),
        lambda: st.bootstrap_interval([1.0], np.random.default_rng(1)),
        lambda: st.paired_difference([1.0], [1.0, 2.0]),
        lambda: st.batch_means([1.0], 2),
        lambda: st.batch_means([1.0], 0),
        lambda: st.mser5([1.0] * 9),
        lambda: st.holm([1.1]),
        lambda: st.holm([math.nan]),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError, match=r"\w"):
        call()
