"""Commands that make a disk model of measurements: `calibrate fio`."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from placement_sim.cli.shared import Json, print_json, print_table
from placement_sim.errors import InputError


def fio(
    files: Annotated[list[str], typer.Argument(help="fio results, JSON.")],
    out: Annotated[str | None, typer.Option("--out", help="Disk model to write, TOML.")] = None,
    rate: Annotated[str | None, typer.Option("--rate", help='One channel, "500 MB/s", for runs of one size.')] = None,
    alike: Annotated[bool, typer.Option("--alike", help="Reads or writes are missing: both alike.")] = False,
    max_error: Annotated[float, typer.Option("--max-error", help="Refuse a fit that is further off.")] = 0.25,
    as_json: Json = False,
) -> None:
    """Fit a disk model to fio runs and say how far off it is."""
    from placement_sim.experiments.calibrate import calibrate_fio, save_disk_model
    from placement_sim.units import parse_bandwidth

    try:
        rate_bytes_per_s = None if rate is None else parse_bandwidth(rate)
    except ValueError as error:
        raise InputError("--rate", str(error), "mend the rate") from None
    found = calibrate_fio(files, rate_bytes_per_s=rate_bytes_per_s, writes_as_reads=alike, most_error=max_error)
    if out is not None:
        save_disk_model(out, found)
    if as_json:
        print_json(found.to_dict())
        return
    heads = ["bytes", "depth", "IOPS", "fit", "held out", "mean ms", "fit", "p99 ms", "fit"]
    rows = [
        [
            f"{row['operation']} {row['size_bytes']}",
            str(row["depth"]),
            _digits(row["iops_measured"]),
            *(_share(row[key]) for key in ("iops_error", "iops_error_held_out")),
            _digits(row["latency_s_mean_measured"] * 1e3),
            _share(row["latency_error"]),
            _digits(row["latency_s_p99_measured"] * 1e3),
            _share(row["latency_s_p99_fitted"] / row["latency_s_p99_measured"] - 1),
        ]
        for row in found.runs.to_dict("records")
    ]
    print_table(heads, rows)
    print(f"{found.source}.")
    for line in found.notes:
        print(line)
    print(f"Written: {out}" if out else "Nothing is written without --out.")


def _digits(value: float) -> str:
    """Three digits, or all before the point, without an exponent."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _share(value: float) -> str:
    return f"{value:+.0%}" if math.isfinite(value) else "-"
