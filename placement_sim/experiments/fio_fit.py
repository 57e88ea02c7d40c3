"""Fit a disk's channels and service times to fio runs, and say how far off the fit is.

In a closed loop of N requests over c first-come-first-served channels of mean service S, with
a host that takes g between requests, the rate is N / (S + g) below saturation and c / S in it,
whatever the law of the service (exact for g = 0 but for the corner between the two).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from scipy.optimize import nnls

from placement_sim.errors import InputError
from placement_sim.experiments.fio_runs import FioRun
from placement_sim.model.measured import LEVELS, Measured, mean_of_quantiles

MOST_CHANNELS = 256
FALLS = 0.01  # a rate that is lower at a deeper queue by less than this is taken for noise
SHAPE_LEVELS = (5.0, 10.0, 50.0, 80.0, 90.0, 99.0, 99.5)  # percent


@dataclass(frozen=True)
class Law:
    """Mean service time of one operation: a latency and a time a byte, seconds."""

    latency_s: float
    s_per_byte: float

    def mean_s(self, size_bytes: int) -> float:
        """Give the mean service time at a size, seconds."""
        return self.latency_s + self.s_per_byte * size_bytes


@dataclass(frozen=True)
class Fit:
    """Channels, the laws of reads and writes, and the host's gap between requests in seconds."""

    channels: int
    laws: dict[bool, Law]
    gaps_s: dict[bool, float]

    def rate_and_latency(self, run: FioRun, gap_s: float | None = None) -> tuple[float, float]:
        """Give the IOPS and the mean latency in seconds that a run should have had."""
        gap_s = self.gaps_s[run.is_write] if gap_s is None else gap_s
        service_s = self.laws[run.is_write].mean_s(run.size_bytes)
        iops = min(run.depth / (service_s + gap_s), self.channels / service_s)
        return iops, run.depth / iops - gap_s


def fit_runs(runs: Sequence[FioRun], rate_bytes_per_s: float | None = None) -> Fit:
    """Give the fit with the least sum of squared logarithmic errors in rate and latency.

    Parameters
    ----------
    rate_bytes_per_s
        Taken for the transfer where an operation has runs of one size only; None: the size costs nothing.

    Raises
    ------
    InputError
        The transfer at `rate_bytes_per_s` alone takes longer than a measured request.

    Examples
    --------
    >>> runs = [
    ...     FioRun("f", "fio-3.1", w, 4096, n, 10**5, min(n, 4) * 1e4, max(n, 4) / 4 * 1e-4, {})
    ...     for w in (False, True) for n in (1, 2, 4, 8, 16)
    ... ]
    >>> found = fit_runs(runs)
    >>> found.channels, round(found.laws[False].latency_s, 9)
    (4, 0.0001)
    """
    gaps_s = {side: median(run.host_gap_s for run in own) for side, own in _sides(runs).items()}
    best: tuple[float, Fit] | None = None
    for channels in range(1, min(MOST_CHANNELS, max(run.depth for run in runs)) + 1):
        laws = {side: _law(own, channels, rate_bytes_per_s) for side, own in _sides(runs).items()}
        fit = Fit(channels, laws, gaps_s)
        error = math.fsum(sum(e * e for e in log_errors(fit, run, run.host_gap_s)) for run in runs)
        if best is None or error < best[0] * (1 - 1e-9):
            best = error, fit
    assert best is not None
    return best[1]


def log_errors(fit: Fit, run: FioRun, gap_s: float | None = None) -> tuple[float, float]:
    """Give ln(fitted / measured) of rate and latency."""
    iops, latency_s = fit.rate_and_latency(run, gap_s)
    return math.log(iops / run.iops), math.log(latency_s / run.latency_s)


def _sides(runs: Sequence[FioRun]) -> dict[bool, list[FioRun]]:
    sides = {side: [run for run in runs if run.is_write is side] for side in (False, True)}
    return {side: own for side, own in sides.items() if own}


def _law(runs: Sequence[FioRun], channels: int, rate_bytes_per_s: float | None) -> Law:
    """Fit latency + size / rate to the service times that the runs imply, least squares of relative errors."""
    sizes = np.array([run.size_bytes for run in runs], dtype=np.float64)
    implied_s = np.array([run.latency_s if run.depth <= channels else channels / run.iops for run in runs])
    if len(set(sizes)) == 1:
        mean_s = float(np.exp(np.log(implied_s).mean()))
        transfer_s = sizes[0] / rate_bytes_per_s if rate_bytes_per_s else 0.0
        if transfer_s > mean_s:
            problem = f"{sizes[0]:g} bytes take {transfer_s:g} s at that rate, more than the {mean_s:g} s measured"
            raise InputError("rate", problem, "give the rate of one channel, or runs of two sizes")
        return Law(mean_s - transfer_s, transfer_s / float(sizes[0]))
    design = np.column_stack([1 / implied_s, sizes / implied_s])
    (latency_s, s_per_byte), _ = nnls(design, np.ones(len(runs)))
    return Law(float(latency_s), float(s_per_byte))


def held_out(runs: Sequence[FioRun], rate_bytes_per_s: float | None = None) -> list[tuple[float, float] | None]:
    """Fit without each run (and its repeats) and give the errors at it; None where too few others are left."""
    found: list[tuple[float, float] | None] = []
    for run in runs:
        same = (run.is_write, run.size_bytes, run.depth)
        rest = [other for other in runs if (other.is_write, other.size_bytes, other.depth) != same]
        sizes = {other.size_bytes for other in rest if other.is_write == run.is_write}
        depths = {(other.size_bytes, other.depth) for other in rest if other.is_write == run.is_write}
        known = len(depths) >= 2 and (run.size_bytes in sizes or len(sizes) >= 2)
        found.append(log_errors(fit_runs(rest, rate_bytes_per_s), run) if known else None)
    return found


def quantiles_s(runs: Sequence[FioRun], law: Law) -> tuple[float, ...] | None:
    """Give the shape of the shallowest run of the smallest size, scaled to the fitted mean; None: not measured.

    The ends (levels 0 and 1) lie so that the lines pass through the 5 and the 99.5 % points.
    """
    run = min(runs, key=lambda run: (run.size_bytes, run.depth))
    points = [run.percentiles_s.get(level) for level in SHAPE_LEVELS]
    if any(point is None for point in points):
        return None
    p5, *inner, p99_5 = (float(point or 0.0) for point in points)
    low, high = max(0.0, min(inner[0], 2 * p5 - inner[0])), max(inner[-1], 2 * p99_5 - inner[-1])
    shape = tuple(np.maximum.accumulate([low, *(max(0.0, point) for point in inner), high]).tolist())
    mean_s = mean_of_quantiles(shape)
    return tuple(point * law.latency_s / mean_s for point in shape) if mean_s > 0 else None


def make_model(fit: Fit, runs: Sequence[FioRun]) -> Measured:
    """Turn a fit into a service-time model; an operation that was not measured takes the other's law."""
    sides = _sides(runs)
    values: dict[str, Any] = {}
    for side, name in ((False, "read"), (True, "write")):
        source = side if side in sides else not side
        law = fit.laws[source]
        shape = quantiles_s(sides[source], law) or (law.latency_s,) * len(LEVELS)
        values[f"{name}_quantiles_s"] = tuple(float(f"{point:.6g}") for point in shape)
        values[f"{name}_bytes_per_s"] = float(f"{1 / law.s_per_byte:.6g}") if law.s_per_byte > 0 else 0.0
    return Measured(**values)


def slower_at_depth(runs: Sequence[FioRun]) -> list[str]:
    """Say where the measured rate falls with the depth, which constant service times cannot follow."""
    said = []
    for is_write, size_bytes in sorted({(run.is_write, run.size_bytes) for run in runs}):
        own = [run for run in runs if (run.is_write, run.size_bytes) == (is_write, size_bytes)]
        pairs = [(a, b) for a in own for b in own if a.depth < b.depth]
        best, worst = min(pairs, key=lambda pair: pair[1].iops / pair[0].iops, default=(own[0], own[0]))
        if worst.iops < best.iops * (1 - FALLS):
            said.append(
                f"{'Writes' if is_write else 'Reads'} of {size_bytes} bytes get slower at depth: {best.iops:.6g} IOPS "
                f"at {best.depth}, {worst.iops:.6g} at {worst.depth} ({worst.iops / best.iops - 1:+.1%})."
            )
    return said
