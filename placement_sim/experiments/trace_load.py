"""Put a recorded trace on a cluster: objects as large as the trace reaches, a workload a device.

The trace is read once beforehand, for its range of addresses, its span, and the blocks that it
writes for the first time: these are what fills disks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from placement_sim.errors import InputError
from placement_sim.workloads.requests import WRITE, Requests
from placement_sim.workloads.traces import Trace

MOST_DEVICES = 64
MOST_BLOCKS = 2**26  # blocks of one device that are counted one by one; half a gigabyte of numbers
Blocks = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TraceLoad:
    """What a trace asks of a cluster; `devices`: name -> (end of its addresses in bytes, blocks written).

    `reading` is how it was read, as a workload's trace has it; `device_count` counts those not chosen, too.
    """

    reading: dict[str, Any]
    requests: int
    skipped_rows: int
    span_s: float
    block_bytes: int
    devices: dict[str, tuple[int, int]]
    device_count: int

    @property
    def file(self) -> str:
        """The trace's file."""
        return str(self.reading["file"])

    @property
    def new_bytes(self) -> int:
        """Bytes of the blocks written at least once, one copy."""
        return sum(blocks for _, blocks in self.devices.values()) * self.block_bytes

    def parts(self, mirrors: int) -> dict[str, Any]:
        """Give the ``objects`` and ``workloads`` of a scenario, an object and a workload a device."""
        objects, workloads = [], []
        for name, (end_bytes, _) in self.devices.items():
            size = max(1, -(-end_bytes // self.block_bytes)) * self.block_bytes
            objects.append({"name": name, "size": size, "block_size": self.block_bytes, "mirrors": mirrors})
            trace = self.reading | ({"device": name} if self.device_count > 1 else {})
            workloads.append({"name": name, "object": name, "trace": trace})
        return {"objects": objects, "workloads": workloads}


def look_through(trace: Trace, block_bytes: int, device: str | None = None) -> TraceLoad:
    """Read an opened trace for what it asks of a cluster.

    Raises
    ------
    InputError
        It cannot be read, or only once; it has too many devices, or not the one named.
    """
    file = trace.name
    if trace.source.once:
        raise InputError(file, "it is read several times, and a pipe can be read once", "save it to a file")
    ends: dict[int, int] = {}
    written: dict[int, Blocks] = {}
    requests, last_ns = 0, 0
    for chunk in trace.chunks():
        requests, last_ns = requests + len(chunk), int(chunk.time_ns[-1])
        for number in np.unique(chunk.device).tolist():
            mine = chunk.device == number
            end = int((chunk.offset_bytes[mine] + chunk.size_bytes[mine]).max())
            ends[number] = max(ends.get(number, 0), end)
            fresh = _blocks(file, chunk, mine & (chunk.kind == WRITE), block_bytes)
            written[number] = np.union1d(written.get(number, fresh), fresh)
            _check_blocks(file, len(written[number]))
    names = list(trace.devices)
    found = {names[i] if i < len(names) else f"device {i}": (ends[i], len(written[i])) for i in sorted(ends)}
    count = len(found)
    if device is not None:
        if device not in found:
            raise InputError(file, f"there is no device {device!r}", f"name one of {', '.join(list(found)[:20])}")
        found = {device: found[device]}
    if len(found) > MOST_DEVICES:
        raise InputError(file, f"it has {len(found)} devices, more than {MOST_DEVICES}", "choose one of them")
    reading: dict[str, Any] = {"file": str(trace.source.path), "format": trace.format, "on_bad_row": trace.on_bad_row}
    reading |= {"sort_window": trace.window_requests}
    reading |= {} if trace.time_unit is None else {"time_unit": trace.time_unit}
    return TraceLoad(reading, requests, trace.skipped_rows, last_ns / 1e9, block_bytes, found, count)


def _blocks(file: str, chunk: Requests, chosen: npt.NDArray[np.bool_], block_bytes: int) -> Blocks:
    """Give the blocks that the chosen requests touch, each once."""
    first = chunk.offset_bytes[chosen] // block_bytes
    count = (chunk.offset_bytes[chosen] + chunk.size_bytes[chosen] - 1) // block_bytes - first + 1
    _check_blocks(file, int(count.sum()))
    steps = np.arange(int(count.sum()), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    return np.unique(np.repeat(first, count) + steps)


def _check_blocks(file: str, count: int) -> None:
    if count > MOST_BLOCKS:
        raise InputError(
            file, f"it writes more than {MOST_BLOCKS} blocks", "use larger blocks in the scenario's object"
        )
