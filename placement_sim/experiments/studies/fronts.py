"""The Pareto front: points that no other one equals in every metric and beats in one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.statistics import Floats, paired_difference


def cost_sign(better: str, place: str = "better") -> float:
    """Give the factor that makes less of a metric the better: 1 for "lower", -1 for "higher".

    Raises
    ------
    InputError
        It is neither; the error names the place.

    Examples
    --------
    >>> cost_sign("lower"), cost_sign("higher")
    (1.0, -1.0)
    """
    if better not in ("lower", "higher"):
        raise InputError(place, f"{better!r} is unknown", "write 'lower' or 'higher'")
    return 1.0 if better == "lower" else -1.0


def undominated(costs: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Tell which points no other point betters.

    Parameters
    ----------
    costs
        Shape (points, metrics); less is better in each metric.

    Returns
    -------
    numpy.ndarray
        bool, shape (points,): no other point is as good in every metric and better in one. Equal points stay on
        the front together; a point with NaN or infinity in some metric is not on it.

    Examples
    --------
    >>> undominated([[1, 3], [2, 1], [3, 2], [2, 1], [0, float("nan")]]).tolist()
    [True, True, False, True, False]
    """
    rows = np.asarray(costs, float)
    beaten = [bool(((rows <= row).all(axis=1) & (rows < row).any(axis=1)).any()) for row in rows]
    front: npt.NDArray[np.bool_] = np.isfinite(rows).all(axis=1) & ~np.array(beaten, bool)
    return front


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
    signs = {name: cost_sign(way, f"better[{name!r}]") for name, way in better.items()}
    signed = {name: frame.loc[points.index] * signs[name] for name, frame in values.items()}
    means = pd.DataFrame({name: frame.mean(axis=1) for name, frame in signed.items()}).dropna()
    front = undominated(means.to_numpy(float)).tolist()
    level = 1 - (1 - confidence) / max(1, len(means) * (len(means) - 1) * len(signed))
    beaten = [
        -1 if on_front else _surely_beaten(row, means, signed, level)
        for row, on_front in zip(means.index.tolist(), front, strict=True)
    ]
    shown = means * [signs[name] for name in means.columns]
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
