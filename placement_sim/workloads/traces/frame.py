"""The rows of a trace as a frame, for those that fit in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import KIND_NAMES
from placement_sim.workloads.traces.trace import open_trace


def read_trace(
    path: str | Path,
    format: str | None = None,
    limit: int | None = None,
    time_unit: str | None = None,
    *,
    on_bad_row: str = "error",
) -> pd.DataFrame:
    r"""Read a trace, or its first ``limit`` requests, into a frame.

    Parameters
    ----------
    path, format, time_unit, on_bad_row
        As for ``open_trace``.
    limit
        Greatest number of requests.

    Returns
    -------
    pandas.DataFrame
        time_s, kind ("read", "write", "unmap"), offset_bytes, size_bytes, device (name);
        ``attrs["skipped_rows"]`` says how many bad rows were left out up to there.

    Raises
    ------
    TraceError
        As ``open_trace`` and ``Trace.chunks``, or ``limit`` is below 1.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text("10,hm,0,Write,4000,512,1\n20,hm,0,Read,0,512,1\n")
    >>> read_trace(file, limit=1).to_dict("records")
    [{'time_s': 0.0, 'kind': 'write', 'offset_bytes': 4000, 'size_bytes': 512, 'device': 'hm.0'}]
    """
    if limit is not None and limit < 1:
        raise TraceError(str(path), f"limit {limit} is below 1", "give 1 or more, or None for all")
    trace = open_trace(path, format, time_unit, on_bad_row=on_bad_row)
    parts: list[pd.DataFrame] = []
    left = limit
    for chunk in trace.chunks():
        columns = {
            "time_s": chunk.time_ns / 1e9,
            "kind": np.array(KIND_NAMES, dtype=object)[chunk.kind],
            "offset_bytes": chunk.offset_bytes,
            "size_bytes": chunk.size_bytes,
            "device": np.array(trace.devices, dtype=object)[chunk.device],
        }
        parts.append(pd.DataFrame(columns)[: len(chunk) if left is None else left])
        if left is not None:
            left -= len(parts[-1])
            if left == 0:
                break
    frame = pd.concat(parts, ignore_index=True)
    frame.attrs["skipped_rows"] = trace.skipped_rows
    return frame
