"""A cluster's table of disks as it was read, before it becomes a scenario; and df's own statistics of it.

Printed numbers are rounded: a `Range` keeps what a number may have been, so that two columns
of two digits each can still pin down a size better than either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Range(NamedTuple):
    """What a rounded number may have been."""

    low: float
    high: float

    def meet(self, other: Range) -> Range:
        """Give what both allow, or this one where they contradict each other.

        Examples
        --------
        >>> Range(1, 3).meet(Range(2, 5)), Range(1, 3).meet(Range(4, 5))
        (Range(low=2, high=3), Range(low=1, high=3))
        """
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Range(low, high) if low <= high else self

    @property
    def middle(self) -> float:
        """The middle."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class DiskRow:
    """One disk: sizes in bytes, `weight` in TiB as CRUSH has it, `reweight` 0 to 1; None: not given.

    `variation` is df's printed VAR, `capacity` what the printed size may have been.
    """

    name: str
    host: str | None
    device_class: str
    weight: float
    reweight: float
    capacity: Range
    capacity_bytes: int
    used_bytes: int
    variation: float | None = None

    @property
    def utilisation(self) -> float:
        """Used space in percent of the capacity."""
        return 100.0 * self.used_bytes / self.capacity_bytes


@dataclass(frozen=True)
class DiskTable:
    """What a file said: disks, the totals it printed (name -> value), and what was noticed.

    `printed` may hold mean, stddev, min_var, max_var in percent and as ratios; `digits` is how
    many decimals they have, None: as many as a float holds.
    """

    layout: str
    disks: tuple[DiskRow, ...]
    printed: Mapping[str, float]
    digits: int | None
    notes: tuple[str, ...] = ()


class Check(NamedTuple):
    """One of df's own numbers, worked out again; `why` is empty where the printed digits agree."""

    name: str
    computed: float
    printed: float
    why: str


def df_statistics(disks: Sequence[DiskRow]) -> tuple[float, float]:
    """Give mean and STDDEV as ``ceph osd df`` has them, percent.

    mean = 100 sum(used) / sum(total); STDDEV weighs each squared distance by the disk's
    reweight. Both are NaN of no space, and STDDEV of no reweight.

    Source: ``OSDUtilizationDumper`` of Ceph.

    Examples
    --------
    >>> row = lambda used, reweight: DiskRow("d", None, "", 1.0, reweight, Range(100, 100), 100, used)
    >>> df_statistics([row(20, 1.0), row(40, 1.0), row(90, 0.0)])
    (50.0, 22.360679774997898)
    """
    total = sum(disk.capacity_bytes for disk in disks)
    weight = math.fsum(disk.reweight for disk in disks)
    mean = 100.0 * sum(disk.used_bytes for disk in disks) / total if total else math.nan
    squares = math.fsum(disk.reweight * (disk.utilisation - mean) ** 2 for disk in disks)
    return mean, math.sqrt(squares / weight) if weight > 0 else math.nan


def check_against_df(table: DiskTable) -> tuple[list[Check], tuple[str, ...]]:
    """Work out df's mean, VAR and STDDEV again and say where and why they differ.

    Releases differ in whether disks of reweight 0 count; the reading that gives the printed mean is taken.
    """
    notes: tuple[str, ...] = ()
    counted = list(table.disks)
    inside = [disk for disk in counted if disk.reweight > 0]
    if "mean" in table.printed and inside and not _agrees(table, df_statistics(counted)[0], table.printed["mean"]):
        if _agrees(table, df_statistics(inside)[0], table.printed["mean"]):
            counted = inside
            notes = ("Its mean counts only disks with a reweight above 0, as some releases do.",)
    mean, stddev = df_statistics(counted)
    slack = _slack(counted, mean, table.digits)
    names = {id(disk): disk.name for disk in counted}
    variations = [(names[id(disk)], disk.utilisation / mean, disk) for disk in counted if mean > 0]
    computed = {"mean": (mean, slack), "stddev": (stddev, slack)}
    if variations:
        ratios = [ratio for _, ratio, _ in variations]
        step = slack * (1 + max(ratios)) / mean
        computed |= {"min_var": (min(ratios), step), "max_var": (max(ratios), step)}
    checks = [
        _check(table, name, *computed[name], printed) for name, printed in table.printed.items() if name in computed
    ]
    for name, ratio, disk in variations:
        if disk.variation is not None:
            checks.append(_check(table, f"VAR of {name}", ratio, slack * (1 + ratio) / mean, disk.variation))
    return checks, notes


def _slack(disks: Sequence[DiskRow], mean: float, digits: int | None) -> float:
    """Give how far the mean may be off because sizes and utilisations were printed rounded, percent."""
    total = sum(disk.capacity_bytes for disk in disks)
    spread = math.fsum((disk.capacity.high - disk.capacity.low) * abs(disk.utilisation - mean) for disk in disks)
    return (spread / total if total else 0.0) + (0.0 if digits is None else 0.5 * 10.0**-digits)


def _agrees(table: DiskTable, computed: float, printed: float) -> bool:
    if table.digits is None:
        return math.isclose(computed, printed, rel_tol=1e-5, abs_tol=1e-6)
    return abs(computed - printed) <= 0.5000001 * 10.0**-table.digits


def _check(table: DiskTable, name: str, computed: float, slack: float, printed: float) -> Check:
    if _agrees(table, computed, printed):
        return Check(name, computed, printed, "")
    half = 0.0 if table.digits is None else 0.5 * 10.0**-table.digits
    if abs(computed - printed) <= slack + half:
        why = f"the rounding of the printed sizes and shares leaves {computed - slack:.4g} to {computed + slack:.4g}"
    else:
        why = (
            "more than rounding explains: disks are missing from the table, or it counts others (filters, shadow trees)"
        )
    return Check(name, computed, printed, why)
