"""A comparison as one HTML file that opens offline: text, tables, figures, limits, manifest.

Figures are SVG images inside the file. The same comparison gives the same bytes.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pandas as pd

from placement_sim.reporting import figures
from placement_sim.reporting.metrics import METRICS, metric_of
from placement_sim.reporting.tables import (
    EMPTY,
    PAIRED,
    ComparisonLike,
    cell,
    difference_rows,
    notes_of,
    policies_of,
    policy_rows,
)
from placement_sim.reporting.template import PAGE

LIMITS = (
    "Disks are models: service times come from the scenario, not from the reader's hardware.",
    "Intervals cover the chance in arrivals, addresses and service times. They say nothing about "
    "a scenario that does not fit the system it stands for.",
    "Many metrics are shown and no interval is widened for their number: about one in twenty that "
    "leaves zero out does so by chance.",
    "Latency is of finished requests only. A rule under which requests fail has fewer to serve, and its "
    "latency can look better for that reason: read it with the failed requests.",
    "Requests in flight at the horizon are counted as in flight and have no latency. Under overload "
    "the latency therefore depends on the horizon.",
)


def html_report(comparison: ComparisonLike) -> str:
    """Make the report of a comparison.

    Parameters
    ----------
    comparison
        Anything with ``table`` (policy, metric, low, best, high, runs), ``differences``
        (policy, baseline, metric, low, best, high, variance_reduction) and ``manifest``.

    Returns
    -------
    str
        HTML that loads nothing from anywhere; names from the input are escaped.
    """
    from jinja2 import Environment, StrictUndefined

    table, differences = comparison.table, comparison.differences
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(PAGE)
    baseline = str(differences["baseline"].iloc[0]) if len(differences) else ""
    return page.render(
        runs=int(table["runs"].max()),
        policies=policies_of(table),
        baseline=baseline,
        findings=findings(table, differences),
        main=policy_rows(table),
        paired=difference_rows(differences) if len(differences) else [],
        all_metrics=all_tables(table),
        pictures=pictures(table, differences),
        limits=[*notes_of(comparison), *LIMITS],
        empty=EMPTY,
        pairing=PAIRED,
        manifest=json.dumps(comparison.manifest, indent=2, sort_keys=True, default=str),
    )


def findings(table: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    """Say in a sentence a policy how its mean latency compares, and how many requests fail."""
    failures = table[table["metric"] == "failed_requests"].set_index("policy")["best"].to_dict()
    sentences = []
    for _, row in differences[differences["metric"] == "latency_s_mean"].iterrows():
        low, high, best = (float(row[name]) * 1e3 for name in ("low", "high", "best"))
        span = f"95 % interval {low:+.4g} to {high:+.4g} ms"
        if not (math.isfinite(low) and math.isfinite(high)):
            said = f"one run, {best:+.3g} ms of mean latency; one run decides nothing"
        elif low <= 0 <= high:
            said = f"mean latency is not told apart ({span})"
        else:
            said = f"mean latency is {'lower' if best < 0 else 'higher'} by {abs(best):.4g} ms ({span})"
        mine, other = (float(failures.get(row[name], 0)) for name in ("policy", "baseline"))
        if mine != other:
            said += f"; failed requests a run: {mine:.4g} against {other:.4g}"
        sentences.append(f"{row['policy']} against {row['baseline']}: {said}.")
    return sentences


def all_tables(table: pd.DataFrame, abreast: int = 4) -> list[list[list[str]]]:
    """Every metric in rows, policies in columns, so many a table that it fits on paper.

    The first row of a table is the head.
    """
    policies = policies_of(table)
    present = [str(name) for name in table["metric"].drop_duplicates()]
    names = [name for name in METRICS if name in present] + [name for name in present if name not in METRICS]
    by_key = {(str(row["policy"]), str(row["metric"])): row for _, row in table.iterrows()}
    tables = []
    for start in range(0, len(policies), abreast):
        columns = policies[start : start + abreast]
        rows = [["metric", *columns]]
        for name in names:
            cells = [cell(by_key.get((policy, name)), name) for policy in columns]
            rows.append([metric_of(name).axis, *cells])
        tables.append(rows)
    return tables


def pictures(table: pd.DataFrame, differences: pd.DataFrame) -> list[dict[str, str]]:
    """Draw the figures of a comparison: image and caption each."""
    height = 1.3 + 0.42 * len(policies_of(table))
    drawn: list[tuple[Any, str]] = [
        (
            figures.draw(figures.latency_intervals, table, height=height + 0.4),
            "Mean and 99th percentile of latency, with the 95 % interval of the mean over the runs.",
        ),
        (
            figures.draw(figures.stranded_capacity, table, height=height),
            "Free space left on the object's disks when a write first found no space: capacity bought "
            "and not usable under this rule.",
        ),
    ]
    if len(differences):
        drawn.insert(
            1,
            (
                figures.draw(figures.paired_differences, differences, height=height),
                "Paired difference of mean latency, policy minus baseline, with its 95 % interval. "
                "Both met the same arrivals, addresses and service draws.",
            ),
        )
    return [{"data": data_uri(figures.svg(figure)), "caption": caption} for figure, caption in drawn]


def data_uri(text: str) -> str:
    """Put an SVG into an address that needs no network."""
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()
