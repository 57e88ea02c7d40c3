"""The compiled data path against Ciw, salabim and plain heapq Python, on a queue that all can express.

M/M/1: one disk, exponential arrivals and services, load 0.8, first come first served. Each
draws its own numbers, so that equality means: the mean time in system lies within
max(3 %, 3.5 standard errors) of theory, 1 / (1 - load), with the standard error from 20 batches.

    python benchmarks/peers.py [REQUESTS]        (pip install -e '.[benchmark]')
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable

import numpy as np
from contest import Row, number, ratio_row, rounds, show

from placement_sim.engine.datapath import Stream
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.service import Exponential
from placement_sim.policies import make_policy
from placement_sim.workloads import Poisson, SequentialAddresses, synthetic_requests
from placement_sim.workloads.requests import Requests

LOAD = 0.8  # services of mean 1 (ms for the disk)
BATCHES = 20


def heapq_python(count: int) -> list[float]:
    """Run the queue with an event heap in plain Python."""
    rng = random.Random(1)
    heap = [(rng.expovariate(LOAD), 0, True)]
    waiting: list[float] = []
    times, head, busy, arrived = [], 0, False, 0
    while heap:
        now, sequence, is_arrival = heapq.heappop(heap)
        if is_arrival:
            arrived += 1
            waiting.append(now)
            if arrived < count:
                heapq.heappush(heap, (now + rng.expovariate(LOAD), sequence + 2, True))
        else:
            times.append(now - waiting[head])
            head += 1
            busy = False
        if not busy and head < len(waiting):
            busy = True
            heapq.heappush(heap, (now + rng.expovariate(1.0), sequence + 1, False))
    return times


def with_ciw(count: int) -> list[float]:
    """Run the queue in Ciw."""
    import ciw

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=LOAD)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[1],
    )
    ciw.seed(1)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(count, method="Finish")
    return [record.exit_date - record.arrival_date for record in simulation.get_all_records()]


def with_salabim(count: int) -> list[float]:
    """Run the queue in salabim: a component and a resource a request."""
    import salabim

    environment = salabim.Environment(random_seed=1, yieldless=False)
    server = salabim.Resource("disk", env=environment)
    rng = random.Random(1)
    times: list[float] = []

    class Customer(salabim.Component):  # type: ignore[misc]
        def process(self):
            begin = environment.now()
            yield self.request(server)
            yield self.hold(rng.expovariate(1.0))
            self.release(server)
            times.append(environment.now() - begin)

    class Source(salabim.Component):  # type: ignore[misc]
        def process(self):
            for _ in range(count):
                yield self.hold(rng.expovariate(LOAD))
                Customer(env=environment)

    Source(env=environment)
    environment.run()
    return times


def disk_requests(count: int) -> list[Requests]:
    """Draw the requests."""
    return list(
        synthetic_requests(
            seed=1, name="load", count=count, object_bytes=1 << 30, align_bytes=4096, sizes=[(4096, 1.0)],
            read_share=0.0, addresses=SequentialAddresses(), arrivals=Poisson(LOAD * 1000),
        )
    )  # fmt: skip


def compiled(chunks: list[Requests]) -> list[float]:
    """Run the compiled data path with records; milliseconds are the unit of the others."""
    cluster = Cluster(
        (Host("host", "host"),),
        (Disk("disk", 0, 1 << 40, Exponential(0.001)),),
        (StorageObjectSpec("volume", 1 << 30, 1 << 20, (0,)),),
    )
    outcome = simulate(
        cluster, [Stream("load", 0, iter(chunks))], make_policy("stripe"), seed=1, window_ns=10**15,
        record_requests=True, data_path="compiled",
    )  # fmt: skip
    assert outcome.records is not None
    times: list[float] = (outcome.records.latency_ns / 1e6).tolist()
    return times


def check(name: str, times: list[float]) -> None:
    """Stop unless the mean time in system is that of theory."""
    batches = [float(np.mean(part)) for part in np.array_split(np.array(times), BATCHES)]
    mean, error = float(np.mean(times)), float(np.std(batches, ddof=1)) / math.sqrt(BATCHES)
    theory = 1.0 / (1.0 - LOAD)
    if abs(mean - theory) > max(0.03 * theory, 3.5 * error):
        raise SystemExit(f"{name}: mean time in system {mean:.3f}, standard error {error:.3f}, theory {theory}")


def main() -> None:
    """Check against theory, then time."""
    count = number(100_000)
    chunks = disk_requests(count)
    contenders: dict[str, Callable[[], list[float]]] = {
        "plain heapq Python": lambda: heapq_python(count),
        "Ciw": lambda: with_ciw(count),
        "salabim": lambda: with_salabim(count),
        "compiled": lambda: compiled(chunks),
    }
    for name, run in contenders.items():
        check(name, run())
    spent = rounds(contenders)
    rows: list[Row] = [ratio_row(n, spent[n], spent["compiled"], count) for n in contenders if n != "compiled"]
    show("peers", rows)


if __name__ == "__main__":
    main()
