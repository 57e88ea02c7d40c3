"""From a table of disks to a scenario that runs: hosts, disks, weights, fills, and what is assumed.

A table of disks says nothing of the load: the scenario gets one thin object and a stream of
writes of its own, so that it runs, and says that they are assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.disk_table import Check, DiskRow, DiskTable, check_against_df, df_statistics
from placement_sim.experiments.scenario import Scenario

FULL_RATIO = 0.95  # Ceph's default for writes being refused; Ceph documentation
MODELS = {"ssd": "ssd-sata-s4610", "nvme": "nvme-p4500"}  # device class -> model; an assumption
MODEL = "hdd-7200"
BLOCK_BYTES = 4 * 2**20  # Ceph's default object size


@dataclass(frozen=True)
class ClusterImport:
    """An imported cluster.

    Parameters
    ----------
    disks
        A row a disk: disk, host, device_class, capacity_bytes, used_bytes, utilisation_percent,
        weight (TiB), reweight.
    checks
        df's own numbers worked out again; empty for a CSV.
    notes
        What was noticed and what is assumed, in sentences; they head the scenario file.
    """

    scenario: Scenario
    disks: pd.DataFrame
    checks: tuple[Check, ...]
    notes: tuple[str, ...]

    @property
    def reproduced(self) -> bool:
        """Every number that df printed came out the same to its last digit."""
        return not any(check.why for check in self.checks)

    def to_toml(self) -> str:
        """Write the scenario with the notes as comments at its head."""
        return "".join(f"# {' '.join(note.split())}\n" for note in self.notes) + self.scenario.to_toml()


def import_table(
    table: DiskTable,
    file: str,
    *,
    full_ratio: float = FULL_RATIO,
    mirrors: int = 1,
    model: str | None = None,
    block_bytes: int = BLOCK_BYTES,
    folder: str | Path = ".",
) -> ClusterImport:
    """Make a scenario of a table of disks.

    Parameters
    ----------
    file
        Name of the table's file, for the notes.
    full_ratio
        Share of a disk up to which new blocks are taken.
    mirrors
        Copies of the new object.
    block_bytes
        Block size of the new object.
    model
        Disk model for all disks, a name or a file relative to `folder`; None: by device class.

    Raises
    ------
    InputError
        `full_ratio` is no share, or the mirrors or the model do not fit.
    """
    if not 0 < full_ratio <= 1:
        raise InputError("full ratio", f"{full_ratio:g} is not above 0 and at most 1", "give a share such as 0.95")
    checks, said = check_against_df(table)
    hosts = list(dict.fromkeys(disk.host for disk in table.disks if disk.host))
    free = sum(max(0, int(full_ratio * disk.capacity_bytes) - disk.used_bytes) for disk in table.disks)
    if block_bytes < 1 or mirrors < 1:
        raise InputError("new data", f"{mirrors} mirrors in blocks of {block_bytes} bytes", "give 1 or more of each")
    size = max(block_bytes, free // mirrors // block_bytes * block_bytes)
    values: dict[str, Any] = {
        "name": Path(file).stem,
        "policy": "straw2",
        "hosts": [{"name": host} for host in hosts],
        "disks": [_disk(disk, full_ratio, model) for disk in table.disks],
        "objects": [{"name": "new data", "size": size, "block_size": block_bytes, "mirrors": mirrors}],
        "workloads": [
            {
                "name": "assumed writes",
                "object": "new data",
                "synthetic": {
                    "requests": 1000,
                    "read_share": 0.0,
                    "size": block_bytes,
                    "align": block_bytes,
                    "arrivals": {"law": "poisson", "rate": 10.0},
                },
            }
        ],
    }
    scenario = Scenario.from_dict(values, place=file, folder=folder)
    notes = (*_origin(table, file, checks), *said, *table.notes, *_assumptions(table, full_ratio, mirrors, model))
    return ClusterImport(scenario, _frame(table), tuple(checks), notes)


def _disk(disk: DiskRow, full_ratio: float, model: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": disk.name,
        "capacity": disk.capacity_bytes,
        "prefilled": disk.used_bytes,
        "min_free": disk.capacity_bytes - int(full_ratio * disk.capacity_bytes),
        "weight": round(disk.weight * disk.reweight, 8),
        "model": model or MODELS.get(disk.device_class, MODEL),
    }
    return values if disk.host is None else {**values, "host": disk.host}


def _frame(table: DiskTable) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "disk": [disk.name for disk in table.disks],
            "host": [disk.host or "" for disk in table.disks],
            "device_class": [disk.device_class for disk in table.disks],
            "capacity_bytes": [disk.capacity_bytes for disk in table.disks],
            "used_bytes": [disk.used_bytes for disk in table.disks],
            "utilisation_percent": [disk.utilisation for disk in table.disks],
            "weight": [disk.weight for disk in table.disks],
            "reweight": [disk.reweight for disk in table.disks],
        }
    )


def _origin(table: DiskTable, file: str, checks: list[Check]) -> list[str]:
    mean, stddev = df_statistics(table.disks)
    said = [f"Imported from {Path(file).name} ({table.layout}): {len(table.disks)} disks, {mean:.2f} % used."]
    if checks:
        wrong = [check for check in checks if check.why]
        agree = len(checks) - len(wrong)
        said.append(f"Of df's own numbers (mean, VAR, STDDEV) {agree} of {len(checks)} come out to the printed digits.")
        said += [f"{check.name}: {check.computed:.4f}, printed {check.printed:g}: {check.why}." for check in wrong]
    else:
        said.append(f"Standard deviation of the utilisation, weighed by reweight: {stddev:.2f} %.")
    return said


def _assumptions(table: DiskTable, full_ratio: float, mirrors: int, model: str | None) -> list[str]:
    said = []
    if table.digits is not None:
        said.append("Disks that print one size are taken to have one size, where their columns allow it.")
    if not any(disk.host for disk in table.disks):
        said.append("No hosts are in the table: each disk has a host, and so a failure domain, of its own.")
    elif not all(disk.host for disk in table.disks):
        said.append("Disks without a host get a host, and so a failure domain, of their own.")
    full = [disk.name for disk in table.disks if disk.used_bytes > full_ratio * disk.capacity_bytes]
    said.append(f"New blocks are taken up to {full_ratio:.0%} of a disk; {len(full)} disks are beyond it already.")
    if any(disk.reweight < 1 for disk in table.disks):
        said.append("Weight is the CRUSH weight times the reweight, which Ceph applies as a chance of refusal instead.")
    what = repr(model) if model else "by device class, a hard disk where none is given"
    copies = "1 copy" if mirrors == 1 else f"{mirrors} copies"
    said.append(f"Assumptions: disk model {what}; {copies} of new data; the object and its writes.")
    return said


def save_cluster(path: str | Path, found: ClusterImport) -> None:
    """Write the scenario; an InputError says why it cannot be written."""
    try:
        Path(path).write_text(found.to_toml(), encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), f"cannot write: {error.strerror}", "name another file") from None
