"""The identity of a run: scenario value -> text -> hash, with the seed and the digest of the code.

`recipe` is what is run, `recipe_text` how it is written, `recipe_id` its hash; `run_id` adds seed and code.
Each step can be called alone, and `why_different` says which key tells two runs apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.fleet import resolve_strategy
from placement_sim.experiments.manifest import (
    UNKNOWN,
    code_digest,
    policy_identity,
    strategy_identity,
    trace_digests,
    versions,
)
from placement_sim.experiments.run import resolve_policy
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.traced import file_entries
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.upgrades import UpgradeStrategy

# The libraries whose random numbers, event order or arithmetic a result hangs on.
DECISIVE = ("numpy", "simpy", "numba")


class RunKey(NamedTuple):
    """What names a run."""

    recipe_id: str
    seed: int
    code: str

    @property
    def run_id(self) -> str:
        """Hash of the three, 32 hexadecimal digits."""
        return _short(f"{self.recipe_id} {self.seed} {self.code}")


def recipe(
    scenario: Scenario,
    policy: str | PlacementPolicy | None = None,
    strategy: str | UpgradeStrategy | None = None,
) -> dict[str, Any]:
    """Give all that decides a run's numbers but seed and code, as plain values.

    The scenario's name and seed are left out; a policy is named with its parameters and the digest of its
    rule, an upgrade strategy with that of its steps, a trace or a log by its file name and the digest of its
    content, a device model by its parameters.

    Raises
    ------
    InputError
        A policy object whose rule cannot be identified, or a trace that cannot be read.

    Examples
    --------
    >>> scenario = Scenario.from_text('''
    ... objects = [{name = "vm", size = "64 MiB", block_size = "1 MiB"}]
    ... disks = [{name = "d", capacity = "1 GiB", service = {kind = "exponential", mean = "5 ms"}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 10, size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... ''')
    >>> sorted(recipe(scenario))
    ['disks', 'objects', 'policy', 'workloads']
    >>> recipe_id(recipe(scenario, "stripe")) == recipe_id(recipe(scenario, "most_free"))
    False
    """
    values = {key: value for key, value in scenario.to_dict().items() if key not in ("name", "seed")}
    chosen = resolve_policy(scenario, policy)
    identity = policy_identity(chosen)
    if identity["rule_sha256"] == UNKNOWN:
        cure = "let its rule use functions, numbers, texts, lists and arrays only"
        raise InputError(f"policy {chosen.name!r}", "what its rule uses cannot be identified", cure)
    digests = _file_digests(scenario)
    values["policy"] = identity
    values["disks"] = [
        {**{key: value for key, value in given.items() if key != "model"}, "service": disk.law.model_dump(mode="json")}
        for given, disk in zip(values["disks"], scenario.disks, strict=True)
    ]
    # Files are named by content; the name stays, because formats are told by it, too.
    for table, key in file_entries(values):
        file = str(table[key])
        table |= {key: PurePosixPath(file).name, "sha256": digests[file]}
    if scenario.fleet is not None:
        values["fleet"] = {**values["fleet"], "strategy": strategy_identity(resolve_strategy(scenario.fleet, strategy))}
    return values


def _file_digests(scenario: Scenario) -> dict[str, str]:
    try:
        return trace_digests(scenario)
    except OSError as error:
        cure = "name a file that can be read"
        raise InputError(str(error.filename), f"cannot read: {error.strerror}", cure) from None


def recipe_text(value: Mapping[str, Any]) -> str:
    """Write a recipe as JSON, the same for the same value: sorted keys, no spaces.

    Examples
    --------
    >>> recipe_text({"b": 1.0, "a": [2]})
    '{"a":[2],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def recipe_id(value: Mapping[str, Any]) -> str:
    """Hash a recipe: 32 hexadecimal digits.

    Examples
    --------
    >>> recipe_id({"a": 1}) == recipe_id({"a": 1}) != recipe_id({"a": 2})
    True
    """
    return _short(recipe_text(value))


def run_key(value: Mapping[str, Any], seed: int) -> RunKey:
    """Name one run of a recipe under the present code."""
    return RunKey(recipe_id(value), seed, code_identity())


@cache
def code_identity() -> str:
    """Name the present model code: the digest of its sources, Python and the libraries that decide numbers."""
    found = versions()
    libraries = " ".join(f"{name} {found[name]}" for name in DECISIVE)
    python = ".".join(found["python"].split(".")[:2])
    return _short(f"{code_digest()} python {python} {libraries}")


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def why_different(a: Mapping[str, Any], b: Mapping[str, Any]) -> pd.DataFrame:
    """Say which keys tell two runs, recipes or manifests apart.

    Parameters
    ----------
    a, b
        Nested plain values: from `recipe`, from `Store.identity`, or the `manifest` of a Result.

    Returns
    -------
    pandas.DataFrame
        key (a path), a, b; no rows where nothing differs. What is missing on one side is None.

    Examples
    --------
    >>> why_different({"disks": [{"fill": 0.1}], "seed": 1}, {"disks": [{"fill": 0.2}], "seed": 1}).to_dict("records")
    [{'key': 'disks[0].fill', 'a': 0.1, 'b': 0.2}]
    """
    left, right = dict(_flat(a)), dict(_flat(b))
    keys = [*left, *(key for key in right if key not in left)]
    rows = [(key, left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)]
    return pd.DataFrame(rows, columns=["key", "a", "b"], dtype=object)


def _flat(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        inner = [(f"{path}.{key}".removeprefix("."), item) for key, item in value.items()]
    elif isinstance(value, list | tuple) and value:
        inner = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
    else:
        return [(path, value)]
    return [pair for name, item in inner for pair in _flat(item, name)]
