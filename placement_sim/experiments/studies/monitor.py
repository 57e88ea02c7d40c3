"""How far a sweep is: counts, and the present width of the intervals, kept as running sums."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from placement_sim.experiments.statistics import t_half_widths
from placement_sim.experiments.studies.schedule import Pair
from placement_sim.experiments.studies.store import Store

if TYPE_CHECKING:
    from placement_sim.experiments.studies.study import Point, Study


class Progress(NamedTuple):
    """What a progress bar or a live plot shows.

    `means` and `half_widths` are those of `metric` at each point, NaN where there are not two values yet.
    """

    done: int  # finished, failures and reused ones included
    planned: int
    failed: int
    reused: int
    metric: str
    labels: tuple[str, ...]
    means: npt.NDArray[np.float64]
    half_widths: npt.NDArray[np.float64]
    elapsed_s: float = math.nan  # wall clock since the sweep began

    @property
    def left_s(self) -> float:
        """Time that the rest will take if it goes on like this; NaN until enough is known."""
        made = self.done - self.reused
        return self.elapsed_s / made * (self.planned - self.done) if made > 3 else math.nan

    @property
    def line(self) -> str:
        """Counts and time left in a line.

        Examples
        --------
        >>> nothing = np.zeros(0)
        >>> Progress(60, 100, 1, 20, "latency_s_mean", (), nothing, nothing, elapsed_s=30.0).line
        '60 of 100 runs (20 from the store), 1 failed, 30 s left'
        """
        reused = f" ({self.reused} from the store)" if self.reused else ""
        left = f", {self.left_s:.0f} s left" if self.done < self.planned and math.isfinite(self.left_s) else ""
        return f"{self.done} of {self.planned} runs{reused}, {self.failed} failed{left}"

    @property
    def widest(self) -> float:
        """Largest half width of an interval; NaN before any point has two values."""
        finite = self.half_widths[np.isfinite(self.half_widths)]
        return float(finite.max()) if len(finite) else math.nan


class Monitor:
    """Counts runs and keeps the sums from which interval widths come: memory does not grow with runs."""

    def __init__(
        self, study: Study, points: Sequence[Point], store: Store, report: Callable[[Progress], None] | None
    ) -> None:
        self._study, self._points, self._store, self._report = study, points, store, report
        self._metric = study.stop.metric if study.stop else study.metrics[0]
        self._labels = tuple(", ".join(map(str, point.labels)) or study.name for point in points)
        self._done = self._planned = self._failed = self._reused = 0
        self._begun_s = time.monotonic()
        self._count = np.zeros(len(points), dtype=np.int64)
        self._mean = np.zeros(len(points))
        self._squares = np.zeros(len(points))

    def plan(self, batch: Sequence[Pair]) -> None:
        """Take note of planned runs; values that the store has already count from the start."""
        self._planned += len(batch)
        if self._report is None:
            return
        stored = self._store.frame([self._metric]).set_index("run_id")[self._metric]
        if len(stored):
            ids = [self._study.key(self._points[point], replication).run_id for point, replication in batch]
            for (point, _), value in zip(batch, stored.reindex(ids).to_numpy(float).tolist(), strict=True):
                self._take(point, value)

    def _take(self, point: int, value: float) -> None:
        """Update the sums by Welford's recurrence (Technometrics 4, 1962)."""
        if math.isfinite(value):
            self._count[point] += 1
            step = value - self._mean[point]
            self._mean[point] += step / self._count[point]
            self._squares[point] += step * (value - self._mean[point])

    def reused(self, failed: bool) -> None:
        """Count a run that the store had."""
        self._done += 1
        self._reused += 1
        self._failed += failed
        if self._done == self._planned:
            self._tell()

    def finished(self, pair: Pair, values: Mapping[str, float] | None) -> None:
        """Count a run that has just ended."""
        self._done += 1
        if values is None:
            self._failed += 1
        else:
            self._take(pair[0], values.get(self._metric, math.nan))
        self._tell()

    def _tell(self) -> None:
        if self._report is None:
            return
        known = self._count > 1
        deviation = np.sqrt(self._squares / np.maximum(self._count - 1, 1))
        half = np.where(known, t_half_widths(deviation, self._count), np.nan)
        means = np.where(known, self._mean, np.nan)
        counts = (self._done, self._planned, self._failed, self._reused)
        elapsed_s = time.monotonic() - self._begun_s
        self._report(Progress(*counts, self._metric, self._labels, means, half, elapsed_s))
