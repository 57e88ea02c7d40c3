"""Commands about recorded traces: `trace info`."""

from __future__ import annotations

from typing import Annotated

import typer

from placement_sim.cli.shared import Json, print_json, print_table


def info(
    file: Annotated[str, typer.Argument(help="Trace file.")],
    format: Annotated[str | None, typer.Option("--format", help="By default by the file's content.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is in a trace."""
    from placement_sim.workloads.traces import trace_info as describe

    found = describe(file, format)
    if as_json:
        print_json(found)
    else:
        print_table(["", "value"], [[name, str(value)] for name, value in found.items()])
