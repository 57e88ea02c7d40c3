"""Laws of failure against their own formulas; rates with a source; lives that hang on their key alone."""

import math

import numpy as np
import pytest
from scipy import stats

from placement_sim.randomness import mix, stream_key
from placement_sim.workloads.failures import (
    ANNUAL_FAILURE_RATES,
    FAILURE_LAWS,
    YEAR_S,
    Bathtub,
    Exponential,
    Fixed,
    Weibull,
    annual_rate,
    backblaze,
    renewals,
)

BATHTUB = Bathtub(early_shape=0.6, early_scale_s=3e9, constant_mean_s=8e8, wear_shape=4.0, wear_scale_s=2.5e8)
LAWS = {
    "exponential": (Exponential(1000.0), lambda t: np.exp(-t / 1000.0)),
    "weibull, falling": (Weibull(0.7, 500.0), lambda t: np.exp(-((t / 500.0) ** 0.7))),
    "weibull, rising": (Weibull(3.0, 500.0), lambda t: np.exp(-((t / 500.0) ** 3.0))),
    "bathtub": (BATHTUB, np.vectorize(BATHTUB.survival)),
}


def lives(law, count, entity="d"):
    key = stream_key(7, entity, "failure")
    return np.array([law.life_s(mix(key, index)) for index in range(count)])


@pytest.mark.parametrize("name", LAWS)
def test_lives_follow_the_law(name):
    law, survival = LAWS[name]
    sample = lives(law, 10_000)
    # Kolmogorov and Smirnov at 0.1 %, for one fixed seed.
    assert stats.kstest(sample, lambda t: 1 - survival(t)).pvalue > 0.001
    error = sample.std(ddof=1) / math.sqrt(len(sample))
    assert error <= 0.06 * law.mean_s / 3
    assert abs(sample.mean() - law.mean_s) <= max(0.06 * law.mean_s, 3.5 * error)


def test_a_bathtub_first_falls_then_rises():
    def hazard(age):
        step = age * 1e-4
        return -math.log(BATHTUB.survival(age + step) / BATHTUB.survival(age)) / step

    assert hazard(1e4) > 2 * hazard(5e7)
    assert hazard(3e8) > 2 * hazard(5e7)


def test_sourced_rates():
    assert ANNUAL_FAILURE_RATES == {"all": 0.0169, "HMS5C4040BLE640": 0.0041, "ST4000DM000": 0.0254}
    assert backblaze("all").mean_s == annual_rate(0.0169).mean_s == pytest.approx(YEAR_S / 0.0169)
    with pytest.raises(ValueError, match="ST4000DM000"):
        backblaze("ST4")


def test_a_life_hangs_on_its_own_key_alone():
    first = list(renewals(3, "d-0", Exponential(10.0), Fixed(1.0), 100.0))
    list(renewals(3, "d-1", Weibull(0.5, 10.0), Fixed(1.0), 100.0))
    assert list(renewals(3, "d-0", Exponential(10.0), Fixed(1.0), 50.0)) == [pair for pair in first if pair[0] <= 50]
    assert first != list(renewals(4, "d-0", Exponential(10.0), Fixed(1.0), 100.0))
    assert first != list(renewals(3, "d-1", Exponential(10.0), Fixed(1.0), 100.0))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("exponential", {"mean_s": 0.0}),
        ("exponential", {"mean_s": math.nan}),
        ("fixed", {"time_s": -1.0}),
        ("weibull", {"shape": 0.0, "scale_s": 1.0}),
        ("bathtub", {"early_shape": 2.0, "early_scale_s": 1.0, "constant_mean_s": 1.0, "wear_shape": 2.0,
                     "wear_scale_s": 1.0}),
        ("annual_rate", {"rate_per_year": 0.0}),
    ],
)  # fmt: skip
def test_a_law_refuses_what_is_none(name, values):
    with pytest.raises(ValueError):
        FAILURE_LAWS[name](**values)
