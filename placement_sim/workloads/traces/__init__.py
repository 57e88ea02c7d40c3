"""Block-trace readers, one file a format family; a trace is read as a stream of chunks."""

from placement_sim.workloads.traces.convert import WRITERS, Conversion, convert_trace
from placement_sim.workloads.traces.frame import read_trace
from placement_sim.workloads.traces.info import trace_info
from placement_sim.workloads.traces.replay import trace_requests, trace_span_bytes
from placement_sim.workloads.traces.trace import FORMATS, Trace, open_trace

__all__ = [
    "FORMATS", "WRITERS", "Conversion", "Trace", "convert_trace", "open_trace", "read_trace", "trace_info",
    "trace_requests", "trace_span_bytes",
]  # fmt: skip
