"""What a study gives: its runs, tables with intervals, answers; each says when it is partial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.misfit import near
from placement_sim.experiments.result import save_frames
from placement_sim.experiments.statistics import Interval, t_half_widths
from placement_sim.experiments.studies import effects, fronts, regions
from placement_sim.experiments.studies.schedule import Contest, StopRule, contest
from placement_sim.experiments.studies.sensitivity import sobol_table


@dataclass(frozen=True)
class StudyResult:
    """The finished runs of a study, and what can be asked of them.

    Parameters
    ----------
    runs
        One row a planned run: point, a column a factor, replication, seed, run_id, state ("done",
        "failed" or "missing"), and a column a metric.
    factors
        Names of the factor columns.
    metrics
        The metrics of interest; every other metric can be asked for by name.
    design
        Kind of the design.
    manifest
        The study and what made the results, plain values.
    notes
        What to know before reading the numbers.
    stop
        The stopping rule, if there is one.

    Examples
    --------
    >>> rows = [(0, "a", 0, 1.0), (0, "a", 1, 3.0), (1, "b", 0, 2.0), (1, "b", 1, 6.0)]
    >>> runs = pd.DataFrame(rows, columns=["point", "policy", "replication", "latency_s_mean"])
    >>> found = StudyResult(runs.assign(seed=0, run_id="", state="done"), ("policy",), ("latency_s_mean",))
    >>> found.table()[["policy", "best", "runs", "planned"]].values.tolist()
    [['a', 2.0, 2, 2], ['b', 4.0, 2, 2]]
    """

    runs: pd.DataFrame
    factors: tuple[str, ...]
    metrics: tuple[str, ...]
    design: str = "grid"
    manifest: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    stop: StopRule | None = None

    @property
    def partial(self) -> str:
        """Say how much is missing; empty for a study that is complete."""
        counts = self.runs["state"].value_counts()
        done, failed, missing = (int(counts.get(state, 0)) for state in ("done", "failed", "missing"))
        if not failed and not missing:
            return ""
        parts = [f"{count} {name}" for count, name in ((failed, "failed"), (missing, "missing")) if count]
        return f"partial: {done} of {len(self.runs)} runs, {', '.join(parts)}"

    def _metrics(self, metrics: str | Sequence[str] | None) -> list[str]:
        wanted = list(self.metrics) if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
        fixed = {"point", *self.factors, "replication", "seed", "run_id", "state", "error"}
        known = [str(name) for name in self.runs.columns if name not in fixed]
        for name in wanted:
            if name not in known:
                raise InputError("metric", f"the runs have no {name!r}", near(name, known))
        return wanted

    def table(self, metrics: str | Sequence[str] | None = None, confidence: float = 0.95) -> pd.DataFrame:
        """Give the interval of every point and metric.

        Returns
        -------
        pandas.DataFrame
            point, factors, metric, low, best, high (t interval of the mean over the runs that have a value),
            runs (how many have one), censored (finished runs without one), failed, planned, partial.
        """
        points = self.runs.groupby("point", sort=True)
        heads = points[list(self.factors)].first() if self.factors else pd.DataFrame(index=points.size().index)
        state = self.runs["state"]
        done, failed = (state.eq(name).groupby(self.runs["point"]).sum() for name in ("done", "failed"))
        planned = points.size()
        parts = []
        for metric in self._metrics(metrics):
            grouped = points[metric]
            count, mean, deviation = grouped.count(), grouped.mean(), grouped.std()
            half = t_half_widths(deviation.fillna(0.0).to_numpy(float), count.to_numpy(), confidence)
            half = np.where(np.isinf(half), np.nan, half)  # a single run has no interval
            parts.append(
                heads.assign(
                    metric=metric,
                    low=mean - half,
                    best=mean,
                    high=mean + half,
                    runs=count,
                    censored=done - count,
                    failed=failed,
                    planned=planned,
                    partial=done < planned,
                )
            )
        frame = pd.concat(parts, keys=range(len(parts)), names=["order"]).reset_index()
        return frame.sort_values(["point", "order"], ignore_index=True).drop(columns="order")

    def interval(self, metric: str, **levels: Any) -> Interval:
        """Give the interval of one metric at one point, named by its levels."""
        table = self.table(metric)
        for name, level in levels.items():
            table = table[table[name] == level]
        if len(table) != 1:
            cure = "name a level of each factor"
            raise InputError("levels", f"{levels} stands for {len(table)} points", cure)
        row = table.iloc[0]
        return Interval(float(row["low"]), float(row["best"]), float(row["high"]))

    def _labelled(self, answer: pd.DataFrame) -> pd.DataFrame:
        """Say in an answer, too, whether the study behind it is partial."""
        return answer.assign(partial=bool(self.partial))

    def _matrix(self, metric: str) -> pd.DataFrame:
        """Points in rows, replications in columns; NaN where there is no value."""
        (name,) = self._metrics(metric)
        return self.runs.pivot(index="point", columns="replication", values=name).sort_index()

    def _points(self) -> pd.DataFrame:
        return self.runs.drop_duplicates("point").set_index("point")[list(self.factors)].sort_index()

    def effects(self, metric: str, confidence: float = 0.95) -> pd.DataFrame:
        """Give main effects and two-way interactions of a grid, each with its interval; see `effects`."""
        if self.design != "grid":
            cure = "use a grid, or sensitivity() with design.kind = 'saltelli'"
            raise InputError("design", f"a {self.design} has no effects of single levels", cure)
        return self._labelled(effects.effects_table(self._points(), self._matrix(metric), confidence))

    def sensitivity(self, metric: str) -> pd.DataFrame:
        """Give Sobol indices of a metric; needs a saltelli design whose runs are complete."""
        if self.design != "saltelli":
            raise InputError("design", f"Sobol indices need a saltelli design, not a {self.design}", "set design.kind")
        means = self._matrix(metric).mean(axis=1)
        if means.isna().any():
            raise InputError("study", f"{metric} is missing at {int(means.isna().sum())} points", "finish the sweep")
        table = sobol_table(list(self.factors), means.to_numpy(float), int(self.manifest.get("seed", 0)))
        return self._labelled(table)

    def pareto(self, better: Mapping[str, str]) -> pd.DataFrame:
        """Give the points that no other one beats in all of some metrics; see `fronts`.

        Parameters
        ----------
        better
            Metric -> "lower" or "higher".
        """
        names = self._metrics(list(better))
        values = {name: self._matrix(name) for name in names}
        return self._labelled(fronts.pareto_table(self._points(), values, dict(better)))

    def region(self, metric: str, factor: str, a: Any, b: Any, better: str = "lower") -> pd.DataFrame:
        """Say where level `a` of a factor beats level `b`, at each setting of the others; see `regions`."""
        return self._labelled(regions.region_table(self._points(), self._matrix(metric), factor, a, b, better))

    def contest(self, metric: str | None = None, better: str = "lower") -> Contest | None:
        """Name the best and the second point and compare them pair by pair."""
        if metric is None and self.stop is None:
            raise InputError("metric", "is missing", "name one; the study has no stopping rule")
        name = metric or (self.stop.metric if self.stop else "")
        rows = [row.to_numpy(float) for _, row in self._matrix(name).iterrows()]
        samples = [row[: np.flatnonzero(~np.isnan(row)).max(initial=-1) + 1] for row in rows]
        return contest(samples, self.stop.better if metric is None and self.stop else better)

    def save(self, folder: str | Path) -> Path:
        """Write table, runs and manifest; the same results give the same bytes."""
        shown = self.runs.copy()
        for name in self.factors:  # Parquet columns have one type; levels may be of several
            if shown[name].map(type).nunique() > 1:
                shown[name] = shown[name].map(str)
        table = self.table()
        table[list(self.factors)] = table[["point"]].merge(
            shown.drop_duplicates("point")[["point", *self.factors]], on="point"
        )[list(self.factors)]
        return save_frames(folder, {"table": table, "runs": shown}, self.manifest)
