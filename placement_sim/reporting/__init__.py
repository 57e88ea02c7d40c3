"""Tables, figures and reports of finished runs: takes frames, never runs a simulation."""

from placement_sim.reporting.metrics import METRICS, Metric
from placement_sim.reporting.report import html_report
from placement_sim.reporting.tables import comparison_text

__all__ = ["METRICS", "Metric", "comparison_text", "html_report"]
