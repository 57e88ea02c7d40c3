"""What queueing theory and the theory of balls in bins say about a few systems, as functions.

Times are in units of the mean service time unless said otherwise. Each value in an example is a published one.
"""

from __future__ import annotations

import math

import numpy as np


def mg1_time(load: float, squared_variation: float) -> float:
    """Give the mean time in an M/G/1 system.

    Parameters
    ----------
    load
        Arrival rate times mean service time, below 1.
    squared_variation
        Variance of the service time over its squared mean: 1 exponential, 0 deterministic, 1/3 uniform from 0.

    Source: Pollaczek (1930) and Khinchine (1932).

    Examples
    --------
    >>> [round(value, 4) for value in (mg1_time(0.8, 1), mg1_time(0.5, 0), mg1_time(0.8, 1 / 3))]
    [5.0, 1.5, 3.6667]
    """
    return 1 + load * (1 + squared_variation) / (2 * (1 - load))


def mmc_time(channels: int, offered: float) -> float:
    """Give the mean time in an M/M/c system whose offered load is `offered` < `channels`.

    Source: Erlang (1917), the delay formula.

    Examples
    --------
    >>> round(mmc_time(2, 1.5) - 1, 6), round(mmc_time(4, 3.2) - 1, 6)
    (1.285714, 0.745541)
    """
    top = offered**channels / math.factorial(channels) * channels / (channels - offered)
    waits = top / (sum(offered**k / math.factorial(k) for k in range(channels)) + top)
    return 1 + waits / (channels - offered)


def round_robin_time(servers: int, load: float) -> float:
    """Give the mean time where Poisson arrivals go in turn to single exponential servers.

    Each server sees Erlang arrivals: GI/M/1, whose sigma is the root of a fixed-point equation.

    Source: Kleinrock, "Queueing Systems", volume 1 (1975), section on G/M/1.

    Examples
    --------
    >>> round(round_robin_time(2, 0.5), 6), round(round_robin_time(2, 0.8), 5)
    (1.618034, 3.84398)
    """
    sigma = load
    for _ in range(10_000):
        sigma = (servers * load / (servers * load + 1 - sigma)) ** servers
    return 1 / (1 - sigma)


def closed_rate(disks: int, outstanding: int) -> float:
    """Give the throughput of a closed loop over equal exponential disks, each request to a random one.

    Source: Gordon and Newell, "Closed queuing systems with exponential servers", Operations Research 15 (1967).

    Examples
    --------
    >>> round(closed_rate(4, 4), 6), round(closed_rate(4, 8), 6)
    (2.285714, 2.909091)
    """
    return disks * outstanding / (outstanding + disks - 1)


def finite_source_rate(sources: int, think: float) -> float:
    """Give the throughput of M/M/1//N: each source thinks, exponentially, then waits for one server.

    Source: Kleinrock, "Queueing Systems", volume 1 (1975), section on finite populations.

    Examples
    --------
    >>> round(finite_source_rate(3, 2.0) / 0.5, 6)
    1.578947
    """
    weights = [math.perm(sources, k) * think**-k for k in range(sources + 1)]
    return 1 - weights[0] / sum(weights)


def shortest_queue_time(load: float, size: int = 60) -> float:
    """Give the mean time of two exponential servers behind join-the-shortest-queue, ties to either alike.

    The chain of the two queue lengths is cut off at `size` and solved; its tail falls geometrically.

    Source: the model of Haight, "Two queues in parallel", Biometrika 45 (1958).

    Examples
    --------
    >>> round(shortest_queue_time(0.5), 6), round(shortest_queue_time(0.7), 5)
    (1.426321, 2.1082)
    """
    from scipy.sparse import coo_matrix, eye
    from scipy.sparse.linalg import spsolve

    states = [(i, j) for i in range(size) for j in range(i, size)]
    index = {state: k for k, state in enumerate(states)}
    jumps = []
    for (i, j), k in index.items():
        ways = [((i + 1, j), 2 * load), ((i - 1, j), float(i > 0)), ((i, j - 1), float(j > 0))]
        for (a, b), rate in ways:
            to = index.get((min(a, b), max(a, b)), k)
            jumps += [(to, k, rate), (k, k, -rate)]
    rows, columns, rates = (np.array(part) for part in zip(*jumps, strict=True))
    count = len(states)
    balance = coo_matrix((rates, (rows, columns)), shape=(count, count)).tolil()
    balance[0, :] = 1.0  # one balance equation follows from the others: the sum of all takes its place
    shares = spsolve(balance.tocsc(), eye(count, 1).toarray().ravel())
    present = np.array([i + j for i, j in states])
    return float(shares @ present) / (2 * load)


def fullest_bin(balls: int, bins: int) -> float:
    """Give the mean number of balls in the fullest bin when each ball goes to a random one.

    P(max <= k) is the coefficient of x^balls in (sum of x^j / j! for j <= k)^bins, times balls! / bins^balls.

    Source: Feller, "An Introduction to Probability Theory", volume 1, chapter II.

    Examples
    --------
    >>> round(fullest_bin(256, 256), 5)
    4.76665
    """
    mean, log_scale = 0.0, math.lgamma(balls + 1) - balls * math.log(bins)
    for k in range(balls):
        series = np.zeros(balls + 1)
        series[: k + 1] = [math.exp(-math.lgamma(j + 1)) for j in range(k + 1)]
        power, factor, left = np.eye(1, balls + 1)[0], series, bins
        while left:
            if left & 1:
                power = np.convolve(power, factor)[: balls + 1]
            factor, left = np.convolve(factor, factor)[: balls + 1], left >> 1
        below = float(power[balls])
        share = math.exp(math.log(below) + log_scale) if below > 0 else 0.0
        mean += 1 - share
        if 1 - share < 1e-12:
            break
    return mean


def random_placement_variance(balls: int, bins: int) -> float:
    """Give the mean variance over the bins when each ball goes to a random one.

    Source: variance of a binomial count, m/n (1 - 1/n).

    Examples
    --------
    >>> round(random_placement_variance(12432, 72) ** 0.5, 4)
    13.0487
    """
    return balls / bins * (1 - 1 / bins)
