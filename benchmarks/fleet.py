"""How long the upgrade of a pool of 2,000 takes to simulate: ``python benchmarks/fleet.py``.

Guests idle (control processes alone), and all machines at once with boots in few, large requests.
"""

from __future__ import annotations

import time
from typing import Any

from placement_sim import Scenario, run
from placement_sim.experiments.parts import data_folder

IDLE: dict[str, Any] = {
    "boot": {"requests": 0},
    "start": {"requests": 0},
    "patch": {"requests": 0},
    "strategy": "software_swap",
    "rollout": {"name": "rolling", "batch": 100},
}


def main() -> None:
    """Print wall time and the rollout's makespan of each case."""
    pool = Scenario.from_toml(data_folder() / "scenarios" / "vdi_pool_2000.toml").to_dict()
    for name, changes in (("software_swap, rolling, idle", IDLE), ("os_swap, all at once, 288 requests a boot", {})):
        scenario = Scenario.from_dict({**pool, "fleet": {**pool["fleet"], **changes}})
        started = time.perf_counter()
        result = run(scenario)
        wall_s = time.perf_counter() - started
        print(f"{name}: {wall_s:.1f} s for {result.summary['makespan_s']:.0f} s of rollout")


if __name__ == "__main__":
    main()
