"""A report opened offline in a real Chromium, and its PDF rendered page by page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import matplotlib.image
import pytest
from browser import need_paper, open_file, page
from test_run import FULL

from placement_sim import Scenario, compare
from placement_sim.reporting import report
from placement_sim.reporting.pdf import pdf


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    comparison = compare(Scenario.from_text(FULL), ["most_free", "stripe", "round_robin"], replications=2)
    return report(comparison, tmp_path_factory.mktemp("report") / "report.html")


def test_the_report_opens_offline_and_asks_for_nothing(html: Path) -> None:
    with page() as tab:
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text))
        assert open_file(tab, html) == []
        assert errors == []
        assert tab.locator("h1").inner_text() == "Placement comparison: tiny"
        widths = tab.eval_on_selector_all("figure img", "all => all.map(i => i.complete ? i.naturalWidth : 0)")
        assert len(widths) >= 9 and min(widths) > 100
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        tab.set_viewport_size({"width": 400, "height": 800})  # a telephone
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_no_page_of_the_pdf_is_empty(html: Path, tmp_path: Path) -> None:
    need_paper()
    (tmp_path / "report.pdf").write_bytes(pdf(html.read_text()))
    command = ["pdftoppm", "-r", "40", "-gray", "-png", "report.pdf", "page"]
    subprocess.run(command, cwd=tmp_path, check=True)
    images = [matplotlib.image.imread(path) for path in sorted(tmp_path.glob("page-*.png"))]
    assert len(images) >= 6
    marked = [float((image < 0.9).mean()) for image in images]
    assert min(marked) > 0.005, marked  # an empty page has its number only, below 0.0005
