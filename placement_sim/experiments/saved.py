"""Reading a folder of results without knowing what kind it holds: KINDS lists them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from placement_sim.errors import InputError
from placement_sim.experiments.compare import Comparison
from placement_sim.experiments.result import Result

# Kind -> the file that tells it, and its reader.
KINDS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "comparison": ("table.parquet", Comparison.load),
    "run": ("summary.parquet", Result.load),
}


def load_saved(folder: str | Path) -> Any:
    """Read the comparison or run that was saved in a folder.

    Raises
    ------
    InputError
        The folder holds none, or a file in it cannot be read.
    """
    folder = Path(folder)
    for file, load in KINDS.values():
        if (folder / file).is_file():
            return load(folder)
    raise InputError(str(folder), f"holds no saved {' or '.join(KINDS)}", "name a folder that --out has written")
