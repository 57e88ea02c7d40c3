"""Small studies that several tests share; importable by worker processes and child scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from test_run import TINY

from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.studies.study import Study
from placement_sim.policies.interface import PlacementPolicy

ROOT = Path(__file__).resolve().parents[1]
CHANCE = TINY.replace('"deterministic", time = "1 ms"', '"exponential", mean = "8 ms"')
SCENARIO = Scenario.from_text(CHANCE)


def small(**more: Any) -> Study:
    """Two policies on two block sizes, three replications: 12 runs of about 5 ms."""
    factors = {"policy": ["stripe", "most_free"], "objects[*].block_size": ["1 MiB", "2 MiB"]}
    return Study(**{"scenario": SCENARIO, "factors": factors, "replications": 3, **more})


def table_bytes(result: Any, folder: Path) -> dict[str, bytes]:
    """Give the bytes of the files of a result."""
    result.save(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def own(name: str, choose: Any, **more: Any) -> PlacementPolicy:
    return PlacementPolicy(name, "a test", "a test", choose, **more)


def python(code: str, **environment: str) -> subprocess.Popen[str]:
    """Start a Python process that sees the package and the tests."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
