"""Trace readers on files written here byte by byte: every format, every compression, every damage."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces import FORMATS, open_trace, read_trace, trace_info, trace_requests

V1 = "<IIIHHQQ"
V2 = "<HHIIIQQQ"
ORACLE = struct.pack("<IQIq", 5, 1, 4096, -1) + struct.pack("<IQIq", 8, 2, 512, 7)


def v1(command: int, length: int, lbn: int, time_us: int, version: int = 0x100) -> bytes:
    return struct.pack(V1, 7, length, 1, command, version, lbn, time_us)


def v2(command: int, length: int, lbn: int, time_us: int, version: int = 0x200) -> bytes:
    return struct.pack(V2, command, version, 7, length, 1, lbn, time_us, 55)


def parquet(**change: object) -> bytes:
    """Write the two requests as a Parquet file of the project's own layout."""
    values: dict[str, object] = {
        "time_ns": [0, 3 * 10**9], "kind": ["write", "read"], "offset_bytes": [512, 1024],
        "size_bytes": [4096, 512], "device": ["d", "d"], **change,
    }  # fmt: skip
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: column for name, column in values.items() if column is not None}), sink)
    return sink.getvalue().to_pybytes()


# The same two requests in every format: write 4096 at 512, then 3 s later read 512 at 1024; those of
# oracleGeneral have no kind.
GOOD: dict[str, bytes] = {
    "vscsi_v1": v1(0x2A, 4096, 1, 900) + v1(0x35, 0, 0, 901) + v1(0x28, 512, 2, 3_000_900),
    "vscsi_v2": v2(0x8A, 4096, 1, 900) + v2(0x42, 24, 0, 901) + v2(0x08, 512, 2, 3_000_900),
    "msr": b"128166385295514663,hm,0,Write,512,4096,9\n128166385325514663,hm,0,Read,1024,512,9\n",
    "libcachesim_csv": b"version,time,op,size,lbn\n1,900,2a,4096,1\n1,901,35,0,0\n1,3000900,28,512,2\n",
    "fio_iolog_v2": b"fio version 2 iolog\nf add\nf open\nf wait 700 0\nf write 512 4096\nf sync 0 0\n"
    b"f wait 1000000 0\nf wait 2000000 0\nf read 1024 512\nf close\n",
    "fio_iolog_v3": b"fio version 3 iolog\n5 f add\n5 f open\n9 f write 512 4096\n10 f datasync 0 0\n"
    b"3000009 f read 1024 512\n3000009 f close\n",
    "systor17": b"Timestamp,Response,IOType,LUN,Offset,Size\n1456095145.133076000,0.1,W,0,512,4096\n"
    b"1456095145.2,,,0,,\n1456095148.133076000,,R,0,1024,512\n",
    "tencent": b"1538323200,1,8,1,1058\n1538323203,2,1,0,1058\n",
    "alibaba": b"3,W,512,4096,1577808000000046\n3,R,1024,512,1577808003000046\n",
    "spc": b"0,1,4096,w,0.5\n0,2,512,R,3.500000,more\n",
    "disksim": b"100 4 1 8 0\n3000000100 4 2 1 1\n",
    "blkparse": b"  8,64  1  1  0.500000009  7  Q  WS 1 + 8 [a b]\n  8,64  1  2  0.500000010  7  D  WS 1 + 8 [a b]\n"
    b"  8,64  1  3  0.6  7  D  FN [a]\n  8,64  0  1  0.7  0  C  WS 1 + 8 [0]\n"
    b"  8,64  1  4  3.500000010  7  D  R 2 + 1 [a]\nCPU8 (sde):\n Reads Queued:  0,  0KiB\n\nSkips: 0\n",
    "parquet": parquet(),
    "oracle_general_reads": ORACLE,
    "oracle_general_writes": ORACLE,
}


def put(folder: Path, data: bytes) -> Path:
    file = folder / "trace"
    file.write_bytes(data)
    return file


def read(file: Path, window: int = 65536, **more: str) -> list[tuple[int, int, int, int]]:
    parts = list(open_trace(file, window_requests=window, **more).chunks())
    return [
        row
        for p in parts
        for row in zip(p.time_ns.tolist(), p.kind.tolist(), p.offset_bytes.tolist(), p.size_bytes.tolist(), strict=True)
    ]


def test_every_format_has_an_example() -> None:
    assert set(GOOD) == set(FORMATS)


@pytest.mark.parametrize("name", GOOD)
def test_format(tmp_path: Path, name: str) -> None:
    file = put(tmp_path, GOOD[name])
    known = {"format": name} if name.startswith("oracle") else {}
    trace = open_trace(file, **known)
    assert trace.format == name and trace.why
    first, second = {"oracle_general_reads": (0, 0), "oracle_general_writes": (1, 1)}.get(name, (1, 0))
    for window in (1, 2, 65536):
        assert read(file, window, **known) == [(0, first, 512, 4096), (3 * 10**9, second, 1024, 512)]
    list(trace.chunks())
    others = 1 if name[:2] in ("vs", "li", "fi", "sy", "bl") else 0
    assert sum(trace.other_operations.values()) == others
    assert len(trace.devices) == 1 and trace.skipped_rows == 0


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
}


@pytest.mark.parametrize("name", PACK)
def test_compression(tmp_path: Path, name: str) -> None:
    data = GOOD["msr"]
    packed = PACK[name](data)
    assert len(read(put(tmp_path, packed))) == 2
    first, second = data.splitlines(keepends=True)
    assert len(read(put(tmp_path, PACK[name](first) + PACK[name](second)))) == 2
    for cut in range(1, len(packed)):
        with pytest.raises(TraceError):
            read(put(tmp_path, packed[:cut]), format="msr")
    broken = packed[:-10] + bytes([packed[-10] ^ 0xFF]) + packed[-9:]
    with pytest.raises(TraceError, match=r"corrupt|cut off"):
        read(put(tmp_path, broken), format="msr")
    with pytest.raises(TraceError, match="corrupt"):
        read(put(tmp_path, packed + b"garbage after the end"), format="msr")


MSR = GOOD["msr"]
FIO3 = b"fio version 3 iolog\n1 f add\n1 f open\n"
CSV = b"version,time,op,size,lbn\n"
BLK = b"8,0 1 1 0.5 7 D W 1 + 8 [a]\n"
DAMAGE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "empty inside": (gzip.compress(b""), "empty"),
    "unknown": (b"hello\nworld\n", "unknown.*name the format"),
    "fio 1": (b"fio version 1 iolog\n", "version 1"),
    "no requests": (FIO3, "no read, write or unmap"),
    "v1 cut": (GOOD["vscsi_v1"][:-1], "record 3.*31 of 32"),
    "v2 cut": (GOOD["vscsi_v2"][:-20], "record 3.*20 of 40"),
    "mixed": (GOOD["vscsi_v1"] + v1(0x2A, 512, 1, 5, 0x300), "record 4.*version 3"),
    "v1 zero": (v1(0x2A, 0, 1, 5) * 2, "record 1.*length 0"),
    "v1 lbn": (v1(0x2A, 512, 2**63, 5) * 2, "record 1.*9223372036854775808"),
    "v1 bytes": (v1(0x2A, 512, 2**55, 5) * 2, "record 1.*36028797018963968"),
    "v1 time": (v1(0x2A, 512, 1, 2**64 - 1) * 2, "record 1.*time 18446744073709551615"),
    "v1 span": (v1(0x2A, 512, 1, 0) + v1(0x2A, 512, 1, 2**62), "record 2.*2\\*\\*63 ns"),
    "short": (MSR + b"1,hm,0\n", "line 3.*3 fields where 7"),
    "long": (MSR + b"1,hm,0,Read,0,512,1,8\n", "line 3.*8 fields"),
    "type": (MSR + b"12x,hm,0,Read,0,512,1\n", "line 3.*'12x'"),
    "negative": (MSR + b"12,hm,0,Read,-512,512,1\n", "line 3.*'-512'"),
    "overflow": (MSR + b"12,hm,0,Read,9223372036854775808,512,1\n", "line 3.*9223372036854775808"),
    "end": (MSR + b"12,hm,0,Read,9223372036854775807,512,1\n", "line 3.*offset 9223372036854775807"),
    "zero": (MSR + b"12,hm,0,Read,0,0,1\n", "line 3.*length 0"),
    "op": (MSR + b"12,hm,0,Erase,0,512,1\n", "line 3.*'Erase'"),
    "blank before": (MSR + b"\n\n12,hm,0,Erase,0,512,1\n", "line 5"),
    "not text": (MSR + b"12,hm,0,\xff\xfe,0,512,1\n", "line 3"),
    "quote": (MSR + b'12,"hm,0,Read,0,512,x\n', "line 3.*'x'"),
    "csv version": (CSV + b"1,1,2a,512,1\n2,2,2a,512,1\n", "line 3.*version 2"),
    "csv op": (CSV + b"1,1,zz,512,1\n", "line 2.*'zz'"),
    "fio not open": (FIO3 + b"2 g read 0 512\n", "line 4.*'g'.*not open"),
    "fio closed": (FIO3 + b"2 f close\n3 f read 0 512\n", "line 5.*not open"),
    "fio wait": (FIO3 + b"2 f wait 0 512\n", "line 4.*'wait'"),
    "fio short": (FIO3 + b"2 f read 0\n", "line 4.*length ''"),
    "fio mixed": (FIO3 + b"2 f read 0 512\nfio version 2 iolog\n", "line 5.*second iolog"),
    "blk event": (BLK + b"8,0 1 1 0.5\n", "line 2.*no event.*'8,0 1 1 0.5'"),
    "blk action": (BLK + b"8,0 1 1 0.5 7 Z W 1 + 8 [a]\n", "line 2.*'Z'"),
    "blk rwbs": (BLK + b"8,0 1 1 0.5 7 D ZR 1 + 8 [a]\n", "line 2.*'ZR'"),
    "blk extent": (BLK + b"8,0 1 1 0.5 7 D W [a]\n", "line 2.*no 'sector"),
    "blk zero": (BLK + b"8,0 1 1 0.5 7 D W 1 + 0 [a]\n", "line 2.*length 0"),
    "blk sector": (BLK + b"8,0 1 1 0.5 7 D W 18014398509481984 + 8 [a]\n", "line 2.*18014398509481984 sectors"),
    "blk after": (BLK + b"Total (sde):\n" + BLK, "line 3.*after the summary"),
    "blk only queued": (BLK.replace(b"D", b"Q"), "no read, write or unmap"),
    "oracle undetected": (ORACLE, "unknown.*begins"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage(tmp_path: Path, name: str) -> None:
    data, pattern = DAMAGE[name]
    file = put(tmp_path, data)
    with pytest.raises(TraceError, match=pattern) as caught:
        read(file)
    assert str(file) in str(caught.value)
    assert caught.value.cure


@pytest.mark.parametrize(
    ("record", "match"),
    [((5, 2**63, 512, -1), "object id 9223372036854775808"), ((5, 2**55, 512, -1), "36028797018963968 sectors"),
     ((5, 1, 0, -1), "length 0"), ((5, 1, 512, -2), "next access -2"), ((4, 1, 512), "16 of 24 bytes")],
)  # fmt: skip
def test_damage_of_oracle_general(tmp_path: Path, record: tuple[int, ...], match: str) -> None:
    file = put(tmp_path, ORACLE + struct.pack("<IQIq"[: len(record) + 1], *record))
    with pytest.raises(TraceError, match=f"record 3.*{match}"):
        read(file, format="oracle_general_reads")
    with pytest.raises(TraceError, match="oracle_general_reads, oracle_general_writes"):
        open_trace(file, format="oracle_general")


def test_blkparse_counts_issued_requests_only(tmp_path: Path) -> None:
    events = ["Q W 9 + 8 [a]", "D WS 9 + 8 [a]", "C W 9 + 8 [0]", "D RA 5 + 8 [a]", "D DS 0 + 64 [a]",
              "D FWFS 7 + 1 [a]", "D FWS [a]", "D FN [a]", "D F 0 + 0 [a]", "D N [a]", "D R 36 (12 01 00) [a]",
              "P N [a]", "U N [a] 1", "UT N [a] 1", "m N cfq7 slice expired", "A W 9 + 8 <- (8,66) 2",
              "X W 9 + 8 / 12 [a]"]  # fmt: skip
    text = "Input file sda.blktrace.0 added\n" + "".join(f"  8,0  1  1  0.5  7  {event}\n" for event in events)
    file = put(tmp_path, text.replace("0.5  7  D RA", "0.4  7  D RA").encode())
    assert read(file) == [(0, 0, 2560, 4096), (10**8, 1, 4608, 4096), (10**8, 2, 0, 32768), (10**8, 1, 3584, 512)]
    assert trace_info(open_trace(file))["other_operations"] == {
        "flush": 3, "none": 1, "packet command": 1, "plug": 1, "unplug": 1, "timer unplug": 1, "message": 1,
    }  # fmt: skip


def test_missing_and_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read"):
        open_trace(tmp_path / "none")
    with pytest.raises(TraceError, match="cannot be read"):
        open_trace(tmp_path)
    file = put(tmp_path, MSR)
    with pytest.raises(TraceError, match=r"unknown.*vscsi_v1"):
        open_trace(file, format="msr2")
    with pytest.raises(TraceError, match="fixes it"):
        open_trace(file, time_unit="us")
    with pytest.raises(TraceError, match=r"header|first line|fields"):
        read(file, format="fio_iolog_v3")
    with pytest.raises(TraceError, match="window_requests 0"):
        read(file, window=0)


def test_skip_bad_rows_counts_them(tmp_path: Path) -> None:
    rows = MSR + b"1,hm,0\n12,hm,0,Read,-512,512,1\n12,hm,0,Read,0,0,1\n"
    trace = open_trace(put(tmp_path, rows), on_bad_row="skip")
    assert sum(len(chunk) for chunk in trace.chunks()) == 2
    assert trace.skipped_rows == 3


def test_order_is_mended_within_a_window_only(tmp_path: Path) -> None:
    order = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
    file = put(tmp_path, b"".join(b"%d,h,0,Read,%d,512,1\n" % (t + 10, t) for t in order))
    assert [row[2] for row in read(file, window=2)] == list(range(10))
    rows = [b"%d,h,0,Read,0,512,1\n" % t for t in [*range(10, 5000), 3]]
    late = put(tmp_path, b"".join(rows))
    with pytest.raises(TraceError, match=r"line 4991: time 3 is before .*window"):
        read(late, window=10)


def test_time_unit_of_libcachesim(tmp_path: Path) -> None:
    file = put(tmp_path, CSV + b"1,5,2a,512,1\n1,6,2a,512,1\n")
    assert read(file)[-1][0] == 10**9
    assert read(file, time_unit="us")[-1][0] == 1000
    half = put(tmp_path, CSV + b"1,5.5,2a,512,1\n1,6.000000001,2a,512,1\n")
    assert read(half)[-1][0] == 500_000_001


def test_info_and_frame(tmp_path: Path) -> None:
    file = put(tmp_path, FIO3 + b"5 f write 4000 200\n6 f trim 0 9999\n7 f read 0 100\n1000007 f sync 0 0\n")
    info = trace_info(open_trace(file))
    assert (info["requests"], info["reads"], info["writes"], info["unmaps"]) == (3, 1, 1, 1)
    assert (info["read_bytes"], info["write_bytes"], info["span_s"]) == (100, 200, 2e-6)
    assert (info["footprint_blocks_4kib"], info["footprint_blocks_1mib"]) == (2, 1)
    assert info["other_operations"] == {"sync": 1} and info["devices"] == ["f"]
    assert read_trace(file)["kind"].tolist() == ["write", "unmap", "read"]
    assert len(read_trace(file, limit=2)) == 2


def replay(file: Path, **more: object) -> Requests:
    [chunk] = trace_requests(open_trace(file), **more)  # type: ignore[arg-type]
    return chunk


def test_replay(tmp_path: Path) -> None:
    lines = [b"%d %s write %d 4096\n" % (10 + i * 1000, b"fg"[i % 2 :][:1], i * 5000) for i in range(10)]
    file = put(tmp_path, FIO3 + b"1 g open\n" + b"".join(lines))
    assert replay(file, object_bytes=1 << 20).offset_bytes.tolist() == [i * 5000 for i in range(10)]
    with pytest.raises(TraceError, match="beyond the object's 8192"):
        replay(file, object_bytes=8192)
    wrapped = replay(file, object_bytes=8192, addresses="wrap").offset_bytes
    assert wrapped.tolist() == [min(i * 5000 % 8192, 4096) // 512 * 512 for i in range(10)]
    scaled = replay(file, object_bytes=25088, addresses="scale", address_span_bytes=50000).offset_bytes
    assert scaled.tolist() == [min(i * 5000 * 25088 // 50000, 20992) // 512 * 512 for i in range(10)]
    window = replay(file, object_bytes=1 << 20, start_s=0.002, end_s=0.005, speed_up=2.0)
    assert window.time_ns.tolist() == [0, 500_000, 1_000_000]
    for device in ("g", 1):
        part = replay(file, object_bytes=1 << 20, device=device, limit=2)
        assert part.offset_bytes.tolist() == [5000, 15000]


@pytest.mark.parametrize(
    ("more", "match"),
    [({"object_bytes": 100}, "object_bytes 100"), ({"speed_up": 0.0}, "speed_up"), ({"limit": 0}, "limit"),
     ({"addresses": "mod"}, "'mod'"), ({"addresses": "scale"}, "address_span_bytes"),
     ({"start_s": 2.0, "end_s": 1.0}, "window"), ({"start_s": 9.0}, "window"), ({"device": "x"}, "'x'"),
     ({"device": 7}, "device 7")],
)  # fmt: skip
def test_replay_refuses(tmp_path: Path, more: dict[str, object], match: str) -> None:
    with pytest.raises(TraceError, match=match):
        replay(put(tmp_path, MSR), **{"object_bytes": 1 << 20, **more})


def test_projects_own_recording() -> None:
    file = Path(__file__).parents[1] / "data/traces/sqlite_mixed.fio_iolog.gz"
    info = trace_info(open_trace(file))
    assert (info["requests"], info["reads"], info["writes"]) == (33034, 21896, 11138)
    assert info["devices"] == ["app.db", "app.db-wal"]
    times = np.concatenate([chunk.time_ns for chunk in open_trace(file, window_requests=1000).chunks()])
    assert len(times) == 33034 and (np.diff(times) >= 0).all()
