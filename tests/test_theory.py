"""The reference engine against queueing theory: every expected value is computed here from its formula.

A result is accepted if |error| <= max(tolerance, 3.5 standard errors) and the standard error, from
independent replications, is at most a third of the tolerance. Times are in units of the mean service, 1 ms.
"""

import math

import numpy as np
import pytest

from placement_sim.engine.datapath import Stream
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.service import Deterministic, Exponential, Uniform
from placement_sim.policies import make_policy
from placement_sim.workloads import ExponentialThink, Poisson, SequentialAddresses, synthetic_requests

MS = 1_000_000
BLOCK = 4096
TOLERANCE = 0.03  # relative
EXPONENTIAL = Exponential(0.001)


def run(seed, policy, disks, count, *, service=EXPONENTIAL, channels=1, rate=None, outstanding=0, think=0.0,
        warm_up=0):  # fmt: skip
    """Write `count` blocks one after the other, each for the first time; `rate`, `think`, `warm_up` in ms."""
    cluster = Cluster(
        (Host("h", "h"),),
        tuple(Disk(f"d{i}", 0, 1 << 50, service, channels) for i in range(disks)),
        (StorageObjectSpec("o", count * BLOCK, BLOCK, tuple(range(disks))),),
    )
    law = {"think": ExponentialThink(think / 1000)} if rate is None else {"arrivals": Poisson(1000 * rate)}
    requests = synthetic_requests(
        seed=seed, name="w", count=count, object_bytes=count * BLOCK, align_bytes=BLOCK, sizes=[(BLOCK, 1.0)],
        read_share=0.0, addresses=SequentialAddresses(), **law,
    )  # fmt: skip
    stream = Stream("w", 0, requests, outstanding)
    return simulate(cluster, [stream], policy, seed=seed, warm_up_ns=warm_up * MS, window_ns=1000 * MS)


def accept(values, expected, tolerance=TOLERANCE):
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    wrong = abs(float(np.mean(values)) - expected)
    assert error <= tolerance * expected / 3, f"too few: standard error {error} of {expected}"
    assert wrong <= max(tolerance * expected, 3.5 * error), f"{np.mean(values)} +- {error}, expected {expected}"


def times(runs, count, policy, disks, **more):
    """Give the mean time in system of each replication, in ms."""
    outcomes = [run(seed, make_policy(policy[0], **policy[1]), disks, count, **more) for seed in range(1, runs + 1)]
    return [int(one.latency_sum_ns.sum()) / one.counts["finished"] / MS for one in outcomes]


def erlang_c_wait(channels, load):
    """Mean wait of M/M/c with service mean 1: C(c, a) / (c - a)."""
    top = load**channels / math.factorial(channels) * channels / (channels - load)
    return top / (sum(load**k / math.factorial(k) for k in range(channels)) + top) / (channels - load)


HEAVY = pytest.mark.slow
RANDOM = ("random", {})


@pytest.mark.parametrize(("load", "count"), [(0.5, 25_000), pytest.param(0.8, 130_000, marks=HEAVY)])
def test_m_m_1(load, count):
    accept(times(10, count, RANDOM, 1, rate=load, warm_up=200), 1 / (1 - load))


@pytest.mark.parametrize(("load", "count"), [(0.5, 8_000), pytest.param(0.8, 50_000, marks=HEAVY)])
def test_m_d_1(load, count):
    values = times(10, count, RANDOM, 1, rate=load, warm_up=200, service=Deterministic(0.001))
    accept(values, 1 + load / (2 * (1 - load)))


@pytest.mark.parametrize(("load", "count"), [(0.5, 12_000), pytest.param(0.8, 50_000, marks=HEAVY)])
def test_m_g_1_pollaczek_khinchine(load, count):
    second_moment = 2.0**2 / 3  # of U(0, 2)
    values = times(10, count, RANDOM, 1, rate=load, warm_up=200, service=Uniform(0.0, 0.002))
    accept(values, 1 + load * second_moment / (2 * (1 - load)))


@pytest.mark.parametrize(("channels", "load"), [pytest.param(2, 1.5, marks=HEAVY), pytest.param(4, 3.2, marks=HEAVY)])
def test_m_m_c_erlang_c(channels, load):
    values = times(10, 60_000, RANDOM, 1, rate=load, warm_up=200, channels=channels)
    accept(values, 1 + erlang_c_wait(channels, load))


@pytest.mark.parametrize(("load", "count"), [(0.5, 20_000), pytest.param(0.8, 120_000, marks=HEAVY)])
def test_round_robin_to_two_servers(load, count):
    n, sigma = 2, 0.5
    for _ in range(1000):  # Erlang-n arrivals at each server
        sigma = (n * load / (n * load + 1 - sigma)) ** n
    accept(times(10, count, ("round_robin", {}), n, rate=n * load, warm_up=200), 1 / (1 - sigma))


@pytest.mark.parametrize("outstanding", [4, 8])
def test_closed_network_of_four_disks(outstanding):
    c = 4
    outcomes = [run(seed, make_policy("random"), c, 10_000, outstanding=outstanding, warm_up=100) for seed in range(8)]
    rates = [one.counts["finished"] / (one.end_ns - one.start_ns) * MS for one in outcomes]
    accept(rates, c * outstanding / (outstanding + c - 1))


def test_finite_source():
    n, think, service = 3, 2.0, 1.0
    weights = [math.perm(n, k) * (service / think) ** k for k in range(n + 1)]
    rate = (1 - weights[0] / sum(weights)) / service
    outcomes = [
        run(seed, make_policy("random"), 1, 10_000, outstanding=n, think=think, warm_up=100) for seed in range(10)
    ]
    rates = [one.counts["finished"] / (one.end_ns - one.start_ns) * MS for one in outcomes]
    answers = [int(one.latency_sum_ns.sum()) / one.counts["finished"] / MS for one in outcomes]
    accept(rates, rate)
    accept(answers, n / rate - think)
    accept([answer / (n / x - think) for answer, x in zip(answers, rates, strict=True)], 1.0)


def test_a_closed_run_without_think_time_keeps_n_present():
    """R = N / X exactly: until the stream runs dry, N requests are present at every instant."""
    n = 5
    out = run(1, make_policy("random"), 3, 5000, outstanding=n)
    full = out.windows.end_ns[:-1]
    assert len(full) >= 1
    assert (out.windows.queue_area_ns[:-1].sum(axis=1) == n * full).all()
    assert int(out.queue_area_ns.sum()) == int(out.latency_sum_ns.sum())


def jsq_time(load, size=120):
    """Mean time in system of two M/M/1 queues behind join-the-shortest-queue, from the truncated chain."""
    states = [(i, j) for i in range(size) for j in range(i, min(size, i + 25))]  # i <= j; the rest is negligible
    index = {state: k for k, state in enumerate(states)}
    rows, columns, rates = [], [], []

    def jump(k, i, j, rate):
        to = index.get((min(i, j), max(i, j)))
        if to is not None and to != k:
            rows.append(k)
            columns.append(to)
            rates.append(rate)

    for k, (i, j) in enumerate(states):
        jump(k, i + 1, j, 2 * load)
        if i:
            jump(k, i - 1, j, 1.0)
        if j:
            jump(k, i, j - 1, 1.0)
    rows, columns, rates = np.array(rows), np.array(columns), np.array(rates)
    out = np.bincount(rows, rates, len(states))
    p = np.full(len(states), 1 / len(states))
    for _ in range(6000):  # uniformisation
        p = p + (np.bincount(columns, p[rows] * rates, len(states)) - p * out) / (2 * load + 2.5)
    p /= p.sum()
    return float(sum(q * (i + j) for q, (i, j) in zip(p, states, strict=True))) / (2 * load)


@pytest.mark.parametrize(
    ("load", "printed", "count"), [(0.5, 1.42632075, 15_000), pytest.param(0.7, 2.10819727, 50_000, marks=HEAVY)]
)
def test_join_the_shortest_of_two(load, printed, count):
    expected = jsq_time(load, size=40)
    assert expected == pytest.approx(printed, rel=1e-5)
    accept(times(10, count, ("least_queue", {}), 2, rate=2 * load, warm_up=200), expected)


@pytest.mark.slow
def test_supermarket_of_a_hundred():
    """Two choices with replacement: sum of load**(2**i - 2) / ... for n infinite, and Gast's value for n = 100."""
    n, d, load = 100, 2, 0.7
    limit = sum(load ** ((d**i - d) / (d - 1)) for i in range(1, 12))
    gast = 1.62677  # n = 100 has no closed form
    assert limit < gast < 1.02 * limit
    policy = ("d_choices", {"d": d, "by": "queue", "replacement": True})
    accept(times(10, 15_000, policy, n, rate=n * load, warm_up=20), gast)


@pytest.mark.parametrize("policy", ["random", "round_robin", "least_queue", "d_choices"])
@pytest.mark.parametrize("law", [{"rate": 2.0}, {"outstanding": 7, "think": 1.0}])
def test_little_on_every_disk(policy, law):
    """Requests present x time is the sum of the times in the disk, to the nanosecond, once all is drained."""
    out = run(3, make_policy(policy), 3, 3000, **law)
    assert out.counts["in_flight"] == 0
    assert out.operations.sum() == 3000
    assert out.queue_area_ns.tolist() == out.sojourn_sum_ns.tolist()
