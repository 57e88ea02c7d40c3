"""The report of a study: its points with intervals, what moves each metric, how complete it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.digest import summary_digest
from placement_sim.experiments.manifest import versions
from placement_sim.reporting import figures, study_figures, trade_figures
from placement_sim.reporting.comparison_page import scenario_items
from placement_sim.reporting.metrics import metric_of
from placement_sim.reporting.page import Grid, Item, Page, Picture, Points, Section, Text, picture
from placement_sim.reporting.study_tables import StudyLike, study_rows
from placement_sim.reporting.tables import cell
from placement_sim.reporting.wording import LIMITS, count


class Reportable(StudyLike, Protocol):
    """What a report needs of a study's result: its runs and effects, too."""

    @property
    def runs(self) -> pd.DataFrame: ...  # noqa: D102
    def effects(self, metric: str) -> pd.DataFrame: ...  # noqa: D102


MOST_ROWS = 200  # of a table on paper
NOT_METRICS = ("point", "replication", "seed", "run_id", "state", "error")
METHODS = (
    "Every point ran with the same seeds, keyed by replication, so that points are compared under common random "
    "numbers. A point's interval is Student's t over its replications, 95 %. A finished run is never repeated: runs "
    "are told apart by scenario, seed, traces and the model's code."
)
EFFECTS = (
    "Effect of a level: mean at that level minus the mean over the grid; of a pair, beyond the sum of both. p: that "
    "there is none, adjusted by Holm's method over all rows of the table."
)


def study_page(study: Reportable, title: str | None = None) -> Page:
    """Lay out the report of a study's result."""
    table, manifest = study.table(), study.manifest
    name = str(manifest.get("study", "study"))
    ran = _what_was_run(study, table)
    said: list[Item] = [Points([_best(table, metric, study.factors) for metric in study.metrics])]
    if study.partial:
        said.insert(0, Text(f"This study is {study.partial}. Its tables hold what is finished."))
    rows = study_rows(study)
    note = "" if len(rows) <= MOST_ROWS else f"The first {MOST_ROWS} of {len(rows) - 1} points."
    return Page(
        title=title or f"Study: {name}",
        lead=ran,
        summary=said,
        sections=[
            Section("Results", [Grid(rows[: MOST_ROWS + 1], note), Text(INTERVALS)]),
            Section("Figures", _pictures(study, table, ran)),
            Section("Effects", _effects(study)),
            Section("Methods", [Text(METHODS), Grid(_factor_rows(study)), *scenario_items(manifest["scenario"])]),
        ],
        limits=[*study.notes, *([f"The study is {study.partial}."] if study.partial else []), *LIMITS],
        manifest={**manifest, "report": "study", "versions": versions(), "runs": run_digests(study)},
    )


INTERVALS = (
    "Mean over the runs and its 95 % interval; runs: finished ones, of those planned where some are missing. "
    "An interval of [-] needs at least two runs."
)


def _what_was_run(study: Reportable, table: pd.DataFrame) -> str:
    manifest = study.manifest
    factors = " x ".join(f"{name} ({table[name].nunique()})" for name in study.factors)
    done = int((study.runs["state"] == "done").sum())
    scenario = manifest.get("scenario", {}).get("name", "")
    points = f"{count(int(table['point'].nunique()), 'point')} over {factors}" if factors else "one point"
    runs = f"{done} of {count(len(study.runs), 'run')}"
    name, seed = manifest.get("study", ""), manifest.get("seed")
    return f"Study {name!r} of scenario {scenario!r}: {points}, {runs} from seed {seed}."


def _best(table: pd.DataFrame, metric: str, factors: tuple[str, ...]) -> str:
    """Say which point has the best mean of a metric, and which the worst."""
    described = metric_of(metric)
    rows = table[(table["metric"] == metric) & table["best"].notna()]
    if rows.empty:
        return f"No run has a value of {described.label}."
    ends = [int(rows["best"].argmin()), int(rows["best"].argmax())]
    words = ["lowest", "highest"]
    if described.better == "higher":
        ends, words = ends[::-1], words[::-1]
    parts = []
    for word, end in zip(words, ends, strict=True):
        row = rows.iloc[end]
        unit = f" {described.unit}" if described.unit else ""
        parts.append(f"{word} {cell(row, metric)}{unit} at {study_figures.point_name(row, factors) or 'the one point'}")
    if math.isclose(float(rows["best"].min()), float(rows["best"].max())):
        return f"{_label(metric)}: the same everywhere, {cell(rows.iloc[0], metric)} {described.unit}."
    return f"{_label(metric)}: {parts[0]}; {parts[1]}. Where intervals overlap, the order may be chance."


def _label(metric: str) -> str:
    label = metric_of(metric).label
    return label[:1].upper() + label[1:]


def _pictures(study: Reportable, table: pd.DataFrame, ran: str) -> list[Picture]:
    drawn = [_one_metric(study, table, metric, ran) for metric in study.metrics]
    known = [metric for metric in study.metrics if metric_of(metric).better and _has(table, metric)]
    if len(known) >= 2 and 2 < table["point"].nunique() <= study_figures.POINTS:
        named = table.assign(policy=[study_figures.point_name(row, study.factors) for _, row in table.iterrows()])
        plot: Callable[..., None] = trade_figures.pareto_front
        height = max(3.4, 1.2 + 0.24 * int(table["point"].nunique()))
        figure = figures.draw(plot, named, width=8.4, height=height, x=known[0], y=known[1])
        shows = "Two metrics. Filled: no other point has a better mean in both; the line joins those."
        drawn.append(picture(figure, f"{shows} {ran}"))
    return drawn


def _has(table: pd.DataFrame, metric: str) -> bool:
    return bool(table.loc[table["metric"] == metric, "best"].notna().any())


def _one_metric(study: Reportable, table: pd.DataFrame, metric: str, ran: str) -> Picture:
    """Draw lines where there are one or two factors, else the best points."""
    seen = {name: list(table[name].drop_duplicates()) for name in study.factors}
    counts = {name: len(found) for name, found in seen.items()}
    by_levels = sorted(counts, key=lambda name: (not study_figures.is_scale(seen[name]), -counts[name]))
    if 1 <= len(by_levels) <= 2 and counts[by_levels[-1]] <= study_figures.LINES:
        lines = by_levels[1] if len(by_levels) == 2 else None
        figure = figures.draw(study_figures.levels, table, metric=metric, across=by_levels[0], lines=lines)
        over = " and ".join(study.factors)
        return picture(figure, f"{_label(metric)} over {over}, with 95 % intervals. {ran}")
    shown = min(study_figures.POINTS, len(table["point"].drop_duplicates()))
    figure = figures.draw(study_figures.points, table, height=1.2 + 0.26 * shown, metric=metric, factors=study.factors)
    return picture(figure, f"{_label(metric)}, the best {count(shown, 'point')} with 95 % intervals. {ran}")


def _effects(study: Reportable) -> list[Item]:
    """Give main effects and interactions of a grid; say why where there are none."""
    items: list[Item] = []
    for metric in study.metrics:
        described = metric_of(metric)
        try:
            rows = study.effects(metric)
        except InputError as error:
            return [Text(f"Not given: {error.problem}.")]
        if rows.empty:
            return [Text("One level of each factor has no effect to show.")]
        head = ["term", "level", f"effect on {described.axis}", "p, adjusted"]
        lines = [
            [str(row["term"]), str(row["level"]), cell(row, metric), f"{row['p_holm']:.3g}"]
            for _, row in rows.head(MOST_ROWS).iterrows()
        ]
        items.append(Grid([head, *lines]))
    return [*items, Text(EFFECTS)]


def _factor_rows(study: Reportable) -> list[list[str]]:
    rows = [["factor", "scenario field", "levels"]]
    for factor in study.manifest.get("factors", ()):
        given = factor.get("levels") or [factor.get("low"), "to", factor.get("high")]
        rows.append([str(factor.get("name") or factor["path"]), str(factor["path"]), ", ".join(map(str, given))])
    return rows


def run_digests(study: Reportable) -> list[dict[str, Any]]:
    """Name each finished run with the digest of its summary."""
    skip = {*NOT_METRICS, *study.factors}
    done = study.runs[study.runs["state"] == "done"]
    return [
        {
            "point": int(row["point"]),
            "seed": int(row["seed"]),
            "summary_sha256": summary_digest({str(k): v for k, v in row.items() if k not in skip}),
        }
        for row in done.to_dict("records")
    ]
