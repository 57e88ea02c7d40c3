"""What a report says in sentences: for a reader in a hurry, and what was run for one who checks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from placement_sim.reporting.metrics import metric_of
from placement_sim.reporting.tables import cell, layout_of, told_apart

LIMITS = (
    "Disks are models: service times come from the scenario, not from the reader's hardware.",
    "Intervals cover the chance in arrivals, addresses and service times. They say nothing about "
    "a scenario that does not fit the system it stands for.",
    "Each interval stands alone, at 95 %. That two rules are told apart on a metric is said at 5 % for all rules "
    "together (Holm's correction), but not for all metrics together: over many metrics, expect a few by chance.",
    "Latency is of finished requests only. A rule under which requests fail has fewer to serve, and its "
    "latency can look better for that reason: read it with the failed requests.",
    "Requests in flight at the horizon are counted as in flight and have no latency. Under overload "
    "the latency therefore depends on the horizon.",
)
LEADING = ("latency_s_mean", "downtime_s_mean", "makespan_s")  # what a reader in a hurry asks for
METHODS = (
    "Each rule or strategy was simulated with the same seeds. Random numbers are keyed by seed, entity and purpose, "
    "so within a replication each meets the same arrivals, addresses and service times. A difference is taken within "
    "the replication; its interval is over the replications (Student's t, 95 %). Counting begins at the end of the "
    "warm-up and stops at the horizon. Percentiles are nearest-rank, on a histogram whose bins are at most 0.4 % wide."
)


def count(number: int, noun: str) -> str:
    """Write a number with its noun.

    Examples
    --------
    >>> count(1, "run"), count(2, "run"), count(2, "policy")
    ('1 run', '2 runs', '2 policies')
    """
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


def what_was_run(manifest: Mapping[str, Any], policies: int, runs: int) -> str:
    """Say in a sentence what a figure stands on.

    Examples
    --------
    >>> what_was_run({"scenario": {"name": "a", "horizon": "60000000000 ns"}, "seed": 3}, 2, 5)
    "Scenario 'a', 2 rules, 5 runs each from seed 3, horizon 60 s."
    """
    scenario = manifest.get("scenario", {})
    said = [f"Scenario {scenario['name']!r}"] if "name" in scenario else []
    noun, end = ("strategy", "upgrade ends") if "arms" in manifest else ("rule", "requests end")
    said += [count(policies, noun), f"{count(runs, 'run')} each from seed {manifest.get('seed', 'unknown')}"]
    said.append(f"horizon {_seconds(scenario['horizon'])}" if "horizon" in scenario else f"until the {end}")
    if "warm_up" in scenario:
        said.append(f"warm-up {_seconds(scenario['warm_up'])}")
    return ", ".join(said) + "."


def _seconds(text: str) -> str:
    number, _, unit = str(text).partition(" ")
    return f"{int(number) / 1e9:g} s" if unit == "ns" else str(text)


def in_short(table: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """Say what a manager asks: what is best, what ran out of space, what failed."""
    leading = [name for name in layout_of(table).intervals if name in LEADING]
    sentences = [_extremes(table, name) for name in leading]
    if len(differences):
        sentences += [_told_apart(differences, name) for name in leading]
    space = table[(table["metric"] == "no_space_time_s") & table["best"].notna()]
    if space.empty:
        sentences.append("No write found its disks full.")
    for _, row in space.iterrows():
        sentences.append(_out_of_space(table, row))
    failed = table[(table["metric"] == "failed_requests") & (table["best"] > 0)]
    for _, row in failed.iterrows():
        sentences.append(f"Under {row['policy']} {cell(row, 'failed_requests')} requests a run failed.")
    return sentences


def _extremes(table: pd.DataFrame, name: str) -> str:
    described = metric_of(name)
    label = described.label[:1].upper() + described.label[1:]
    rows = table[(table["metric"] == name) & table["best"].notna()]
    if rows.empty:
        return f"{label}: no run has a value."
    best, worst = (rows.iloc[int(at)] for at in (rows["best"].argmin(), rows["best"].argmax()))
    if table["policy"].nunique() == 1:
        return f"{label} under {best['policy']}: {cell(best, name)} {described.unit}."
    return (
        f"{label}: lowest under {best['policy']}, {cell(best, name)} {described.unit}; highest under "
        f"{worst['policy']}, {cell(worst, name)} {described.unit}. Where intervals overlap, the order may be chance."
    )


def _told_apart(differences: pd.DataFrame, name: str) -> str:
    rows = differences[differences["metric"] == name]
    baseline = str(differences["baseline"].iloc[0])
    lower = [str(row["policy"]) for _, row in rows.iterrows() if told_apart(row) and float(row["best"]) < 0]
    higher = [str(row["policy"]) for _, row in rows.iterrows() if told_apart(row) and float(row["best"]) > 0]
    other = [str(policy) for policy in rows["policy"] if str(policy) not in {*lower, *higher}]
    parts = [("lower", lower), ("higher", higher), ("not told apart from it", other)]
    told = "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)
    return f"Against {baseline}, {metric_of(name).label}: {told or 'nothing was compared'}."


def _out_of_space(table: pd.DataFrame, row: pd.Series) -> str:
    stranded = table[(table["policy"] == row["policy"]) & (table["metric"] == "no_space_stranded_bytes")]
    runs, censored = int(row.get("runs", 0)), int(row.get("censored", 0))
    left = f", with {cell(stranded.iloc[0], 'no_space_stranded_bytes', False)} GiB still free" if len(stranded) else ""
    times = f"in {runs} of {count(runs + censored, 'run')}"
    return f"Under {row['policy']} a write found no space {times}, first after {float(row['best']):.4g} s{left}."


def findings(table: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """Say in a sentence a policy how its leading metric compares, and how many requests fail."""
    failures = table[table["metric"] == "failed_requests"].set_index("policy")["best"].to_dict()
    described = metric_of(next(name for name in layout_of(table).intervals if name in LEADING))
    label, unit = described.label, described.unit
    sentences = []
    for _, row in differences[differences["metric"] == described.name].iterrows():
        low, high, best = (float(row[name]) * described.scale for name in ("low", "high", "best"))
        span = f"95 % interval {low:+.4g} to {high:+.4g} {unit}"
        if not (math.isfinite(low) and math.isfinite(high)):
            said = f"one run, {best:+.3g} {unit} of {label}; one run decides nothing"
        elif not told_apart(row):
            said = f"{label} is not told apart ({span})"
        else:
            said = f"{label} is {'lower' if best < 0 else 'higher'} by {abs(best):.4g} {unit} ({span})"
        mine, other = (float(failures.get(row[name], 0)) for name in ("policy", "baseline"))
        if mine != other:
            said += f"; failed requests a run: {mine:.4g} against {other:.4g}"
        sentences.append(f"{row['policy']} against {row['baseline']}: {said}.")
    return sentences
