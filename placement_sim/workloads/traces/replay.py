"""Requests of a trace made to fit one object: a time window, a speed, a device, addresses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces.rows import MAX_INT64, SECTOR_BYTES, Ints
from placement_sim.workloads.traces.trace import Trace

Addresses = Literal["as_is", "wrap", "scale"]


def trace_requests(
    trace: Trace, *, object_bytes: int, speed_up: float = 1.0, start_s: float | None = None,
    end_s: float | None = None, limit: int | None = None, addresses: Addresses = "as_is",
    device: str | int | None = None, address_span_bytes: int | None = None,
) -> Iterator[Requests]:  # fmt: skip
    r"""Stream a trace as requests on an object of ``object_bytes``.

    Parameters
    ----------
    trace
        An opened trace.
    object_bytes
        Size of the object, a multiple of 512.
    speed_up
        Trace time is divided by it; times are rounded down to ns.
    start_s, end_s
        Window of trace time [start, end), seconds; its start becomes time 0.
    limit
        Greatest number of requests.
    addresses
        as_is: a request beyond the object is an error. wrap: offset modulo the object, aligned to
        512 B. scale: offset * object_bytes / ``address_span_bytes``, aligned to 512 B. With wrap
        and scale a request across the end is moved back, and one longer than the object is cut.
    device
        Take only this device, by name or by its index in ``trace.devices``; None takes all.
    address_span_bytes
        The trace's address range; needed for scale alone.

    Raises
    ------
    TraceError
        An argument or a request does not fit, or nothing lies in the window.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from placement_sim.workloads.traces import open_trace
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text("10,hm,0,Write,4096,512,1\n30,hm,0,Read,5120,1024,1\n")
    >>> [chunk] = trace_requests(open_trace(file), object_bytes=4096, addresses="wrap", speed_up=2)
    >>> chunk.time_ns.tolist(), chunk.offset_bytes.tolist()
    ([0, 1000], [0, 1024])
    """
    _check(trace, object_bytes, speed_up, (start_s, end_s), limit, addresses, address_span_bytes)
    start_ns = 0 if start_s is None else round(start_s * 1e9)
    end_ns = MAX_INT64 if end_s is None else round(end_s * 1e9)
    return _stream(trace, object_bytes, speed_up, (start_ns, end_ns), limit, addresses, device, address_span_bytes)


def _stream(
    trace: Trace, object_bytes: int, speed_up: float, window_ns: tuple[int, int], limit: int | None,
    addresses: Addresses, device: str | int | None, span: int | None,
) -> Iterator[Requests]:  # fmt: skip
    start_ns, end_ns = window_ns
    left = MAX_INT64 if limit is None else limit
    found = False
    for chunk in trace.chunks():
        keep = (chunk.time_ns >= start_ns) & (chunk.time_ns < end_ns)
        if device is not None:
            keep &= chunk.device == _number(trace, device)
        chosen = np.flatnonzero(keep)[:left]
        if len(chosen):
            found = True
            left -= len(chosen)
            part = Requests(*(getattr(chunk, name)[chosen] for name in chunk.__dataclass_fields__))
            offset, size = place_requests(trace, part, object_bytes, addresses, span)
            elapsed = _speed(trace, part.time_ns - start_ns, speed_up)
            yield replace(part, time_ns=elapsed, offset_bytes=offset, size_bytes=size)
        if left == 0 or chunk.time_ns[-1] >= end_ns:
            break
    if not found:
        if device is not None and not 0 <= _number(trace, device) < len(trace.devices):
            raise _no_such_device(trace, device)
        raise TraceError(trace.name, "no request lies in the time window", "widen start_s and end_s")


def trace_span_bytes(trace: Trace, device: str | int | None = None) -> int:
    """Read a whole trace for the end of its address range, of all devices or of one.

    Raises
    ------
    TraceError
        There is no such device, the trace is bad, or it is a pipe, which cannot be read again afterwards.
    """
    if trace.source.once:
        raise TraceError(trace.name, "scaling reads a trace twice, and a pipe can be read only once",
                         "state the address range or save the trace to a file")  # fmt: skip
    span = 0
    for chunk in trace.chunks():
        end = chunk.offset_bytes + chunk.size_bytes
        mine = end if device is None else end[chunk.device == _number(trace, device)]
        span = max(span, int(mine.max(initial=0)))
    if not span:
        raise _no_such_device(trace, device)
    return span


def _no_such_device(trace: Trace, device: str | int | None) -> TraceError:
    problem = f"device {device!r} is not among those read: {', '.join(trace.devices[:20])}"
    cure = f"give 0 to {len(trace.devices) - 1}" if isinstance(device, int) else "name one of its devices"
    return TraceError(trace.name, problem, cure)


def _number(trace: Trace, device: str | int) -> int:
    """Give the index of a device; -1 while it has not been met."""
    if isinstance(device, int):
        return device
    return trace.devices.index(device) if device in trace.devices else -1


def _speed(trace: Trace, elapsed_ns: Ints, speed_up: float) -> Ints:
    if speed_up == 1:
        return elapsed_ns
    if int(elapsed_ns[-1]) / speed_up >= MAX_INT64:
        raise TraceError(trace.name, f"speed_up {speed_up} makes times of 2**63 ns or more", "raise it")
    return np.floor(elapsed_ns / speed_up).astype(np.int64)


def place_requests(
    trace: Trace, part: Requests, object_bytes: int, addresses: Addresses, span: int | None
) -> tuple[Ints, Ints]:
    """Give offsets and sizes, bytes, as they fit the object; see `trace_requests` for `addresses`.

    Raises
    ------
    TraceError
        A request lies beyond the object, or beyond `span` where that scales.
    """
    offset, size = part.offset_bytes, part.size_bytes
    if addresses == "as_is":
        beyond = offset > object_bytes - size
        if beyond.any():
            i = int(np.argmax(beyond))
            problem = f"a request of {size[i]} bytes at {offset[i]} ends beyond the object's {object_bytes}"
            raise TraceError(trace.name, problem, "use a larger object or addresses 'wrap' or 'scale'")
        return offset, size
    if addresses == "scale" and span is not None:
        outside = offset >= span
        if outside.any():
            problem = f"offset {offset[np.argmax(outside)]} is not below address_span_bytes {span}"
            raise TraceError(trace.name, problem, "give the trace's whole address range")
        offset = np.array([value * object_bytes // span for value in offset.tolist()], dtype=np.int64)
    else:
        offset = offset % object_bytes
    size = np.minimum(size, object_bytes)
    return np.minimum(offset, object_bytes - size) // SECTOR_BYTES * SECTOR_BYTES, size


def _check(
    trace: Trace, object_bytes: int, speed_up: float, window_s: tuple[float | None, float | None],
    limit: int | None, addresses: str, span: int | None,
) -> None:  # fmt: skip
    start_s, end_s = window_s
    horizon_s = MAX_INT64 / 1e9
    start, end = start_s or 0.0, horizon_s if end_s is None else end_s
    rules = (
        (object_bytes < SECTOR_BYTES or object_bytes % SECTOR_BYTES != 0 or object_bytes > MAX_INT64,
         f"object_bytes {object_bytes} is not a multiple of 512 above 0", "give whole sectors"),
        (not (math.isfinite(speed_up) and speed_up > 0), f"speed_up {speed_up} is not above 0", "give 2.0"),
        (not 0 <= start < end <= horizon_s, f"the window {start_s} to {end_s} s is empty or negative",
         "give 0 <= start_s < end_s"),
        (limit is not None and limit < 1, f"limit {limit} is below 1", "give 1 or more, or None for all"),
        (addresses not in ("as_is", "wrap", "scale"), f"addresses {addresses!r} is unknown",
         "give as_is, wrap or scale"),
        (addresses == "scale" and (span is None or span < 1), f"address_span_bytes is {span} with scale",
         "give the trace's address range in bytes"),
    )  # fmt: skip
    for wrong, problem, cure in rules:
        if wrong:
            raise TraceError(trace.name, problem, cure)
