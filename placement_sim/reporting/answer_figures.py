"""Figures of what a study answers, and of its progress: where a rule wins, effects, intervals so far.

Like all figures they are ``f(ax, frame) -> None``; all show 95 % intervals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from placement_sim.reporting.figures import COLOURS, MARKS, finite_arms
from placement_sim.reporting.metrics import metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINNER_HATCHES = ("", "///")  # so that a grey print tells the two apart


def winning_region(ax: Axes, region: pd.DataFrame, metric: str, x: str, y: str) -> None:
    """Draw which of two levels wins at each setting of two other factors, with the difference in each cell.

    Parameters
    ----------
    region
        ``StudyResult.region(...)``: the factors x and y, a, b, low, best, high, winner.
    """
    from matplotlib.patches import Patch, Rectangle

    described = metric_of(metric)
    across, up = (list(dict.fromkeys(region[name])) for name in (x, y))
    winners = [str(name) for name in dict.fromkeys(region["winner"]) if name != "not told apart"]
    for _, row in region.iterrows():
        place = (across.index(row[x]) - 0.5, up.index(row[y]) - 0.5)
        won = str(row["winner"]) in winners
        i = winners.index(str(row["winner"])) if won else 0
        colour, hatch = ((COLOURS[4], COLOURS[5])[i], WINNER_HATCHES[i]) if won else ("#ffffff", "")
        ax.add_patch(Rectangle(place, 1, 1, facecolor=colour, edgecolor="#555555", hatch=hatch, linewidth=0.8))
        half = (float(row["high"]) - float(row["low"])) / 2
        said = described.show(float(row["best"])) + (f"\n±{described.show(half)}" if np.isfinite(half) else "")
        box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5}
        ax.text(place[0] + 0.5, place[1] + 0.5, said, ha="center", va="center", fontsize=9, bbox=box)
    ax.set_xticks(range(len(across)), [str(level) for level in across])
    ax.set_yticks(range(len(up)), [str(level) for level in up])
    ax.set(xlim=(-0.5, len(across) - 0.5), ylim=(-0.5, len(up) - 0.5), xlabel=x, ylabel=y)
    ax.grid(False)
    marks = [
        Patch(facecolor=(COLOURS[4], COLOURS[5])[i], hatch=WINNER_HATCHES[i], edgecolor="#555555", label=f"{name} wins")
        for i, name in enumerate(winners)
    ]
    if "not told apart" in set(region["winner"]):
        marks.append(Patch(facecolor="white", edgecolor="#555555", label="not told apart"))
    ax.legend(handles=marks, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    first = region.iloc[0]
    said = f"{described.axis}: {first['a']} minus {first['b']}, ± half of the 95 % interval"
    ax.set_title(said + _partial(region), loc="left", fontsize=10)


def _partial(answer: pd.DataFrame) -> str:
    return "\n(partial study)" if "partial" in answer and bool(answer["partial"].any()) else ""


def effects_figure(ax: Axes, effects: pd.DataFrame, metric: str) -> None:
    """Draw each effect with its interval; filled where it is told apart from 0 after Holm.

    Parameters
    ----------
    effects
        ``StudyResult.effects(metric)``: term, level, low, best, high, p_holm.
    """
    described = metric_of(metric)
    rows = effects.reset_index(drop=True)
    terms = list(dict.fromkeys(rows["term"]))
    ax.axvline(0, color="#444444", linewidth=1)
    for i, row in rows.iterrows():
        low, best, high = (float(row[column]) * described.scale for column in ("low", "best", "high"))
        colour = COLOURS[terms.index(row["term"]) % len(COLOURS)]
        ax.errorbar(
            [best], [int(str(i))], xerr=finite_arms([[best - low], [high - best]]), capsize=3, color=colour,
            fmt=MARKS[terms.index(row["term"]) % len(MARKS)], markersize=6,
            markerfacecolor=colour if float(row["p_holm"]) < 0.05 else "white",
        )  # fmt: skip
    named = zip(rows["term"], rows["level"], strict=True)
    ax.set_yticks(range(len(rows)), [f"{term}: {level}" for term, level in named])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(False, axis="y")
    ax.set_xlabel(f"effect on {described.axis}\nfilled: told apart from 0{_partial(effects)}")


def interval_progress(ax: Axes, frame: pd.DataFrame, metric: str, heading: str) -> None:
    """Draw what is known of each point so far.

    Parameters
    ----------
    frame
        label, best, half_width: a row a point; missing where there are not two runs yet.
    heading
        How far the sweep is.
    """
    described = metric_of(metric)
    best, half = (frame[column].to_numpy(float) * described.scale for column in ("best", "half_width"))
    places = np.arange(len(frame))
    ax.errorbar(best, places, xerr=finite_arms(half), fmt=MARKS[0], color=COLOURS[0], capsize=3, markersize=5)
    if len(frame) <= 40:
        ax.set_yticks(places, [str(label) for label in frame["label"]])
    else:
        ax.set_ylabel("point")
    ax.set_ylim(len(frame) - 0.4, -0.6)
    ax.grid(False, axis="y")
    ax.set_xlabel(f"{described.axis}, mean and 95 % interval so far")
    ax.set_title(heading, loc="left", fontsize=10)
