"""The region where one level beats another: a paired verdict at every setting of the other factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.statistics import Floats, holm, paired_difference
from placement_sim.experiments.studies.fronts import cost_sign

LEVEL = 0.05  # of the family of verdicts, after Holm


def region_table(
    points: pd.DataFrame, values: pd.DataFrame, factor: str, a: Any, b: Any, better: str = "lower"
) -> pd.DataFrame:
    """Compare levels `a` and `b` of a factor wherever both were run with the same other levels.

    Parameters
    ----------
    points
        Index point, a column a factor.
    values
        Index point, a column a replication.
    better
        "lower" or "higher".

    Returns
    -------
    pandas.DataFrame
        The other factors, a, b, low, best, high of a minus b (95 % paired t interval of this setting alone), runs
        (pairs), p_holm (adjusted over all settings), winner (`a`, `b`, or "not told apart" at 5 % of the family).

    Raises
    ------
    InputError
        A factor or level is unknown, or no setting has both.

    Examples
    --------
    >>> points = pd.DataFrame({"policy": ["p", "q", "p", "q"], "fill": [0.1, 0.1, 0.9, 0.9]})
    >>> values = pd.DataFrame({0: [1.0, 2.0, 5.0, 3.0], 1: [1.1, 2.2, 5.0, 3.1], 2: [1.0, 2.1, 5.1, 3.0]})
    >>> region_table(points, values, "policy", "p", "q")["winner"].tolist()
    ['p', 'q']
    """
    if factor not in points.columns:
        raise InputError("factor", f"{factor!r} is no factor", f"use one of {', '.join(map(str, points.columns))}")
    sign = cost_sign(better)
    levels = list(dict.fromkeys(points[factor]))
    for level in (a, b):
        if level not in levels:
            raise InputError("level", f"{level!r} is no level of {factor}", f"use one of {levels}")
    others = [name for name in points.columns if name != factor]
    sides: list[dict[tuple[Any, ...], int]] = []
    for level in (a, b):
        chosen = points[points[factor] == level]
        keys = [tuple(row) for row in chosen[others].to_numpy(dtype=object).tolist()]
        sides.append(dict(zip(keys, chosen.index.tolist(), strict=True)))
    rows_of = dict(zip(values.index.tolist(), values.to_numpy(float), strict=True))
    shared = [key for key in sides[0] if key in sides[1]]
    if not shared:
        raise InputError("study", f"{a!r} and {b!r} were never run with the same other levels", "use a grid")
    rows = [[*key, a, b, *_compare(rows_of[sides[0][key]], rows_of[sides[1][key]])] for key in shared]
    frame = pd.DataFrame(rows, columns=[*others, "a", "b", "low", "best", "high", "runs", "p_holm"])
    known = frame["p_holm"].notna()
    frame.loc[known, "p_holm"] = holm(frame.loc[known, "p_holm"].to_numpy(float))
    winner = np.where(sign * frame["best"] < 0, str(a), str(b))
    frame["winner"] = np.where(frame["p_holm"] < LEVEL, winner, "not told apart")
    return frame


def _compare(a: Floats, b: Floats) -> list[float]:
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return [np.nan, np.nan, np.nan, 0, np.nan]
    found = paired_difference(a[both], b[both])
    single = both.sum() == 1
    low, high = (np.nan, np.nan) if single else (found.interval.low, found.interval.high)
    return [low, found.interval.best, high, int(both.sum()), found.p_value]
