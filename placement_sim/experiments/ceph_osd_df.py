"""Read ``ceph osd df`` and ``ceph osd df tree``: the text layouts of Jewel to Squid, and JSON.

The header names the columns; sizes may carry their unit attached (931G) or apart (7.3 TiB);
the class and the state may be blank. So a row is read along the header, token by token.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from placement_sim.errors import InputError
from placement_sim.experiments.disk_table import DiskRow, DiskTable, Range

TIB = 2.0**40
UNITS = {unit: 1024.0**power for power, unit in enumerate("BKMGTPE")}
SIZES = ("SIZE", "USE", "DATA", "OMAP", "META", "AVAIL")
KNOWN = {"ID", "CLASS", "WEIGHT", "REWEIGHT", *SIZES, "%USE", "VAR", "PGS", "STATUS", "TYPE", "NAME"}
NEEDED = ("ID", "WEIGHT", "REWEIGHT", "SIZE", "USE", "AVAIL", "%USE", "VAR")
STATES = {"up", "down", "destroyed", "dne", "out"}
CURE = "give the whole output of 'ceph osd df', 'ceph osd df tree' or either with '-f json'"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kKMGTPE]i?B?|B)?")


class Cells(NamedTuple):
    """One row as printed: ranges in bytes, the share used as a fraction."""

    place: str
    number: int
    host: str | None
    device_class: str
    weight: float
    reweight: float
    size: Range
    capacity: Range
    use: Range
    share: Range
    variation: float | None


def read_ceph_osd_df(path: str | Path) -> DiskTable:
    """Read a file.

    Raises
    ------
    InputError
        It is not the output of ``ceph osd df``, a row is damaged, or no disk has a size.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), str(getattr(error, "strerror", None) or "is not UTF-8 text"), CURE) from None
    table = _from_json(path, text) if text.lstrip().startswith("{") else _from_text(path, text)
    if not table.disks:
        raise InputError(str(path), "no disk in it has a size", CURE)
    return table


def _from_text(path: Path, text: str) -> DiskTable:
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.split()[:1] == ["ID"] and "%USE" in line.split()), None)
    if start is None:
        raise InputError(str(path), "there is no header with ID and %USE", CURE)
    columns = lines[start].replace("RAW USE", "USE").replace("(TYPE NAME)", "TYPE NAME").split()
    if unknown := [column for column in columns if column not in KNOWN]:
        raise InputError(f"{path}:{start + 1}", f"unknown column {unknown[0]!r}", CURE)
    if missing := [column for column in NEEDED if column not in columns]:
        raise InputError(f"{path}:{start + 1}", f"there is no column {missing[0]!r}", CURE)
    rows: dict[int, Cells] = {}
    notes: list[str] = []
    host, end = None, None
    for number, line in enumerate(lines[start + 1 :], start + 2):
        tokens, place = line.split(), f"{path}:{number}"
        if tokens[:1] == ["TOTAL"]:
            end = number
            break
        if tokens and tokens[0].startswith("-") and tokens[0][1:].isdecimal():
            host = tokens[-1] if "TYPE" in columns and tokens[-2:-1] == ["host"] else None
        elif tokens:
            cells = _cells(place, _values(place, columns, tokens), host)
            _add(rows, cells, cells.size.middle >= 1, notes)
    if end is None:
        raise InputError(str(path), "there is no TOTAL line: the table is cut off", CURE)
    return DiskTable(_layout(columns), _settle(rows.values()), _printed(path, lines, end), 2, tuple(notes))


def _layout(columns: list[str]) -> str:
    since = "Jewel or Kraken"
    for column, release in (("CLASS", "Luminous"), ("OMAP", "Mimic 13.2"), ("STATUS", "Nautilus")):
        since = f"{release} or later" if column in columns else since
    return f"text, {since}{', tree' if 'TYPE' in columns else ''}"


def _add(rows: dict[int, Cells], row: Cells, has_size: bool, notes: list[str]) -> None:
    if not has_size:
        notes.append(f"osd.{row.number} has no size (down, or it never reported) and is left out.")
    elif row.number not in rows:
        rows[row.number] = row
    elif rows[row.number][5:] == row[5:]:
        notes.append(f"osd.{row.number} is listed twice, under two roots; it counts once.")
    else:
        raise InputError(row.place, f"osd.{row.number} is listed twice with different sizes", "keep one of the rows")


def _values(place: str, columns: list[str], tokens: list[str]) -> dict[str, str]:
    """Give column -> text; a unit that stands apart joins its number, blank cells are left out."""
    values: dict[str, str] = {}
    rest = list(tokens)
    for column in columns:
        if column == "CLASS" and rest and (_NUMBER.fullmatch(rest[0]) or rest[0] == "-"):
            continue  # blank, and what comes next is the weight
        if column == "STATUS" and (not rest or rest[0] not in STATES):
            continue
        if column in ("TYPE", "NAME"):
            break
        if not rest:
            raise InputError(place, f"the row ends before {column}", CURE)
        values[column] = rest.pop(0)
        if column in SIZES and rest and rest[0][0] in "BkKMGTPE" and _SIZE.fullmatch(values[column] + rest[0]):
            values[column] += " " + rest.pop(0)
    if rest and "TYPE" not in columns:
        raise InputError(place, f"{rest[0]!r} is beyond the last column", CURE)
    return values


def _cells(place: str, values: dict[str, str], host: str | None) -> Cells:
    if not values["ID"].isdecimal():
        raise InputError(place, f"{values['ID']!r} is no number of a disk", CURE)
    size, use, avail = (_size(place, name, values[name]) for name in ("SIZE", "USE", "AVAIL"))
    percent = 0.0 if size.middle < 1 else _number(place, "%USE", values["%USE"])  # nan where there is no size
    share = Range(max(0.0, percent - 0.005) / 100, (percent + 0.005) / 100)
    if share.low > 1:
        raise InputError(place, f"%USE is {values['%USE']}", "mend the row: a disk holds 100 % at most")
    capacity = size
    if share.low > 0:
        capacity = capacity.meet(Range(use.low / share.high, use.high / share.low))
    if share.high < 1:  # exact for BlueStore, where AVAIL = SIZE - USE; without effect where it contradicts SIZE
        capacity = capacity.meet(Range(avail.low / (1 - share.low), avail.high / (1 - share.high)))
    return Cells(
        place,
        int(values["ID"]),
        host,
        values.get("CLASS", ""),
        _number(place, "WEIGHT", values["WEIGHT"]),
        _reweight(place, _number(place, "REWEIGHT", values["REWEIGHT"])),
        size,
        capacity,
        use,
        share,
        None if size.middle < 1 else _number(place, "VAR", values["VAR"]),
    )


def _settle(rows: Iterable[Cells]) -> tuple[DiskRow, ...]:
    """Choose the sizes: one for all disks that print alike, where every row's columns allow one.

    A weight that lies in the range is taken, because a disk's weight is its size in TiB until
    somebody changes it; else the middle.
    """
    groups: dict[tuple[str, Range], list[Cells]] = {}
    for row in rows:
        groups.setdefault((row.device_class, row.size), []).append(row)
    settled: dict[int, DiskRow] = {}
    for group in groups.values():
        common = Range(max(row.capacity.low for row in group), min(row.capacity.high for row in group))
        alike = common.low <= common.high
        for row in group:
            allowed = common if alike else row.capacity
            weights = Counter(other.weight * TIB for other in (group if alike else [row]))
            fitting = [size for size, _ in weights.most_common() if allowed.low <= size <= allowed.high]
            settled[row.number] = _disk(row, allowed, round(fitting[0] if fitting else allowed.middle))
    return tuple(settled[row.number] for row in rows)


def _disk(row: Cells, capacity: Range, capacity_bytes: int) -> DiskRow:
    used = Range(row.share.low * capacity_bytes, row.share.high * capacity_bytes).meet(row.use)
    used_bytes = min(round(used.middle), capacity_bytes)
    return DiskRow(
        f"osd.{row.number}",
        row.host,
        row.device_class,
        row.weight,
        row.reweight,
        capacity,
        capacity_bytes,
        used_bytes,
        row.variation,
    )


def _size(place: str, name: str, text: str) -> Range:
    """Read a rounded size; a unit with i rounds, one without (before Mimic) may also have been cut off."""
    match = _SIZE.fullmatch(text.replace(" ", ""))
    if match is None:
        raise InputError(place, f"{name} is {text!r}, no size", CURE)
    amount, unit = match[1], match[2] or "B"
    factor = UNITS[unit[0].upper()]
    if factor == 1:
        return Range(float(amount), float(amount))
    step = 10.0 ** -len(amount.partition(".")[2])
    above = 0.5 if "i" in unit else 1.0
    return Range(max(0.0, float(amount) - 0.5 * step) * factor, (float(amount) + above * step) * factor)


def _number(place: str, name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf or isinstance(value, bool):
        raise InputError(place, f"{name} is {value!r}, not a number >= 0", CURE)
    return number


def _reweight(place: str, value: float) -> float:
    if value > 1:
        raise InputError(place, f"REWEIGHT is {value:g}", "mend the row: it lies between 0 and 1")
    return value


def _printed(path: Path, lines: list[str], end: int) -> dict[str, float]:
    """Read the mean at the end of the TOTAL line, and the line of MIN/MAX VAR and STDDEV."""
    printed = {"mean": _number(f"{path}:{end}", "the mean", lines[end - 1].split()[-1])}
    for number, line in enumerate(lines[end:], end + 1):
        match = re.fullmatch(r"\s*MIN/MAX VAR: (\S+)/(\S+)\s+STDDEV: (\S+)\s*", line)
        if match:
            names = ("min_var", "max_var", "stddev")
            printed |= {
                name: _number(f"{path}:{number}", name, text) for name, text in zip(names, match.groups(), strict=True)
            }
    return printed


def _from_json(path: Path, text: str) -> DiskTable:
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(str(path), f"not valid JSON: {error}", CURE) from None
    nodes = [*_list(path, values, "nodes"), *(_list(path, values, "stray") if "stray" in values else [])]
    hosts = {child: node.get("name") for node in nodes if node.get("type") == "host" for child in node["children"]}
    rows: dict[int, Cells] = {}
    notes: list[str] = []
    for i, node in enumerate(nodes):
        place = f"{path}: nodes[{i}]"
        if node.get("type", "osd") != "osd":
            continue
        number = node.get("id")
        if not isinstance(number, int):
            raise InputError(place, f"its id is {number!r}", CURE)
        cells = _node(place, node, number, hosts.get(number))
        _add(rows, cells, cells.size.middle >= 1, notes)
    summary = values.get("summary", {})
    keys = {"mean": "average_utilization", "stddev": "dev", "min_var": "min_var", "max_var": "max_var"}
    printed = {
        name: _number(f"{path}: summary.{key}", key, summary[key]) for name, key in keys.items() if key in summary
    }
    tree = ", tree" if any(node.get("type") == "host" for node in nodes) else ""
    return DiskTable(f"JSON{tree}", _settle(rows.values()), printed, None, tuple(notes))


def _list(path: Path, values: Any, key: str) -> list[dict[str, Any]]:
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, list) or not all(isinstance(node, dict) for node in found):
        raise InputError(f"{path}: {key}", "is no list of nodes", CURE)
    for i, node in enumerate(found):
        children = node.get("children")
        numbers = isinstance(children, list) and all(isinstance(child, int) for child in children)
        if node.get("type") == "host" and not numbers:
            raise InputError(f"{path}: {key}[{i}]", "is a host without children", CURE)
    return found


def _node(place: str, node: dict[str, Any], number: int, host: str | None) -> Cells:
    size = _number(place, "kb", node.get("kb")) * 1024
    used = _number(place, "kb_used", node.get("kb_used")) * 1024
    if used > size:
        raise InputError(place, f"kb_used is {used / 1024:.0f}, more than kb", "mend the row")
    exact, share = Range(size, size), used / size if size else 0.0
    return Cells(
        place,
        number,
        host,
        str(node.get("device_class", "")),
        _number(place, "crush_weight", node.get("crush_weight")),
        _reweight(place, _number(place, "reweight", node.get("reweight"))),
        exact,
        exact,
        Range(used, used),
        Range(share, share),
        _number(place, "var", node["var"]) if size and "var" in node else None,
    )
