"""Every notebook is committed without outputs and runs from top to bottom; its key values are checked."""

from __future__ import annotations

import os
import re
import shutil
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


def test_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "docs" / "images").mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "images" / "placement.toml", tmp_path / "docs" / "images")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert "Paired differences against stripe" in capsys.readouterr().out
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_readme_types_the_lines_of_the_makefile() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\|", "|")
    lines = re.findall(r"^(\w+):.*\n\t(.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {name for name, _ in lines} >= {"demo", "test", "lab", "check"}
    for name, line in lines:
        assert f"| `make {name}` | `{line}` |" in readme, name


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


# When stripe first fails, 256 blocks of 1 MiB fill the smallest disk; at most as many again are on each
# of the other three as addresses there could have been written: 448. So 960 to 2304 MiB are still free.
CHECKS = """
import math

assert stripe.summary["no_space_time_s"] > 0 and stripe.summary["failed_requests"] > 0
assert 960 * 2**20 <= stripe.summary["no_space_stranded_bytes"] <= 2304 * 2**20
assert stripe.summary["fill_max"] == 1
assert math.isnan(most_free.summary["no_space_time_s"]) and most_free.summary["failed_requests"] == 0
assert most_free.summary["utilisation_max"] > stripe.summary["utilisation_max"]
assert set(comparison.table["policy"]) == set(POLICIES)
assert comparison.table["runs"].max() == 2
assert "mine" in set(own.differences["policy"])
assert "http" not in page and "mine against most_free" in page
"""
