"""Reports of notebooks: parameters are checked, outputs cleaned, bytes repeat, verify runs it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from placement_sim.cli import main
from placement_sim.reporting.notebook_page import clean, markdown

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("papermill", reason="papermill is not installed")

CELLS: list[tuple[str, str, list[str]]] = [
    ("markdown", "# What is twice?\n\nSee [there](http://example.org/) and <script>alert(1)</script>.", []),
    ("code", 'number = 2\nword = "<b>one</b>"', ["parameters"]),
    ("markdown", "## Twice\n\n| a | b |\n| - | - |\n| 1 | 2 |", []),
    ("code", "print(word, 2 * number)", ["summary"]),
    ("code", "import pandas as pd\npd.DataFrame({'<i>x</i>': ['<img src=http://example.org/i.png>', 'plain']})", []),
    ("code", "from IPython.display import HTML\nHTML('<style>p {}</style><p onclick=\"x()\">kept</p>')", []),
    ("code", "import time\nprint(time.perf_counter())", ["remove-output"]),
]


def write(path: Path, cells: list[tuple[str, str, list[str]]] = CELLS) -> str:
    new: dict[str, Any] = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    made = [new[kind](text, metadata={"tags": tags}, id=f"c{i}") for i, (kind, text, tags) in enumerate(cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), path)
    return str(path)


def test_report_of_a_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = write(tmp_path / "twice.ipynb")
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    for page in pages:
        assert main(["report", book, "-p", "number=21", "--out", str(page)]) == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()
    html = pages[0].read_text()
    assert ">What is twice?</h1>" in html and "&lt;b&gt;one&lt;/b&gt; 42" in html
    assert html.index("42") < html.index(">Results</h2>")  # the cell tagged summary
    assert "number = 21" in html and "<td>1</td>" in html and "plain" in html and "<p>kept</p>" in html
    assert "http://example.org/i.png&gt;" in html  # text that pandas escaped stays text
    for wrong in ("<script", "<img", "<style>p", 'onclick="x()">kept', 'href="http'):
        assert wrong not in html
    assert main(["verify", str(pages[0]), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.split("Report:")[-1].split("\n", 1)[1])
    assert found["agrees"] and found["stated_runs"] == 5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nmber=1", "there is no parameter 'nmber'"),
        ("number=many", "number = 'many' is str, its default 2 is int"),
        ("number", "'number' is not NAME=VALUE"),
    ],
)
def test_a_wrong_parameter_is_an_error(
    given: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = write(tmp_path / "twice.ipynb")
    assert main(["report", book, "-p", given, "--out", str(tmp_path / "a.html")]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (tmp_path / "a.html").exists()


def test_a_failing_cell_is_a_failed_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = write(tmp_path / "bad.ipynb", [("code", "1 / 0", [])])
    assert main(["report", book, "--out", str(tmp_path / "a.html")]) == 1
    assert "the run failed: bad.ipynb: cell 1 failed with ZeroDivisionError" in capsys.readouterr().err


def test_markdown_and_html_are_cleaned() -> None:
    assert "example" not in markdown("![a](http://example.org/i.png) [b](javascript:x)")
    assert clean('<table><tr><td colspan="2" style="x">1</td></tr></table>').count("colspan") == 1
    assert clean('<iframe src="x"></iframe><svg onload="x()"></svg>') == ""
