"""Main effects and interactions of a full grid, each estimated within a replication.

Every replication meets the same random numbers at all points, so an effect is computed in each and its
interval taken over the replications: what they share cancels.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.statistics import holm, paired_difference

COLUMNS = ["term", "level", "low", "best", "high", "runs", "p_holm"]


def effects_table(points: pd.DataFrame, values: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Give the effect of each level, and of each pair of levels beyond the sum of both.

    Parameters
    ----------
    points
        Index point, a column a factor: a full grid.
    values
        Index point, a column a replication; only replications without a gap are used.

    Returns
    -------
    pandas.DataFrame
        term ("policy" or "policy x fill"), level, low, best, high in the metric's unit (difference from the
        mean over the grid; for pairs, from what both effects sum to), runs (replications), p_holm (p-value
        that there is none, adjusted over all rows).

    Raises
    ------
    InputError
        No replication is complete.

    Source: Montgomery, "Design and Analysis of Experiments", factorial designs.

    Examples
    --------
    >>> points = pd.DataFrame({"a": [0, 0, 1, 1], "b": ["x", "y", "x", "y"]})
    >>> found = effects_table(points, pd.DataFrame({0: [1.0, 2.0, 3.0, 8.0], 1: [1.0, 2.0, 3.0, 8.0]}))
    >>> found[["term", "level", "best"]].head(5).values.tolist()  # doctest: +NORMALIZE_WHITESPACE
    [['a', '0', -2.0], ['a', '1', 2.0], ['b', 'x', -1.5], ['b', 'y', 1.5], ['a x b', '0, x', 1.0]]
    """
    complete = values.dropna(axis=1)
    if complete.shape[1] == 0:
        raise InputError("study", "no replication has a value at every point", "finish the sweep")
    factors = [str(name) for name in points.columns]
    levels = {name: list(dict.fromkeys(points[name])) for name in factors}
    where = [[levels[name].index(level) for name, level in zip(factors, row, strict=True)] for row in points.values]
    shape = [len(levels[name]) for name in factors]
    if len(where) != int(np.prod(shape)):
        raise InputError("design", "the points are no full grid", "use design.kind = 'grid'")
    cube = np.empty([*shape, complete.shape[1]])
    for place, row in zip(where, complete.loc[points.index].to_numpy(float), strict=True):
        cube[tuple(place)] = row
    rows: list[list[Any]] = []
    for names in [*((i,) for i in range(len(factors))), *itertools.combinations(range(len(factors)), 2)]:
        if all(shape[i] > 1 for i in names):
            rows += _term(cube, names, factors, levels, confidence)
    p_values = np.array([row[-1] for row in rows], dtype=np.float64)
    known = np.isfinite(p_values)
    p_values[known] = holm(p_values[known])
    return pd.DataFrame([[*row[:-1], p] for row, p in zip(rows, p_values, strict=True)], columns=COLUMNS)


def _term(
    cube: np.ndarray[Any, Any], names: tuple[int, ...], factors: list[str], levels: dict[str, Any], confidence: float
) -> list[list[Any]]:
    effect = _margin(cube, names)
    for smaller in range(len(names)):
        for part in itertools.combinations(names, smaller):
            effect = effect - _effect(cube, part)
    rows = []
    for place in itertools.product(*(range(cube.shape[i]) for i in names)):
        index: list[Any] = [0] * (cube.ndim - 1)
        for i, at in zip(names, place, strict=True):
            index[i] = at
        series = effect[tuple(index)]
        found = paired_difference(series, np.zeros_like(series), confidence)
        interval = found.interval
        bounds = [interval.low, interval.best, interval.high] if len(series) > 1 else [np.nan, interval.best, np.nan]
        level = ", ".join(str(levels[factors[i]][at]) for i, at in zip(names, place, strict=True))
        rows.append([" x ".join(factors[i] for i in names), level, *bounds, len(series), found.p_value])
    return rows


def _margin(cube: np.ndarray[Any, Any], names: tuple[int, ...]) -> np.ndarray[Any, Any]:
    others = tuple(i for i in range(cube.ndim - 1) if i not in names)
    margin: np.ndarray[Any, Any] = cube.mean(axis=others, keepdims=True)
    return margin


def _effect(cube: np.ndarray[Any, Any], names: tuple[int, ...]) -> np.ndarray[Any, Any]:
    effect = _margin(cube, names)
    for smaller in range(len(names)):
        for part in itertools.combinations(names, smaller):
            effect = effect - _effect(cube, part)
    return effect
