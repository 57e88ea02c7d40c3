"""Commands that make a scenario of a real cluster: `import ceph-osd-df`, `import disks-csv`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placement_sim.cli.shared import Json, print_json, print_table
from placement_sim.errors import InputError

if TYPE_CHECKING:
    from placement_sim.experiments.disk_table import DiskTable

Table = Annotated[str, typer.Argument(help="The cluster's table of disks.")]
OutFile = Annotated[str | None, typer.Option("--out", help="Scenario to write, TOML.")]
FullRatio = Annotated[float, typer.Option("--full-ratio", help="Share of a disk that new blocks may fill.")]
Mirrors = Annotated[int, typer.Option("--mirrors", help="Copies of new data.")]
BlockSize = Annotated[str, typer.Option("--block-size", help="Of new data.")]
Model = Annotated[str | None, typer.Option("--model", help="Disk model, a name or a file *.toml.")]


def ceph_osd_df(
    file: Table,
    out: OutFile = None,
    full_ratio: FullRatio = 0.95,
    mirrors: Mirrors = 1,
    model: Model = None,
    block_size: BlockSize = "4 MiB",
    as_json: Json = False,
) -> None:
    """Import 'ceph osd df' (or its tree), text or JSON; work out its mean, VAR and STDDEV again."""
    from placement_sim.experiments.ceph_osd_df import read_ceph_osd_df

    _import(read_ceph_osd_df(file), file, out, (full_ratio, mirrors, model, block_size), as_json)


def disks_csv(
    file: Table,
    out: OutFile = None,
    full_ratio: FullRatio = 1.0,
    mirrors: Mirrors = 1,
    model: Model = None,
    block_size: BlockSize = "4 MiB",
    as_json: Json = False,
) -> None:
    """Import a CSV: name, capacity, one of used, free and fill; host, class, weight, reweight if wanted."""
    from placement_sim.experiments.disks_csv import read_disks_csv

    _import(read_disks_csv(file), file, out, (full_ratio, mirrors, model, block_size), as_json)


def _import(
    table: DiskTable, file: str, out: str | None, options: tuple[float, int, str | None, str], as_json: bool
) -> None:
    from placement_sim.experiments.cluster_import import import_table, save_cluster
    from placement_sim.units import parse_bytes

    full_ratio, mirrors, model, block_size = options
    try:
        block_bytes = parse_bytes(block_size)
    except ValueError as error:
        raise InputError("--block-size", str(error), "mend the size") from None
    folder = Path(out).parent if out else Path(".")
    found = import_table(
        table, file, full_ratio=full_ratio, mirrors=mirrors, model=model, block_bytes=block_bytes, folder=folder
    )
    if out is not None:
        save_cluster(out, found)
    if as_json:
        checks = [check._asdict() for check in found.checks]
        print_json(
            {
                "disks": found.disks.to_dict("records"),
                "checks": checks,
                "reproduced": found.reproduced,
                "notes": list(found.notes),
            }
        )
        return
    heads = ["disk", "host", "class", "TiB", "% used", "weight", "reweight"]
    rows = [
        [
            *(str(row[key]) for key in ("disk", "host", "device_class")),
            f"{row['capacity_bytes'] / 2**40:.3f}",
            f"{row['utilisation_percent']:.2f}",
            f"{row['weight']:.5f}",
            f"{row['reweight']:.5f}",
        ]
        for row in found.disks.to_dict("records")
    ]
    print_table(heads, rows)
    for note in found.notes:
        print(note)
    print(f"Written: {out}" if out else "Nothing is written without --out.")
