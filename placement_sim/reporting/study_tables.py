"""A study as text of at most 100 columns: its points with intervals, and how complete it is."""

from __future__ import annotations

from textwrap import fill, wrap
from typing import Any, Protocol

import pandas as pd

from placement_sim.reporting.metrics import metric_of
from placement_sim.reporting.tables import WIDTH, cell, text_table

HEAD = 16  # characters of a head, before it is broken


class StudyLike(Protocol):
    """What reporting needs of a study's result."""

    @property
    def factors(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def metrics(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def partial(self) -> str: ...  # noqa: D102
    @property
    def manifest(self) -> dict[str, Any]: ...  # noqa: D102
    def table(self) -> pd.DataFrame: ...  # noqa: D102


def study_rows(study: StudyLike) -> list[list[str]]:
    """One row a point, the first row is the head: levels, runs of those planned, a metric a column."""
    table = study.table()
    heads = ["\n".join(wrap(metric_of(name).axis, HEAD)) for name in study.metrics]
    rows = [["point", *study.factors, "runs", *heads]]
    for point, lines in table.groupby("point", sort=True):
        first = lines.iloc[0]
        done = int(first["runs"] + first["censored"])
        runs = f"{done} of {first['planned']}" if first["partial"] else str(done)
        by_metric = {str(line["metric"]): line for _, line in lines.iterrows()}
        cells = [cell(by_metric[name], name) for name in study.metrics]
        rows.append([str(point), *(str(first[name]) for name in study.factors), runs, *cells])
    return rows


def study_text(study: StudyLike) -> str:
    """Write a study for a terminal; a partial one says so in its first line."""
    name = str(study.manifest.get("study", "study"))
    head = f"{name}: {study.partial or 'complete'}"
    legend = "[low, high] is the 95 % interval of the mean over the runs of the point."
    parts = [head, text_table(study_rows(study)), fill(legend, WIDTH)]
    return "\n\n".join([*parts, *(fill(f"Note: {note}", WIDTH) for note in study.notes)]) + "\n"
