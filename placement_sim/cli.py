"""The command line: a thin face over `run` and `compare`.

Status 0 done, 1 a run failed, 2 bad input, told in one line; 130 interrupted. Heavy imports wait for a command.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placement_sim.errors import InputError, InvariantError, PlacementSimError, PolicyError

if TYPE_CHECKING:
    from placement_sim.experiments.compare import Comparison
    from placement_sim.policies.interface import PlacementPolicy

INTERRUPTED = 130  # typer, too, makes this of Ctrl-C
app = typer.Typer(
    help="Simulate block placement on disks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
trace_app = typer.Typer(help="Look at recorded traces.", no_args_is_help=True)
app.add_typer(trace_app, name="trace")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Out = Annotated[str | None, typer.Option("--out", help="Folder for Parquet files and manifest.json.")]
Seed = Annotated[int | None, typer.Option("--seed", help="In place of the scenario's seed.")]
Plugin = Annotated[
    str | None, typer.Option("--plugin", help="Python file with PlacementPolicy objects; it is executed.")
]
File = Annotated[str, typer.Argument(help="Scenario file, TOML.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit status."""
    try:
        status = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except (InvariantError, PolicyError) as error:
        print(f"placement-sim: the run failed: {_line(error)}", file=sys.stderr)
        return 1
    except PlacementSimError as error:
        print(f"placement-sim: {_line(error)}", file=sys.stderr)
        return 2
    except Exception as error:
        message = getattr(error, "format_message", None)  # a usage error of the option parser
        if message is None:
            raise
        if text := message():
            print(f"placement-sim: {_line(text)}", file=sys.stderr)
        return 2
    if status == INTERRUPTED:
        print("placement-sim: interrupted", file=sys.stderr)
    return status if isinstance(status, int) else 0


def _line(message: object) -> str:
    return " ".join(str(message).split())


@app.command()
def demo(out: Annotated[str, typer.Option("--out", help="Folder for the report.")] = "out") -> None:
    """Compare six rules on recorded I/O over unequal disks; write an offline HTML report."""
    from placement_sim.experiments.demo import demo as run_demo

    found = run_demo(progress=_progress())
    _show(found)
    print(f"Report: {_write_report(Path(out) / 'demo.html', found)}")


@app.command()
def run(
    file: File,
    seed: Seed = None,
    policy: Annotated[str | None, typer.Option("--policy", help="In place of the scenario's.")] = None,
    out: Out = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> None:
    """Run a scenario once."""
    from placement_sim.experiments.run import run as run_scenario
    from placement_sim.experiments.scenario import Scenario

    own = _plugin(plugin)
    chosen: str | PlacementPolicy | None = None if policy is None else own.get(policy, policy)
    result = run_scenario(Scenario.from_toml(file), seed=seed, policy=chosen)
    if out is not None:
        result.save(out)
    if as_json:
        _print_json({"summary": dict(result.summary), "manifest": result.manifest})
        return
    _print_table(["metric", "value"], [[str(name), f"{value:.6g}"] for name, value in result.summary.items()])
    print("This is a single run: compare gives intervals.")


@app.command()
def compare(
    file: File,
    policies: Annotated[str, typer.Option("--policies", help="Names, divided by commas.")],
    replications: Annotated[int, typer.Option("--replications", help="Runs a policy.")] = 10,
    baseline: Annotated[str | None, typer.Option("--baseline", help="By default the first.")] = None,
    seed: Seed = None,
    out: Out = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> None:
    """Compare policies under the same random numbers, with intervals."""
    from placement_sim.experiments.compare import compare as compare_policies
    from placement_sim.experiments.scenario import Scenario

    scenario, own = Scenario.from_toml(file), _plugin(plugin)
    names = [name.strip() for name in policies.split(",") if name.strip()]
    chosen = [own.get(name, name) for name in names]
    found = compare_policies(scenario, chosen, replications, baseline, seed=seed, progress=_progress())
    if out is not None:
        found.save(out)
        _write_report(Path(out) / "report.html", found)
    if as_json:
        frames = {"table": found.table, "differences": found.differences}
        rows = {name: frame.to_dict("records") for name, frame in frames.items()}
        _print_json({**rows, "notes": list(found.notes), "manifest": found.manifest})
    else:
        _show(found)


@app.command()
def policies(as_json: Json = False) -> None:
    """List the placement rules and where they come from."""
    from placement_sim.policies import policies_table

    rows = policies_table()
    if as_json:
        _print_json(rows)
    else:
        _print_table(list(rows[0]), [[str(value) for value in row.values()] for row in rows])


@trace_app.command("info")
def trace_info(
    file: Annotated[str, typer.Argument(help="Trace file.")],
    format: Annotated[str | None, typer.Option("--format", help="By default by the file's content.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is in a trace."""
    from placement_sim.workloads.traces import trace_info as describe

    found = describe(file, format)
    if as_json:
        _print_json(found)
    else:
        _print_table(["", "value"], [[name, str(value)] for name, value in found.items()])


def _plugin(file: str | None) -> dict[str, PlacementPolicy]:
    """Execute the user's own file, because the user asked for it, and take its policies by name."""
    import runpy

    from placement_sim.policies.interface import PlacementPolicy

    if file is None:
        return {}
    if not Path(file).is_file():
        raise InputError(file, "there is no such file", "name a Python file with PlacementPolicy objects")
    try:
        values = runpy.run_path(file)
    except (Exception, SystemExit) as error:
        problem = f"it fails with {type(error).__name__}: {error}"
        raise InputError(file, problem, "mend the file") from None
    own = {value.name: value for value in values.values() if isinstance(value, PlacementPolicy)}
    if not own:
        raise InputError(file, "it has no PlacementPolicy object", "assign one to a name at the top level")
    return own


def _show(comparison: Comparison) -> None:
    from placement_sim.reporting import comparison_text

    print(comparison_text(comparison))


def _write_report(path: Path, comparison: Comparison) -> Path:
    from placement_sim.reporting import html_report

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html_report(comparison), encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), f"cannot write: {error.strerror}", "name another folder") from None
    return path


def _progress() -> Callable[[int, int, str], None]:
    """Show a bar with the time left on a terminal, plain lines elsewhere; always on stderr."""
    from tqdm.auto import tqdm

    bar: Any = None

    def show(done: int, total: int, policy: str) -> None:
        nonlocal bar
        if not sys.stderr.isatty():
            print(f"run {done} of {total}: {policy}", file=sys.stderr)
            return
        bar = bar if bar is not None else tqdm(total=total, unit="run", leave=False)
        bar.update(1)
        if done == total:
            bar.close()

    return show


def _print_json(value: Any) -> None:
    print(json.dumps(_plain(value), indent=2, default=str))


def _plain(value: Any) -> Any:
    """JSON has no NaN: null stands for it. NumPy's numbers become Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print_table(heads: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*heads)
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
