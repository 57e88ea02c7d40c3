"""A trace of many devices cut into one Parquet file a device, in one pass and in bounded memory.

Rows are spilled to a plain file a device, opened only to be added to, so that no limit on open files is met.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces.parquet import SCHEMA, batch_of, counts
from placement_sim.workloads.traces.trace import Trace

SPILL = np.dtype([("time_ns", "<i8"), ("kind", "u1"), ("offset_bytes", "<i8"), ("size_bytes", "<i8")])


@dataclass(frozen=True)
class DevicePart:
    """One device's file and what is in it; ``end_bytes`` is the end of its address range."""

    device: str
    file: Path
    requests: int
    end_bytes: int


def split_trace(trace: Trace, folder: str | Path) -> list[DevicePart]:
    r"""Write one Parquet file a device; all keep the clock of the whole trace.

    Other operations and skipped rows are counted with the first device, so that they add up.

    Raises
    ------
    TraceError
        The trace is bad, or the folder cannot be written.

    Examples
    --------
    >>> from placement_sim.workloads.traces import open_trace
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_text("10,a,0,Write,4096,512,1\n30,b,0,Read,5120,1024,1\n")
    >>> [(part.device, part.requests, part.end_bytes) for part in split_trace(open_trace(folder / "a.csv"), folder)]
    [('a.0', 1, 4608), ('b.0', 1, 6144)]
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as spills:
            _spill(trace, Path(spills))
            digits = len(str(len(trace.devices) - 1))
            return [
                _finish(trace, number, Path(spills) / str(number), folder / f"device-{number:0{digits}d}.parquet")
                for number in range(len(trace.devices))
                if (Path(spills) / str(number)).is_file()
            ]
    except OSError as error:
        raise TraceError(
            str(folder), f"cannot be written ({error.strerror or error})", "name another folder"
        ) from error


def _spill(trace: Trace, folder: Path) -> None:
    for chunk in trace.chunks():
        rows = np.zeros(len(chunk), dtype=SPILL)
        for name in SPILL.names or ():
            rows[name] = getattr(chunk, name)
        order = np.argsort(chunk.device, kind="stable")
        devices, starts = np.unique(chunk.device[order], return_index=True)
        for device, part in zip(devices.tolist(), np.split(rows[order], starts[1:]), strict=True):
            with (folder / str(device)).open("ab") as file:
                file.write(part.tobytes())


def _finish(trace: Trace, number: int, spill: Path, out: Path) -> DevicePart:
    requests = end_bytes = 0
    window = trace.window_requests
    with (
        pq.ParquetWriter(out, SCHEMA, compression="zstd", write_page_checksum=True) as writer,
        spill.open("rb") as file,
    ):
        read: Callable[[], bytes] = lambda: file.read(window * SPILL.itemsize)  # noqa: E731
        for data in iter(read, b""):
            rows = np.frombuffer(data, dtype=SPILL)
            time_ns, kind, offset, size = (np.ascontiguousarray(rows[name]) for name in SPILL.names or ())
            chunk = Requests(time_ns, kind, offset, size, np.full(len(rows), number, np.int32))
            writer.write_batch(batch_of(chunk, trace.devices))
            requests += len(rows)
            end_bytes = max(end_bytes, int((chunk.offset_bytes + chunk.size_bytes).max()))
        first = number == 0
        others = dict(trace.other_operations) if first else {}
        writer.add_key_value_metadata(counts(others, trace.skipped_rows if first else 0))
    spill.unlink()
    return DevicePart(trace.devices[number], out, requests, end_bytes)
