"""What is in a trace: a summary by one pass, or its rows as a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import KIND_NAMES, READ, UNMAP, WRITE, Requests
from placement_sim.workloads.traces.rows import Ints
from placement_sim.workloads.traces.trace import DEFAULT_CHUNK_REQUESTS, open_trace

KIB4 = 4096
MIB = 1 << 20


class _Footprint:
    """Distinct blocks that reads and writes touch, per device, kept as disjoint sorted runs."""

    def __init__(self, block_bytes: int) -> None:
        self.block_bytes = block_bytes
        self.runs: dict[int, tuple[Ints, Ints]] = {}

    def add(self, chunk: Requests) -> None:
        data = chunk.kind != UNMAP
        first = chunk.offset_bytes // self.block_bytes
        end = (chunk.offset_bytes + chunk.size_bytes - 1) // self.block_bytes + 1
        for device in np.unique(chunk.device[data]).tolist():
            mine = data & (chunk.device == device)
            old = self.runs.get(device, (np.zeros(0, np.int64), np.zeros(0, np.int64)))
            self.runs[device] = _merge(np.concatenate([old[0], first[mine]]), np.concatenate([old[1], end[mine]]))

    def blocks(self) -> int:
        return sum(int((end - start).sum()) for start, end in self.runs.values())


def _merge(start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Join overlapping and touching runs [start, end)."""
    order = np.argsort(start, kind="stable")
    start, reach = start[order], np.maximum.accumulate(end[order])
    new = np.append(True, start[1:] > reach[:-1])
    last = np.append(np.flatnonzero(new)[1:] - 1, len(start) - 1)
    return start[new], reach[last]


def trace_info(path: str | Path, format: str | None = None, time_unit: str | None = None) -> dict[str, Any]:
    r"""Summarise a trace in one pass.

    Returns
    -------
    dict
        format, why, requests, reads, writes, unmaps, span_s, read_bytes, write_bytes,
        footprint_blocks_4kib and footprint_blocks_1mib (distinct blocks read or written, per
        device), devices, other_operations, skipped_rows.

    Raises
    ------
    TraceError
        As ``open_trace`` and ``Trace.chunks``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text("10,hm,0,Write,4000,512,1\n20,hm,0,Read,0,512,1\n")
    >>> info = trace_info(file)
    >>> info["reads"], info["write_bytes"], info["footprint_blocks_4kib"], info["span_s"]
    (1, 512, 2, 1e-06)
    """
    trace = open_trace(path, format, time_unit)
    kinds = np.zeros(3, dtype=np.int64)
    sizes = [0, 0, 0]
    small, large = _Footprint(KIB4), _Footprint(MIB)
    last_ns = 0
    for chunk in trace.chunks():
        kinds += np.bincount(chunk.kind, minlength=3)
        for kind in (READ, WRITE):
            sizes[kind] += sum(chunk.size_bytes[chunk.kind == kind].tolist())
        small.add(chunk)
        large.add(chunk)
        last_ns = int(chunk.time_ns[-1])
    return {
        "format": trace.format,
        "why": trace.why,
        "requests": int(kinds.sum()),
        "reads": int(kinds[READ]),
        "writes": int(kinds[WRITE]),
        "unmaps": int(kinds[UNMAP]),
        "span_s": last_ns / 1e9,
        "read_bytes": sizes[READ],
        "write_bytes": sizes[WRITE],
        "footprint_blocks_4kib": small.blocks(),
        "footprint_blocks_1mib": large.blocks(),
        "devices": list(trace.devices),
        "other_operations": dict(trace.other_operations),
        "skipped_rows": trace.skipped_rows,
    }


def read_trace(
    path: str | Path, format: str | None = None, limit: int | None = None, time_unit: str | None = None
) -> pd.DataFrame:
    r"""Read a trace, or its first ``limit`` requests, into a frame.

    Returns
    -------
    pandas.DataFrame
        time_s, kind ("read", "write", "unmap"), offset_bytes, size_bytes, device (name).

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
    trace = open_trace(path, format, time_unit)
    parts: list[pd.DataFrame] = []
    left = limit
    for chunk in trace.chunks(DEFAULT_CHUNK_REQUESTS):
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
    return pd.concat(parts, ignore_index=True)
