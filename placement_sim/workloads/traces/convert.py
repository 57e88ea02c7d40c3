"""A trace written anew, so that it can be read fast (Parquet) or replayed by real tools (vSCSI, fio iolog).

What the new format cannot say is an error or is counted; the file appears only once it is whole.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import KIND_NAMES, UNMAP, WRITE, Requests
from placement_sim.workloads.traces import vscsi
from placement_sim.workloads.traces.parquet import SCHEMA, batch_of, counts
from placement_sim.workloads.traces.rows import SECTOR_BYTES, Mask
from placement_sim.workloads.traces.trace import Trace

NS_PER_US = 1000
FIO_ACTIONS = ("read", "write", "trim")


@dataclass
class Conversion:
    """What a conversion wrote and what it had to leave out.

    Parameters
    ----------
    requests
        Written to the new file.
    left_out
        Requests of kinds that the new format cannot say, by kind.
    rounded_times
        Requests whose time was cut to the new format's unit.
    skipped_rows
        Bad rows of the source.
    """

    format: str
    requests: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    rounded_times: int = 0
    skipped_rows: int = 0


def convert_trace(trace: Trace, out: str | Path, to: str, device: str | None = None) -> Conversion:
    r"""Write a trace in another format, in one pass.

    Parameters
    ----------
    trace
        An opened trace.
    out
        The new file; one that is there is replaced once the new one is whole.
    to
        A key of ``WRITERS``.
    device
        Only this device, by name; None takes all. vSCSI has room for one alone.

    Raises
    ------
    TraceError
        The source is bad, the new format cannot say a request, or the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from placement_sim.workloads.traces import open_trace, read_trace
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_text("10,hm,0,Write,4096,512,1\n30,hm,0,Read,5120,1024,1\n")
    >>> done = convert_trace(open_trace(folder / "a.csv"), folder / "a.parquet", "parquet")
    >>> done.requests, read_trace(folder / "a.parquet")["offset_bytes"].tolist()
    (2, [4096, 5120])
    """
    if to not in WRITERS:
        raise TraceError(str(out), f"there is no writer for {to!r}", f"give one of {', '.join(WRITERS)}")
    if not trace.source.once and Path(out).exists() and os.path.samefile(out, trace.source.path):
        raise TraceError(str(out), "it is the file that is read", "name another file")
    done = Conversion(to)
    with _whole(Path(out)) as part:
        WRITERS[to](trace, _of_device(trace, device), part, done)
        done.skipped_rows = trace.skipped_rows
        if not done.requests:
            raise TraceError(trace.name, f"nothing in it can be written as {to}", "name another device or format")
    return done


def write_requests(chunks: Iterator[Requests], device: str, out: str | Path) -> int:
    """Write requests of one device that are no recording as Parquet; give their number.

    Raises
    ------
    TraceError
        The file cannot be written.
    """
    with _whole(Path(out)) as part:
        return _write_parquet(chunks, lambda: [device], part, lambda: counts({}, 0))


def _of_device(trace: Trace, device: str | None) -> Iterator[Requests]:
    found = device is None
    for chunk in trace.chunks():
        if device is None:
            yield chunk
        elif device in trace.devices:
            found = True
            yield choose(chunk, chunk.device == trace.devices.index(device))
    if not found:
        problem = f"there is no device {device!r} among {', '.join(trace.devices[:20])}"
        raise TraceError(trace.name, problem, "name one of its devices")


def choose(chunk: Requests, which: Mask) -> Requests:
    """Give the chosen requests of a chunk."""
    return Requests(*(getattr(chunk, name)[which] for name in chunk.__dataclass_fields__))


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Write beside the target and rename at the end, so that no short file is ever taken for a whole one."""
    part = out.with_name(f"{out.name}.part")
    try:
        yield part
        part.replace(out)
    except OSError as error:
        raise TraceError(str(out), f"cannot be written ({error.strerror or error})", "name another file") from error
    finally:
        part.unlink(missing_ok=True)


def _write_parquet(
    chunks: Iterator[Requests], devices: Callable[[], list[str]], part: Path, metadata: Callable[[], dict[bytes, bytes]]
) -> int:
    requests = 0
    with pq.ParquetWriter(part, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for chunk in chunks:
            if len(chunk):
                writer.write_batch(batch_of(chunk, devices()))
                requests += len(chunk)
        writer.add_key_value_metadata(metadata())
    return requests


def _to_parquet(trace: Trace, chunks: Iterator[Requests], part: Path, done: Conversion) -> None:
    def counted() -> dict[bytes, bytes]:
        return counts(dict(trace.other_operations), trace.skipped_rows)  # known at the end alone

    done.requests = _write_parquet(chunks, lambda: trace.devices, part, counted)


def _to_vscsi(layout: np.dtype[np.void], version: int) -> Callable[..., None]:
    def write(trace: Trace, chunks: Iterator[Requests], part: Path, done: Conversion) -> None:
        devices: set[int] = set()
        with part.open("wb") as file:
            for chunk in chunks:
                devices.update(np.unique(chunk.device).tolist())
                if len(devices) > 1:
                    problem = "it has several devices and vSCSI has room for one"
                    raise TraceError(trace.name, problem, "choose one with --device")
                _write_records(trace, chunk, file, done, layout, version)

    return write


def _write_records(
    trace: Trace, chunk: Requests, file: BinaryIO, done: Conversion, layout: np.dtype[np.void], version: int
) -> None:
    """Write requests as SCSI commands READ(16) and WRITE(16); other fields are 0."""
    unmap = chunk.kind == UNMAP
    if unmap.any():
        done.left_out["unmap"] += int(unmap.sum())
        chunk = choose(chunk, ~unmap)
    _refuse(trace, chunk, chunk.offset_bytes % SECTOR_BYTES != 0, "does not begin at a sector of 512 bytes")
    _refuse(trace, chunk, chunk.size_bytes >= 2**32, "is 4 GiB or longer")
    records = np.zeros(len(chunk), dtype=layout)
    records["command"] = np.where(chunk.kind == WRITE, 0x8A, 0x88)
    records["version"] = version << 8
    records["serial"] = (done.requests + np.arange(len(chunk))) % 2**32
    records["length"] = chunk.size_bytes
    records["lbn"] = chunk.offset_bytes // SECTOR_BYTES
    records["time"] = chunk.time_ns // NS_PER_US
    file.write(records.tobytes())
    _count(done, chunk)


def _refuse(trace: Trace, chunk: Requests, bad: Mask, what: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        where = f"{KIND_NAMES[chunk.kind[i]]} of {chunk.size_bytes[i]} bytes at {chunk.offset_bytes[i]}"
        raise TraceError(trace.name, f"the {where} {what}", "convert to parquet or fio_iolog_v3")


def _count(done: Conversion, chunk: Requests) -> None:
    done.requests += len(chunk)
    done.rounded_times += int((chunk.time_ns % NS_PER_US != 0).sum())


def _to_fio(version: int) -> Callable[..., None]:
    def write(trace: Trace, chunks: Iterator[Requests], part: Path, done: Conversion) -> None:
        opened: list[str] = []
        clock_us = 0
        with part.open("wb") as file:
            file.write(b"fio version %d iolog\n" % version)
            for chunk in chunks:
                stamp = f"{int(chunk.time_ns[0]) // NS_PER_US} " if version == 3 and len(chunk) else ""
                for code in np.unique(chunk.device).tolist():
                    name = _file_name(trace, trace.devices[code])
                    if name not in opened:
                        opened.append(name)
                        file.write(f"{stamp}{name} add\n{stamp}{name} open\n".encode())
                clock_us = _write_actions(trace, chunk, file, version, clock_us)
                _count(done, chunk)
            stamp = f"{clock_us} " if version == 3 else ""
            file.write("".join(f"{stamp}{name} close\n" for name in opened).encode())

    return write


def _file_name(trace: Trace, device: str) -> str:
    if not device or any(mark.isspace() for mark in device):
        raise TraceError(trace.name, f"device {device!r} cannot name a file in an iolog", "convert to parquet or vscsi")
    return device


def _write_actions(trace: Trace, chunk: Requests, file: BinaryIO, version: int, clock_us: int) -> int:
    """Write one line a request, in version 2 after a wait where time has passed; give the time of the last."""
    if not len(chunk):
        return clock_us
    names = pa.array(trace.devices).take(pa.array(chunk.device))
    action = pa.array(FIO_ACTIONS).take(pa.array(chunk.kind.astype(np.int32)))
    time_us = chunk.time_ns // NS_PER_US
    offset, size = (pc.cast(pa.array(values), pa.string()) for values in (chunk.offset_bytes, chunk.size_bytes))
    if version == 3:
        lines = pc.binary_join_element_wise(pc.cast(pa.array(time_us), pa.string()), names, action, offset, size, " ")
    else:
        waits = np.diff(time_us, prepend=clock_us)
        wait = pc.binary_join_element_wise(names, "wait", pc.cast(pa.array(waits), pa.string()), "0", " ")
        lines = pc.binary_join_element_wise(names, action, offset, size, " ")
        both = pc.binary_join_element_wise(wait, lines, "\n")
        lines = pc.if_else(pa.array(waits > 0), both, lines)
    file.write("\n".join(lines.to_pylist()).encode() + b"\n")
    return int(time_us[-1])


WRITERS: dict[str, Callable[[Trace, Iterator[Requests], Path, Conversion], Any]] = {
    "parquet": _to_parquet,
    "vscsi_v1": _to_vscsi(vscsi.V1, 1),
    "vscsi_v2": _to_vscsi(vscsi.V2, 2),
    "fio_iolog_v2": _to_fio(2),
    "fio_iolog_v3": _to_fio(3),
}
