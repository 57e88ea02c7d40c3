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
    >>> plot = LivePlot(every_s=2)  # then: sweep(study, progress=plot)
    """

    def __init__(self, every_s: float = 1.0) -> None:
        self._every_s = every_s
        self._drawn_s = -every_s
        self._shown: Any = None

    def __call__(self, progress: Progress) -> None:
        """Draw, unless that was done a moment ago."""
        last = progress.done == progress.planned
        if not last and time.monotonic() - self._drawn_s < self._every_s:
            return
        import IPython.display as shown

        self._drawn_s = time.monotonic()
        columns = {"label": progress.labels, "best": progress.means, "half_width": progress.half_widths}
        height = 1.2 + 0.24 * min(len(progress.labels), 40)
        figure = draw(
            interval_progress, pd.DataFrame(columns), height=height, metric=progress.metric, heading=progress.line
        )
        library: Any = shown
        picture = library.SVG(svg(figure))
        if self._shown is None:
            self._shown = library.display(picture, display_id=True)
        else:
            self._shown.update(picture)
