"""One line that stands for a run's numbers: equal digests mean equal numbers, to the last bit.

It is taken of the summary alone, so that it can be had from a stored row as well as from a fresh run.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping


def summary_digest(summary: Mapping[str, float]) -> str:
    """Digest names and values of a run's summary; their order does not matter.

    Parameters
    ----------
    summary
        Metric name to value, as ``dict(result.summary)`` gives. A value of NaN counts as absent, because a table
        of several runs has NaN where only other runs have a metric.

    Examples
    --------
    >>> summary_digest({"a": 1.0, "b": 0.1}) == summary_digest({"b": 0.1, "a": 1, "c": float("nan")})
    True
    >>> summary_digest({"a": 1.0}) == summary_digest({"a": 1.0000000000000002})
    False
    """
    lines = [f"{name} {float(value).hex()}\n" for name, value in summary.items() if not math.isnan(value)]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
