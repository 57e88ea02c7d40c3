"""Make placement.png, the picture of the README: ``python docs/images/placement.py``."""

from pathlib import Path

from placement_sim import Scenario, run
from placement_sim.reporting import figures

HERE = Path(__file__).parent


def main() -> None:
    """Run two rules on one scenario and draw how full each disk is."""
    scenario = Scenario.from_toml(HERE / "placement.toml")
    timelines = {name: run(scenario, policy=name).timeline for name in ("stripe", "most_free")}
    figures.png(figures.panels(figures.fill_over_time, timelines), str(HERE / "placement.png"))


if __name__ == "__main__":
    main()
