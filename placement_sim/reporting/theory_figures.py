"""The figure of simulation beside theory: ``f(ax, frame)``, as all figures are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from placement_sim.reporting.figures import COLOURS, MARKS, finite_arms, policy_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def beside_theory(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw how far each mean is from theory, in per cent, with its 95 % interval; zero is theory.

    Parameters
    ----------
    frame
        As `experiments.theory.check_theory` gives it; cases that theory puts at zero are left out.

    Examples
    --------
    >>> from placement_sim.reporting.figures import draw
    >>> row = {"case": "M/M/1", "expected": 2.0, "low": 1.9, "best": 2.1, "high": 2.3, "agrees": True}
    >>> ax = draw(beside_theory, pd.DataFrame([row])).axes[0]
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['M/M/1']
    """
    rows = frame[frame["expected"] != 0].reset_index(drop=True)
    low, best, high = (100 * (rows[name] / rows["expected"] - 1) for name in ("low", "best", "high"))
    ax.axvline(0, color="#444444", linewidth=1)
    for i, (agrees, label) in enumerate([(True, "agrees with theory"), (False, "does not")]):
        chosen = (rows["agrees"].astype(bool) == agrees).to_numpy()
        if chosen.any():
            at = np.flatnonzero(chosen)
            arms = finite_arms([(best - low)[chosen], (high - best)[chosen]])
            ax.errorbar(
                best[chosen], at, xerr=arms, fmt=MARKS[i], color=COLOURS[i], capsize=4, markersize=6, label=label
            )
    policy_axis(ax, [str(name) for name in rows["case"]])
    ax.set_xlabel("simulated mean minus theory (% of theory)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
