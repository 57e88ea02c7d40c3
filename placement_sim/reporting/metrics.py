"""Each metric once: name, label, unit, which way is better, how a value is written.

Table, figure and HTML read this list, so that a number looks the same everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher"] | None


@dataclass(frozen=True)
class Metric:
    """What a column means and how it is shown.

    Parameters
    ----------
    name
        Column name in ``Result.summary`` and in the ``metric`` column of a comparison.
    label, unit
        For people; `unit` is that of the shown value, which is the stored one times `scale`.
    better
        "lower", "higher", or None where neither is better by itself.
    format
        Format specification of one shown value.
    absent
        What a missing value (NaN) means.

    Examples
    --------
    >>> METRICS["latency_s_mean"].show(0.01234)
    '12.34'
    >>> METRICS["no_space_time_s"].show(float("nan"))
    'never'
    """

    name: str
    label: str
    unit: str
    better: Better
    format: str
    scale: float = 1.0
    absent: str = "-"

    def show(self, value: float) -> str:
        """Write one stored value without its unit."""
        return self.absent if math.isnan(value) else format(value * self.scale, self.format)

    @property
    def axis(self) -> str:
        """Label with unit, for axes and column heads."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_LIST = [
    Metric("latency_s_mean", "mean latency", "ms", "lower", ".4g", 1e3),
    Metric("latency_s_p50", "median latency", "ms", "lower", ".4g", 1e3),
    Metric("latency_s_p95", "95th percentile of latency", "ms", "lower", ".4g", 1e3),
    Metric("latency_s_p99", "99th percentile of latency", "ms", "lower", ".4g", 1e3),
    Metric("latency_s_p999", "99.9th percentile of latency", "ms", "lower", ".4g", 1e3),
    Metric("throughput_requests_per_s", "throughput", "requests/s", "higher", ".5g"),
    Metric("utilisation_max", "utilisation of the busiest disk", "%", None, ".3g", 100.0),
    Metric("queue_requests_mean", "requests at a disk, mean", "requests", "lower", ".3g"),
    Metric("fill_spread", "fill spread, fullest minus emptiest disk", "%", "lower", ".3g", 100.0),
    Metric("fill_max", "fill of the fullest disk", "%", "lower", ".3g", 100.0),
    Metric("no_space_time_s", "first no-space error", "s", "higher", ".4g", absent="never"),
    Metric(
        "no_space_stranded_bytes",
        "free space stranded at the first no-space error",
        "GiB",
        "lower",
        ".4g",
        2.0**-30,
    ),
    Metric("failed_requests", "failed requests", "requests", "lower", ".6g"),
    Metric("map_bytes", "memory of the allocation map", "KiB", "lower", ".5g", 2.0**-10),
    Metric("metadata_writes", "writes of map metadata", "writes", "lower", ".6g"),
]

METRICS: dict[str, Metric] = {metric.name: metric for metric in _LIST}


def metric_of(name: str) -> Metric:
    """Describe a column; one that is not in the list is shown under its own name."""
    return METRICS.get(name) or Metric(name, name, "", None, ".4g")
