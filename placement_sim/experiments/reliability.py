"""Years of a scenario's failures and rebuilds, without guest I/O: what is lost, what is late, how long until whole.

Objects are taken to be written in full and cut into groups; where a group lies is drawn, by free space and over
distinct failure domains. Intervals are over independent replications.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from placement_sim.engine.rare_events import RareLoss, rare_loss
from placement_sim.engine.reliability import History, ReliabilityModel, ReliabilityOutcome, Replacement
from placement_sim.errors import InputError
from placement_sim.experiments.build import build_cluster
from placement_sim.experiments.columns import make_frame
from placement_sim.experiments.manifest import code_digest, versions
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.statistics import Interval, t_interval
from placement_sim.model.mttdl import mttdl_exponential_repair, mttdl_fixed_repair
from placement_sim.model.redundancy import draw_groups
from placement_sim.workloads.failures import YEAR_S, Exponential, Fixed

NORMAL_95 = 1.959963984540054  # two-sided 95 % quantile of the normal law


@dataclass(frozen=True)
class Reliability:
    """What years of failures did.

    Attributes
    ----------
    summary
        Indexed by metric: low, best, high (95 %), unit. An interval over one replication is infinite.
    failures
        One row a failure of a disk: replication, time_s, disk, part_bytes (what it held), lost_bytes and whole_after_s
        (NaN: not yet at the end).
    manifest
        Scenario, seed, replications, versions, digest of the code.
    """

    summary: pd.DataFrame
    failures: pd.DataFrame
    manifest: dict[str, Any]


def reliability(
    scenario: Scenario, *, seed: int | None = None, years: float = 1.0, replications: int = 20, cycles: int = 1000
) -> Reliability:
    """Let the disks of a scenario fail and be rebuilt over years.

    Parameters
    ----------
    years, replications
        Length and number of the histories.
    cycles
        Of the importance sampling, which is left out where it does not apply (see ``rare_loss``); 0: none.

    Raises
    ------
    InputError
        The scenario has no law of disk failures or no repair, or what it stores does not fit.
    """
    seed = scenario.seed if seed is None else seed
    for name, value, least in (("seed", seed, 0), ("replications", replications, 1), ("cycles", cycles, 0)):
        if value < least:
            raise InputError(name, f"{value} is below {least}", f"give {least} or more")
    if cycles == 1 or not 0 < years < math.inf:
        raise InputError("cycles" if cycles == 1 else "years", "is too small or no number", "give a larger one")
    model = reliability_model(scenario, seed)
    outcomes = [History(model, seed, index).run(years * YEAR_S) for index in range(replications)]
    rows = _rows(outcomes)
    if cycles and isinstance(model.life, Exponential) and model.outages is None:
        rows += _rare_rows(rare_loss(model, seed, cycles))
    closed_s = _closed_form_s(model)
    if closed_s is not None:
        rows.append(("mttdl_years_closed_form", Interval(*3 * [closed_s / YEAR_S]), "years"))
    table = [(name, interval.low, interval.best, interval.high, unit) for name, interval, unit in rows]
    summary = pd.DataFrame(table, columns=["metric", "low", "best", "high", "unit"]).set_index("metric")
    manifest = {
        "scenario": scenario.to_dict(),
        "seed": seed,
        "years": years,
        "replications": replications,
        "cycles": cycles,
        "groups": len(model.groups),
        "versions": versions(),
        "code_sha256": code_digest(),
    }
    return Reliability(summary, _failures(model, outcomes), manifest)


def reliability_model(scenario: Scenario, seed: int) -> ReliabilityModel:
    """Build the disks, the drawn groups and the laws.

    Raises
    ------
    InputError
        As `reliability`.
    """
    failures = scenario.failures
    life = failures.life() if failures else None
    repair = failures.repair() if failures else None
    if failures is None or life is None or repair is None:
        missing = "failures" if failures is None else "failures.disks" if life is None else "failures.rebuild"
        raise InputError(missing, "is missing", "say how disks fail (disks) and return (rebuild or replace)")
    cluster = build_cluster(scenario)
    present = np.array([disk.present for disk in cluster.disks])
    free = np.array([disk.capacity_bytes - disk.prefilled_bytes - disk.min_free_bytes for disk in cluster.disks])
    free = np.where(present, np.maximum(free, 0), 0).astype(np.int64)
    hosts = [cluster.hosts[disk.host_index] for disk in cluster.disks]
    domains = [host.failure_domain for host in hosts]
    groups = []
    for thing in cluster.objects:
        groups += draw_groups(
            seed, thing.name, thing.size_bytes, failures.group_size, thing.mirrors, free, domains, thing.disks
        )
    outages = failures.hosts.make() if failures.hosts else None
    names = [disk.name for disk in cluster.disks]
    return ReliabilityModel(names, [host.name for host in hosts], domains, free.tolist(), groups, life, repair, outages)


def _rows(outcomes: Sequence[ReliabilityOutcome]) -> list[tuple[str, Interval, str]]:
    years = [outcome.end_s / YEAR_S for outcome in outcomes]

    def a_year(values: Sequence[float]) -> Interval:
        return t_interval([value / length for value, length in zip(values, years, strict=True)])

    rows = [
        ("disk_failures_per_year", a_year([len(outcome.failures) for outcome in outcomes]), "1/year"),
        ("host_outages_per_year", a_year([outcome.outages for outcome in outcomes]), "1/year"),
        ("loss_events_per_year", _rate(sum(map(_loss_events, outcomes)), sum(years)), "1/year"),
        ("lost_bytes_per_year", _lost_a_year(a_year([_lost_bytes(outcome) for outcome in outcomes])), "bytes/year"),
        ("rebuilt_bytes_per_year", a_year([outcome.rebuilt_bytes for outcome in outcomes]), "bytes/year"),
        ("degraded_share", t_interval([outcome.degraded_s / outcome.end_s for outcome in outcomes]), "1"),
        ("unavailable_share", t_interval([_unavailable_share(outcome) for outcome in outcomes]), "1"),
    ]
    times = [[r.whole_s - r.time_s for r in o.failures if not r.lost_bytes and not math.isnan(r.whole_s)]
             for o in outcomes]  # fmt: skip
    for name, pick in (("whole_after_s_mean", np.mean), ("whole_after_s_max", np.max)):
        values = [float(pick(row)) for row in times if row]
        if values:
            rows.append((name, t_interval(values), "s"))
    return rows


def _loss_events(outcome: ReliabilityOutcome) -> int:
    return sum(record.lost_bytes > 0 for record in outcome.failures)


def _lost_bytes(outcome: ReliabilityOutcome) -> int:
    return sum(record.lost_bytes for record in outcome.failures)


def _rate(count: int, years: float) -> Interval:
    """Give the exact 95 % interval of a Poisson rate, so that no event at all does not look like never.

    Source: Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936).
    """
    low = float(stats.chi2.ppf(0.025, 2 * count)) / 2 if count else 0.0
    return Interval(low / years, count / years, float(stats.chi2.ppf(0.975, 2 * count + 2)) / 2 / years)


def _lost_a_year(interval: Interval) -> Interval:
    """Open an interval of zeros upwards: bytes that were never lost say nothing about how many might be."""
    return interval if interval.best else Interval(0.0, 0.0, math.inf)


def _unavailable_share(outcome: ReliabilityOutcome) -> float:
    """Give the share of bytes x time that could not be read; lost data cannot from its loss on."""
    return outcome.unavailable_byte_s / (outcome.data_bytes * outcome.end_s)


def _rare_rows(found: RareLoss) -> list[tuple[str, Interval, str]]:
    """Give the mean time to data loss with its interval; infinite where no cycle saw a loss."""
    half = NORMAL_95 * found.relative_error * found.mttdl_s if found.losses else math.nan
    best_years = found.mttdl_s / YEAR_S
    interval = Interval(best_years, best_years, best_years)
    if found.losses:
        interval = Interval(max(0.0, best_years - half / YEAR_S), best_years, best_years + half / YEAR_S)
    else:
        interval = Interval(0.0, math.inf, math.inf)
    effective = Interval(*3 * [found.effective_cycles])
    return [("mttdl_years", interval, "years"), ("mttdl_effective_cycles", effective, "cycles")]


def _closed_form_s(model: ReliabilityModel) -> float | None:
    """Give the closed form where there is one: a single group over all disks, exponential lives, replacement."""
    repair = model.repair
    if len(model.groups) != 1 or not isinstance(model.life, Exponential) or not isinstance(repair, Replacement):
        return None
    group = model.groups[0]
    if len(group.disks) != len(model.disk_names) or model.outages is not None:
        return None
    width, law = len(group.disks), repair.repair
    if isinstance(law, Exponential):
        return mttdl_exponential_repair(width, group.tolerates, model.life.mean_s, law.mean_s)
    if isinstance(law, Fixed) and group.tolerates == 1:
        return mttdl_fixed_repair(width, model.life.mean_s, law.mean_s)
    return None


def _failures(model: ReliabilityModel, outcomes: Sequence[ReliabilityOutcome]) -> pd.DataFrame:
    rows = [
        (index, r.time_s, model.disk_names[r.disk], r.part_bytes, r.lost_bytes, r.whole_s - r.time_s)
        for index, outcome in enumerate(outcomes)
        for r in outcome.failures
    ]
    names = ("replication", "time_s", "disk", "part_bytes", "lost_bytes", "whole_after_s")
    return make_frame(dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ()))
