"""What all commands share: options, JSON and tables on stdout, progress on stderr, a user's own file."""

from __future__ import annotations

import json
import math
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from placement_sim.errors import InputError

if TYPE_CHECKING:
    from placement_sim.policies.interface import PlacementPolicy
    from placement_sim.upgrades import UpgradeStrategy

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Out = Annotated[str | None, typer.Option("--out", help="Folder for Parquet files and manifest.json.")]
Seed = Annotated[int | None, typer.Option("--seed", help="In place of the scenario's seed.")]
Plugin = Annotated[
    str | None, typer.Option("--plugin", help="Python file with your policies and strategies; it is executed.")
]
DataPathName = Annotated[
    Literal["auto", "reference", "compiled"], typer.Option("--data-path", help="By default by the amount of work.")
]
PLAIN_LINE_S = 5.0  # between two lines of progress where there is no terminal
File = Annotated[str, typer.Argument(help="Scenario file, TOML.")]


class Own(NamedTuple):
    """What a user's own file brings, by name."""

    policies: dict[str, PlacementPolicy]
    strategies: dict[str, UpgradeStrategy]

    @property
    def everything(self) -> dict[str, Any]:
        """Both lists as one."""
        return {**self.policies, **self.strategies}


def load_plugin(file: str | None) -> Own:
    """Execute the user's own file, because the user asked for it, and take its policies and strategies by name."""
    from placement_sim.policies.interface import PlacementPolicy
    from placement_sim.upgrades import UpgradeStrategy

    if file is None:
        return Own({}, {})
    if not Path(file).is_file():
        cure = "name a Python file with PlacementPolicy or UpgradeStrategy objects"
        raise InputError(file, "there is no such file", cure)
    try:
        values = runpy.run_path(file)
    except (Exception, SystemExit) as error:
        problem = f"it fails with {type(error).__name__}: {error}"
        raise InputError(file, problem, "mend the file") from None
    policies = {value.name: value for value in values.values() if isinstance(value, PlacementPolicy)}
    strategies = {value.name: value for value in values.values() if isinstance(value, UpgradeStrategy)}
    if not policies and not strategies:
        problem = "it has no PlacementPolicy or UpgradeStrategy object"
        raise InputError(file, problem, "assign one to a name at the top level")
    return Own(policies, strategies)


def progress_bar() -> Callable[[int, int, str], None]:
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


def time_bar(horizon_ns: int | None) -> Callable[[int], None]:
    """Show how far a single run is in simulated time: a bar on a terminal, now and then a plain line elsewhere."""
    seconds = None if horizon_ns is None else horizon_ns / 1e9
    if not sys.stderr.isatty():
        return _time_lines(seconds)
    from tqdm.auto import tqdm

    form = None if seconds else "{n:.1f} s simulated, {elapsed}"
    bar: Any = tqdm(total=seconds, unit="s", leave=False, bar_format=form, delay=1)

    def show(now_ns: int) -> None:
        bar.update(now_ns / 1e9 - bar.n)

    return show


def _time_lines(horizon_s: float | None) -> Callable[[int], None]:
    begun_s = told_s = time.monotonic()
    whole = "" if horizon_s is None else f" of {horizon_s:.1f}"

    def show(now_ns: int) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s >= PLAIN_LINE_S:
            told_s = now_s
            line = f"{now_ns / 1e9:.1f}{whole} s simulated in {now_s - begun_s:.0f} s"
            print(line, file=sys.stderr, flush=True)

    return show


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    print(json.dumps(_plain(value), indent=2, default=str))


def _plain(value: Any) -> Any:
    """JSON has no NaN: null stands for it. NumPy's numbers become Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(heads: list[str], rows: list[list[str]]) -> None:
    """Print a table on stdout, as wide as the terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*heads)
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
