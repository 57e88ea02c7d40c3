"""Sobol indices: how much of a metric's variance each factor explains, alone and with others.

By SALib, an extra: its sampling (Saltelli's scheme) and its estimators.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.randomness import stream_key


def _salib() -> Any:
    try:
        from SALib.analyze import sobol as analyze
        from SALib.sample import sobol as sample
    except ImportError:
        cure = "install it: pip install 'placement_sim[sensitivity]'"
        raise InputError("design.kind", "a saltelli design needs SALib, which is missing", cure) from None
    return sample, analyze


def _problem(names: list[str]) -> dict[str, Any]:
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def saltelli_points(factors: int, points: int, seed: int) -> npt.NDArray[np.float64]:
    """Give the points of Saltelli's scheme, shape (points * (factors + 2), factors), in [0, 1).

    Source: Saltelli et al., "Variance based sensitivity analysis of model output",
    Computer Physics Communications 181 (2010).
    """
    sample, _ = _salib()
    problem = _problem([str(i) for i in range(factors)])
    word = stream_key(seed, "design", "saltelli") % 2**32
    drawn: npt.NDArray[np.float64] = sample.sample(problem, points, calc_second_order=False, seed=word)
    return drawn


def sobol_table(names: list[str], values: npt.ArrayLike, seed: int, confidence: float = 0.95) -> pd.DataFrame:
    """Estimate first-order and total indices from a metric at the points of `saltelli_points`.

    Parameters
    ----------
    names
        Factors.
    values
        Shape (points * (factors + 2),), in the order of the points.

    Returns
    -------
    pandas.DataFrame
        factor, index ("first" or "total"), low, best, high (bootstrap, normal).

    Examples
    --------
    >>> shares = saltelli_points(2, 512, 1)
    >>> found = sobol_table(["a", "b"], 2 * shares[:, 0] + shares[:, 1], 1)  # 4/5 and 1/5 of the variance
    >>> found[found["index"] == "first"]["best"].round(1).tolist()
    [0.8, 0.2]
    """
    _, analyze = _salib()
    found = analyze.analyze(
        _problem(names),
        np.asarray(values, dtype=np.float64),
        calc_second_order=False,
        conf_level=confidence,
        seed=stream_key(seed, "design", "bootstrap") % 2**32,
    )
    rows = [
        (name, kind, float(best - arm), float(best), float(best + arm))
        for kind, key in (("first", "S1"), ("total", "ST"))
        for name, best, arm in zip(names, found[key], found[f"{key}_conf"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["factor", "index", "low", "best", "high"])
