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
    '12.3'
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
        """Write one stored value without its unit; from 1000 on in whole numbers, not with an exponent."""
        if math.isnan(value):
            return self.absent
        shown = value * self.scale
        return format(shown, ".0f" if 1e3 <= abs(shown) < 1e9 else self.format)

    @property
    def axis(self) -> str:
        """Label with unit, for axes and column heads."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_LATENCIES = {
    "mean": "mean latency",
    "p50": "median latency",
    "p95": "95th percentile of latency",
    "p99": "99th percentile of latency",
    "p999": "99.9th percentile of latency",
}
_LIST = [
    Metric(f"{kind}latency_s_{name}", f"{label}{of}", "ms", "lower", ".3g", 1e3)
    for kind, of in (("", ""), ("read_", " of reads"), ("write_", " of writes"))
    for name, label in _LATENCIES.items()
]
_LIST += [
    Metric("throughput_requests_per_s", "throughput", "requests/s", "higher", ".5g"),
    Metric("throughput_bytes_per_s", "throughput in bytes", "MiB/s", "higher", ".4g", 2.0**-20),
    Metric("utilisation_mean", "utilisation, mean over the disks", "%", None, ".3g", 100.0),
    Metric("utilisation_max", "utilisation of the busiest disk", "%", None, ".3g", 100.0),
    Metric("queue_requests_mean", "requests at a disk, mean", "requests", "lower", ".3g"),
    Metric("fill_spread", "standard deviation of the disks' fill", "%", "lower", ".3g", 100.0),
    Metric("fill_max", "fill of the fullest disk", "%", "lower", ".3g", 100.0),
    Metric("fill_min", "fill of the emptiest disk", "%", None, ".3g", 100.0),
    Metric("no_space_time_s", "first no-space error", "s", "higher", ".4g", absent="never"),
    Metric(
        "no_space_stranded_bytes",
        "free space stranded at the first no-space error",
        "GiB",
        "lower",
        ".4g",
        2.0**-30,
    ),
    Metric("finished_requests", "finished requests", "requests", "higher", ".6g"),
    Metric("in_flight_requests", "requests in flight at the end", "requests", None, ".6g"),
    Metric("new_disk_write_share", "share of written bytes on added disks", "%", None, ".3g", 100.0),
    Metric("failed_requests", "failed requests", "requests", "lower", ".4g"),
    Metric("map_bytes", "memory of the allocation map", "KiB", "lower", ".3g", 2.0**-10),
    Metric("written_map_bytes", "memory of the written maps", "KiB", "lower", ".3g", 2.0**-10),
    Metric("metadata_writes", "writes of map metadata", "writes", "lower", ".6g"),
]

_OUTCOMES: dict[str, Better] = {
    "upgraded": "higher",
    "rolled_back": "lower",
    "repaired": "lower",
    "failed": "lower",
    "untouched": "lower",
    "in_progress": None,
}
_WAITS = {
    "waves": "earlier waves",
    "window": "the maintenance window",
    "place": "a place on host, datastore or in the budget",
    "slot": "a slot of the server",
    "server": "the server to pass a command",
    "storage": "the disks",
}
_LIST += [
    Metric("makespan_s", "makespan of the rollout", "min", "lower", ".4g", 1 / 60),
    Metric("prepare_s", "making template 2", "min", "lower", ".3g", 1 / 60),
    Metric("rollback_s", "rollback by the gate", "min", "lower", ".3g", 1 / 60, absent="none"),
    Metric("downtime_s_mean", "downtime of a machine, mean", "s", "lower", ".4g"),
    Metric("downtime_s_max", "downtime of a machine, longest", "s", "lower", ".4g"),
    Metric("degraded_s_mean", "time of a machine beside upgrade I/O, mean", "s", "lower", ".3g"),
    Metric("capacity_lost_vm_h", "capacity lost", "machine hours", "lower", ".3g"),
    Metric("unavailable_vms_max", "machines unavailable at once", "machines", "lower", ".4g"),
    Metric("extra_space_bytes_max", "extra space at its peak", "GiB", "lower", ".3g", 2.0**-30),
    Metric("upgrade_read_bytes", "bytes read by the upgrade", "GiB", "lower", ".4g", 2.0**-30),
    Metric("upgrade_written_bytes", "bytes written by the upgrade", "GiB", "lower", ".4g", 2.0**-30),
    Metric("failed_tries", "tries of steps that failed", "tries", "lower", ".3g"),
    Metric("damaged_vms", "machines whose data was ruined", "machines", "lower", ".3g"),
]
_LIST += [
    Metric(f"wait_{name}_s_mean", f"wait of a machine for {what}, mean", "s", "lower", ".3g")
    for name, what in _WAITS.items()
]
_LIST += [
    Metric(f"{name}_vms", f"machines {name.replace('_', ' ')}", "machines", better, ".4g")
    for name, better in _OUTCOMES.items()
]
_LIST += [
    Metric(f"guest_{phase}_latency_s_{name}", f"{label} of guests {phase} the upgrade", "ms", "lower", ".3g", 1e3)
    for phase in ("before", "during", "after")
    for name, label in (("mean", "mean latency"), ("p99", "99th percentile of latency"))
]

_LIST += [
    Metric("loss_events", "losses of data", "events", "lower", ".4g"),
    Metric("lost_bytes", "data lost", "MiB", "lower", ".4g", 2.0**-20),
    Metric("away_bytes", "data out of reach at the end", "MiB", "lower", ".4g", 2.0**-20),
    Metric("availability", "requests not refused because data was out of reach", "%", "higher", ".6g", 100.0),
    Metric("time_to_whole_s", "longest time without full redundancy", "s", "lower", ".4g", absent="none"),
    Metric("whole_at_end", "full redundancy at the end (1: yes)", "", "higher", ".3g"),
    Metric("degraded_written_bytes", "degraded writes", "MiB", "lower", ".4g", 2.0**-20),
    Metric("repaired_bytes", "copied by reconciliation and rebuild", "MiB", "lower", ".4g", 2.0**-20),
    Metric("repair_s", "time with repairs", "s", "lower", ".4g"),
    Metric("moved_bytes", "moved by rebalance and evacuation", "MiB", "lower", ".4g", 2.0**-20),
    Metric("move_s", "time with rebalance or evacuation", "s", "lower", ".4g"),
]

METRICS: dict[str, Metric] = {metric.name: metric for metric in _LIST}


def metric_of(name: str) -> Metric:
    """Describe a column; one that is not in the list is shown under its own name."""
    return METRICS.get(name) or Metric(name, name, "", None, ".4g")
