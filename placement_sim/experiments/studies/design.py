"""Which points of the factors are run: every combination, row by row, or points that fill the space."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from placement_sim.experiments.misfit import MisfitError
from placement_sim.experiments.parts import Part
from placement_sim.experiments.studies.factors import Factor, label
from placement_sim.randomness import stream_key

Rows = list[tuple[Any, ...]]


class Design(Part):
    """How factors combine.

    Parameters
    ----------
    kind
        "grid": every combination; "zip": first levels, second levels and so on (a DataFrame's rows);
        "latin_hypercube" and "sobol": `points` points that fill the space; "saltelli": what Sobol
        indices need, ``points * (factors + 2)`` points, by SALib.
    points
        Number of points of a design that fills space; for "sobol" and "saltelli" a power of 2.
    """

    kind: Literal["grid", "zip", "latin_hypercube", "sobol", "saltelli"] = "grid"
    points: int | None = Field(default=None, ge=1)


def expand(design: Design, factors: Sequence[Factor], seed: int) -> Rows:
    """Give the levels of each point, in the order of the factors.

    Raises
    ------
    MisfitError
        The factors do not fit the design.

    Examples
    --------
    >>> expand(Design(), [Factor(path="a", levels=(1, 2)), Factor(path="b", levels=("x", "y"))], 1)
    [(1, 'x'), (1, 'y'), (2, 'x'), (2, 'y')]
    """
    return DESIGNS[design.kind](design, factors, seed)


def _levels(design: Design, factors: Sequence[Factor]) -> list[tuple[Any, ...]]:
    if design.points is not None:
        raise MisfitError("design.points", f"a {design.kind} has as many points as levels give", "remove it")
    for i, factor in enumerate(factors):
        if factor.levels is None:
            cure = "give levels, or design.kind = 'latin_hypercube'"
            raise MisfitError(f"factors[{i}]", f"{factor.column!r} has a range and the design is a {design.kind}", cure)
    return [factor.levels or () for factor in factors]


def _grid(design: Design, factors: Sequence[Factor], seed: int) -> Rows:
    columns = _levels(design, factors)
    for factor, levels in zip(factors, columns, strict=True):
        labels = [label(level) for level in levels]
        if repeated := [text for text in labels if labels.count(text) > 1]:
            problem = f"{factor.column}: {repeated[0]!r} is given twice"
            raise MisfitError("factors", problem, "give each level once")
    return list(itertools.product(*columns))


def _zip(design: Design, factors: Sequence[Factor], seed: int) -> Rows:
    columns = _levels(design, factors)
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(str(len(column)) for column in columns)
        raise MisfitError("design", f"a zip needs equally many levels, got {lengths}", "give each factor as many")
    return list(zip(*columns, strict=True)) if columns else [()]


def _filled(sample: Callable[[int, int, int], npt.NDArray[np.float64]]) -> Callable[..., Rows]:
    def fill(design: Design, factors: Sequence[Factor], seed: int) -> Rows:
        if design.points is None:
            raise MisfitError("design.points", "is missing", f"say how many points the {design.kind} has")
        if not factors:
            raise MisfitError("factors", "there is none", f"a {design.kind} needs at least one")
        shares = sample(len(factors), design.points, seed)
        columns = [factor.at(shares[:, i]) for i, factor in enumerate(factors)]
        return list(zip(*columns, strict=True))

    return fill


def _latin_hypercube(factors: int, points: int, seed: int) -> npt.NDArray[np.float64]:
    from scipy.stats import qmc

    drawn: npt.NDArray[np.float64] = qmc.LatinHypercube(factors, rng=stream_key(seed, "design", "lhs")).random(points)
    return drawn


def _sobol(factors: int, points: int, seed: int) -> npt.NDArray[np.float64]:
    from scipy.stats import qmc

    engine = qmc.Sobol(factors, scramble=True, rng=stream_key(seed, "design", "sobol"))
    drawn: npt.NDArray[np.float64] = engine.random_base2(_power(points))
    return drawn


def _saltelli(factors: int, points: int, seed: int) -> npt.NDArray[np.float64]:
    from placement_sim.experiments.studies.sensitivity import saltelli_points

    _power(points)
    return saltelli_points(factors, points, seed)


def _power(points: int) -> int:
    if points & (points - 1):
        lower = 1 << (points.bit_length() - 1)
        problem = f"{points} is not a power of 2, and only then the points are balanced"
        raise MisfitError("design.points", problem, f"give {lower} or {2 * lower}")
    return points.bit_length() - 1


DESIGNS: dict[str, Callable[..., Rows]] = {
    "grid": _grid,
    "zip": _zip,
    "latin_hypercube": _filled(_latin_hypercube),
    "sobol": _filled(_sobol),
    "saltelli": _filled(_saltelli),
}
