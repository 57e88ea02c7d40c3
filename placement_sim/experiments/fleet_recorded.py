"""The I/O of a step from a recorded trace: its reads and its writes, each a closed loop.

A recorded boot says how long the machine took between two requests; what the disks take comes on top.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from placement_sim.errors import InputError
from placement_sim.experiments.parts import TraceSpec
from placement_sim.experiments.traced import replayed
from placement_sim.workloads.requests import READ, WRITE, Requests
from placement_sim.workloads.traces import Trace, trace_span_bytes
from placement_sim.workloads.traces.replay import place_requests

MOST_REQUESTS = 4_000_000  # held in memory, once for all machines; a boot is published to have 70,000
WHOLE_RANGE_BYTES = 2**62  # addresses are taken as they are at first: reads and writes go to different disks


@dataclass(frozen=True)
class RecordedStep:
    """A trace as the I/O of a step, in memory.

    Parameters
    ----------
    trace, spec
        Where it comes from, and how its addresses are to fit.
    requests
        What was recorded, at its times.
    span_bytes
        The trace's address range, for scaling.
    """

    trace: Trace
    spec: TraceSpec
    requests: Requests
    span_bytes: int | None

    def loop(self, kind: int, object_bytes: int) -> Requests:
        """Give the requests of a kind as a closed loop on a disk of `object_bytes`.

        The time since the one before, of the same kind, is the think time. It holds what the recorded disk took,
        for the formats do not say it: a recorded step takes no less than it took then.

        Raises
        ------
        TraceError
            A request lies beyond the disk.
        """
        rows = self.requests.kind == kind
        mine = Requests(*(getattr(self.requests, name)[rows] for name in Requests.__dataclass_fields__))
        offset, size = place_requests(self.trace, mine, object_bytes, self.spec.addresses, self.span_bytes)
        gaps_ns = np.diff(mine.time_ns, prepend=0)
        return replace(mine, time_ns=gaps_ns, offset_bytes=offset, size_bytes=size, device=np.zeros_like(mine.device))


def read_step(trace: Trace, spec: TraceSpec) -> RecordedStep:
    """Read a trace for the I/O of a step; its unmaps are left out.

    Raises
    ------
    InputError
        It cannot be read, has neither reads nor writes, or is too long to be a step's.
    """
    span = spec.address_span
    if spec.addresses == "scale" and span is None:
        span = trace_span_bytes(trace, spec.device)
    kept, count = [], 0
    for chunk in replayed(trace, spec.model_copy(update={"addresses": "as_is"}), WHOLE_RANGE_BYTES):
        count += len(chunk)
        if count > MOST_REQUESTS:
            raise InputError(spec.file, f"has more than {MOST_REQUESTS} requests for one step", "set limit, or end")
        kept.append(chunk)
    requests = Requests(
        *(np.concatenate([getattr(chunk, name) for chunk in kept]) for name in Requests.__dataclass_fields__)
    )
    if not np.isin(requests.kind, (READ, WRITE)).any():
        raise InputError(spec.file, "holds neither reads nor writes", "name another trace, or another device")
    return RecordedStep(trace, spec, requests, span)
