"""Commands that run a scenario: `demo`, `run`, `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placement_sim.cli.shared import (
    DataPathName,
    File,
    Json,
    Out,
    Plugin,
    Seed,
    load_plugin,
    print_json,
    print_table,
    progress_bar,
    time_bar,
)
from placement_sim.errors import InputError
from placement_sim.units import format_bytes

if TYPE_CHECKING:
    import pandas as pd

    from placement_sim.experiments.compare import Comparison


def demo(out: Annotated[str, typer.Option("--out", help="Folder for the report.")] = "out") -> None:
    """Compare six rules on recorded I/O and five upgrade strategies on a fleet; write two offline HTML reports."""
    from placement_sim.experiments.demo import demo as run_demo
    from placement_sim.experiments.demo import demo_fleet
    from placement_sim.reporting import report

    for title, make, name in (
        ("Placement: six rules on recorded I/O over disks that start unequal", run_demo, "demo.html"),
        ("Upgrades: five strategies on 24 desktops on four hard disks", demo_fleet, "demo_fleet.html"),
    ):
        print(f"{title}\n{'=' * len(title)}\n")
        found = make(progress=progress_bar())
        _show(found)
        print(f"Report: {report(found, Path(out) / name)}\n")


def run(
    file: File,
    seed: Seed = None,
    policy: Annotated[str | None, typer.Option("--policy", help="In place of the scenario's.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="Upgrade strategy of the fleet.")] = None,
    data_path: DataPathName = "auto",
    requests: Annotated[bool, typer.Option("--requests", help="Keep every request, for --out.")] = False,
    out: Out = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> None:
    """Run a scenario once."""
    from placement_sim.experiments.run import run as run_scenario
    from placement_sim.experiments.scenario import Scenario
    from placement_sim.experiments.traced import trace_notes

    own = load_plugin(plugin)
    rule = None if policy is None else own.policies.get(policy, policy)
    way = None if strategy is None else own.strategies.get(strategy, strategy)
    scenario = Scenario.from_toml(file)
    result = run_scenario(
        scenario, seed=seed, policy=rule, strategy=way, record_requests=requests, data_path=data_path,
        progress=time_bar(scenario.horizon),
    )  # fmt: skip
    if out is not None:
        result.save(out)
    if as_json:
        rows = result.resyncs.to_dict("records")
        print_json({"summary": dict(result.summary), "resyncs": rows, "manifest": result.manifest})
        return
    print_table(["metric", "value"], [[str(name), f"{value:.6g}"] for name, value in result.summary.items()])
    if not result.resyncs.empty:
        _show_resyncs(result.resyncs)
    for note in trace_notes(result.manifest["traces"]):
        print(f"Note: {note}")
    print(f"This is a single run, by the {result.data_path} data path: compare gives intervals.")


def _show_resyncs(rows: pd.DataFrame) -> None:
    """Print what was copied beside guests, a line each."""
    p99 = [f"guest_latency_s_p99_{when}" for when in ("before", "during", "after")]
    cells = [
        [
            f"{row['action']} {row['disk']}".strip(),
            *(f"{row[name]:.1f}" for name in ("start_s", "end_s", "active_s")),
            format_bytes(row["copied_bytes"]),
            *(f"{1e3 * row[name]:.3g}" for name in p99),
        ]
        for row in rows.to_dict("records")
    ]
    print("Copied beside guests (times in s), and their 99th percentile of latency (ms) before, during and after:")
    print_table(["copied by", "from", "to", "active", "bytes", "before", "during", "after"], cells)


def compare(
    file: File,
    policies: Annotated[str | None, typer.Option("--policies", help="Names, divided by commas.")] = None,
    strategies: Annotated[
        str | None, typer.Option("--strategies", help="Upgrade strategies of the fleet: names, or all.")
    ] = None,
    replications: Annotated[int, typer.Option("--replications", help="Runs a policy.")] = 10,
    baseline: Annotated[str | None, typer.Option("--baseline", help="By default the first.")] = None,
    seed: Seed = None,
    out: Out = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> None:
    """Compare placement policies, upgrade strategies or pairs of both under the same random numbers, with intervals."""
    from placement_sim.experiments.compare import compare as compare_policies
    from placement_sim.experiments.scenario import Scenario
    from placement_sim.reporting import report
    from placement_sim.upgrades import STRATEGIES

    scenario, own = Scenario.from_toml(file), load_plugin(plugin)
    if policies is None and strategies is None:
        raise InputError("compare", "nothing to compare is named", "give --policies or, with a fleet, --strategies")
    rules = None if policies is None else [own.policies.get(name, name) for name in _names(policies)]
    ways = None
    if strategies is not None:
        names = list(STRATEGIES) if strategies == "all" else _names(strategies)
        ways = [own.strategies.get(name, name) for name in names]
    found = compare_policies(
        scenario, rules, replications, baseline, strategies=ways, seed=seed, progress=progress_bar()
    )
    if out is not None:
        found.save(out)
        report(found, Path(out) / "report.html")
    if as_json:
        frames = {"table": found.table, "differences": found.differences}
        rows = {name: frame.to_dict("records") for name, frame in frames.items()}
        print_json({**rows, "notes": list(found.notes), "manifest": found.manifest})
    else:
        _show(found)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _show(comparison: Comparison) -> None:
    from placement_sim.reporting import comparison_text

    print(comparison_text(comparison))
