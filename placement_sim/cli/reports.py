"""Commands about reports: `report` writes one, `verify` repeats runs of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placement_sim.cli.shared import Json, Plugin, Seed, load_plugin, print_json, print_table, progress_bar
from placement_sim.errors import InputError

if TYPE_CHECKING:
    from placement_sim.experiments.compare import Comparison
    from placement_sim.experiments.verify import Verdict

DIGITS = 12  # of a digest, on a terminal


def report(
    source: Annotated[str, typer.Argument(help="Scenario or study (.toml), notebook (.ipynb), folder of results.")],
    out: Annotated[str | None, typer.Option("--out", help="HTML file; by default out/NAME.html.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write a PDF of the same name, too.")] = False,
    title: Annotated[str | None, typer.Option("--title", help="In place of the usual one.")] = None,
    replications: Annotated[int, typer.Option("--replications", help="Runs of a scenario.")] = 5,
    seed: Seed = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE for a notebook; may be repeated.")
    ] = None,
    plugin: Plugin = None,
) -> None:
    """Write a report that opens offline."""
    from placement_sim.reporting.write import report as write

    path = Path(source)
    if parameter and path.suffix != ".ipynb":
        raise InputError("--parameter", "is for notebooks only", "edit the scenario, or report a notebook")
    target = Path(out) if out else Path("out") / f"{path.resolve().stem}.html"
    if target.suffix == ".pdf":
        raise InputError("--out", f"{out} is no HTML file", "name an HTML file and add --pdf")
    made = _made(path, replications, seed, parameter or [], plugin)
    written = write(made, target, title=title, pdf=pdf)
    print(f"Report: {written}")
    if pdf:
        print(f"PDF: {written.with_suffix('.pdf')}")


def _made(path: Path, replications: int, seed: int | None, parameters: list[str], plugin: str | None) -> Any:
    """Run what is to be run, or read what was."""
    if path.suffix == ".ipynb":
        from placement_sim.experiments.notebooks import parse_parameters, run_notebook

        return run_notebook(path, parse_parameters(parameters))
    from placement_sim.experiments.saved import finished_runs, load_saved

    if path.is_dir():
        return load_saved(path)
    return finished_runs(path, load_plugin(plugin).everything) or _scenario(path, replications, seed, plugin)


def _scenario(path: Path, replications: int, seed: int | None, plugin: str | None) -> Comparison:
    from placement_sim.experiments.compare import compare
    from placement_sim.experiments.scenario import Scenario

    scenario, own = Scenario.from_toml(path), load_plugin(plugin)
    rule = own.policies.get(scenario.policy.name, scenario.policy.name)
    ways = None
    if scenario.fleet is not None:
        name = scenario.fleet.strategy.name
        ways = [own.strategies.get(name, name)]
    return compare(scenario, [rule], replications, strategies=ways, seed=seed, progress=progress_bar())


def verify(
    report: Annotated[str, typer.Argument(help="HTML file that `report` or `compare` has written.")],
    sample: Annotated[int, typer.Option("--sample", help="How many runs to repeat.")] = 3,
    every: Annotated[bool, typer.Option("--all", help="Repeat every run.")] = False,
    folder: Annotated[str | None, typer.Option("--folder", help="Where the scenario file or notebook lies.")] = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> int:
    """Repeat runs of a report and say whether the same numbers come out; status 1 if not."""
    from placement_sim.experiments.verify import verify as repeat
    from placement_sim.reporting.embedded import read_manifest

    manifest = read_manifest(report)
    folders = [folder] if folder else [Path(report).parent, Path(".")]
    if manifest.get("report") == "notebook":
        from placement_sim.experiments.notebooks import verify_notebook

        verdict = verify_notebook(manifest, folders)
    elif manifest.get("report") == "study":
        from placement_sim.experiments.verify_study import verify_study

        verdict = verify_study(manifest, None if every else sample, folders, load_plugin(plugin).everything)
    else:
        own = load_plugin(plugin)
        verdict = repeat(manifest, None if every else sample, folders, own.policies, own.strategies)
    _tell(verdict, as_json)
    return 0 if verdict.agrees else 1


def _tell(verdict: Verdict, as_json: bool) -> None:
    rows = verdict.runs.to_dict("records")
    if as_json:
        stated = {"stated_runs": verdict.stated_runs, "remarks": list(verdict.remarks)}
        print_json({"agrees": verdict.agrees, **stated, "runs": rows})
        return
    heads = [str(name).removesuffix("_sha256") for name in verdict.runs.columns]
    print_table(heads, [[_short(value) for value in row.values()] for row in rows])
    for remark in verdict.remarks:
        print(f"Note: {remark}.")
    word = "agree with" if verdict.agrees else "DIFFER from"
    noun = "cells" if "cell" in verdict.runs else "runs"
    print(f"{len(rows)} of {verdict.stated_runs} {noun} were repeated: their numbers {word} the report.")


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return value[:DIGITS] if isinstance(value, str) and len(value) == 64 else str(value)
