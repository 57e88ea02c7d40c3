"""Tables, figures and reports of finished runs: takes frames, never runs a simulation."""

from placement_sim.reporting.metrics import METRICS, Metric
from placement_sim.reporting.provenance import provenance_line
from placement_sim.reporting.tables import comparison_text
from placement_sim.reporting.write import html_report, report

__all__ = ["METRICS", "Metric", "comparison_text", "html_report", "provenance_line", "report"]
