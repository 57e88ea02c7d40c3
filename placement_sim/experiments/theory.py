"""Simulation beside theory: CASES lists systems whose answer is known, `check_theory` runs them.

A case is a scenario like any other, so what is checked is what users run. Service times have a mean of 1 ms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from placement_sim.errors import InputError
from placement_sim.experiments import closed_forms as known
from placement_sim.experiments.misfit import near
from placement_sim.experiments.result import Result
from placement_sim.experiments.run import run
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.statistics import holm, t_interval
from placement_sim.randomness import stream_key

MS = 1e-3
BLOCK = 4096
WARM_UP_MS = 200
LEVEL = 0.05
EXPONENTIAL = {"kind": "exponential", "mean": "1 ms"}


@dataclass(frozen=True)
class Case:
    """One system with a known answer.

    Parameters
    ----------
    unit
        Of the value: "service times", "requests/service time", "blocks" and so on.
    expected
        The theory's value.
    values
        The scenario as plain values, given a number of requests.
    requests
        How many requests a replication has at scale 1.
    measure
        Takes the same value from a result.
    exact
        The value holds in every single run, not on average.
    """

    unit: str
    expected: float
    values: Callable[[int], dict[str, Any]]
    requests: int
    measure: Callable[[Result], float]
    exact: bool = False


def _system(
    policy: Any = "random", disks: int = 1, service: Any = EXPONENTIAL, warm_up: int = WARM_UP_MS, **law: Any
) -> Callable[[int], dict[str, Any]]:
    """Describe a system in which every request is the first write of a block, so that the rule is asked each time."""

    def values(requests: int) -> dict[str, Any]:
        drawn = {"requests": requests, "read_share": 0.0, "size": BLOCK, "addresses": {"law": "sequential"}, **law}
        return {
            "policy": policy,
            "warm_up": f"{warm_up} ms",
            "disks": [{"name": "d", "count": disks, "capacity": "1 TiB", "service": service}],
            "objects": [{"name": "o", "size": requests * BLOCK, "block_size": BLOCK}],
            "workloads": [{"name": "w", "object": "o", "synthetic": drawn}],
        }

    return values


def _poisson(rate_per_service: float) -> dict[str, Any]:
    return {"arrivals": {"law": "poisson", "rate": rate_per_service / MS}}


def _closed(outstanding: int, think_services: float = 0.0) -> dict[str, Any]:
    think = {"think": {"law": "exponential", "mean": f"{think_services} ms"}} if think_services else {}
    return {"closed": {"outstanding": outstanding, **think}}


def _time(result: Result) -> float:
    return float(result.summary["latency_s_mean"]) / MS


def _rate(result: Result) -> float:
    return float(result.summary["throughput_requests_per_s"]) * MS


def _little(result: Result) -> float:
    """L / (lambda T) of the disk where it is furthest from 1; a drained run has 1 everywhere."""
    disks = result.disks
    span_s = result.summary["finished_requests"] / result.summary["throughput_requests_per_s"]
    ratios = disks["queue_requests_mean"] * span_s / (disks["operations"] * disks["sojourn_s_mean"])
    return float(ratios.iloc[int((ratios - 1).abs().argmax())])


def _response(result: Result) -> float:
    """R / (N/X - Z) with N = 3 and Z = 2 service times."""
    return _time(result) / (3 / _rate(result) - 2.0)


def _fullest(result: Result) -> float:
    return float(result.objects["written_blocks"].max())


def _variance(result: Result) -> float:
    return float(result.objects["written_blocks"].var(ddof=0))


def _difference(result: Result) -> float:
    return float(result.objects["written_blocks"].max() - result.objects["written_blocks"].min())


UNIFORM = {"kind": "uniform", "low": "0 ms", "high": "2 ms"}
FIXED = {"kind": "deterministic", "time": "1 ms"}
TIMES, RATE, BLOCKS = "service times", "requests a service time", "blocks"
ANY = _poisson(1.0)

CASES: dict[str, Case] = {
    "M/M/1 at 0.5": Case(TIMES, known.mg1_time(0.5, 1), _system(**_poisson(0.5)), 12_000, _time),
    "M/M/1 at 0.8": Case(TIMES, known.mg1_time(0.8, 1), _system(**_poisson(0.8)), 40_000, _time),
    "M/D/1 at 0.8": Case(TIMES, known.mg1_time(0.8, 0), _system(service=FIXED, **_poisson(0.8)), 20_000, _time),
    "M/G/1 at 0.8, uniform": Case(
        TIMES, known.mg1_time(0.8, 1 / 3), _system(service=UNIFORM, **_poisson(0.8)), 25_000, _time
    ),
    "M/M/2 at 0.75": Case(
        TIMES, known.mmc_time(2, 1.5), _system(service={**EXPONENTIAL, "channels": 2}, **_poisson(1.5)), 25_000, _time
    ),
    "M/M/4 at 0.8": Case(
        TIMES, known.mmc_time(4, 3.2), _system(service={**EXPONENTIAL, "channels": 4}, **_poisson(3.2)), 25_000, _time
    ),
    "round robin, 2 disks at 0.8": Case(
        TIMES, known.round_robin_time(2, 0.8), _system("round_robin", 2, **_poisson(1.6)), 30_000, _time
    ),
    "shortest queue, 2 disks at 0.7": Case(
        TIMES, known.shortest_queue_time(0.7), _system("least_queue", 2, **_poisson(1.4)), 25_000, _time
    ),
    "closed, 4 disks, 8 requests": Case(RATE, known.closed_rate(4, 8), _system(disks=4, **_closed(8)), 10_000, _rate),
    "finite source, 3 thinking": Case(
        RATE, known.finite_source_rate(3, 2.0), _system(**_closed(3, 2.0)), 10_000, _rate
    ),
    "R = N/X - Z": Case("1", 1.0, _system(**_closed(3, 2.0)), 10_000, _response),
    "Little's law, every disk": Case(
        "1", 1.0, _system(disks=3, warm_up=0, **_poisson(2.0)), 3_000, _little, exact=True
    ),
    "random placement, variance": Case(
        "blocks squared",
        known.random_placement_variance(4096, 64),
        _system(disks=64, warm_up=0, **ANY),
        4096,
        _variance,
    ),
    "balls in bins, fullest of 256": Case(
        BLOCKS, known.fullest_bin(256, 256), _system(disks=256, warm_up=0, **ANY), 256, _fullest
    ),
    "round robin, blocks apart": Case(
        BLOCKS, 0.0, _system("round_robin", 8, warm_up=0, **ANY), 4096, _difference, exact=True
    ),
    "most free, blocks apart": Case(
        BLOCKS, 0.0, _system("most_free", 8, warm_up=0, **ANY), 4096, _difference, exact=True
    ),
}
FIXED_SIZE = (_variance, _fullest, _difference)  # theory is about this number of requests


def check_theory(
    cases: Sequence[str] | None = None, replications: int = 10, seed: int = 1, scale: float = 1.0
) -> pd.DataFrame:
    """Run cases and put what comes out beside what theory says.

    Parameters
    ----------
    cases
        Names in CASES; None is all.
    replications
        Runs a case, at least 2.
    seed
        Every replication of every case has a seed of its own, made of this one: cases are independent.
    scale
        Multiplies the number of requests, where theory does not fix it.

    Returns
    -------
    DataFrame
        case, unit, expected, low, best, high (95 % interval of the mean), runs, deviation_se (of the mean
        from theory, in standard errors; NaN where every run gives the same), p_value (two-sided t test,
        adjusted for the number of cases by Holm's method), agrees (p_value of 5 % or more; an exact case
        agrees where every run is within a relative 1e-9 of theory).

    Raises
    ------
    InputError
        A case is unknown, or there are fewer than 2 replications.

    Examples
    --------
    >>> found = check_theory(["round robin, blocks apart"], replications=2)
    >>> float(found["expected"][0]), float(found["best"][0]), bool(found["agrees"][0])
    (0.0, 0.0, True)
    """
    names = list(CASES if cases is None else cases)
    for name in names:
        if name not in CASES:
            raise InputError("cases", f"no case is called {name!r}", near(name, CASES))
    if replications < 2:
        raise InputError("replications", f"{replications} is below 2", "an interval needs 2 or more")
    rows = [_row(name, CASES[name], replications, seed, scale) for name in names]
    frame = pd.DataFrame(rows)
    drawn = ~frame["exact"] & frame["p_value"].notna()
    frame.loc[drawn, "p_value"] = holm(frame.loc[drawn, "p_value"])
    frame.loc[drawn, "agrees"] = frame.loc[drawn, "p_value"] >= LEVEL
    return frame.drop(columns="exact")


def _row(name: str, case: Case, replications: int, seed: int, scale: float) -> dict[str, Any]:
    requests = case.requests if case.measure in FIXED_SIZE else max(100, round(case.requests * scale))
    scenario = Scenario.from_dict({"name": name, **case.values(requests)}, place=name)
    seeds = [stream_key(seed, name, f"replication {i}") % 2**32 for i in range(replications)]
    values = np.array([case.measure(run(scenario, seed=one)) for one in seeds])
    interval = t_interval(values)
    error = float(values.std(ddof=1)) / math.sqrt(replications)
    deviation = (interval.best - case.expected) / error if error > 0 else math.nan
    near_enough = bool(np.isclose(values, case.expected, rtol=1e-9, atol=1e-9).all())
    return {
        "case": name, "unit": case.unit, "expected": case.expected,
        "low": interval.low, "best": interval.best, "high": interval.high, "runs": replications,
        "deviation_se": math.nan if case.exact else deviation,
        "p_value": math.nan if case.exact else 2 * float(stats.t.sf(abs(deviation), replications - 1)),
        "agrees": near_enough, "exact": case.exact,
    }  # fmt: skip
