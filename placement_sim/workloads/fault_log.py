"""A log of faults to be replayed: CSV with the columns time_s, action, name, and factor for what is slow."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from placement_sim.errors import TraceError
from placement_sim.model.faults import ACTIONS, CLUSTER, Fault
from placement_sim.units import parse_duration_ns

COLUMNS = ["time_s", "action", "name"]
FACTOR = "factor"  # a fourth column, if there is one: empty but for disk_slow


def read_fault_log(path: Path, disks: Mapping[str, int], hosts: Mapping[str, int]) -> list[Fault]:
    """Read a log of faults; rows may be in any order.

    Parameters
    ----------
    disks, hosts
        Index by name. An action names a disk or a host, see ``model.faults.ACTIONS``.

    Raises
    ------
    TraceError
        The file cannot be read, or a row is not a time, an action and the name of what it strikes.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(str(path), f"cannot read: {error}", "name a CSV file of faults") from None
    if not rows or rows[0] not in (COLUMNS, [*COLUMNS, FACTOR]):
        raise TraceError(f"{path}: line 1", "the head is another", f"write {','.join(COLUMNS)}")
    width = len(rows[0])
    return [_fault(f"{path}: line {number}", row, width, disks, hosts) for number, row in enumerate(rows[1:], 2) if row]


def _fault(place: str, row: list[str], width: int, disks: Mapping[str, int], hosts: Mapping[str, int]) -> Fault:
    if len(row) != width:
        raise TraceError(place, f"{len(row)} values instead of {width}", "give one value a column")
    time_s, action, name, *rest = row
    if action not in ACTIONS:
        raise TraceError(place, f"the action {action!r} is not known", f"use one of {', '.join(ACTIONS)}")
    known = {"disk": disks, "host": hosts, "cluster": {"": CLUSTER}}[ACTIONS[action].target]
    if name not in known:
        raise TraceError(place, f"no {ACTIONS[action].target} is called {name!r}", "name one of the scenario's")
    try:
        time_ns = parse_duration_ns(f"{time_s} s")
    except ValueError as error:
        raise TraceError(place, str(error), "give seconds since the start") from None
    return Fault(time_ns, action, known[name], _factor(place, action, rest[0] if rest else ""))


def _factor(place: str, action: str, text: str) -> float:
    """Read the factor of ``disk_slow`` or the spread of ``rebalance``, and nothing for any other action."""
    takes_factor = action in ("disk_slow", "rebalance")
    if not takes_factor and not text:
        return 1.0
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not takes_factor or not 0.0 < factor < math.inf:
        cure = "give disk_slow a positive one, rebalance its spread, others none"
        raise TraceError(place, f"{text!r} is no factor of {action}", cure)
    return factor
