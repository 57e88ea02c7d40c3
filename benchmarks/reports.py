"""Time and size of reports of 200 runs: ``python benchmarks/reports.py``. Aims: 20 s without the runs, 3 MB."""

import tempfile
import time
from pathlib import Path
from typing import Any

from placement_sim import Scenario, Study, compare, report, sweep

POLICIES = ["stripe", "most_free", "least_queue", "d_choices", "random", "round_robin", "straw2", "jump"]
RATES_PER_S = [40, 80, 120, 160, 200]
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run a comparison and a study of 200 short runs each, then write their reports, without and with a PDF."""
    text = (ROOT / "docs" / "images" / "placement.toml").read_text(encoding="utf-8")
    scenario = Scenario.from_text(text.replace('"60 s"', '"10 s"'))
    with tempfile.TemporaryDirectory() as folder:
        factors = {"policy": POLICIES[:4], "workloads[0].synthetic.arrivals.rate": RATES_PER_S}
        study = Study(scenario=scenario, factors=factors, replications=10, store=folder + "/store")
        found: dict[str, Any] = {
            "comparison": compare(scenario, POLICIES, replications=25),
            "study": sweep(study, workers=0),
        }
        for name, source in found.items():
            for pdf in (False, True):
                started = time.perf_counter()
                path = report(source, Path(folder) / "report.html", pdf=pdf)
                taken_s, size_mb = time.perf_counter() - started, path.stat().st_size / 1e6
                verdict = "met" if taken_s <= 20 and size_mb <= 3 else "MISSED"
                kind = "HTML and PDF" if pdf else "HTML"
                print(f"{name}, {len(source.runs)} runs, {kind}: {taken_s:.1f} s, {size_mb:.2f} MB; aims {verdict}")


if __name__ == "__main__":
    main()
