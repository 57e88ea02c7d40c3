"""Read a plain CSV of disks, for every cluster that is not Ceph.

Columns: name, capacity, one of used, free and fill; and if wanted host, class, weight, reweight.
Sizes carry a unit or count in bytes. A column that is not known is an error.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

from placement_sim.errors import InputError
from placement_sim.experiments.disk_table import DiskRow, DiskTable, Range
from placement_sim.experiments.misfit import near
from placement_sim.units import parse_bytes

COLUMNS = ("name", "host", "class", "capacity", "used", "free", "fill", "weight", "reweight")
LEVELS = ("used", "free", "fill")
TIB = 2**40


def read_disks_csv(path: str | Path) -> DiskTable:
    """Read a file.

    Raises
    ------
    InputError
        A column is unknown or missing, a row is too short or too long, or a value is wrong.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            heads = [head.strip() for head in next(reader, [])]
            _check_heads(path, heads)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(str(path), str(reason), "name a CSV file of disks") from None
    except csv.Error as error:
        raise InputError(str(path), f"not valid CSV: {error}", "mend the quotes") from None
    if not rows:
        raise InputError(str(path), "it has no disks", "add a row a disk")
    disks: dict[str, DiskRow] = {}
    for number, row in rows:
        place = f"{path}:{number}"
        if len(row) != len(heads):
            raise InputError(place, f"{len(row)} cells under {len(heads)} columns", "mend the row")
        disk = _disk(place, dict(zip(heads, (cell.strip() for cell in row), strict=True)))
        if disk.name in disks:
            raise InputError(place, f"the name {disk.name!r} is given twice", "give each disk its own name")
        disks[disk.name] = disk
    return DiskTable("CSV", tuple(disks.values()), {}, None)


def _check_heads(path: Path, heads: list[str]) -> None:
    for head in heads:
        if head not in COLUMNS:
            raise InputError(f"{path}:1", f"unknown column {head!r}", near(head, COLUMNS))
        if heads.count(head) > 1:
            raise InputError(f"{path}:1", f"the column {head!r} is given twice", "keep one of them")
    missing = [head for head in ("name", "capacity") if head not in heads]
    if missing:
        raise InputError(f"{path}:1", f"there is no column {missing[0]!r}", f"the first row names {', '.join(COLUMNS)}")
    levels = [head for head in LEVELS if head in heads]
    if len(levels) != 1:
        raise InputError(f"{path}:1", f"{' and '.join(levels) or 'nothing'} says how full", "give used, free or fill")


def _disk(place: str, cells: dict[str, str]) -> DiskRow:
    if not cells["name"]:
        raise InputError(place, "the name is blank", "name the disk")
    capacity = _bytes(place, "capacity", cells["capacity"])
    if capacity == 0:
        raise InputError(place, "the capacity is 0", "give its size or leave the disk out")
    if "fill" in cells:
        used = round(_share(place, "fill", cells["fill"]) * capacity)
    elif "used" in cells:
        used = _bytes(place, "used", cells["used"])
    else:
        used = capacity - _bytes(place, "free", cells["free"])
    if not 0 <= used <= capacity:
        raise InputError(place, f"{used} bytes used do not fit in a capacity of {capacity}", "mend the row")
    return DiskRow(
        cells["name"],
        cells.get("host") or None,
        cells.get("class", ""),
        _number(place, "weight", cells["weight"]) if cells.get("weight") else capacity / TIB,
        _share(place, "reweight", cells["reweight"]) if cells.get("reweight") else 1.0,
        Range(capacity, capacity),
        capacity,
        used,
    )


def _bytes(place: str, name: str, text: str) -> int:
    try:
        return parse_bytes(float(text) if text.replace(".", "", 1).isdecimal() else text)
    except ValueError as error:
        raise InputError(f"{place}: {name}", str(error), 'write a size such as "4 TiB"') from None


def _number(place: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{place}: {name}", f"{text!r} is not a number >= 0", "mend the value")
    return value


def _share(place: str, name: str, text: str) -> float:
    percent = text.endswith("%")
    value = _number(place, name, text.removesuffix("%").strip()) / (100 if percent else 1)
    if value > 1:
        raise InputError(f"{place}: {name}", f"{text!r} is above 1", "write 0.85 or 85 %")
    return value
