"""Policies compared under common random numbers: intervals, and differences paired run by run.

Replication r has one seed, whatever the policy; so arrivals, addresses and service draws are
the same for all, and the difference within a replication is due to the policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.fleet import resolve_strategy
from placement_sim.experiments.misfit import near
from placement_sim.experiments.result import load_frames, save_frames
from placement_sim.experiments.run import resolve_policy, run
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.statistics import Interval, holm, paired_difference, t_interval
from placement_sim.experiments.traced import trace_notes
from placement_sim.policies import POLICIES
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.randomness import stream_key
from placement_sim.upgrades import UpgradeStrategy

WITHOUT_CHANCE = ("ssd", "table", "deterministic")
OF_FIRST_RUN = ("timeline", "steps", "fleet", "vms")
FRAMES = ("table", "differences", "runs", "latencies", *OF_FIRST_RUN)
FLEET_NOTES = (
    "Times of control steps, chances of failure, think times and guests are drawn by (seed, machine, step): every "
    "strategy meets the same. Bytes that a strategy always moves have no chance in them.",
    "Steps, times and limits of a strategy are published numbers or assumptions; placement-sim strategies --json "
    "says which.",
)
Arm = tuple[str, PlacementPolicy, UpgradeStrategy | None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Comparison:
    """What a comparison gives: frames and a manifest.

    Parameters
    ----------
    table
        policy, metric, low, best, high (95 % interval of the mean over the runs that have a
        value), runs (how many have one), censored (how many have none: for no_space_time_s,
        runs without a no-space error).
    differences
        policy, baseline, metric, low, best, high of policy minus baseline; runs (pairs);
        variance_reduction (share of the variance that pairing removed) and
        variance_reduction_factor (how many times as many unpaired runs it would take);
        p_holm (p-value of no difference, adjusted after Holm over the policies of a metric).
    runs
        policy, replication, seed and a column a metric.
    notes
        What to know before reading the numbers.
    latencies
        ``Result.latencies`` of each policy, added up over the replications.
    timeline, steps, fleet, vms
        Those of ``Result`` of each policy in the first replication; the last three are empty without a fleet.
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    runs: pd.DataFrame
    manifest: dict[str, Any]
    notes: tuple[str, ...] = ()
    latencies: pd.DataFrame = field(default_factory=pd.DataFrame)
    timeline: pd.DataFrame = field(default_factory=pd.DataFrame)
    steps: pd.DataFrame = field(default_factory=pd.DataFrame)
    fleet: pd.DataFrame = field(default_factory=pd.DataFrame)
    vms: pd.DataFrame = field(default_factory=pd.DataFrame)

    def save(self, folder: str | Path) -> Path:
        """Write Parquet files and manifest.json; the same comparison gives the same bytes."""
        return save_frames(folder, {name: getattr(self, name) for name in FRAMES}, self.manifest)

    @classmethod
    def load(cls, folder: str | Path) -> Comparison:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            A file is missing or cannot be read.
        """
        frames, manifest = load_frames(folder, FRAMES)
        return cls(**frames, manifest=manifest, notes=tuple(manifest.get("notes", ())))


def replication_seed(seed: int, replication: int) -> int:
    """Give the seed of one replication, the same for every policy.

    Examples
    --------
    >>> replication_seed(1, 0) == replication_seed(1, 0) != replication_seed(1, 1)
    True
    """
    return stream_key(seed, "replication", str(replication)) % 2**32


def compare(
    scenario: Scenario,
    policies: Sequence[str | PlacementPolicy] | None = None,
    replications: int = 10,
    baseline: str | None = None,
    *,
    strategies: Sequence[str | UpgradeStrategy] | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Run each policy, each upgrade strategy, or each pair of both, in each replication.

    Parameters
    ----------
    policies
        Names or objects; None is every policy in POLICIES, or with `strategies` the scenario's own.
    strategies
        Upgrade strategies, names or objects, for a scenario with a fleet; None is the scenario's own. Given,
        the column ``policy`` holds the strategy's name, and with several policies ``strategy on policy``.
    baseline
        The one that the others are compared with, by what is in the column ``policy``; None is the first.
    progress
        Called after each run with runs done, runs in all and the policy's name.

    Raises
    ------
    InputError
        No replications, a policy or strategy unknown or given twice, or bad input to a run.
    """
    if replications < 1:
        raise InputError("replications", f"{replications} is below 1", "give 1 or more")
    seed = scenario.seed if seed is None else seed
    if seed < 0:
        raise InputError("seed", f"{seed} is negative", "give a seed of 0 or more")
    arms = _arms(scenario, policies, strategies)
    names = [name for name, _, _ in arms]
    baseline = _check_names(names, baseline)
    made = _run_all(scenario, arms, seed, replications, progress)
    runs, manifests = pd.DataFrame(made.rows), made.manifests
    shared = dict(manifests[names[0]])
    del shared["policy"]
    if strategies is not None:
        shared["arms"] = [
            {"name": name, "policy": policy.name, "strategy": manifests[name]["strategy"]} for name, policy, _ in arms
        ]
        del shared["strategy"]
    said = (*notes(scenario), *trace_notes(shared["traces"]))
    shared |= {
        "seed": seed,
        "replications": replications,
        "baseline": baseline,
        "policies": list({policy.name: manifests[name]["policy"] for name, policy, _ in arms}.values()),
        "notes": list(said),
    }
    return Comparison(
        estimate_table(runs, names),
        difference_table(runs, names, baseline),
        runs,
        shared,
        said,
        _added_up(made.latencies, names),
        **{name: pd.concat(made.first[name], ignore_index=True) for name in OF_FIRST_RUN},
    )


@dataclass
class _Made:
    """What all runs leave: a row each, the bins of latency, frames of the first run and one manifest an arm."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    latencies: list[pd.DataFrame] = field(default_factory=list)
    first: dict[str, list[pd.DataFrame]] = field(default_factory=lambda: {name: [] for name in OF_FIRST_RUN})
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)


def _run_all(scenario: Scenario, arms: list[Arm], seed: int, replications: int, progress: Progress | None) -> _Made:
    made = _Made()
    for replication in range(replications):
        run_seed = replication_seed(seed, replication)
        for name, policy, strategy in arms:
            result = run(scenario, seed=run_seed, policy=policy, strategy=strategy)
            made.manifests.setdefault(name, result.manifest)
            made.rows.append({"policy": name, "replication": replication, "seed": run_seed, **result.summary})
            made.latencies.append(result.latencies.assign(policy=name))
            if replication == 0:
                for frame in OF_FIRST_RUN:
                    made.first[frame].append(getattr(result, frame).assign(policy=name))
            if progress:
                progress(len(made.rows), replications * len(arms), name)
    return made


def _arms(
    scenario: Scenario,
    policies: Sequence[str | PlacementPolicy] | None,
    strategies: Sequence[str | UpgradeStrategy] | None,
) -> list[Arm]:
    """Name what is compared: policies, strategies, or every pair."""
    if strategies is None:
        chosen = [resolve_policy(scenario, policy) for policy in (POLICIES if policies is None else policies)]
        return [(policy.name, policy, None) for policy in chosen]
    if scenario.fleet is None:
        raise InputError("strategies", "the scenario has no fleet to upgrade", "add a [fleet] to it")
    if not strategies:
        raise InputError("strategies", "none is given", "name at least one")
    rules = [resolve_policy(scenario, policy) for policy in ((None,) if policies is None else policies)]
    ways = [resolve_strategy(scenario.fleet, strategy) for strategy in strategies]
    if len(rules) == 1:
        return [(way.name, rules[0], way) for way in ways]
    return [(f"{way.name} on {rule.name}", rule, way) for way in ways for rule in rules]


def _added_up(latencies: list[pd.DataFrame], names: list[str]) -> pd.DataFrame:
    """Add bins up over the replications; policies stay in their order."""
    every = pd.concat(latencies).groupby(["policy", "kind", "latency_s"], as_index=False).sum()
    return every.sort_values("policy", key=lambda column: column.map(names.index), kind="stable", ignore_index=True)


def _check_names(names: list[str], baseline: str | None) -> str:
    if not names:
        raise InputError("policies", "none is given", "name at least one")
    for name in names:
        if names.count(name) > 1:
            raise InputError("policies", f"{name!r} is given twice", "give each policy once")
    if baseline is not None and baseline not in names:
        raise InputError("baseline", f"{baseline!r} is not compared", near(baseline, names))
    return baseline or names[0]


def notes(scenario: Scenario) -> tuple[str, ...]:
    """Say what chance the replications hold, where it is less than a reader may think."""
    if scenario.fleet is not None:
        return FLEET_NOTES
    if any(workload.synthetic for workload in scenario.workloads):
        return ()
    if all(disk.law.kind in WITHOUT_CHANCE for disk in scenario.disks):
        return (
            "Requests are recorded and service times hold no chance: replications differ only in the "
            "policy's own draws, and a rule without draws gives the same run each time.",
        )
    return ("Requests are recorded: replications differ only in service draws and the policy's own.",)


def _metrics(runs: pd.DataFrame) -> list[str]:
    return [str(name) for name in runs.columns if name not in ("policy", "replication", "seed")]


def _bounds(interval: Interval) -> dict[str, float]:
    single = math.isinf(interval.low)
    return {
        "low": math.nan if single else interval.low,
        "best": interval.best,
        "high": math.nan if single else interval.high,
    }


NOTHING = {"low": math.nan, "best": math.nan, "high": math.nan}


def estimate_table(runs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Give the interval of each policy and metric over the runs that have a value."""
    rows = []
    for name in names:
        mine = runs[runs["policy"] == name]
        for metric in _metrics(runs):
            values = mine[metric].to_numpy(dtype=np.float64)
            finite = values[np.isfinite(values)]
            bounds = _bounds(t_interval(finite)) if len(finite) else NOTHING
            censored = len(values) - len(finite)
            rows.append({"policy": name, "metric": metric, **bounds, "runs": len(finite), "censored": censored})
    return pd.DataFrame(rows)


def difference_table(runs: pd.DataFrame, names: Sequence[str], baseline: str) -> pd.DataFrame:
    """Give policy minus baseline over the replications in which both have a value."""
    columns = ["policy", "baseline", "metric", "low", "best", "high", "runs"]
    columns += ["variance_reduction", "variance_reduction_factor", "p_holm"]
    rows = []
    base = runs[runs["policy"] == baseline]
    for name in names:
        mine = runs[runs["policy"] == name]
        for metric in _metrics(runs) if name != baseline else ():
            a, b = mine[metric].to_numpy(dtype=np.float64), base[metric].to_numpy(dtype=np.float64)
            both = np.isfinite(a) & np.isfinite(b)
            bounds, factor, p_value = NOTHING, math.nan, math.nan
            if both.any():
                found = paired_difference(a[both], b[both])
                bounds, factor, p_value = _bounds(found.interval), found.variance_reduction, found.p_value
            share = 1 - 1 / factor if factor > 0 else math.nan
            rows.append((name, baseline, metric, *bounds.values(), int(both.sum()), share, factor, p_value))
    frame = pd.DataFrame(rows, columns=columns)
    for _, p_values in frame["p_holm"].dropna().groupby(frame["metric"]):
        frame.loc[p_values.index, "p_holm"] = holm(p_values.to_numpy(float))
    return frame
