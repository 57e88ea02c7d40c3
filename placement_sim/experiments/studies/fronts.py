"""The Pareto front: points that no other one equals in every metric and beats in one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.statistics import Floats, paired_difference


def pareto_table(
    points: pd.DataFrame, values: Mapping[str, pd.DataFrame], better: Mapping[str, str], confidence: float = 0.95
) -> pd.DataFrame:
    """Mark the front among the means, and what is surely not on it.

    Parameters
    ----------
    points
        Index point, a column a factor.
    values
        Metric -> frame with index point and a column a replication.
    better
        Metric -> "lower" or "higher".

    Returns
    -------
    pandas.DataFrame
        point, factors, a column a metric (mean), front (on the front of the means), beaten_by (a point that
        is better in every metric, each shown by its paired interval at a level divided by the number of
        pairs of points and of metrics, after Bonferroni; -1 for none). A point that is neither on the front nor
        beaten may be on it: more replications would tell. Points without a value in some metric are left out.

    Examples
    --------
    >>> points = pd.DataFrame({"a": ["x", "y", "z"]})
    >>> speed = pd.DataFrame({0: [1.0, 2.0, 3.0], 1: [1.0, 2.1, 3.1]})
    >>> cost = pd.DataFrame({0: [5.0, 4.0, 6.0], 1: [5.0, 4.1, 6.1]})
    >>> pareto_table(points, {"s": speed, "c": cost}, {"s": "lower", "c": "lower"})["front"].tolist()
    [True, True, False]
    """
    for metric, way in better.items():
        if way not in ("lower", "higher"):
            raise InputError(f"better[{metric!r}]", f"{way!r} is unknown", "write 'lower' or 'higher'")
    signed = {name: frame.loc[points.index] * (1.0 if better[name] == "lower" else -1.0)
              for name, frame in values.items()}  # fmt: skip
    means = pd.DataFrame({name: frame.mean(axis=1) for name, frame in signed.items()}).dropna()
    table = means.to_numpy(float)
    front = [not bool(((table <= row).all(axis=1) & (table < row).any(axis=1)).any()) for row in table]
    level = 1 - (1 - confidence) / max(1, len(means) * (len(means) - 1) * len(signed))
    beaten = [
        -1 if on_front else _surely_beaten(row, means, signed, level)
        for row, on_front in zip(means.index.tolist(), front, strict=True)
    ]
    shown = means * [1.0 if better[name] == "lower" else -1.0 for name in means.columns]
    return points.loc[means.index].join(shown).assign(front=front, beaten_by=beaten).reset_index(names="point")


def _surely_beaten(point: int, means: pd.DataFrame, signed: Mapping[str, pd.DataFrame], level: float) -> int:
    rivals = means.index[(means < means.loc[point]).all(axis=1)].tolist()
    for rival in rivals:
        if all(_below(frame.loc[[rival, point]].to_numpy(float), level) for frame in signed.values()):
            return int(rival)
    return -1


def _below(pair: Floats, level: float) -> bool:
    left, right = pair
    both = np.isfinite(left) & np.isfinite(right)
    return bool(both.sum() > 1) and paired_difference(left[both], right[both], level).interval.high < 0
