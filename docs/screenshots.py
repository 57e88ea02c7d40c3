"""Pictures of reports and explorers, to be looked at: ``python docs/screenshots.py [FOLDER]``, else out/screenshots.

It runs a small comparison, writes its report, and photographs it in Chromium (a desk screen and a telephone) and
page by page from the PDF. It needs the extras `report` and `test`, Chromium and pdftoppm.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import open_file, page  # noqa: E402
from servers import PLACES  # noqa: E402

from placement_sim import Scenario, compare, report  # noqa: E402

EXPLORED = {
    "explorer-placement": "docs/images/placement.toml",
    "explorer-upgrade": "data/scenarios/desktops_24.toml",
}
SIZES = {"desk": (1100, 1400), "telephone": (400, 800)}


def explorer(folder: Path, name: str, file: Path) -> None:
    """Photograph an explorer in JupyterLab and in Voila: when its first runs are shown, and its disks' controls."""
    shown = "() => { const e = document.querySelector('.ps-readout'); return e && !JSON.parse(e.textContent).busy; }"
    cells = ("from placement_sim import explore", f"explore({str(file)!r})")
    for place, opened in PLACES.items():
        with tempfile.TemporaryDirectory() as home, page(1700, 1500) as tab:
            with opened(tab, Path(home), *cells):
                tab.wait_for_function(shown, timeout=120_000)
                tab.screenshot(path=str(folder / f"{name}-{place}.png"), full_page=True)
                tab.get_by_text("Disks", exact=True).click()
                tab.locator("button.ps-fold:visible", has_text="leaves at defaults").first.click()
                tab.wait_for_timeout(1500)
                tab.screenshot(path=str(folder / f"{name}-{place}-controls.png"))


def main(folder: Path) -> None:
    """Write report.html, report.pdf, report-desk.png, report-telephone.png and paper-N.png."""
    scenario = Scenario.from_toml(ROOT / "docs" / "images" / "placement.toml")
    comparison = compare(scenario, ["stripe", "most_free", "least_queue", "d_choices"], replications=3)
    file = report(comparison, folder / "report.html", pdf=True)
    for name, (width, height) in SIZES.items():
        with page(width, height) as tab:
            assert open_file(tab, file) == []
            tab.screenshot(path=str(folder / f"report-{name}.png"), full_page=True)
    subprocess.run(["pdftoppm", "-r", "60", "-png", "report.pdf", "paper"], cwd=folder, check=True)
    for name, file in EXPLORED.items():
        explorer(folder, name, ROOT / file)
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out") / "screenshots")
