"""Two runs side by side at one moment: fill, queues, machine states and block maps, as one picture.

The figure is made once; afterwards its artists take new data, so that a redraw is quick and
nothing jumps. It is made anew only where disks or the number of machines change; where scales do, axes are redrawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from placement_sim.reporting.block_map import below_text, block_dots, block_pixels, owner_legend, place_of
from placement_sim.reporting.figures import COLOURS, DASHES, MOST_LINES, STYLE

MOST_MACHINES = 120  # rows of states; of a larger fleet every so many
COLUMNS = 240  # of a heat map
WIDTH_IN, DPI = 10.6, 90
MOST_BACKGROUNDS = 8  # 2 MB each
# States of a machine: light is up, dark is down; each differs in lightness from all others.
STATE_COLOURS = {
    "running": "#d6eaf6",
    "application_stopped": "#E69F00",
    "powered_off": "#383838",
    "detached": "#D55E00",
    "booting": "#0072B2",
    "running_new": "#8fd6bd",
    "failed": "#000000",
}


@dataclass(frozen=True)
class Side:
    """What one half of the picture shows.

    Parameters
    ----------
    timeline
        ``Result.timeline``.
    states
        A row a machine, a column a time of the timeline; empty without a fleet.
    entries
        Owner of each block of the chosen object at the moment: disk index + 1, 0 for none, `STALE` or `DEGRADED`.
    """

    title: str
    timeline: pd.DataFrame
    states: pd.DataFrame
    entries: npt.NDArray[Any]


@dataclass
class _Half:
    """The artists of one side."""

    cursors: list[Any] = field(default_factory=list)
    fill: list[Any] = field(default_factory=list)
    images: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, Any] = field(default_factory=dict)
    words: dict[str, Any] = field(default_factory=dict)

    def moving(self) -> list[Any]:
        """Give what is drawn anew each time, in order from back to front."""
        return [*self.images.values(), *self.fill, *self.cursors, *self.words.values()]


class _Scale(NamedTuple):
    """What both halves share, so that they can be compared by eye."""

    start_s: float
    end_s: float
    requests: float
    fill: float

    @classmethod
    def of(cls, *sides: Side) -> _Scale:
        times = [side.timeline["time_s"].drop_duplicates().to_numpy(float) for side in sides]
        starts = [max(0.0, float(row[0] - (row[1] - row[0]))) if len(row) > 1 else 0.0 for row in times]
        most = [max(float(side.timeline[name].max()) for side in sides) for name in ("queue_requests_mean", "fill")]
        fill = 104.0 if most[1] > 0.5 else _round_up(100 * most[1])
        return cls(min(starts), max(float(row[-1]) for row in times), _round_up(most[0]), fill)


def _round_up(value: float) -> float:
    """Give the next of 1, 2, 5, 10, ...: scales change seldom, and what was drawn can stay."""
    ten = 10.0 ** np.floor(np.log10(max(value, 1e-6)))
    return float(next(ten * step for step in (1, 2, 5, 10) if ten * step >= value * (1 - 1e-12)))


class LivePanel:
    r"""The picture of an explorer.

    Examples
    --------
    >>> timeline = pd.DataFrame({"time_s": [1.0, 2.0], "disk": "d", "fill": [0.1, 0.2], "queue_requests_mean": 1.0})
    >>> side = Side("A", timeline, pd.DataFrame(), np.array([0, 1]))
    >>> LivePanel().png(side, side, time_s=1.0, title="vm").startswith(b"\x89PNG")
    True
    """

    def __init__(self) -> None:
        self._key: Any = None
        self._drawn: list[Any] = [None, None]
        self._figure: Any = None
        self._backgrounds: dict[_Scale, Any] = {}  # what stays, drawn: axes, ticks, labels, legends
        self._scale: _Scale | None = None
        self._halves: list[_Half] = []

    @staticmethod
    def load() -> None:
        """Import what draws, so that a thread which nobody waits for may take that second."""
        import matplotlib.backends.backend_agg
        import matplotlib.figure
        import matplotlib.image  # noqa: F401

    def png(self, left: Side, right: Side, *, time_s: float, title: str, disk: str | None = None) -> bytes:
        """Draw both sides at a time; `title` names the object whose map is shown, `disk` the one to be seen in it."""
        from io import BytesIO

        from matplotlib import rc_context
        from PIL import Image

        scale = _Scale.of(left, right)
        key = (disk, *((tuple(_disks(side)), len(side.states)) for side in (left, right)))
        with rc_context(STYLE):
            if key != self._key:
                self._build(left, right, disk)
                self._key, self._scale, self._backgrounds = key, None, {}
            if scale != self._scale:
                self._rescale(scale)
                self._scale, self._drawn = scale, [None, None]
            for i, (half, side) in enumerate(zip(self._halves, (left, right), strict=True)):
                if self._drawn[i] is None or self._drawn[i].timeline is not side.timeline:
                    _fill_half(half, side, scale)
                _move(half, side, time_s, title, disk)
                self._drawn[i] = side
            canvas = self._figure.canvas
            canvas.restore_region(self._backgrounds[scale])
            for half in self._halves:
                for artist in half.moving():
                    artist.axes.draw_artist(artist)
        out = BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(out, "png", compress_level=1)
        return out.getvalue()

    def _build(self, left: Side, right: Side, disk: str | None) -> None:
        """Make the axes and the artists."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        fleet = bool(len(left.states) or len(right.states))
        rows = ["fill", "queues", *(["states"] if fleet else []), "map"]
        heights = {"fill": 2.0, "queues": 1.6, "states": 1.7, "map": 1.8}
        height = sum(heights[row] for row in rows) + 0.62 * len(rows) + 0.75
        self._figure = Figure(figsize=(WIDTH_IN, height), dpi=DPI)
        FigureCanvasAgg(self._figure)
        grid = self._figure.add_gridspec(
            len(rows), 2, height_ratios=[heights[row] for row in rows],
            left=0.085, right=0.865, top=1 - 0.32 / height, bottom=0.62 / height, hspace=0.42, wspace=0.13,
        )  # fmt: skip
        self._halves = []
        for column, side in enumerate((left, right)):
            half = _Half()
            for row, name in enumerate(rows):
                half.axes[name] = self._figure.add_subplot(grid[row, column])
            self._halves.append(half)
            _dress(half, side, is_left=column == 0)
        self._legends(left, right, fleet, disk)
        for half in self._halves:
            for artist in half.moving():
                artist.set_animated(True)  # left out of the drawing that stays

    def _rescale(self, scale: _Scale) -> None:
        """Give the axes another scale, and draw what stays, unless that was done and is kept."""
        for half in self._halves:
            if half.fill:
                half.axes["fill"].set_ylim(0, scale.fill)
            else:
                half.images["fill"].set_clim(0, min(scale.fill, 100))
            half.images["queues"].set_clim(0, scale.requests)
            for name, axis in half.axes.items():
                if name != "map":
                    axis.set_xlim(scale.start_s, scale.end_s)
        if scale not in self._backgrounds:
            self._figure.canvas.draw()
            if len(self._backgrounds) == MOST_BACKGROUNDS:
                self._backgrounds.pop(next(iter(self._backgrounds)))
            self._backgrounds[scale] = self._figure.canvas.copy_from_bbox(self._figure.bbox)

    def _legends(self, left: Side, right: Side, fleet: bool, disk: str | None) -> None:
        """Put what both halves share to the right of the right one."""
        from matplotlib.patches import Patch

        axes = self._halves[1].axes
        disks = max((_disks(left), _disks(right)), key=len)
        shown = owner_legend(disks, "no disk yet", disk)
        look: Any = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.04), "fontsize": 8, "handlelength": 1.2}
        patches = [Patch(facecolor=colour, edgecolor="#888888", label=_short(name)) for name, colour in shown]
        axes["map"].legend(handles=patches, **look)
        if self._halves[1].fill:
            axes["fill"].legend(handles=self._halves[1].fill, **look | {"handlelength": 2.6})
        if fleet:
            marks = [
                Patch(facecolor=c, label=name.replace("application", "app").replace("_", " "))
                for name, c in STATE_COLOURS.items()
            ]
            axes["states"].legend(handles=marks, **look)
        for name, label in (("fill", "used (%)"), ("queues", "requests, mean of window")):
            image = self._halves[1].images.get(name)
            if image is not None:
                place = axes[name].get_position()
                bar = self._figure.add_axes((0.875, place.y0, 0.012, place.height))
                self._figure.colorbar(image, cax=bar)
                bar.set_ylabel(label, fontsize=8)


def _short(name: str) -> str:
    return name if len(name) <= 15 else name[:14] + "…"


def _disks(side: Side) -> list[str]:
    return [str(name) for name in side.timeline["disk"].drop_duplicates()]


def _dress(half: _Half, side: Side, *, is_left: bool) -> None:
    """Make the artists of one side, still without data and scale."""
    disks = _disks(side)
    axes = half.axes
    if len(disks) <= MOST_LINES:  # more are drawn as a heat map
        for i, disk in enumerate(disks):
            (line,) = axes["fill"].plot([], [], label=_short(disk), color=COLOURS[i], linestyle=DASHES[i % len(DASHES)])
            half.fill.append(line)
        axes["fill"].set(ylabel="used (% of disk)")
    for name, rows in (("fill", len(disks)), ("queues", len(disks)), ("states", 1)):
        if name not in axes or (name == "fill" and half.fill):
            continue
        count = rows if name != "states" else max(len(side.states), 1)
        look: Any = {"vmin": 0, "vmax": 100.0, "cmap": "Blues", "extent": (0, 1, count - 0.5, -0.5)}
        half.images[name] = axes[name].imshow(np.zeros((rows, 1)), aspect="auto", interpolation="nearest", **look)
        axes[name].grid(False)
        every = -(-len(disks) // 8)
        if name != "states":
            axes[name].set_yticks(range(0, len(disks), every), [_short(d) for d in disks[::every]], fontsize=8)
    half.images["map"] = axes["map"].imshow(
        np.zeros((1, 1, 4), np.uint8), aspect="auto", interpolation="nearest", extent=(0, 1, 1, 0)
    )
    axes["map"].grid(False)
    axes["map"].set(xticks=[], yticks=[])
    for name, axis in axes.items():
        if name != "map":
            half.cursors.append(axis.axvline(0, color="#CC0066", linewidth=1.2))
            axis.set_xlabel("time (s)", fontsize=8, labelpad=1)
            axis.tick_params(labelsize=8)
        if not is_left:
            axis.set_ylabel("")
            axis.tick_params(labelleft=False)
    top, low = axes["fill"], axes["map"]
    half.words["title"] = top.text(0.5, 1.04, "", transform=top.transAxes, ha="center", fontsize=11)
    half.words["map"] = low.text(0.5, -0.06, "", transform=low.transAxes, ha="center", va="top", fontsize=8)
    if is_left:
        axes["queues"].set_ylabel("requests at disk")
        axes["map"].set_ylabel("blocks")
        if "states" in axes:
            every = -(-len(side.states) // MOST_MACHINES)
            axes["states"].set_ylabel("machines" if every <= 1 else f"machines (1 of {every})")


def _fill_half(half: _Half, side: Side, scale: _Scale) -> None:
    """Hand new data to the artists."""
    disks = _disks(side)
    rows = len(side.timeline) // max(len(disks), 1)
    times = side.timeline["time_s"].to_numpy(float).reshape(rows, -1)[:, 0]
    fill = 100 * side.timeline["fill"].to_numpy(float).reshape(rows, -1)
    queues = side.timeline["queue_requests_mean"].to_numpy(float).reshape(rows, -1)
    for i, line in enumerate(half.fill):
        line.set_data(times, fill[:, i])
    half.words["title"].set_text(side.title)
    span = (scale.start_s, float(times[-1]))
    for name, values in (("fill", fill), ("queues", queues)):
        if (image := half.images.get(name)) is not None:
            image.set_data(_thinned(values).T)
            image.set_extent((*span, len(disks) - 0.5, -0.5))
    if "states" in half.axes:
        _fill_states(half, side.states, span)


def _fill_states(half: _Half, states: pd.DataFrame, span: tuple[float, float]) -> None:
    from matplotlib.colors import to_rgba_array

    if states.empty:
        return
    every = -(-len(states) // MOST_MACHINES)
    names = list(STATE_COLOURS)
    codes = states.iloc[::every].apply(lambda column: column.map(names.index)).to_numpy(int)
    half.images["states"].set_data((255 * to_rgba_array(list(STATE_COLOURS.values()))[codes]).astype(np.uint8))
    half.images["states"].set_extent((*span, len(states) - 0.5, -0.5))


def _thinned(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Average neighbouring windows where there are more than a picture can show; shape (times, disks)."""
    step = -(-len(values) // COLUMNS)
    if step == 1:
        return values
    starts = np.arange(0, len(values), step)
    return np.add.reduceat(values, starts) / np.diff(np.append(starts, len(values)))[:, None]


def _move(half: _Half, side: Side, time_s: float, title: str, disk: str | None) -> None:
    """Put the cursor and the block map at a time."""
    for cursor in half.cursors:
        cursor.set_xdata([time_s, time_s])
    disks = _disks(side)
    dots, run = block_dots(side.entries)
    half.images["map"].set_data(block_pixels(dots, len(disks), place_of(disk, disks)))
    half.images["map"].set_extent((0, 1, 1, 0))
    half.words["map"].set_text(f"{title} at {time_s:.4g} s: {below_text(side.entries, disks, disk, run)}")
