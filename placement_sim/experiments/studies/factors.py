"""A factor: a name, the scenario fields that it sets, and its levels or its range.

Fields are set in the scenario's plain values, before they are checked, so that any field of a
scenario can be a factor and a misspelt one is answered by the scenario's own check.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, model_validator

from placement_sim.experiments.misfit import MisfitError, near
from placement_sim.experiments.parts import Name, Part
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.upgrades import UpgradeStrategy

_STEP = re.compile(r"([^.\[\]]+)|\[([^\]]+)\]")
_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")


class Factor(Part):
    """What a study varies.

    Parameters
    ----------
    path
        The scenario field, for example ``policy``, ``disks[*].fill``, ``objects[database].block_size``
        or ``workloads[0].synthetic.arrivals.rate``. In brackets stands a number, a name, or ``*`` for all.
        Several paths, divided by commas, get the same level.
    name
        Column in every table; by default the path.
    levels
        Values as a scenario file would hold them; for ``policy`` and ``fleet.strategy`` also objects.
    low, high, scale, integer
        Instead of levels, for designs that fill space: a range, "linear" or "log", rounded or not.
        Both ends may carry a unit, the same one.

    Examples
    --------
    >>> Factor(path="disks[*].fill", low=0.1, high=0.5).at([0.0, 0.5])
    [0.1, 0.3]
    >>> Factor(path="objects[*].block_size", low="64 KiB", high="1024 KiB", scale="log", integer=True).at([0.5])
    ['256 KiB']
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    path: Name
    name: str = ""
    levels: tuple[Any, ...] | None = None
    low: float | str | None = None
    high: float | str | None = None
    scale: Literal["linear", "log"] = "linear"
    integer: bool = False

    @property
    def column(self) -> str:
        """Name of the factor in tables."""
        return self.name or self.path

    @property
    def span(self) -> tuple[float, float, str]:
        """Low, high and their common unit of a factor with a range."""
        (low, low_unit), (high, high_unit) = _amount(self.low), _amount(self.high)
        if low_unit != high_unit:
            raise MisfitError("high", f"{self.high!r} and {self.low!r} differ in unit", "write both in one unit")
        return low, high, low_unit

    def at(self, shares: npt.ArrayLike) -> list[Any]:
        """Give the levels at shares in [0, 1) of the range, or of the list of levels."""
        if self.levels is not None:
            picked = np.floor(np.asarray(shares, dtype=np.float64) * len(self.levels)).astype(int)
            return [self.levels[min(index, len(self.levels) - 1)] for index in picked.tolist()]
        low, high, unit = self.span
        share = np.asarray(shares, dtype=np.float64)
        points = low * (high / low) ** share if self.scale == "log" else low + (high - low) * share
        # Twelve digits: the last bits of a power differ between C libraries, the identity of a run may not.
        numbers = [round(x) if self.integer else float(f"{x:.12g}") for x in points.tolist()]
        return [f"{x!r} {unit}" for x in numbers] if unit else numbers

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.levels is None) == (self.low is None and self.high is None):
            raise MisfitError("levels", "needs either levels or low and high", "give one of them")
        if self.levels is not None:
            if not self.levels:
                raise MisfitError("levels", "there is none", "give at least one level")
            return self
        low, high, _ = self.span
        if not low < high:
            raise MisfitError("high", f"{self.high!r} is not above {self.low!r}", "give a higher end")
        if self.scale == "log" and low <= 0:
            raise MisfitError("low", f"{self.low!r} has no logarithm", "give a low end above 0, or scale = 'linear'")
        return self


def _amount(value: float | str | None) -> tuple[float, str]:
    if value is None:
        raise MisfitError("low", "a range has two ends", "give low and high")
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        raise MisfitError("low", f"{value!r} is no number with a unit", "write for example 10 or '10 ms'")
    return float(found[1]), found[2]


def label(level: Any) -> Any:
    """Give the value that stands for a level in tables: a name for a policy or strategy, text for a table.

    Examples
    --------
    >>> label({"name": "d_choices", "d": 3}), label("64 KiB"), label(0.5)
    ('d_choices(d=3)', '64 KiB', 0.5)
    """
    if isinstance(level, PlacementPolicy | UpgradeStrategy):
        return level.name
    if isinstance(level, Mapping):
        rest = ", ".join(f"{key}={value}" for key, value in level.items() if key != "name")
        return f"{level['name']}({rest})" if rest and "name" in level else level.get("name", json.dumps(dict(level)))
    if isinstance(level, list | tuple):
        return json.dumps(level)
    return level.item() if isinstance(level, np.generic) else level


def with_levels(values: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Set fields in a scenario's plain values; the original is left alone.

    Parameters
    ----------
    settings
        Path -> level.

    Raises
    ------
    MisfitError
        A path leads nowhere.

    Examples
    --------
    >>> scenario = {"policy": {"name": "stripe"}, "disks": [{"name": "a"}, {"name": "b", "fill": 0.5}]}
    >>> with_levels(scenario, {"policy.stripe": 4, "disks[*].fill": 0.2, "disks[b].count": 3})["disks"]
    [{'name': 'a', 'fill': 0.2}, {'name': 'b', 'fill': 0.2, 'count': 3}]
    """
    changed: dict[str, Any] = copy.deepcopy(dict(values))
    for paths, level in settings.items():
        for path in paths.split(","):
            _set(changed, _steps(path.strip()), level, path.strip())
    return changed


def _steps(path: str) -> list[tuple[str, bool]]:
    """Split a path into steps: (key or index, whether it stood in brackets)."""
    steps = [(plain or index, bool(index)) for plain, index in _STEP.findall(path)]
    text = "".join(f"[{key}]" if index else f".{key}" for key, index in steps).removeprefix(".")
    if text != path or not steps:
        raise MisfitError("path", f"{path!r} cannot be read", "write for example 'disks[*].fill'")
    return steps


def _set(place: Any, steps: list[tuple[str, bool]], level: Any, path: str) -> None:
    (key, index), rest = steps[0], steps[1:]
    keys: list[Any] = _members(place, key, path) if index else [key]
    for one in keys:
        if not index and not isinstance(place, dict):
            raise MisfitError("path", f"{path!r}: {key!r} is asked of a list", "name its entry: [0], [name] or [*]")
        if not rest:
            place[one] = copy.deepcopy(level) if isinstance(level, dict | list) else level
            continue
        inner = place.setdefault(one, {}) if isinstance(place, dict) else place[one]
        if not isinstance(inner, dict | list):
            inner = {"name": inner} if isinstance(inner, str) else {}
            place[one] = inner
        _set(inner, rest, level, path)


def _members(place: Any, key: str, path: str) -> list[int]:
    if not isinstance(place, list):
        raise MisfitError("path", f"{path!r}: [{key}] is asked of what is no list there", "leave the brackets out")
    if key == "*":
        return list(range(len(place)))
    if key.isdigit():
        if int(key) < len(place):
            return [int(key)]
        raise MisfitError("path", f"{path!r}: there is no number {key}", f"give 0 to {len(place) - 1}")
    names = [str(entry.get("name")) for entry in place if isinstance(entry, dict)]
    if key not in names:
        raise MisfitError("path", f"{path!r}: nothing is called {key!r}", near(key, names))
    return [names.index(key)]
