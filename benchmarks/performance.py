"""Draws what the benchmarks wrote with ``--into FOLDER``, and prints it as the tables of docs/performance.md.

python benchmarks/performance.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "performance.png"


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """Read one benchmark's rows, none if it was not run."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else []


def draw(faster: list[dict[str, Any]]) -> None:
    """Draw how many times the compiled path is as fast as the others, with the extremes of the rounds."""
    faster = sorted(faster, key=lambda row: row["ratio"])
    figure, ax = plt.subplots(figsize=(7.5, 0.45 * len(faster) + 1.2), layout="constrained")
    ratios = [row["ratio"] for row in faster]
    arms = [
        [row["ratio"] - row["lowest"] for row in faster],
        [row["highest"] - row["ratio"] for row in faster],
    ]
    widths = [ratio - 1 for ratio in ratios]  # bars go from 1, to the right or to the left
    ax.barh(range(len(faster)), widths, left=1, xerr=arms, color="0.6", edgecolor="0.2", capsize=3)
    for place, row in enumerate(faster):
        ax.text(max(1, row["highest"]) * 1.15, place, f"{row['ratio']:.3g}", va="center")
    ax.set_yticks(range(len(faster)), [row["what"] for row in faster])
    ax.axvline(1, color="0.2", linewidth=0.8)
    ax.set_xscale("log")
    ax.set_xlim(right=max(row["highest"] for row in faster) * 3)
    ax.set_xlim(left=min(row["lowest"] for row in faster) / 2)
    ax.set_xlabel("CPU time, the other / the compiled path\n(log scale; bars: median of the rounds, arms: extremes)")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=120)


def main() -> None:
    """Print the tables, draw the picture."""
    folder = Path(sys.argv[1])
    faster = [*rows(folder, "compiled_path"), *rows(folder, "peers")]
    slower = rows(folder, "against_c")
    print("| what | requests | ratio | lowest to highest | aim |\n|---|---|---|---|---|")
    for row in (*faster, *slower):
        span = f"{row['lowest']:.3g} to {row['highest']:.3g}"
        print(f"| {row['what']} | {row['requests']:,} | {row['ratio']:.3g} | {span} | {row['goal'] or '-'} |")
    print("\n| what | value | aim |\n|---|---|---|")
    for row in rows(folder, "scale"):
        print(f"| {row['what']} | {row['value']:.3g} {row['unit']} | {row.get('goal', '-')} |")
    # C is the faster one: its bar goes the other way.
    for row in slower:
        row["what"] = "C, " + row["what"].removesuffix(": compiled / C")
        row["ratio"], row["lowest"], row["highest"] = 1 / row["ratio"], 1 / row["highest"], 1 / row["lowest"]
    draw([row for row in (*faster, *slower) if "ratio" in row])


if __name__ == "__main__":
    main()
