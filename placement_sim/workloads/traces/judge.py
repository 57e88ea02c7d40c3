"""How well a fitted generator holds what the trace was: the same figures of both, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placement_sim.workloads.requests import UNMAP, Requests
from placement_sim.workloads.traces.collect import Footprint
from placement_sim.workloads.traces.convert import choose
from placement_sim.workloads.traces.fit import Features, Fit
from placement_sim.workloads.traces.trace import Trace

WINDOW_NS = 1_000_000_000
HOT_SHARE = 0.01


@dataclass(frozen=True)
class Judgement:
    """One figure of the trace and of the synthetic stream; `unit` is "" for shares and counts."""

    figure: str
    unit: str
    trace: float
    synthetic: float


class _Measured:
    """Features, footprints and the dispersion of counts in windows of one second."""

    def __init__(self) -> None:
        self.features = Features()
        self.small, self.large = Footprint(4096), Footprint(1 << 20)
        self._sum = self._squares = 0
        self._open_window, self._open_count = 0, 0
        self.bytes = 0

    def add(self, chunk: Requests) -> None:
        chunk = choose(chunk, chunk.kind != UNMAP)
        if not len(chunk):
            return
        self.features.add(chunk)
        self.small.add(chunk)
        self.large.add(chunk)
        self.bytes += int(chunk.size_bytes.sum())
        found, counts = np.unique((chunk.time_ns - self.features.first_ns) // WINDOW_NS, return_counts=True)
        for window, count in zip(found.tolist(), counts.tolist(), strict=True):
            if window != self._open_window:
                self._close()
                self._open_window = window
            self._open_count += count

    def _close(self) -> None:
        self._sum += self._open_count
        self._squares += self._open_count**2
        self._open_count = 0

    def dispersion(self) -> float:
        """Variance of the requests in a whole second over their mean: 1 for Poisson arrivals, more for bursts."""
        windows = self._open_window  # the last one is cut off by the end and does not count
        mean = self._sum / windows if windows else 0.0
        return (self._squares / windows - mean**2) / mean if mean else float("nan")

    def hot_share(self) -> float:
        counts = np.sort(self.features.jumps.counts)[::-1]
        return float(counts[: max(1, round(HOT_SHARE * len(counts)))].sum() / max(1, counts.sum()))


def judge(trace: Trace, fit: Fit, device: str | None = None, seed: int = 1) -> list[Judgement]:
    """Measure the trace and, from `seed`, a synthetic stream of as many requests.

    The two distances are between distributions: 0 is equal, 1 is apart (Kolmogorov and Smirnov's for the gaps, total
    variation for the sizes).
    """
    real, made = _measure(_of(trace, device)), _measure(fit.generate(seed))
    a, b = real.features, made.features
    rows = [
        ("rate", "requests/s", (a.requests - 1) / a.span_s, (b.requests - 1) / b.span_s),
        ("read share", "", a.reads / a.requests, b.reads / b.requests),
        ("mean size", "bytes", real.bytes / a.requests, made.bytes / b.requests),
        ("share that goes on where the last ended", "", a.went_on / a.requests, b.went_on / b.requests),
        ("jumps to the hottest 1 % of touched MiB", "", real.hot_share(), made.hot_share()),
        ("footprint of 4 KiB blocks", "", _blocks(real.small), _blocks(made.small)),
        ("footprint of 1 MiB blocks", "", _blocks(real.large), _blocks(made.large)),
        *((f"time between requests, p{q:g}", "s", _seconds(a, q), _seconds(b, q)) for q in (10.0, 50.0, 90.0, 99.0)),
        ("distance of the times between requests", "", 0.0, _gap_distance(a, b)),
        ("distance of the sizes", "", 0.0, _size_distance(a, b)),
        ("burstiness: variance over mean of requests in 1 s", "", real.dispersion(), made.dispersion()),
    ]
    return [Judgement(*row) for row in rows]


def _of(trace: Trace, device: str | None) -> Iterator[Requests]:
    for chunk in trace.chunks():
        if device is None:
            yield chunk
        elif device in trace.devices:
            yield choose(chunk, chunk.device == trace.devices.index(device))


def _measure(chunks: Iterable[Requests]) -> _Measured:
    found = _Measured()
    for chunk in chunks:
        found.add(chunk)
    return found


def _blocks(footprint: Footprint) -> float:
    return float("nan") if footprint.blocks is None else float(footprint.blocks)


def _seconds(features: Features, q: float) -> float:
    return (features.gaps.percentile(q) or 0.0) / 1e9


def _gap_distance(a: Features, b: Features) -> float:
    def shares(features: Features) -> npt.NDArray[np.float64]:
        return np.cumsum(features.gaps.counts) / features.gaps.total

    return float(np.abs(shares(a) - shares(b)).max())


def _size_distance(a: Features, b: Features) -> float:
    sizes = set(a.sizes.counts) | set(b.sizes.counts)
    return sum(abs(a.sizes.counts[s] / a.requests - b.sizes.counts[s] / b.requests) for s in sizes) / 2
