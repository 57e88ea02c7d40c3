"""Figures of a fleet's upgrade, ``f(ax, frame) -> None``: who was where when, and what that cost.

Colours are told apart by the colour blind; states that mean "down" are hatched too, for grey print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from placement_sim.reporting.figures import COLOURS, DASHES, MARKS, marks, plain_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What a machine does during a step: label, colour, hatch. Down is dark or hatched, up is light.
WORK: dict[str, tuple[str, str, str]] = {
    "up": ("application up beside the work", "#9ecbe8", ""),
    "stop": ("stopping, flushing, starting", "#E69F00", ""),
    "links": ("links or clone changed", "#D55E00", "//"),
    "boot": ("booting", "#0072B2", ""),
    "patch": ("patch installed", "#7a7a7a", ".."),
    "failed": ("failed try", "#000000", ""),
    "back": ("rollback or repair", "#CC79A7", "xx"),
}


def _colour(i: int) -> str:
    """Give the colour of the i-th strategy; the next round begins one further, so that no mark repeats its colour."""
    return COLOURS[(i + i // len(COLOURS)) % len(COLOURS)]


def work_of(step: pd.Series) -> str:
    """Say what kind of work a row of ``Result.steps`` is, a key of WORK."""
    name, state = str(step["step"]), str(step["state"])
    if not step["done"]:
        return "failed"
    if step["mode"] in ("rollback", "repair"):
        return "back"
    if "patch" in name and "write" not in name:
        return "patch"
    if state in ("running", "running_new") and not name.startswith("start"):
        return "up"
    if "boot" in name:
        return "boot"
    if any(word in name for word in ("detach", "attach", "clone", "standby", "twin", "revert", "fork", "cut over")):
        return "links"
    return "stop"


def gantt(ax: Axes, steps: pd.DataFrame, most: int = 40) -> None:
    """Draw the steps of each machine over time; of a larger fleet every so many, which the axis says.

    Parameters
    ----------
    steps
        ``Result.steps``.
    most
        Machines to draw at most.
    """
    # What an old version leaves is cleaned up hours later, beside users: with it nothing else could be seen.
    mine = steps[(steps["vm"] != "server") & (steps["mode"] != "cleanup")]
    names = [str(name) for name in mine["vm"].drop_duplicates()]
    names.sort(key=lambda name: (len(name), name))
    every = max(1, -(-len(names) // most))
    shown = names[::every]
    place = {name: i for i, name in enumerate(shown)}
    rows = mine[mine["vm"].isin(shown)]
    origin_s = float(mine["start_s"].min()) if len(mine) else 0.0
    works = rows.apply(work_of, axis=1) if len(rows) else pd.Series(dtype=str)
    for work, (label, colour, hatch) in WORK.items():
        part = rows[works == work]
        if len(part):
            ax.barh(
                [place[str(name)] for name in part["vm"]],
                (part["end_s"] - part["start_s"]) / 60,
                left=(part["start_s"] - origin_s) / 60,
                height=0.8,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0.0,
                label=label,
            )
    ticks = range(0, len(shown), max(1, len(shown) // 10))
    ax.set_yticks(list(ticks), [shown[i] for i in ticks])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.grid(False, axis="y")
    ax.set_xlabel("time since the first step (min)")
    ax.set_ylabel("machine" if every == 1 else f"machine (1 in {every} of {len(names)})")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=8)


def availability(ax: Axes, fleets: dict[str, pd.DataFrame], machines: int | None = None) -> None:
    """Draw the share of machines that serve users over time, a line a strategy.

    Parameters
    ----------
    fleets
        Name -> ``Result.fleet``.
    machines
        Size of the fleet; None: each frame has it in a column ``machines``.

    The scale of time is linear in the first minute and logarithmic after it, as strategies take minutes or hours.
    """
    for i, (name, frame) in enumerate(fleets.items()):
        start_s = _rollout_start(frame)
        changes = frame["unavailable_vms"].diff() != 0
        rows = frame[(frame["time_s"] >= start_s) & changes]
        ax.step(
            (rows["time_s"] - start_s) / 60,
            100 * (1 - rows["unavailable_vms"] / (rows["machines"] if machines is None else machines)),
            where="post",
            label=name,
            color=_colour(i),
            linestyle=DASHES[i % len(DASHES)],
            linewidth=1.4,
            **marks(i, len(fleets)),
        )
    ax.set_xscale("symlog", linthresh=1)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="time since the first machine went down (min)", ylabel="machines that serve users (%)", ylim=(0, 103))
    ax.set_xlim(left=0)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _rollout_start(frame: pd.DataFrame) -> float:
    """Give the last moment before the first machine went down."""
    down = frame.index[frame["unavailable_vms"] > 0]
    return float(frame["time_s"].loc[down[0]]) if len(down) else float(frame["time_s"].min())


def waits_by_kind(ax: Axes, vms: dict[str, pd.DataFrame]) -> None:
    """Draw what the machines waited for, mean over the fleet, stacked, a bar a strategy."""
    kinds = {
        "wait_waves_s": "earlier waves",
        "wait_window_s": "window",
        "wait_place_s": "host, datastore, budget",
        "wait_slot_s": "slots",
        "wait_server_s": "command rate",
        "wait_storage_s": "disks",
    }
    hatches = ("", "//", "..", "xx", "\\\\", "--")
    names = list(vms)
    left: Any = np.zeros(len(names))
    for i, (column, label) in enumerate(kinds.items()):
        mean_min = np.array([float(frame[column].mean()) / 60 for frame in vms.values()])
        if mean_min.any():
            look: Any = {"color": COLOURS[i], "hatch": hatches[i], "edgecolor": "white"}
            ax.barh(names, mean_min, left=left, label=label, height=0.6, **look)
            left = left + mean_min
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set_xlabel("wait of a machine, mean (min)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)


def downtime_against_makespan(ax: Axes, table: pd.DataFrame) -> None:
    """Draw each strategy by makespan and mean downtime with their intervals; lower left is better.

    Parameters
    ----------
    table
        ``Comparison.table``.
    """
    for i, name in enumerate(table["policy"].drop_duplicates()):
        rows = table[table["policy"] == name].set_index("metric")
        x, y = rows.loc["makespan_s"], rows.loc["downtime_s_mean"]
        arms = [_arms(row) for row in (x, y)]
        ax.errorbar(
            float(x["best"]) / 60,
            float(y["best"]),
            xerr=arms[0] / 60,
            yerr=arms[1],
            fmt=MARKS[i % len(MARKS)],
            color=_colour(i),
            markerfacecolor=_colour(i) if i < len(MARKS) else "white",
            capsize=3,
            label=str(name),
        )
    ax.set(xscale="log", yscale="log", xlabel="makespan of the rollout (min)", ylabel="downtime of a machine, mean (s)")
    plain_log(ax.xaxis, ax.yaxis)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _arms(row: pd.Series) -> Any:
    best, low, high = (float(row[column]) for column in ("best", "low", "high"))
    return np.nan_to_num(np.array([[best - low], [high - best]]), nan=0.0, posinf=0.0)


def bytes_and_space(ax: Axes, table: pd.DataFrame) -> None:
    """Draw bytes read, bytes written and extra space of each strategy, side by side.

    Parameters
    ----------
    table
        ``Comparison.table``.
    """
    names = {"upgrade_read_bytes": "read", "upgrade_written_bytes": "written", "extra_space_bytes_max": "extra space"}
    policies = [str(name) for name in table["policy"].drop_duplicates()]
    for i, (name, label) in enumerate(names.items()):
        rows = table[table["metric"] == name].set_index("policy").loc[policies]
        sizes = rows["best"].to_numpy(float) * 2.0**-30
        arms = np.hstack([_arms(row) for _, row in rows.iterrows()]) * 2.0**-30
        look: Any = {"color": COLOURS[i], "hatch": ("", "//", "..")[i], "edgecolor": "white"}
        where = np.arange(len(policies)) + 0.27 * (i - 1)
        ax.barh(where, sizes, height=0.25, label=label, xerr=arms, error_kw={"lw": 0.9, "capsize": 2}, **look)
    ax.set_yticks(range(len(policies)), policies)
    ax.set_ylim(len(policies) - 0.4, -0.6)
    ax.grid(False, axis="y")
    ax.set_xlabel("GiB a run")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
