"""Commands about recorded traces: `trace info`, `trace convert`, `trace synthesise`, `import trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from placement_sim.cli.shared import Json, print_json, print_table
from placement_sim.errors import InputError

if TYPE_CHECKING:
    from placement_sim.workloads.traces import Trace
    from placement_sim.workloads.traces.fit import Fit
    from placement_sim.workloads.traces.judge import Judgement

TraceFile = Annotated[str, typer.Argument(help="Trace file, or - for standard input.")]
Format = Annotated[str | None, typer.Option("--format", help="By default by the file's content.")]
TimeUnit = Annotated[str | None, typer.Option("--time-unit", help="s, ms, us or ns of a libCacheSim CSV.")]
OnBadRow = Annotated[str, typer.Option("--on-bad-row", help="error, or skip, which counts them.")]
Window = Annotated[int | None, typer.Option("--window", help="Rows within which order is mended.")]
Cluster = Annotated[str | None, typer.Option("--cluster", help="Scenario whose disks it takes.")]
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


def synthesise(
    file: TraceFile,
    out: Annotated[str | None, typer.Option("--out", help="Scenario *.toml or trace *.parquet to write.")] = None,
    device: Device = None,
    requests: Annotated[int | None, typer.Option("--requests", help="Of a trace; by default as many.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the synthetic requests.")] = 1,
    cluster: Cluster = None,
    format: Format = None,
    time_unit: TimeUnit = None,
    on_bad_row: OnBadRow = "error",
    window: Window = None,
    as_json: Json = False,
) -> None:
    """Fit a generator to a trace and say how well it fits; write it as a scenario, or a trace that it makes."""
    from dataclasses import asdict

    from placement_sim.reporting.traces import judgement_rows
    from placement_sim.workloads.traces.fit import fit_trace
    from placement_sim.workloads.traces.judge import judge

    if out is not None and not out.endswith((".toml", ".parquet")):
        raise InputError(out, "neither a scenario nor a trace", "let its name end in .toml or .parquet")
    if seed < 0 or (requests is not None and requests < 1):
        raise InputError("trace synthesise", "the seed or the number of requests is too low", "give 0 or 1 and more")
    trace = _open(file, format, time_unit, on_bad_row, window)
    if trace.source.once:
        raise InputError(trace.name, "the fit and its judgement read a trace twice", "save it to a file")
    fit = fit_trace(trace, device)
    judged = judge(trace, fit, device, seed)
    if out is not None:
        _write_synthetic(fit, judged, out, requests, seed, cluster)
    values = {"fit": asdict(fit), "judgement": [asdict(row) for row in judged], "skipped_rows": trace.skipped_rows}
    if as_json:
        print_json(values)
    else:
        print_table(["", "unit", "trace", "synthetic"], judgement_rows(judged))
        print(f"Skipped bad rows: {trace.skipped_rows}")
        print(f"Written: {out}" if out else "Nothing is written without --out.")


def _write_synthetic(
    fit: Fit, judged: list[Judgement], out: str, requests: int | None, seed: int, cluster: str | None
) -> None:
    from placement_sim.experiments.scenario import Scenario
    from placement_sim.experiments.trace_import import import_fit
    from placement_sim.workloads.traces.convert import write_requests

    if out.endswith(".parquet"):
        write_requests(fit.generate(seed, requests), "synthetic", out)
    else:
        import_fit(fit, judged, out, cluster=None if cluster is None else Scenario.from_toml(cluster))


def import_trace(
    file: TraceFile,
    out: Annotated[str, typer.Option("--out", help="Scenario to write, TOML.")],
    each_device: Annotated[bool, typer.Option("--each-device", help="An object a device.")] = False,
    device: Device = None,
    cluster: Cluster = None,
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
