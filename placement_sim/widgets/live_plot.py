"""A live plot of a sweep in a notebook: the intervals of all points, drawn again every second or so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pandas as pd

from placement_sim.reporting.answer_figures import interval_progress
from placement_sim.reporting.figures import draw, svg

if TYPE_CHECKING:
    from placement_sim.experiments.studies.monitor import Progress


class LivePlot:
    """Hand it to `sweep` as `progress`.

    Parameters
    ----------
    every_s
        Seconds between two drawings.

    Examples
    --------
    >>> import numpy as np
    >>> from placement_sim.experiments.studies.monitor import Progress
    >>> plot = LivePlot()
    >>> seen = Progress(1, 4, 0, 0, "latency_s_mean", ("a", "b"), np.array([1.0, np.nan]), np.array([0.1, np.nan]))
    >>> plot.heading(seen)
    '1 of 4 runs, 0 failed'
    """

    def __init__(self, every_s: float = 1.0) -> None:
        self._every_s = every_s
        self._begun_s = time.monotonic()
        self._drawn_s = -every_s
        self._shown: Any = None

    def heading(self, progress: Progress) -> str:
        """Say how far it is, with the time left once enough is known."""
        made = progress.done - progress.reused
        reused = f" ({progress.reused} from the store)" if progress.reused else ""
        text = f"{progress.done} of {progress.planned} runs{reused}, {progress.failed} failed"
        left_s = (time.monotonic() - self._begun_s) / max(1, made) * (progress.planned - progress.done)
        return f"{text}, {left_s:.0f} s left" if made > 3 and progress.done < progress.planned else text

    def __call__(self, progress: Progress) -> None:
        """Draw, unless that was done a moment ago."""
        last = progress.done == progress.planned
        if not last and time.monotonic() - self._drawn_s < self._every_s:
            return
        import IPython.display as shown

        self._drawn_s = time.monotonic()
        columns = {"label": progress.labels, "best": progress.means, "half_width": progress.half_widths}
        height = 1.2 + 0.24 * min(len(progress.labels), 40)
        frame, heading = pd.DataFrame(columns), self.heading(progress)
        figure = draw(interval_progress, frame, height=height, metric=progress.metric, heading=heading)
        library: Any = shown
        picture = library.SVG(svg(figure))
        if self._shown is None:
            self._shown = library.display(picture, display_id=True)
        else:
            self._shown.update(picture)
