"""Reference data path against a SimPy model with a process and a Resource per request.

Both run the same open-loop requests (16 disks, exponential service, Zipf addresses,
least_queue at the first write of a block) and must agree on every latency before anything is
timed. Prints the ratio of CPU times, median of five.

    python benchmarks/reference_path.py [REQUESTS]
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import simpy

from placement_sim.engine.datapath import Stream
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.service import Exponential, service_time_ns
from placement_sim.policies import make_policy
from placement_sim.randomness import draw, mix, stream_key
from placement_sim.workloads import Poisson, ZipfAddresses, synthetic_requests
from placement_sim.workloads.requests import WRITE, Requests

DISKS = 16
OBJECT_BYTES = 1 << 34
BLOCK_BYTES = 1 << 20
SEED = 1


def requests(count: int) -> list[Requests]:
    """Draw the requests once, for both."""
    return list(
        synthetic_requests(
            seed=SEED,
            name="load",
            count=count,
            object_bytes=OBJECT_BYTES,
            align_bytes=4096,
            sizes=[(4096, 1.0)],
            read_share=0.0,
            addresses=ZipfAddresses(0.9),
            arrivals=Poisson(6000.0),
        )
    )


def cluster() -> Cluster:
    """Sixteen disks with a mean service of 1 ms."""
    return Cluster(
        tuple(Host(f"host-{i}", f"host-{i}") for i in range(DISKS)),
        tuple(Disk(f"disk-{i}", i, 1 << 40, Exponential(0.001)) for i in range(DISKS)),
        (StorageObjectSpec("volume", OBJECT_BYTES, BLOCK_BYTES, tuple(range(DISKS))),),
    )


def reference(chunks: list[Requests], *, record: bool) -> list[int]:
    """Run the reference data path; give the latencies in order of completion."""
    outcome = simulate(
        cluster(),
        [Stream("load", 0, iter(chunks))],
        make_policy("least_queue"),
        seed=SEED,
        window_ns=10**12,
        record_requests=record,
    )
    return outcome.records.latency_ns.tolist() if outcome.records else []


def process_per_request(chunks: list[Requests]) -> list[int]:
    """Run the plain SimPy model: the same arrivals, the same choices, the same services."""
    env = simpy.Environment()
    disks = [simpy.Resource(env) for _ in range(DISKS)]
    kind, parameters = Exponential(0.001).encode()
    key = stream_key(SEED, "load", "service")
    owner: dict[int, int] = {}
    present = [0] * DISKS
    latencies: list[int] = []
    last = -1

    def one(number: int, block: int):
        nonlocal last
        start_ns = env.now
        disk = owner.get(block, -1)
        if disk < 0:
            disk = min(range(DISKS), key=lambda d: (present[d], (d - last - 1) % DISKS))
            owner[block] = last = disk
        present[disk] += 1
        word = mix(key, number)
        service_ns = service_time_ns(kind, parameters, True, 4096, 0, 0, draw(word, 0), draw(word, 1))
        with disks[disk].request() as turn:
            yield turn
            yield env.timeout(service_ns)
        present[disk] -= 1
        latencies.append(env.now - start_ns)

    def arrivals():
        number = 0
        for chunk in chunks:
            for time_ns, offset_bytes in zip(chunk.time_ns.tolist(), chunk.offset_bytes.tolist(), strict=True):
                yield env.timeout(time_ns - env.now)
                env.process(one(number, offset_bytes // BLOCK_BYTES))
                number += 1

    env.process(arrivals())
    env.run()
    return latencies


def main() -> None:
    """Check equality, then time both five times in turn."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    chunks = requests(count)
    assert all((chunk.kind == WRITE).all() for chunk in chunks)
    ours, plain = reference(chunks, record=True), process_per_request(chunks)
    if sorted(ours) != sorted(plain):
        raise SystemExit(f"the two models disagree: mean latency {np.mean(ours)} against {np.mean(plain)} ns")
    ratios = []
    for _ in range(5):
        begin = time.process_time()
        process_per_request(chunks)
        middle = time.process_time()
        reference(chunks, record=False)
        end = time.process_time()
        ratios.append((middle - begin) / (end - middle))
    print(f"{count} requests, every latency equal; SimPy process and Resource / reference data path, CPU time:")
    print(f"median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
