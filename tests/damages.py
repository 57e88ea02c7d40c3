"""Every kind of damage in every trace format, as bytes; what the reader answers, as the tables of docs/traces.md."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from placement_sim.errors import TraceError
from placement_sim.workloads.traces import open_trace

WINDOW = 4
ROWS = 12
V1, V2, ORACLE = "<IIIHHQQ", "<HHIIIQQQ", "<IQIq"


def scsi(op: str) -> int:
    return {"read": 0x28, "write": 0x2A}.get(op, 0x12)


def line(form: str, read: str, write: str) -> Callable[..., bytes]:
    """Make rows of a text format; `op` outside read and write is put in as it is."""

    def make(time: Any = 0, op: Any = "read", offset: Any = 512, size: Any = 512) -> bytes:
        def sectors(value: Any) -> Any:
            return value // 512 if isinstance(value, int) else value

        shown = {"read": read, "write": write}.get(op, op)
        values = {"t": time, "op": shown, "o": offset, "s": size, "os": sectors(offset), "ss": sectors(size)}
        return (form.format(**values) + "\n").encode()

    return make


def record(layout: str, version: int) -> Callable[..., bytes]:
    def make(time: int = 0, op: str = "read", offset: int = 512, size: int = 512, version: int = version) -> bytes:
        lbn = offset // 512
        if layout == V1:
            return struct.pack(V1, 1, size, 1, scsi(op), version, lbn, time)
        return struct.pack(V2, scsi(op), version, 1, size, 1, lbn, time, 5)

    return make


def oracle(time: int = 0, op: str = "read", offset: int = 512, size: int = 512) -> bytes:
    return struct.pack(ORACLE, time, offset // 512, size, -1)


TEXT: dict[str, tuple[str, Callable[..., bytes]]] = {
    "msr": ("", line("{t},hm,0,{op},{o},{s},9", "Read", "Write")),
    "libcachesim_csv": ("version,time,op,size,lbn\n", line("1,{t},{op},{s},{os}", "28", "2a")),
    "fio_iolog_v2": ("fio version 2 iolog\nf add\nf open\n", line("f {op} {o} {s}", "read", "write")),
    "fio_iolog_v3": ("fio version 3 iolog\n0 f add\n0 f open\n", line("{t} f {op} {o} {s}", "read", "write")),
    "systor17": ("Timestamp,Response,IOType,LUN,Offset,Size\n", line("{t}.5,0.1,{op},0,{o},{s}", "R", "W")),
    "tencent": ("", line("{t},{os},{ss},{op},7", "0", "1")),
    "alibaba": ("", line("3,{op},{o},{s},{t}", "R", "W")),
    "spc": ("", line("0,{os},{s},{op},{t}.5", "R", "W")),
    "disksim": ("", line("{t} 4 {os} {ss} {op}", "1", "0")),
    "blkparse": ("", line("8,0 1 1 {t}.5 7 D {op} {os} + {ss} [fio]", "R", "W")),
}
BINARY: dict[str, Callable[..., bytes]] = {
    "vscsi_v1": record(V1, 0x100),
    "vscsi_v2": record(V2, 0x200),
    "oracle_general_reads": oracle,
}
ROW = {**{name: make for name, (_, make) in TEXT.items()}, **BINARY}
HEAD = {name: head.encode() for name, (head, _) in TEXT.items()}
FORMATS = [*ROW, "parquet"]
WITHOUT_CLOCK = ("fio_iolog_v2",)  # its time is a sum of waits: it cannot run back


def good(name: str) -> bytes:
    return HEAD.get(name, b"") + b"".join(ROW[name](time=t, offset=512 * t) for t in range(100, 100 + ROWS))


def with_row(name: str, **fields: Any) -> bytes:
    """Put one bad row before the last good one."""
    return good(name) + ROW[name](**{"time": 112, **fields}) + ROW[name](time=113)


def short_row(name: str) -> bytes:
    separator = b" " if name in ("disksim", "blkparse") or name.startswith("fio") else b","
    keep = 8 if name == "blkparse" else 3 if name == "fio_iolog_v3" else 2
    row = separator.join(ROW[name](time=112).split(separator)[:keep]) + b"\n"
    return good(name) + row + ROW[name](time=113)


def backwards(name: str) -> bytes | None:
    return None if name in WITHOUT_CLOCK else good(name) + ROW[name](time=3) + ROW[name](time=113)


def swapped(name: str) -> bytes | None:
    layout = {"vscsi_v1": V1, "vscsi_v2": V2, "oracle_general_reads": ORACLE}.get(name)
    if layout is None:
        return None
    size = struct.calcsize(layout)
    records = (good(name)[i : i + size] for i in range(0, ROWS * size, size))
    return b"".join(struct.pack(">" + layout[1:], *struct.unpack(layout, item)) for item in records)


def wrong_version(name: str) -> bytes | None:
    if name.startswith("vscsi"):
        return b"".join(ROW[name](time=t, version=0x300) for t in range(3))
    changes = {
        "libcachesim_csv": (b"1,100", b"7,100"),
        "fio_iolog_v2": (b"version 2", b"version 1"),
        "fio_iolog_v3": (b"version 3", b"version 4"),
    }
    return good(name).replace(*changes[name], 1) if name in changes else None


def mixed_versions(name: str) -> bytes | None:
    if name.startswith("vscsi"):
        return with_row(name, version=0x300)
    if name.startswith("fio"):
        return good(name) + good("fio_iolog_v3" if name.endswith("2") else "fio_iolog_v2")
    return good(name) + b"2,112,28,512,1\n" if name == "libcachesim_csv" else None


def broken_gzip(name: str) -> bytes:
    packed = gzip.compress(good(name), mtime=0)
    return packed[:-6] + bytes([packed[-6] ^ 0xFF]) + packed[-5:]


def text_only(change: Callable[[str], bytes]) -> Callable[[str], bytes | None]:
    return lambda name: change(name) if name in TEXT else None


def headed(name: str) -> bytes:
    """Put a header of somebody's own before the first row."""
    blank = name in ("disksim", "blkparse") or name.startswith("fio")
    return (b"my own columns\n" if blank else b"time,op,offset\n") + good(name)


DAMAGES: dict[str, Callable[[str], bytes | None]] = {
    "truncated in a row": lambda name: good(name)[: -len(ROW[name]()) // 2 - 1],
    "truncated in the last value": text_only(lambda name: good(name)[:-2]),
    "truncated gzip": lambda name: gzip.compress(good(name), mtime=0)[:-9],
    "corrupt gzip": broken_gzip,
    "wrong version": wrong_version,
    "mixed versions": mixed_versions,
    "wrong endianness": swapped,
    "short row": text_only(short_row),
    "wrong type": text_only(lambda name: with_row(name, offset="x1")),
    "negative address": text_only(lambda name: with_row(name, offset="-512")),
    "overflowing address": lambda name: with_row(name, offset=str(2**63) if name in TEXT else 2**55 * 512),
    "zero length": lambda name: with_row(name, size=0),
    "time running backwards": backwards,
    "blank field": text_only(lambda name: with_row(name, size="")),
    "unknown operation": lambda name: None if name.startswith("oracle") else with_row(name, op="zz"),
    "trailing garbage": lambda name: good(name) + (b"garbage\n" if name in TEXT else b"garbage"),
    "CRLF": text_only(lambda name: good(name).replace(b"\n", b"\r\n")),
    "foreign header": text_only(headed),
}


def table(rows: dict[str, list[Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(rows), sink, write_page_checksum=True)
    return sink.getvalue()


def parquet(kind: str) -> bytes | None:
    """Give the damages that Parquet can have."""
    rows: dict[str, list[Any]] = {
        "time_ns": list(range(ROWS)), "kind": ["read"] * ROWS, "offset_bytes": [512] * ROWS,
        "size_bytes": [512] * ROWS, "device": ["d"] * ROWS,
    }  # fmt: skip
    whole = table(rows)
    last = {"time_ns": 10**6, "kind": "read", "offset_bytes": 512, "size_bytes": 512, "device": "d"}
    change: dict[str, dict[str, Any]] = {
        "negative address": {"offset_bytes": -512}, "overflowing address": {"offset_bytes": 2**63 - 1},
        "zero length": {"size_bytes": 0}, "blank field": {"size_bytes": None}, "unknown operation": {"kind": "zz"},
        "time running backwards": {"time_ns": 0},
    }  # fmt: skip
    if kind in change:
        more = {**last, **change[kind]}
        return table({name: [*values, more[name]] for name, values in rows.items()})
    if kind == "wrong type":
        return table({**rows, "offset_bytes": ["x1"] * ROWS})
    other = {
        "truncated in a row": whole[:-20],
        "corrupt gzip": whole[:40] + bytes([whole[40] ^ 0xFF]) + whole[41:],
        "trailing garbage": whole + b"garbage",
    }
    return other.get(kind)


def answer(folder: Path, kind: str, name: str) -> tuple[str, str]:
    """Give a letter for the table and what the reader said.

    E: an error that names the place, counted where bad rows are skipped. F: an error of the file as a whole, also
    then. R: read as it is meant. N: read, with a note. O: counted among the other operations. -: cannot be.
    """
    data = parquet(kind) if name == "parquet" else DAMAGES[kind](name)
    if data is None:
        return "-", ""
    file = folder / "trace"
    file.write_bytes(data)
    said: dict[str, str] = {}
    for rule in ("error", "skip"):
        detects = kind in ("wrong version", "wrong endianness") and not name.startswith("oracle")
        trace = None
        try:
            trace = open_trace(file, None if detects else name, on_bad_row=rule, window_requests=WINDOW)
            requests = sum(len(chunk) for chunk in trace.chunks())
        except TraceError as error:
            said[rule] = str(error).replace(str(file), "FILE")
            continue
        if rule == "skip" and "error" in said:
            return ("E", said["error"]) if trace.skipped_rows else ("?", "neither an error nor counted")
        if trace.notes:
            return "N", f"{requests} requests; note: {trace.notes[0]}"
        if trace.other_operations:
            return "O", f"{requests} requests; other operations: {dict(trace.other_operations)}"
        return "R", f"{requests} requests"
    return "F", said["error"]


EXAMPLES = {"wrong version": "fio_iolog_v2", "mixed versions": "vscsi_v1", "wrong endianness": "vscsi_v1",
            "truncated in a row": "vscsi_v2", "unknown operation": "alibaba"}  # fmt: skip


def tables(folder: Path) -> str:
    """Write both tables of docs/traces.md."""
    answers = {kind: {name: answer(folder, kind, name) for name in FORMATS} for kind in DAMAGES}
    heads = [name.replace("_general_reads", "_general") for name in FORMATS]
    lines = [f"| damage | {' | '.join(heads)} |", f"| --- |{' --- |' * len(heads)}"]
    lines += [f"| {kind} | {' | '.join(row[name][0] for name in FORMATS)} |" for kind, row in answers.items()]
    lines += ["", "| damage | in | answer |", "| --- | --- | --- |"]
    for kind, row in answers.items():
        name = EXAMPLES.get(kind, "msr")
        lines.append(f"| {kind} | {name} | {row[name][1].replace('|', '/')} |")
    return "\n".join(lines) + "\n"
