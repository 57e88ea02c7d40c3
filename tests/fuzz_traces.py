"""Coverage-guided fuzzing of every trace reader with atheris; started by a slow test, or by hand.

python tests/fuzz_traces.py -max_total_time=60 FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["placement_sim"]):
    from placement_sim.errors import TraceError
    from placement_sim.workloads.traces import FORMATS, open_trace

NAMES = [None, *sorted(FORMATS)]
FILE = Path(tempfile.mkdtemp()) / "trace"


def one_input(data: bytes) -> None:
    """Read the input, whose first byte chooses the format, under both rules."""
    if len(data) < 2:
        return
    FILE.write_bytes(data[1:])
    for rule in ("error", "skip"):
        try:
            trace = open_trace(FILE, NAMES[data[0] % len(NAMES)], on_bad_row=rule, window_requests=4)
            for chunk in trace.chunks():
                assert (chunk.size_bytes > 0).all() and (chunk.offset_bytes >= 0).all() and (chunk.time_ns >= 0).all()
        except TraceError:
            pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
