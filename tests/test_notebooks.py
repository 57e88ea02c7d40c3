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
    shutil.copytree(ROOT / "data" / "scenarios", tmp_path / "data" / "scenarios")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 3
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


# When stripe first fails, 256 blocks of 1 MiB fill the smallest disk; at most as many again are on each
# of the other three as addresses there could have been written: 448. So 960 to 2304 MiB are still free.
PLACEMENT = """
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
START = """
assert comparison.table["runs"].max() == replications
assert comparison.table.set_index(["policy", "metric"]).loc[("stripe", "no_space_stranded_bytes"), "best"] > 2**30
assert comparison.table.set_index(["policy", "metric"]).loc[("most_free", "failed_requests"), "high"] == 0
assert "http" not in page
"""
THEORY = """
assert set(checks["case"]) == set(CASES)
assert disagreeing == [], disagreeing
assert (checks["high"] - checks["low"] <= 0.6 * checks["expected"].clip(lower=1)).all()
"""
# Spread by weight the fullest disk, 93 % used, is full first, so straw2 ends before a rule that looks at free space.
OWN = """
assert disk.channels == 5 and disk.error_held_out < 0.25
assert "no constant number of channels" in refusal
times = found.rules.set_index("policy")
assert found.baseline == "straw2" and times.loc["straw2", "time_s_best"] < times.loc["most_free", "time_s_best"]
assert {"most_free", "mine"} <= set(found.new_disk["policy"])
assert list(hosts["fits"]) == ["depends"] * 4
"""
# Three disks do the work of four until the replacement has its share; a faster rebuild is shorter and disturbs more.
FAULTS = """
assert hosts.answer is True
best = list(losses["best"])
assert best == sorted(best) and (losses["low"] < losses["high"]).all()
assert base.summary.loc["loss_events_per_year", "high"] > 0
assert (abs(pairs["best"] / pairs["expected"] - 1) < 0.15).all()
assert all(held["whole_after_s"].median() > 0 for held in waits)
p99 = "guest_latency_s_p99_"
told = copied.set_index(["copied_by", "metric", "case"])["best"].unstack()
assert (told.loc[("repair", p99 + "before")] < 0.8 * told.loc[("repair", p99 + "after")]).all()
assert (told.loc[("repair", p99 + "after")] < told.loc[("repair", p99 + "during")]).all()
assert told.loc[("repair", p99 + "during"), "1 MB/s"] < 0.9 * told.loc[("repair", p99 + "during"), "8 MB/s"]
assert (told.loc[("rebalance", p99 + "after")] < 0.8 * told.loc[("rebalance", p99 + "before")]).all()
assert (told.xs("active_s", level=1)["1 MB/s"] > 2 * told.xs("active_s", level=1)["8 MB/s"]).all()
assert guests.disks.set_index("disk").loc["disk-1 replacement 1", "used_bytes"] > 0 == guests.summary["lost_bytes"]
"""
# Three swaps out of the way of a full patch, the storm on half of the disks, the canaries back on the old disk.
UPGRADES = """
downtime = [results[name].summary["downtime_s_mean"] for name in ("software_swap", "os_swap", "refresh", "recompose")]
downtime.append(results["in_place"].summary["downtime_s_mean"])
assert downtime == sorted(downtime)
assert all(result.summary["upgraded_vms"] == machines for result in results.values())
assert results["os_swap"].summary["upgrade_written_bytes"] < results["in_place"].summary["upgrade_written_bytes"] / 10
busy = {name: rows.groupby("disk")["utilisation"].max() for name, rows in panels.items()}
assert busy["os_swap on most_free"].filter(like="half").max() < 0.1 < busy["os_swap on stripe"].min()
assert failing.summary["rolled_back_vms"] == 2
"""
# Where software disks are swapped, a larger batch ends sooner, and one operation at a time makes it later.
SWEEPS = """
assert not found.partial and not extended.partial and not upgraded.partial
assert (seen[-1].planned, seen[-1].reused) == (24, 16)
assert set(region["winner"]) <= {"stripe", "least_queue", "not told apart"}
ends = upgraded.table("makespan_s").set_index(["batch", "operations at once"])["best"]
assert ends[4, 20] > ends[8, 20] > ends[24, 20] and ends[24, 1] > ends[24, 2] > ends[24, 20]
most = upgraded.table("unavailable_vms_max").set_index(["batch", "operations at once"])["best"]
assert (most[4, 20], most[24, 20]) == (4, 24)
"""
# Space alone sends the shared disk to half of the disks; a throttled rollout does not care.
MEETS = """
ends = {name: found.table.query("metric == 'makespan_s'") for name, found in swaps.items()}
makespan = {name: rows.set_index("policy")["best"] for name, rows in ends.items()}
assert all(rows[f"{name} on most_free"] > 1.05 * rows[f"{name} on stripe"] for name, rows in makespan.items())
assert spread["most_free"].filter(like="half").sum() == 0 < spread["stripe"].min()
assert spread["most_free"].sum() == spread["stripe"].sum() == 512
assert shares.loc["makespan_s", "four at a time"] < 1.05 < 1.1 < shares.loc["makespan_s", "at once"]
"""
# Notebook -> parameters in place of its own, and what must hold at its end.
EXECUTED: dict[str, tuple[dict[str, Any], str]] = {
    "00_start_here": ({"replications": 2}, START),
    "01_placement": ({"replications": 2}, PLACEMENT),
    "02_upgrades": ({"machines": 100}, UPGRADES),
    "03_sweeps": ({"replications": 2}, SWEEPS),
    "04_placement_meets_upgrade": ({"replications": 2}, MEETS),
    "05_check_against_theory": ({}, THEORY),
    "06_bring_your_own": ({"replications": 2}, OWN),
    "07_faults": ({"replications": 4, "cycles": 1000, "guest_runs": 2}, FAULTS),
}


@pytest.mark.notebook
@pytest.mark.parametrize("name", EXECUTED)
def test_notebook_runs_and_its_values_hold(name: str) -> None:
    """A notebook may take a minute at its own parameters; twice that is allowed on a busy machine, a cell at a time."""
    from nbclient import NotebookClient
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    given, checks = EXECUTED[name]
    notebook = parameterize_notebook(load_notebook_node(str(ROOT / "notebooks" / f"{name}.ipynb")), given)
    notebook.cells.append(nbformat.v4.new_code_cell(checks))
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    client.execute(env={**os.environ, "PYTHONPATH": path})
    last = notebook.cells[-2].outputs[0]["text"] if not given else ""
    assert not last or re.search(r"python 3.*; seed \d+; model code \w{12}; [\d.]+ s", last)


def test_every_notebook_ends_with_its_provenance() -> None:
    for path in NOTEBOOKS:
        last = code_cells(read(path))[-1]
        assert "provenance_line(" in last.source and last.metadata.tags == ["remove-output"], path.stem
