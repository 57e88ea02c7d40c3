"""Fit a disk's channels and service times to fio runs, and say how far off the fit is.

In a closed loop of N requests over c first-come-first-served channels of mean service S, with
a host that takes g between requests, the rate is N / (S + g) below saturation and c / S in it,
whatever the law of the service (exact for g = 0 but for the corner between the two). S may
depend on the operations that a service finds present: N - 1 in saturation, where one just left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import nnls

from placement_sim.errors import InputError
from placement_sim.experiments.fio_runs import FioRun
from placement_sim.model.measured import LEVELS, Measured, mean_of_quantiles

MOST_CHANNELS = 256
FALLS = 0.01  # a rate that is lower at a deeper queue by less than this is taken for noise
# Depth is taken in if the error held out falls to this share, and by a point; both are assumptions, for simplicity.
WORTH, LEAST_GAIN = 0.75, 0.01
SHAPE_LEVELS = (5.0, 10.0, 50.0, 80.0, 90.0, 99.0, 99.5)  # percent


@dataclass(frozen=True)
class Law:
    """Mean service time of one operation: a latency and a time a byte, seconds; and what a deep queue makes of it."""

    latency_s: float
    s_per_byte: float
    deep_factor: float = 1.0

    def mean_s(self, size_bytes: int, deep_share: float = 0.0) -> float:
        """Give the mean service time at a size, seconds; `deep_share` goes from 0, shallow, to 1, deep."""
        return self.latency_s * (1 + (self.deep_factor - 1) * deep_share) + self.s_per_byte * size_bytes


@dataclass(frozen=True)
class Fit:
    """Channels, the laws of reads and writes, and the host's gap between requests in seconds.

    `deep_depth` is the number of operations present at which the laws have their deep factor;
    it is equal to `channels` where service does not depend on the queue.
    """

    channels: int
    laws: dict[bool, Law]
    gaps_s: dict[bool, float]
    deep_depth: int

    def rate_and_latency(self, run: FioRun, gap_s: float | None = None) -> tuple[float, float]:
        """Give the IOPS and the mean latency in seconds that a run should have had."""
        gap_s = self.gaps_s[run.is_write] if gap_s is None else gap_s
        deep_share = _deep_share(run, self.channels, self.deep_depth)
        service_s = self.laws[run.is_write].mean_s(run.size_bytes, deep_share)
        iops = min(run.depth / (service_s + gap_s), self.channels / service_s)
        return iops, run.depth / iops - gap_s


def _present(run: FioRun, channels: int) -> int:
    """Give how many operations a service finds at the disk: itself, and those that wait or are in service."""
    return run.depth if run.depth <= channels else max(channels, run.depth - 1)


def _deep_share(run: FioRun, channels: int, deep_depth: int) -> float:
    """Give where a run's depth lies between the channels, 0, and the deep depth, 1, by logarithms."""
    present = min(_present(run, channels), deep_depth)
    return math.log2(present / channels) / math.log2(deep_depth / channels) if present > channels else 0.0


def fit_runs(runs: Sequence[FioRun], rate_bytes_per_s: float | None = None, *, by_depth: bool = False) -> Fit:
    """Give the fit with the least sum of squared logarithmic errors in rate and latency.

    Parameters
    ----------
    rate_bytes_per_s
        Taken for the transfer where an operation has runs of one size only; None: the size costs nothing.
    by_depth
        Let the latency change with the depth, linear in its logarithm from where the channels are all
        busy to the deepest runs that reads and writes have both.

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
        deepest = (max(_present(run, channels) for run in own) for own in _sides(runs).values())
        deep_depth = max(channels, min(deepest)) if by_depth else channels
        laws = {side: _law(own, channels, deep_depth, rate_bytes_per_s) for side, own in _sides(runs).items()}
        fit = Fit(channels, laws, gaps_s, deep_depth)
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


def _law(runs: Sequence[FioRun], channels: int, deep_depth: int, rate_bytes_per_s: float | None) -> Law:
    """Fit latency + size / rate to the service times that the runs imply, least squares of relative errors."""
    sizes = np.array([run.size_bytes for run in runs], dtype=np.float64)
    implied_s = np.array([run.latency_s if run.depth <= channels else channels / run.iops for run in runs])
    if len(set(sizes)) == 1:
        mean_s = float(np.exp(np.log(implied_s).mean()))
        transfer_s = sizes[0] / rate_bytes_per_s if rate_bytes_per_s else 0.0
        if transfer_s > mean_s:
            problem = f"{sizes[0]:g} bytes take {transfer_s:g} s at that rate, more than the {mean_s:g} s measured"
            raise InputError("rate", problem, "give the rate of one channel, or runs of two sizes")
        flat = Law(mean_s - transfer_s, transfer_s / float(sizes[0]))
        size_columns = []
    else:
        transfer_s = 0.0
        design = np.column_stack([1 / implied_s, sizes / implied_s])
        (latency_s, s_per_byte), _ = nnls(design, np.ones(len(runs)))
        flat = Law(float(latency_s), float(s_per_byte))
        size_columns = [sizes]
    shares = np.array([_deep_share(run, channels, deep_depth) for run in runs])
    if shares.min() == shares.max():
        return flat
    # Unknown are the latencies at both ends, so that neither can become negative.
    columns = np.column_stack([1 - shares, shares, *size_columns]) / implied_s[:, None]
    (shallow_s, deep_s, *per_byte), _ = nnls(columns, 1 - transfer_s / implied_s)
    if shallow_s <= 0.0 or deep_s <= 0.0:
        return flat
    return Law(float(shallow_s), float(per_byte[0]) if per_byte else flat.s_per_byte, float(deep_s / shallow_s))


def held_out(
    runs: Sequence[FioRun], rate_bytes_per_s: float | None = None, *, by_depth: bool = False
) -> list[tuple[float, float] | None]:
    """Fit without each run (and its repeats) and give the errors at it; None where too few others are left."""
    fewest = 3 if by_depth else 2
    found: list[tuple[float, float] | None] = []
    for run in runs:
        same = (run.is_write, run.size_bytes, run.depth)
        rest = [other for other in runs if (other.is_write, other.size_bytes, other.depth) != same]
        sizes = {other.size_bytes for other in rest if other.is_write == run.is_write}
        depths = {(other.size_bytes, other.depth) for other in rest if other.is_write == run.is_write}
        known = len(depths) >= fewest and (run.size_bytes in sizes or len(sizes) >= 2)
        found.append(log_errors(fit_runs(rest, rate_bytes_per_s, by_depth=by_depth), run) if known else None)
    return found


class Choice(NamedTuple):
    """The fit taken, its errors at the runs held out, and the error held out of each form; NaN: too few runs."""

    fit: Fit
    held_out: list[tuple[float, float] | None]
    constant_error: float
    by_depth_error: float


def choose_fit(runs: Sequence[FioRun], rate_bytes_per_s: float | None = None) -> Choice:
    """Fit with and without a dependence on the depth, and take it in only if it pays on runs held out.

    It pays if the root mean square error of rate and latency falls to `WORTH` of that of constant times
    or less, and by `LEAST_GAIN`, every run being held out in turn.
    """
    constant, by_depth = held_out(runs, rate_bytes_per_s), held_out(runs, rate_bytes_per_s, by_depth=True)
    known = all(by_depth)
    errors = root_mean_square(constant), root_mean_square(by_depth) if known else math.nan
    if known and errors[1] <= min(WORTH * errors[0], errors[0] - LEAST_GAIN):
        return Choice(fit_runs(runs, rate_bytes_per_s, by_depth=True), by_depth, *errors)
    return Choice(fit_runs(runs, rate_bytes_per_s), constant, *errors)


def root_mean_square(log_ratios: Sequence[tuple[float, float] | None]) -> float:
    """Give the root mean square of relative errors from their logarithms, None left out; NaN: there are none.

    Examples
    --------
    >>> round(root_mean_square([(math.log(1.1), math.log(0.9)), None]), 9)
    0.1
    """
    errors = np.expm1([pair for pair in log_ratios if pair])
    return math.sqrt(float(np.mean(errors**2))) if errors.size else math.nan


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
        values[f"{name}_deep_factor"] = float(f"{law.deep_factor:.6g}")
    if fit.deep_depth > fit.channels:
        values |= {"shallow_depth": float(fit.channels), "deep_depth": float(fit.deep_depth)}
    return Measured(**values)


def slower_at_depth(runs: Sequence[FioRun]) -> list[str]:
    """Say where the measured rate falls with the depth, which service times that do not depend on it cannot follow."""
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
