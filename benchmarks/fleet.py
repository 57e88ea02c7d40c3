"""How long the upgrade of a pool of 2,000 takes to simulate: ``python benchmarks/fleet.py [idle large storm]``.

idle: guests and disks do nothing, control processes alone; large: boots in few, large requests;
storm: boots in the published 70,000 requests, on the compiled data path.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from placement_sim import Scenario, run
from placement_sim.engine.datapath import PathName
from placement_sim.experiments.parts import data_folder

IDLE: dict[str, Any] = {
    "boot": {"requests": 0},
    "start": {"requests": 0},
    "patch": {"requests": 0},
    "strategy": "software_swap",
    "rollout": {"name": "rolling", "batch": 100},
}
STORM: dict[str, Any] = {
    "boot": {"read": "550 MB", "written": "25 MB", "requests": 70_000, "think": "140 s"},  # ThinScale, Windows 7
}
CASES: dict[str, tuple[str, dict[str, Any], PathName]] = {
    "idle": ("software_swap, rolling, idle", IDLE, "reference"),
    "large": ("os_swap, all at once, 288 requests a boot", {}, "compiled"),
    "storm": ("os_swap, all at once, 70,000 requests a boot", STORM, "compiled"),
}


def main() -> None:
    """Print wall and processor time, requests a second, and the rollout's makespan of each case."""
    pool = Scenario.from_toml(data_folder() / "scenarios" / "vdi_pool_2000.toml").to_dict()
    for case in sys.argv[1:] or CASES:
        name, changes, path = CASES[case]
        scenario = Scenario.from_dict({**pool, "fleet": {**pool["fleet"], **changes}})
        wall, processor = time.perf_counter(), time.process_time()
        result = run(scenario, data_path=path)
        wall_s, processor_s = time.perf_counter() - wall, time.process_time() - processor
        requests = result.summary["finished_requests"]
        print(
            f"{name}: {wall_s:.1f} s ({processor_s:.1f} s of processor) for {result.summary['makespan_s']:.0f} s of "
            f"rollout; {requests:.0f} requests, {requests / processor_s / 1e6:.2f} million a second of processor"
        )


if __name__ == "__main__":
    main()
