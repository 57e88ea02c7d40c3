"""A year of failures, outages and rebuilds of a thousand disks, without guest I/O.

1,000 disks of 4 TB on 100 hosts, 1,200 TB of mirrored data in groups of 8 GiB, Backblaze's rate of all drives, hosts
down for 10 minutes every 90 days. Prints CPU seconds of making the groups and of a year, median of five years.

    python benchmarks/reliability.py
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.engine.reliability import History, Outages, ReliabilityModel
from placement_sim.model.redundancy import draw_groups
from placement_sim.workloads.failures import YEAR_S, Exponential, backblaze

DISKS = 1000


def main() -> None:
    start = time.process_time()
    free = np.full(DISKS, 4 * 10**12, np.int64)
    hosts = [f"host-{disk // 10}" for disk in range(DISKS)]
    groups = []
    for part in range(100):
        groups += draw_groups(1, f"object-{part}", 12 * 10**12, 8 << 30, 2, free, hosts)
    names = [f"disk-{disk}" for disk in range(DISKS)]
    outages = Outages(Exponential(90 * 86_400.0), Exponential(600.0))
    rebuild = Rebuild(50e6, delay_s=600.0)
    model = ReliabilityModel(names, hosts, hosts, free.tolist(), groups, backblaze(), rebuild, outages)
    print(f"{len(groups)} groups made in {time.process_time() - start:.2f} s")
    times_s, failures = [], 0
    for year in range(5):
        start = time.process_time()
        failures += len(History(model, 1, year).run(YEAR_S).failures)
        times_s.append(time.process_time() - start)
    print(f"a year in {statistics.median(times_s):.2f} s, {failures / 5:.1f} failures of disks a year")


if __name__ == "__main__":
    main()
