"""Commands about recorded traces: `trace info`, `trace convert`, `import trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from placement_sim.cli.shared import Json, print_json, print_table

if TYPE_CHECKING:
    from placement_sim.workloads.traces import Trace

TraceFile = Annotated[str, typer.Argument(help="Trace file, or - for standard input.")]
Format = Annotated[str | None, typer.Option("--format", help="By default by the file's content.")]
TimeUnit = Annotated[str | None, typer.Option("--time-unit", help="s, ms, us or ns of a libCacheSim CSV.")]
OnBadRow = Annotated[str, typer.Option("--on-bad-row", help="error, or skip, which counts them.")]
Window = Annotated[int | None, typer.Option("--window", help="Rows within which order is mended.")]
Device = Annotated[str | None, typer.Option("--device", help="Only this device, by name.")]


def _open(file: str, format: str | None, time_unit: str | None, on_bad_row: str, window: int | None) -> Trace:
    from placement_sim.workloads.traces import open_trace

    more: dict[str, Any] = {} if window is None else {"window_requests": window}
    return open_trace(file, format, time_unit, on_bad_row=on_bad_row, **more)


def info(
    file: TraceFile,
    format: Format = None,
    time_unit: TimeUnit = None,
    on_bad_row: OnBadRow = "error",
    window: Window = None,
    plot: Annotated[str | None, typer.Option("--plot", help="Picture to write, .png or .svg.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is in a trace."""
    from placement_sim.reporting.traces import trace_rows, write_trace_picture
    from placement_sim.workloads.traces import trace_info

    found = trace_info(_open(file, format, time_unit, on_bad_row, window))
    if plot is not None:
        write_trace_picture(found, plot)
    if as_json:
        print_json(found)
    else:
        print_table(["", "value"], trace_rows(found))


def convert(
    file: TraceFile,
    out: Annotated[str, typer.Argument(help="File to write.")],
    to: Annotated[
        str, typer.Option("--to", help="parquet, vscsi_v1, vscsi_v2, fio_iolog_v2, fio_iolog_v3.")
    ] = "parquet",
    device: Device = None,
    format: Format = None,
    time_unit: TimeUnit = None,
    on_bad_row: OnBadRow = "error",
    window: Window = None,
    as_json: Json = False,
) -> None:
    """Write a trace in another format, to be read fast or replayed by real tools."""
    from dataclasses import asdict

    from placement_sim.workloads.traces import convert_trace

    done = asdict(convert_trace(_open(file, format, time_unit, on_bad_row, window), out, to, device))
    if as_json:
        print_json(done)
    else:
        print_table(["", "value"], [[name, str(value) if value != {} else "none"] for name, value in done.items()])


def import_trace(
    file: TraceFile,
    out: Annotated[str, typer.Option("--out", help="Scenario to write, TOML.")],
    each_device: Annotated[bool, typer.Option("--each-device", help="An object a device.")] = False,
    device: Device = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Scenario whose disks it takes.")] = None,
    format: Format = None,
    time_unit: TimeUnit = None,
    on_bad_row: OnBadRow = "error",
    window: Window = None,
) -> None:
    """Make a scenario of a trace."""
    from placement_sim.experiments.scenario import Scenario
    from placement_sim.experiments.trace_import import import_trace as make

    disks = None if cluster is None else Scenario.from_toml(cluster)
    trace = _open(file, format, time_unit, on_bad_row, window)
    for note in make(trace, out, each_device=each_device, device=device, cluster=disks).notes:
        print(note)
    print(f"Written: {out}")
