"""How a service-time model becomes a kind code and a row of floats, and the checks all models share."""

from __future__ import annotations

import math

PARAMETERS = 20  # floats of an encoded model: as many as the longest, `Measured`, needs

HDD = 0
SSD = 1
TABLE = 2
EXPONENTIAL = 3
DETERMINISTIC = 4
UNIFORM = 5
HYPEREXPONENTIAL = 6
MEASURED = 7

# How many of the two uniform draws each kind looks at.
DRAWS = {HDD: 1, SSD: 0, TABLE: 0, EXPONENTIAL: 1, DETERMINISTIC: 0, UNIFORM: 1, HYPEREXPONENTIAL: 2, MEASURED: 1}

Encoded = tuple[int, tuple[float, ...]]


def pad(kind: int, *values: float) -> Encoded:
    """Fill up to PARAMETERS floats with zeros.

    Examples
    --------
    >>> kind, p = pad(SSD, 1, 2)
    >>> kind, len(p), p[:3]
    (1, 20, (1.0, 2.0, 0.0))
    """
    padded = [float(value) for value in values] + [0.0] * (PARAMETERS - len(values))
    return kind, tuple(padded)


def check_not_negative(**values: float) -> None:
    """Raise ValueError for the first value that is not a finite number >= 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise ValueError(f"{name} must be a finite number >= 0, got {value!r}")


def check_positive(**values: float) -> None:
    """Raise ValueError for the first value that is not a finite number > 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
