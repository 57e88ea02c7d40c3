"""How the compiled data path scales: first and later starts, disks, requests, maps, closed loops.

CPU seconds of this process, medians of three; the boot storm of 2,000 machines is in fleet.py.

    python benchmarks/scale.py [--into FOLDER]
"""

from __future__ import annotations

import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from contest import Row, show

from placement_sim.engine.datapath import Stream
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.service import Exponential
from placement_sim.policies import make_policy
from placement_sim.workloads.addresses import UniformAddresses
from placement_sim.workloads.arrivals import FixedThink, Poisson
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.synthetic import synthetic_requests

ROUNDS = 3
LOAD_PER_DISK = 375.0  # requests a second at a mean service of 1 ms
START = """
import sys, time
begin = time.process_time()
from placement_sim import Scenario, run
run(Scenario.from_toml("data/scenarios/unequal_disks.toml"), data_path=sys.argv[1])
print(time.process_time() - begin)
"""

LONG = """
import sys
sys.path.insert(0, "benchmarks")
import scale
print("begun", flush=True)
chunks = [*scale.load(200_000, 1 << 34, think=scale.FixedThink(0.0))]
scale.simulate(scale.cluster(4096, 1 << 34, 4096), [scale.Stream("s", 0, iter(chunks * 1000), 4096)],
               scale.make_policy("least_queue"), seed=1, data_path="compiled")
"""


def cluster(disks: int, size_bytes: int, block_bytes: int) -> Cluster:
    """One object on so many disks, each on a host of its own."""
    return Cluster(
        tuple(Host(f"h{i}", f"h{i}") for i in range(disks)),
        tuple(Disk(f"d{i}", i, 1 << 41, Exponential(0.001)) for i in range(disks)),
        (StorageObjectSpec("volume", size_bytes, block_bytes, tuple(range(disks))),),
    )


def load(count: int, size_bytes: int, **law: object) -> Iterator[Requests]:
    """Draw writes of 4 KiB at uniform addresses."""
    return synthetic_requests(
        seed=1, name="load", count=count, object_bytes=size_bytes, align_bytes=4096, sizes=[(4096, 1.0)],
        read_share=0.0, addresses=UniformAddresses(), **law,
    )  # fmt: skip


def cost_ns(disks: int, count: int, size_bytes: int = 1 << 34, block_bytes: int = 1 << 20, loops: int = 0) -> float:
    """Give CPU nanoseconds a request, the requests drawn beforehand."""
    spent = []
    for _ in range(ROUNDS):
        if loops:
            chunks = [[*load(count // loops, size_bytes, think=FixedThink(0.0))] for _ in range(loops)]
        else:
            chunks = [[*load(count, size_bytes, arrivals=Poisson(LOAD_PER_DISK * disks))]]
        streams = [Stream(f"s{i}", 0, iter(parts), 1 if loops else 0) for i, parts in enumerate(chunks)]
        begin = time.process_time()
        simulate(
            cluster(disks, size_bytes, block_bytes), streams, make_policy("least_queue"), seed=1,
            window_ns=10**12, data_path="compiled",
        )  # fmt: skip
        spent.append(time.process_time() - begin)
    return statistics.median(spent) / count * 1e9


def start_s(data_path: str, cache: str) -> float:
    """Give the CPU seconds of a process that runs the demo's scenario once."""
    command = [sys.executable, "-c", START, data_path]
    done = subprocess.run(
        command, env=os.environ | {"PLACEMENT_SIM_CACHE": cache}, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def stop_s(cache: str) -> float:
    """Give the seconds from Ctrl-C to the end of a process in the middle of a long run of dear events; the longest."""
    waits = []
    for try_number in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", LONG], env=os.environ | {"PLACEMENT_SIM_CACHE": cache}, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        child.stdout.readline()
        time.sleep(3.0 + 0.1 * try_number)
        begin = time.perf_counter()
        child.send_signal(signal.SIGINT)
        child.wait()
        waits.append(time.perf_counter() - begin)
    return max(waits)


def main() -> None:
    """Print the rows."""
    with tempfile.TemporaryDirectory() as cache:
        first, later = start_s("compiled", cache), start_s("compiled", cache)
        reference = start_s("reference", cache)
        stop = stop_s(cache)
    few, many = cost_ns(16, 3_000_000), cost_ns(4096, 3_000_000)
    short, long = cost_ns(16, 100_000), cost_ns(16, 10_000_000)
    rows: list[Row] = [
        {"what": "first start, machine code made", "value": first - reference, "unit": "s", "goal": "at most 6"},
        {"what": "later start over the reference's", "value": later - reference, "unit": "s", "goal": "at most 0.5"},
        {"what": "Ctrl-C to the end of the process", "value": stop, "unit": "s", "goal": "at most 0.5"},
        {"what": "a request, 16 disks", "value": few, "unit": "ns"},
        {"what": "4,096 disks to 16, 3 million", "value": many / few, "unit": "times", "goal": "at most 2.5"},
        {"what": "10 million requests to 100,000", "value": long / short, "unit": "times", "goal": "at most 1.3"},
        {"what": "1 TiB in 4 KiB blocks", "value": cost_ns(16, 1_000_000, 1 << 40, 4096), "unit": "ns a request"},
        *(
            {"what": f"{loops:,} closed loops", "value": cost_ns(16, 1_000_000, loops=loops), "unit": "ns a request"}
            for loops in (1, 100, 10_000)
        ),
        {"what": "peak memory", "value": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "unit": "MiB"},
    ]
    show("scale", rows)


if __name__ == "__main__":
    main()
