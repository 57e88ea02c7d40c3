"""A generator fitted to a trace in one pass: rate and gaps, sizes, read share, popularity of places, spatial runs.

What a fit of marginal laws cannot hold, such as bursts and changes over time, is for ``judge`` to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from placement_sim.errors import TraceError
from placement_sim.workloads.addresses import ZipfRunAddresses
from placement_sim.workloads.arrivals import Renewal
from placement_sim.workloads.requests import READ, UNMAP, Requests
from placement_sim.workloads.synthetic import synthetic_requests
from placement_sim.workloads.traces.collect import HotBlocks, LogHistogram, Sizes
from placement_sim.workloads.traces.convert import choose
from placement_sim.workloads.traces.trace import Trace

EXTENT_BYTES = 1 << 20
SIZES_FITTED = 64
ALIGNMENTS_BYTES = (512, 4096, 65536)
ALIGNED_ENOUGH = 0.95
# Denser towards 1: the few long gaps hold most of the time.
LEVELS = (0.0, 0.01, *(round(0.05 * i, 2) for i in range(1, 20)), 0.97, 0.98, 0.99, 0.995, 0.999, 0.9999, 1.0)
EXPONENTS = (0.001, 4.0)


@dataclass(frozen=True)
class Fit:
    """A fitted generator.

    Parameters
    ----------
    requests, left_out
        Reads and writes that it was fitted to; unmaps, which it does not make.
    rate_per_s, levels, gaps_s
        Of the `renewal` law.
    sizes
        Pairs of (size_bytes, share), the commonest; the shares add up to 1.
    sizes_left_out_share
        Requests whose size is not among them.
    exponent, continue_share, extent_bytes, extents
        Of the `zipf_runs` law.
    """

    requests: int
    left_out: int
    read_share: float
    rate_per_s: float
    levels: tuple[float, ...]
    gaps_s: tuple[float, ...]
    sizes: tuple[tuple[int, float], ...]
    sizes_left_out_share: float
    align_bytes: int
    object_bytes: int
    exponent: float
    continue_share: float
    extents: int
    extent_bytes: int = EXTENT_BYTES

    def workload(self) -> dict[str, Any]:
        """Give it as the `synthetic` table of a scenario's workload."""
        return {
            "requests": self.requests,
            "read_share": self.read_share,
            "sizes": [{"size": size, "share": share} for size, share in self.sizes],
            "align": self.align_bytes,
            "addresses": {
                "law": "zipf_runs",
                "exponent": self.exponent,
                "continue_share": self.continue_share,
                "extent_bytes": self.extent_bytes,
                "extents": self.extents,
            },
            "arrivals": {
                "law": "renewal",
                "rate_per_s": self.rate_per_s,
                "levels": list(self.levels),
                "gaps_s": list(self.gaps_s),
            },
        }

    def generate(self, seed: int, count: int | None = None, name: str = "synthetic") -> Iterator[Requests]:
        """Make requests, by default as many as the trace had."""
        return synthetic_requests(
            seed=seed,
            name=name,
            count=self.requests if count is None else count,
            object_bytes=self.object_bytes,
            align_bytes=self.align_bytes,
            sizes=self.sizes,
            read_share=self.read_share,
            addresses=ZipfRunAddresses(self.exponent, self.continue_share, self.extent_bytes, self.extents),
            arrivals=Renewal(self.rate_per_s, self.levels, self.gaps_s),
        )


@dataclass
class Features:
    """What is fitted, gathered in bounded memory; also what a synthetic stream is measured by."""

    requests: int = 0
    reads: int = 0
    left_out: int = 0
    went_on: int = 0
    end_bytes: int = 0
    aligned: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(ALIGNMENTS_BYTES), np.int64))
    gaps: LogHistogram = field(default_factory=LogHistogram)
    sizes: Sizes = field(default_factory=Sizes)
    jumps: HotBlocks = field(default_factory=HotBlocks)
    first_ns: int = 0
    last_ns: int | None = None
    _end: int = -1

    def add(self, chunk: Requests) -> None:
        """Take up a chunk of one device."""
        data = chunk.kind != UNMAP
        self.left_out += int((~data).sum())
        chunk = choose(chunk, data)
        if not len(chunk):
            return
        if self.last_ns is None:
            self.first_ns = self.last_ns = int(chunk.time_ns[0])
            self.gaps.add(np.diff(chunk.time_ns))
        else:
            self.gaps.add(np.diff(chunk.time_ns, prepend=self.last_ns))
        self.last_ns = int(chunk.time_ns[-1])
        ends = chunk.offset_bytes + chunk.size_bytes
        on = chunk.offset_bytes == np.append(self._end, ends[:-1])
        self._end = int(ends[-1])
        jumped = choose(chunk, ~on)
        self.jumps.add(jumped)
        self.aligned += [int((jumped.offset_bytes % block == 0).sum()) for block in ALIGNMENTS_BYTES]
        self.sizes.add(chunk)
        self.requests += len(chunk)
        self.reads += int((chunk.kind == READ).sum())
        self.went_on += int(on.sum())
        self.end_bytes = max(self.end_bytes, int(ends.max()))

    @property
    def span_s(self) -> float:
        """Time from the first to the last request."""
        return ((self.last_ns or 0) - self.first_ns) / 1e9


def fit_trace(trace: Trace, device: str | None = None) -> Fit:
    r"""Fit a generator to the reads and writes of one device.

    Parameters
    ----------
    device
        Its name; None where there is only one.

    Raises
    ------
    TraceError
        The trace is bad, has several devices and none is named, fewer than two requests, or no time passes in it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from placement_sim.workloads.traces import open_trace
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text("".join(f"{i * 10000},hm,0,Read,{i * 4096},4096,1\n" for i in range(101)))
    >>> fit = fit_trace(open_trace(file))
    >>> fit.rate_per_s, fit.sizes, fit.continue_share
    (1000.0, ((4096, 1.0),), 1.0)
    """
    features = Features()
    for chunk in trace.chunks():
        if device is None and len(trace.devices) > 1:
            problem = f"it has several devices, such as {trace.devices[0]} and {trace.devices[1]}"
            raise TraceError(trace.name, problem, "choose one with --device")
        if device is None:
            features.add(chunk)
        elif device in trace.devices:
            features.add(choose(chunk, chunk.device == trace.devices.index(device)))
    if features.requests < 2 or features.span_s == 0:
        chosen = "" if device is None else f" of device {device!r}"
        problem = f"there are {features.requests} reads and writes{chosen} in {features.span_s:g} s"
        raise TraceError(trace.name, problem, "give a trace in which time passes, or another device")
    return _fit(features)


def _fit(features: Features) -> Fit:
    jumps = features.requests - features.went_on
    aligned = [
        block for block, n in zip(ALIGNMENTS_BYTES, features.aligned, strict=True) if n >= ALIGNED_ENOUGH * jumps
    ]
    ranked = features.sizes.counts.most_common(SIZES_FITTED)
    total = sum(n for _, n in ranked)
    gaps = [(features.gaps.percentile(100 * level) or 0.0) / 1e9 for level in LEVELS]
    gaps[-1] = max(gaps[-1], 1e-9)
    return Fit(
        features.requests,
        features.left_out,
        features.reads / features.requests,
        (features.requests - 1) / features.span_s,
        LEVELS,
        tuple(gaps),
        tuple(sorted((size, n / total) for size, n in ranked)),
        1.0 - total / features.requests,
        aligned[-1] if aligned else 1,
        max(features.end_bytes, *(size for size, _ in ranked)),
        zipf_exponent(features.jumps.counts),
        features.went_on / (features.requests - 1),
        len(features.jumps.counts),
    )


def zipf_exponent(counts: npt.NDArray[np.int64]) -> float:
    """Give the exponent of greatest likelihood for counts by rank among the places that were met.

    The rank is by the counts themselves, which bends the estimate upwards where counts are few (Clauset, Shalizi
    and Newman, SIAM Review 51, 2009, section 3, on what such fits can and cannot say).
    """
    ranked = np.sort(counts)[::-1].astype(np.float64)
    logs = np.log(np.arange(1, len(ranked) + 1, dtype=np.float64))
    weighted, total = float(ranked @ logs), float(ranked.sum())

    def cost(exponent: float) -> float:
        return exponent * weighted + total * float(np.log(np.exp(-exponent * logs).sum()))

    return round(float(minimize_scalar(cost, bounds=EXPONENTS, method="bounded").x), 4)
