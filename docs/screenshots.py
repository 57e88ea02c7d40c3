"""Pictures of report pages, to be looked at: ``python docs/screenshots.py [FOLDER]``, by default out/screenshots.

It runs a small comparison, writes its report, and photographs it in Chromium (a desk screen and a telephone) and
page by page from the PDF. It needs the extras `report` and `test`, Chromium and pdftoppm.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import open_file, page  # noqa: E402

from placement_sim import Scenario, compare, report  # noqa: E402

SIZES = {"desk": (1100, 1400), "telephone": (400, 800)}


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
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out") / "screenshots")
