"""What made a result: scenario, seed, versions, digests of code and traces. No dates, so that bytes repeat."""

from __future__ import annotations

import hashlib
import platform
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from placement_sim.engine.histogram import METHOD
from placement_sim.experiments.code_identity import UnidentifiedError, function_digest
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.traced import input_files
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.upgrades import UpgradeStrategy

FORMAT = 1
LIBRARIES = ("placement_sim", "numpy", "pandas", "simpy", "numba", "pyarrow")
UNKNOWN = "unknown"
MODEL_FOLDERS = ("model", "policies", "workloads", "upgrades", "engine", "experiments")


def manifest(
    scenario: Scenario, seed: int, policy: PlacementPolicy, strategy: UpgradeStrategy | None = None
) -> dict[str, Any]:
    """Describe one run with plain values."""
    return {
        "format": FORMAT,
        "scenario": scenario.to_dict(),
        "seed": seed,
        "policy": policy_identity(policy),
        **({} if strategy is None else {"strategy": strategy_identity(strategy)}),
        "percentile_method": METHOD,
        "versions": versions(),
        "code_sha256": code_digest(),
        "traces_sha256": trace_digests(scenario),
    }


def versions() -> dict[str, str]:
    """Give the versions of Python and of the libraries that numbers depend on."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def code_digest() -> str:
    """Digest the sources that decide numbers; studies, which only arrange runs, and reports do not count."""
    package = Path(__file__).resolve().parents[1]
    paths = [path for folder in MODEL_FOLDERS for path in (package / folder).rglob("*.py")]
    paths = [path for path in paths if path.parent.name != "studies"]
    digest = hashlib.sha256()
    for path in sorted([*paths, *package.glob("*.py")]):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def trace_digests(scenario: Scenario) -> dict[str, str]:
    """Digest each trace file and the log of failures, under the name that the scenario gives it."""
    return {name: file_digest(path) for name, path in input_files(scenario).items()}


def file_digest(path: Path) -> str:
    """Digest a file of any size; read again only after a change of its size or time."""
    status = path.stat()
    return _file_digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _file_digest(path: Path, size_bytes: int, time_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def strategy_identity(strategy: UpgradeStrategy) -> dict[str, Any]:
    """Name a strategy and the digest of its steps, which are all that it is."""
    return {"name": strategy.name, "steps_sha256": hashlib.sha256(repr(strategy).encode()).hexdigest()}


def policy_identity(policy: PlacementPolicy) -> dict[str, Any]:
    """Name a policy, its parameters, and the digest of its rule."""
    try:
        rule = function_digest((policy.choose, policy.state_size, policy.needs_map))
    except UnidentifiedError:
        rule = UNKNOWN
    return {"name": policy.name, "parameters": dict(policy.parameters), "rule_sha256": rule}
