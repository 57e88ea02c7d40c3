"""The report of a comparison, of a scenario (one policy, several runs) or of a single run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from placement_sim.experiments.compare import OF_FIRST_RUN, Comparison, estimate_table
from placement_sim.experiments.digest import summary_digest
from placement_sim.experiments.scenario import Scenario
from placement_sim.reporting.fleet_wording import FLEET_LIMITS, FLEET_METHODS, fleet_endings
from placement_sim.reporting.gallery import pictures
from placement_sim.reporting.metrics import METRICS, metric_of
from placement_sim.reporting.page import Code, Grid, Item, Page, Points, Section, Text
from placement_sim.reporting.tables import (
    FLEET,
    PAIRED,
    ComparisonLike,
    cell,
    difference_rows,
    layout_of,
    notes_of,
    policies_of,
    policy_rows,
)
from placement_sim.reporting.wording import LIMITS, METHODS, count, findings, in_short, what_was_run

if TYPE_CHECKING:
    from placement_sim.experiments.result import Result

IDENTITY = ("policy", "replication", "seed")
GIB = 2.0**30
ESTIMATES = (
    'Mean over the runs and its 95 % interval. "-": no value, or no interval from these runs. '
    '"never": no run had a no-space error. (k/n): in k of n runs.'
)


def comparison_page(comparison: ComparisonLike, title: str | None = None) -> Page:
    """Lay out the report of a comparison."""
    table, differences, manifest = comparison.table, comparison.differences, comparison.manifest
    policies, runs = policies_of(table), int(table["runs"].max())
    scenario = manifest.get("scenario", {})
    ran = what_was_run(manifest, len(policies), runs)
    fleet = layout_of(table) is FLEET
    said: list[Item] = [Points([*in_short(table, differences), *fleet_endings(table)])]
    if runs == 1:
        said.insert(0, Text("A single run of each rule: no interval can be given, and nothing is decided by it."))
    results: list[Item] = [Grid(policy_rows(table), layout_of(table).legend)]
    if len(differences):
        results += [
            Points(findings(table, differences)),
            Grid(difference_rows(differences), PAIRED),
        ]
    every: list[Item] = [Grid(rows) for rows in all_tables(table)]
    return Page(
        title=title or f"{_kind(manifest, policies)}: {scenario.get('name', 'runs')}",
        lead=ran,
        summary=said,
        sections=[
            Section("Results", results),
            Section("Figures", pictures(comparison, ran)),
            Section("All metrics", [*every, Text(ESTIMATES)]),
            Section(
                "Methods",
                [Text(FLEET_METHODS if fleet else METHODS), *scenario_items(scenario), *_repeat(manifest, policies)],
            ),
        ],
        limits=[*notes_of(comparison), *(FLEET_LIMITS if fleet else ()), *LIMITS],
        manifest={**manifest, "report": "comparison", "runs": run_digests(getattr(comparison, "runs", None))},
    )


def _kind(manifest: Mapping[str, Any], policies: list[str]) -> str:
    if len(policies) == 1:
        return "Scenario"
    return "Comparison of upgrade strategies" if "arms" in manifest else "Placement comparison"


def result_page(result: Result, title: str | None = None) -> Page:
    """Lay out the report of a single run, which says that it is one."""
    rule, way = result.manifest["policy"], result.manifest.get("strategy")
    policy = str((way or rule)["name"])
    runs = pd.DataFrame([{"policy": policy, "replication": 0, "seed": result.manifest["seed"], **result.summary}])
    manifest = {key: value for key, value in result.manifest.items() if key not in ("policy", "strategy")}
    manifest |= {"policies": [rule], "replications": 1, "baseline": policy}
    if way is not None:
        manifest["arms"] = [{"name": policy, "policy": rule["name"], "strategy": way}]
    one = Comparison(
        estimate_table(runs, [policy]),
        pd.DataFrame(),
        runs,
        manifest,
        latencies=result.latencies.assign(policy=policy),
        **{name: getattr(result, name).assign(policy=policy) for name in OF_FIRST_RUN},
    )
    return comparison_page(one, title)


def run_digests(runs: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Name each run with the digest of its summary, for `experiments.verify`."""
    rows = [] if runs is None else runs.to_dict("records")
    return [
        {
            "policy": str(row["policy"]),
            "seed": int(row["seed"]),
            "summary_sha256": summary_digest({str(k): v for k, v in row.items() if k not in IDENTITY}),
        }
        for row in rows
    ]


def all_tables(table: pd.DataFrame, abreast: int = 3) -> list[list[list[str]]]:
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


def scenario_items(values: Mapping[str, Any]) -> list[Item]:
    """Show the disks of a scenario as a table and the whole of it as TOML."""
    if not values:
        return []
    scenario = Scenario.from_dict(values)
    rows = [["disk", "capacity\n(GiB)", "full at the\nstart (%)", "service", "operations\nat once"]]
    for disk in scenario.disks:
        name = disk.name if disk.count == 1 else f"{disk.name} ({disk.count} of them)"
        full = 100 * disk.prefilled_bytes / disk.capacity
        rows.append(
            [name, f"{disk.capacity / GIB:.4g}", f"{full:.3g}", disk.model or disk.law.kind, str(disk.law.channels)]
        )
    return [
        Text(f"The scenario: {count(len(scenario.disk_names), 'disk')}, {count(len(scenario.objects), 'object')}."),
        Grid(rows),
        Code(scenario.to_toml()),
    ]


def _repeat(manifest: Mapping[str, Any], policies: list[str]) -> list[Item]:
    """Say which command makes the numbers again."""
    if "replications" not in manifest:
        return []
    named = {"policies": [str(entry["name"]) for entry in manifest.get("policies", ())] or policies}
    if "arms" in manifest:
        named["strategies"] = list(dict.fromkeys(str(arm["strategy"]["name"]) for arm in manifest["arms"]))
    command = "placement-sim compare scenario.toml"
    command += "".join(f" --{option} {','.join(names)}" for option, names in named.items())
    command += f" --replications {manifest['replications']} --baseline {shlex.quote(manifest['baseline'])}"
    command += f" --seed {manifest['seed']}"
    return [Text("With the scenario above as scenario.toml, this repeats the runs:"), Code(command)]
