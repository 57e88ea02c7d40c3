"""Times contenders in turn: CPU seconds of this process, five rounds, so that noise meets all alike.

Every benchmark of the compiled data path prints rows made here; `performance.py` draws what ``--into`` kept.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 5
Row = dict[str, Any]


def rounds(contenders: dict[str, Callable[[], Any]], count: int = ROUNDS) -> dict[str, list[float]]:
    """Give CPU seconds by contender, one a round."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(count):
        for name, run in contenders.items():
            gc.collect()
            begin = time.process_time()
            run()
            spent[name].append(time.process_time() - begin)
    return spent


def ratio_row(what: str, slower: list[float], faster: list[float], requests: int, goal: str = "") -> Row:
    """Give the median of the rounds' ratios, with its extremes and the median times."""
    ratios = [a / b for a, b in zip(slower, faster, strict=True)]
    return {
        "what": what,
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "other_s": statistics.median(slower),
        "compiled_s": statistics.median(faster),
        "requests": requests,
        "goal": goal,
    }


def show(name: str, rows: list[Row]) -> None:
    """Print rows, and keep them in the folder that the last argument names, if there is ``--into FOLDER``."""
    print(name)
    for row in rows:
        print("  " + ", ".join(f"{key} {_text(value)}" for key, value in row.items() if value != ""))
    if "--into" in sys.argv:
        folder = Path(sys.argv[sys.argv.index("--into") + 1])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def number(default: int) -> int:
    """Give the first argument, if it is a number."""
    return int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else default
