"""Block-trace readers, one file a format family; a trace is read as a stream of chunks."""

from placement_sim.workloads.traces.info import read_trace, trace_info
from placement_sim.workloads.traces.replay import trace_requests
from placement_sim.workloads.traces.trace import FORMATS, Trace, open_trace

__all__ = ["FORMATS", "Trace", "open_trace", "read_trace", "trace_info", "trace_requests"]
