"""Time and size of a report of 200 runs: ``python benchmarks/reports.py``. Aims: 20 s without the runs, 3 MB."""

import tempfile
import time
from pathlib import Path

from placement_sim import Scenario, compare, report

POLICIES = ["stripe", "most_free", "least_queue", "d_choices", "random", "round_robin", "straw2", "jump"]
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run 25 replications of 8 policies on a short scenario, then write the report twice, without and with a PDF."""
    text = (ROOT / "docs" / "images" / "placement.toml").read_text(encoding="utf-8")
    started = time.perf_counter()
    comparison = compare(Scenario.from_text(text.replace('"60 s"', '"10 s"')), POLICIES, replications=25)
    print(f"{len(comparison.runs)} runs: {time.perf_counter() - started:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        for pdf in (False, True):
            started = time.perf_counter()
            path = report(comparison, Path(folder) / "report.html", pdf=pdf)
            taken = time.perf_counter() - started
            verdict = "met" if taken <= 20 and path.stat().st_size <= 3e6 else "MISSED"
            print(f"HTML{' and PDF' if pdf else ''}: {taken:.1f} s, {path.stat().st_size / 1e6:.2f} MB; aims {verdict}")


if __name__ == "__main__":
    main()
