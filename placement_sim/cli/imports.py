"""Commands that make a scenario of a real cluster: `import ceph-osd-df`, `import disks-csv`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placement_sim.cli.shared import Json, print_json, print_table

if TYPE_CHECKING:
    from placement_sim.experiments.disk_table import DiskTable

Table = Annotated[str, typer.Argument(help="The cluster's table of disks.")]
OutFile = Annotated[str | None, typer.Option("--out", help="Scenario to write, TOML.")]
FullRatio = Annotated[float, typer.Option("--full-ratio", help="Share of a disk that new blocks may fill.")]
Mirrors = Annotated[int, typer.Option("--mirrors", help="Copies of new data.")]
Model = Annotated[str | None, typer.Option("--model", help="Disk model, a name or a file *.toml.")]


def ceph_osd_df(
    file: Table,
    out: OutFile = None,
    full_ratio: FullRatio = 0.95,
    mirrors: Mirrors = 1,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Import 'ceph osd df' (or its tree), text or JSON; work out its mean, VAR and STDDEV again."""
    from placement_sim.experiments.ceph_osd_df import read_ceph_osd_df

    _import(read_ceph_osd_df(file), file, out, full_ratio, mirrors, model, as_json)


def disks_csv(
    file: Table,
    out: OutFile = None,
    full_ratio: FullRatio = 1.0,
    mirrors: Mirrors = 1,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Import a CSV: name, capacity, one of used, free and fill; host, class, weight, reweight if wanted."""
    from placement_sim.experiments.disks_csv import read_disks_csv

    _import(read_disks_csv(file), file, out, full_ratio, mirrors, model, as_json)


def _import(
    table: DiskTable, file: str, out: str | None, full_ratio: float, mirrors: int, model: str | None, as_json: bool
) -> None:
    from placement_sim.experiments.cluster_import import import_table, save_cluster

    folder = Path(out).parent if out else Path(".")
    found = import_table(table, file, full_ratio=full_ratio, mirrors=mirrors, model=model, folder=folder)
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
