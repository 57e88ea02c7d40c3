"""Every notebook is committed without outputs and runs from top to bottom; its key values are checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_short_and_has_no_outputs(path: Path) -> None:
    cells = code_cells(read(path))
    assert len(cells) <= 15
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in cells) == 1


@pytest.mark.notebook
def test_placement_notebook_runs_and_shows_the_stranded_space() -> None:
    from nbclient import NotebookClient

    notebook = read(ROOT / "notebooks" / "01_placement.ipynb")
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source = parameters.source.replace("replications = 5", "replications = 2")
    notebook.cells.append(nbformat.v4.new_code_cell(CHECKS))
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    client.execute(env={**os.environ, "PYTHONPATH": path})


# 256 MiB of the smallest disk are full when stripe fails; at least the larger ones' surplus
# over 256 MiB, 256 + 512 + 768 MiB, less the other disks' share so far, is then still free.
CHECKS = """
import math

assert stripe.summary["no_space_time_s"] > 0 and stripe.summary["failed_requests"] > 0
assert 2**30 < stripe.summary["no_space_stranded_bytes"] <= 2304 * 2**20
assert stripe.summary["map_bytes"] == 0
assert math.isnan(most_free.summary["no_space_time_s"]) and most_free.summary["failed_requests"] == 0
assert most_free.summary["fill_spread"] < stripe.summary["fill_spread"]
assert set(comparison.table["policy"]) == set(POLICIES)
assert set(comparison.table["runs"]) == {2}
assert "mine" in set(own.differences["policy"])
assert "http" not in page and "mine against most_free" in page
"""
