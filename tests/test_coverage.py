"""How often our intervals hold the mean, against known figures: exact ones, and those of M/M/1's first 25 delays.

The known figures are computed without the functions under test. Accepted within 2 points where enough studies
make 3.5 standard errors smaller than that.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.statistics import t_half_widths, t_interval
from placement_sim.experiments.studies.study import Study
from placement_sim.experiments.studies.sweep import sweep

POINTS = 0.02
MEAN = 2.124489  # of the first 25 delays from empty, arrival rate 1, service rate 10/9
LAW_90 = 0.862  # coverage of 90 % intervals of that mean from 10 replications, as published
T_TEN = {0.9: 1.833113, 0.95: 2.262157}  # quantiles of Student's t with 9 degrees of freedom, from its table
MM1 = """
name = "first 25 customers"
window = "1000 s"
disks = [{ name = "d", capacity = "1 GiB", service = { kind = "exponential", mean = "900 ms" } }]
objects = [{ name = "o", size = "1 MiB", block_size = "1 MiB" }]
[[workloads]]
name = "w"
object = "o"
synthetic = { requests = 25, read_share = 0.0, size = "4 KiB", arrivals = { law = "poisson", rate = 1.0 } }
"""


def lindley(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Mean of the first 25 waits of M/M/1 from empty, by Lindley's recurrence (Proc. Camb. Phil. Soc. 48, 1952)."""
    wait, total = np.zeros(shape), np.zeros(shape)
    for _ in range(24):
        wait = np.maximum(0.0, wait + 0.9 * rng.standard_exponential(shape) - rng.standard_exponential(shape))
        total += wait
    return total / 25


@cache
def known_coverage() -> dict[float, float]:
    """Coverage over 200,000 studies of 10 replications, by formula: a standard error below 0.08 points."""
    rng = np.random.default_rng(1)
    parts = [lindley(rng, (10, 20_000)) for _ in range(10)]
    mean = np.concatenate([part.mean(axis=0) for part in parts])
    squares = np.concatenate([(part**2).sum(axis=0) for part in parts])
    error = np.sqrt((squares - 10 * mean**2) / 9 / 10)
    assert abs(mean.mean() - MEAN) < 3.5 * mean.std() / math.sqrt(len(mean))
    return {confidence: float((np.abs(mean - MEAN) <= t * error).mean()) for confidence, t in T_TEN.items()}


def check(hits: np.ndarray, known: float, bound: float) -> None:
    """Hold a share of hits against a known probability, within a bound or 3.5 standard errors."""
    error = math.sqrt(known * (1 - known) / len(hits))
    assert abs(hits.mean() - known) <= max(bound, 3.5 * error), (hits.mean(), known, error)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_two_sojourns_in_a_steady_queue_are_covered_as_an_integral_says(confidence: float) -> None:
    """Times in a steady M/M/1 are exponential. Of two, the sum S is Gamma(2), |difference| / S uniform and independent.

    The interval holds the mean 1 where |1 - 2 / S| <= t U, so that the coverage is the integral below.
    """
    t = math.tan(math.pi * confidence / 2)  # of one degree of freedom: Cauchy
    known = integrate.quad(lambda s: s * math.exp(-s) * max(0.0, 1 - abs(1 - 2 / s) / t), 0, np.inf, limit=400)[0]
    times = np.random.default_rng(3).exponential(size=(200_000, 2))
    half = t_half_widths(times.std(axis=1, ddof=1), np.full(len(times), 2), confidence)
    check(np.abs(times.mean(axis=1) - 1) <= half, known, bound=0.0)


def test_coverage_over_ten_thousand_small_studies() -> None:
    """The first 25 delays of M/M/1, ten replications: 3.5 standard errors are 1.2 points, so 2 points bind."""
    known = known_coverage()
    assert abs(known[0.9] - LAW_90) <= POINTS
    delays = lindley(np.random.default_rng(2), (10_000, 10))
    mean, deviation = delays.mean(axis=1), delays.std(axis=1, ddof=1)
    for confidence, expected in known.items():
        assert 3.5 * math.sqrt(expected * (1 - expected) / len(delays)) < POINTS
        half = t_half_widths(deviation, np.full(len(delays), 10), confidence)
        check(np.abs(mean - MEAN) <= half, expected, POINTS)
        first = t_interval(delays[0], confidence)
        assert first.half_width == pytest.approx(half[0]) and first.best == pytest.approx(mean[0])


def mean_waits(found: pd.DataFrame) -> np.ndarray:
    """Mean wait of the 25 customers: time in system less mean service, which is busy time over customers."""
    busy_s = found["utilisation_mean"] * 25 / found["throughput_requests_per_s"]
    return (found["latency_s_mean"] - busy_s / 25).to_numpy(float)


@pytest.mark.slow
def test_coverage_over_a_thousand_studies_that_were_swept(tmp_path: Path) -> None:
    """Ten replications of the first 25 delays, 1,000 times, through scenario, engine, store and interval.

    With 1,000 studies the standard error is 1.1 points, so that 3.5 of them bind here, 2 points above.
    """
    study = Study(scenario=Scenario.from_text(MM1), replications=10_000, metrics=("latency_s_mean",))
    found = sweep(study, store=tmp_path, workers=2)
    assert not found.partial
    waits = mean_waits(found.runs)
    error = waits.std(ddof=1) / 100
    assert abs(waits.mean() - MEAN) <= max(0.05, 3.5 * error) and error <= 0.05
    for confidence, expected in known_coverage().items():
        hits = np.array([t_interval(group, confidence).holds(MEAN) for group in waits.reshape(1000, 10)])
        check(hits, expected, POINTS)
