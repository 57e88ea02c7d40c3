"""Every published recording against a plain loop over its rows: totals and footprints; and through Parquet."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from test_traces_real import FOLDER, pytestmark  # noqa: F401

from placement_sim.workloads.traces import convert_trace, open_trace, read_trace, trace_info

Row = tuple[int, str, int, int, str]  # time in ns, kind, offset, size in bytes, device


def fields(file: Path, separator: str | None, skip: int = 0) -> Iterator[list[str]]:
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    for line in data.decode().splitlines()[skip:]:
        yield line.split(separator)


def ns(seconds: str) -> int:
    return int(Decimal(seconds) * 10**9)


def vscsi(layout: str, at: tuple[int, int, int, int]) -> Callable[[Path], Iterator[Row]]:
    def rows(file: Path) -> Iterator[Row]:
        for record in struct.iter_unpack(layout, file.read_bytes()):
            command, length, lbn, time = (record[i] for i in at)
            yield time * 1000, "read" if command in (0x08, 0x28, 0xA8, 0x88) else "write", lbn * 512, length, "0"

    return rows


def fio(file: Path) -> Iterator[Row]:
    clock = 0
    for row in fields(file, None, 1):
        if row[0].isdigit():
            clock, row = int(row[0]), row[1:]
        elif row[1] == "wait":
            clock += int(row[2])
        if row[1] in ("read", "write", "trim"):
            yield clock * 1000, row[1].replace("trim", "unmap"), int(row[2]), int(row[3]), row[0]


def blkparse(file: Path) -> Iterator[Row]:
    for r in fields(file, None):
        if len(r) > 9 and r[5] == "D" and r[8] == "+":
            yield ns(r[3]), {"R": "read", "W": "write"}[r[6][0]], int(r[7]) * 512, int(r[9]) * 512, r[0]


KINDS = {
    "R": "read",
    "r": "read",
    "Read": "read",
    "28": "read",
    "W": "write",
    "w": "write",
    "Write": "write",
    "2a": "write",
}
PLAIN: dict[str, Callable[[Path], Iterator[Row]]] = {
    "cloudphysics_head80000.vscsi": vscsi("<IIIHHQQ", (3, 1, 5, 6)),
    "derived_v2_first5000.vscsi": vscsi("<HHIIIQQQ", (0, 3, 5, 6)),
    "cloudphysics_head20000.oracleGeneral.bin": lambda f: (
        (t * 10**9, "read", lbn * 512, size, "0") for t, lbn, size, _ in struct.iter_unpack("<IQIq", f.read_bytes())
    ),
    "cloudphysics_head20000_us.csv": lambda f: (
        (int(r[1]) * 1000, KINDS[r[2].lower()], int(r[4]) * 512, int(r[3]), "0") for r in fields(f, ",", 1)
    ),
    "msr_hm0_first600.csv": lambda f: (
        (int(r[0]) * 100, KINDS[r[3]], int(r[4]), int(r[5]), f"{r[1]}.{r[2]}") for r in fields(f, ",")
    ),
    "systor17-traces-sample.csv.gz": lambda f: (
        (ns(r[0]), KINDS[r[2]], int(r[4]), int(r[5]), r[3]) for r in fields(f, ",", 1) if r[2]
    ),
    "tencent_cbs_even_volumes.csv.gz": lambda f: (
        (ns(r[0]), "read" if r[3] == "0" else "write", int(r[1]) * 512, int(r[2]) * 512, r[4]) for r in fields(f, ",")
    ),
    "alibaba_io_traces_first7.csv": lambda f: (
        (int(r[4]) * 1000, KINDS[r[1]], int(r[2]), int(r[3]), r[0]) for r in fields(f, ",")
    ),
    "spc_websearch_rows1_10000.spc": lambda f: (
        (ns(r[4]), KINDS[r[3]], int(r[1]) * 512, int(r[2]), r[0]) for r in fields(f, ",")
    ),
    "disksim_tpcc-small.trace": lambda f: (
        (int(r[0]), "write" if r[4] == "0" else "read", int(r[2]) * 512, int(r[3]) * 512, r[1]) for r in fields(f, None)
    ),
    "fio_iolog_v3_vmdk_randrw.log": fio,
    "fio_iolog_v2_derived.log": fio,
    "blkparse_sample_doc.txt": blkparse,
}


def format_of(name: str) -> str | None:
    return "oracle_general_reads" if "oracle" in name else None


def test_every_trace_of_the_folder_is_here() -> None:
    others = {"README.md", "alibaba_device_size_example.csv"}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} - others == set(PLAIN)


@pytest.mark.parametrize("name", PLAIN)
def test_totals(name: str) -> None:
    rows = list(PLAIN[name](FOLDER / name))
    info = trace_info(open_trace(FOLDER / name, format_of(name)))
    times = [row[0] for row in rows]
    assert info["requests"] == len(rows)
    assert info["span_s"] == (max(times) - min(times)) / 1e9
    for kind in ("read", "write", "unmap"):
        assert info[f"{kind}s"] == sum(row[1] == kind for row in rows)
        assert info[f"{kind}_bytes"] == sum(row[3] for row in rows if row[1] == kind)
    for footprint, size in (("4kib", 4096), ("64kib", 65536), ("1mib", 1 << 20)):
        touched = {
            (device, block)
            for _, kind, offset, length, device in rows
            if kind != "unmap"
            for block in range(offset // size, (offset + length - 1) // size + 1)
        }
        assert info[f"footprint_blocks_{footprint}"] == len(touched)
    assert set(info["devices"]) == {row[4] for row in rows}
    assert info["skipped_rows"] == 0


@pytest.mark.parametrize("name", PLAIN)
def test_parquet_gives_back_every_row(tmp_path: Path, name: str) -> None:
    trace = open_trace(FOLDER / name, format_of(name))
    convert_trace(trace, tmp_path / "t.parquet", "parquet")
    before, after = read_trace(FOLDER / name, format_of(name)), read_trace(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(before, after)
    counted = trace_info(open_trace(tmp_path / "t.parquet"))["other_operations"]
    assert counted == dict(trace.other_operations)
