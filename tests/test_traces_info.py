"""What trace_info tells, against counts by hand and by a plain loop; figures and the table of the command line."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_traces import FIO3, GOOD, MSR, PACK, put

from placement_sim.cli import main
from placement_sim.reporting.figures import svg
from placement_sim.reporting.traces import trace_picture, trace_rows
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces import collect, open_trace, read_trace, trace_info
from placement_sim.workloads.traces.source import TraceSource

REQUIRED = (
    "format", "requests", "reads", "writes", "span_s", "read_bytes", "write_bytes", "footprint_blocks_4kib",
    "footprint_blocks_1mib", "devices", "other_operations", "skipped_rows",
)  # fmt: skip
ROOT = Path(__file__).parents[1]


def random_trace(folder: Path, rows: int = 3000) -> Path:
    """Write an iolog with three devices, random places and sizes, and a few trims."""
    rng = np.random.default_rng(5)
    actions = np.array(["read", "write", "trim"])[rng.choice(3, rows, p=[0.5, 0.45, 0.05])]
    times = np.cumsum(rng.integers(0, 5000, rows))
    lines = [
        f"{t} {'fgh'[d]} {a} {o} {s}"
        for t, d, a, o, s in zip(
            times, rng.integers(0, 3, rows), actions, rng.integers(0, 1 << 26, rows) * 128,
            rng.choice([512, 4096, 10000, 300_000], rows), strict=True,
        )
    ]  # fmt: skip
    head = "fio version 3 iolog\n" + "".join(f"0 {name} add\n0 {name} open\n" for name in "fgh")
    return put(folder, (head + "\n".join(lines) + "\n").encode())


def test_info_against_a_plain_loop(tmp_path: Path) -> None:
    file = random_trace(tmp_path)
    frame = read_trace(file)
    info = trace_info(open_trace(file, window_requests=700))
    data = frame[frame["kind"] != "unmap"]
    for name, size in (("4kib", 4096), ("64kib", 65536), ("1mib", 1 << 20)):
        touched = set()
        for row in data.itertuples():
            last = (row.offset_bytes + row.size_bytes - 1) // size
            touched |= {(row.device, block) for block in range(row.offset_bytes // size, last + 1)}
        assert info[f"footprint_blocks_{name}"] == len(touched)
    assert info["span_s"] == pytest.approx(frame["time_s"].max(), abs=1e-9)
    for row in info["by_device"]:
        mine = frame[frame["device"] == row["device"]]
        assert row["requests"] == len(mine)
        assert row["write_bytes"] == mine.loc[mine["kind"] == "write", "size_bytes"].sum()
        assert row["address_span_bytes"] == (mine["offset_bytes"] + mine["size_bytes"]).max()
    hot = data.groupby([data["device"], data["offset_bytes"] // (1 << 20)]).size()
    assert info["hottest_blocks_1mib"][0]["requests"] == hot.max()
    gaps = np.sort(np.diff(frame["time_s"]))
    for name, q in (("p50", 50), ("p90", 90), ("p99", 99)):
        exact = gaps[int(np.ceil(len(gaps) * q / 100)) - 1]
        assert exact * (1 - 1 / 64) - 1e-9 <= info["inter_arrival_s"][name] <= exact + 1e-9
    rate = info["rate_over_time"]
    assert sum(rate["reads"]) == info["reads"] and sum(rate["write_bytes"]) == info["write_bytes"]
    window = np.bincount((frame.loc[frame["kind"] == "read", "time_s"] / rate["window_s"]).astype(int))
    assert rate["reads"][: len(window)] == window.tolist()
    assert [row["size_bytes"] for row in info["sizes"]] == data["size_bytes"].value_counts().index.tolist()


def test_alignment_of_an_old_partition_table(tmp_path: Path) -> None:
    rows = b"".join(b"%d,h,0,Read,%d,4096,1\n" % (t, (t * 8 + 7) * 512) for t in range(9)) + b"10,h,0,Read,0,4096,1\n"
    alignment = trace_info(open_trace(put(tmp_path, rows)))["alignment"]
    assert (alignment["commonest_sector_of_4kib"], alignment["commonest_sector_share"]) == (7, 0.9)
    assert (alignment["aligned_4096_share"], alignment["needlessly_straddling_4kib_share"]) == (0.1, 0.9)


def chunk(offsets: list[int], times: list[int] | None = None) -> Requests:
    n = len(offsets)
    return Requests(
        np.array(times or [0] * n), np.zeros(n, np.uint8), np.array(offsets), np.full(n, 512), np.zeros(n, np.int32)
    )


def test_what_is_too_scattered_to_count_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "FOOTPRINT_RUNS", 3)
    footprint = collect.Footprint(4096)
    footprint.add(chunk([0, 8192, 16384]))
    assert footprint.blocks == 3
    footprint.add(chunk([32768]))
    assert footprint.blocks is None


def test_hot_blocks_say_how_much_they_may_have_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "HOT_BLOCKS", 4)
    hot = collect.HotBlocks()
    for _ in range(3):
        hot.add(chunk([0, 0, 1 << 20, 2 << 20, 3 << 20, 4 << 20]))
    [(_, block, count)] = hot.top(1)
    assert block == 0 and count <= 6 <= count + hot.missed


def test_rate_windows_double(tmp_path: Path) -> None:
    rate = collect.RateOverTime()
    times = [0, 10**6, 127 * 10**6, 500 * 10**6]
    rate.add(chunk([0] * 4, times))
    assert rate.window_ns == 4 * 10**6
    assert rate.counts[0, [0, 31, 125]].tolist() == [2, 1, 1] and rate.windows == 126


def test_the_command_has_its_keys_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(random_trace(tmp_path))
    picture = tmp_path / "p.png"
    assert main(["trace", "info", file, "--json", "--plot", str(picture)]) == 0
    info = json.loads(capsys.readouterr().out)
    assert [name for name in REQUIRED if name not in info] == []
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["trace", "info", file, "--plot", str(tmp_path / "p.svg")]) == 0
    assert "sectors" not in capsys.readouterr().err
    assert svg(trace_picture(info)) == (tmp_path / "p.svg").read_text()
    assert main(["trace", "info", file, "--plot", str(tmp_path / "p.bmp")]) == 2


@pytest.mark.parametrize("name", [name for name in GOOD if not name.startswith("oracle")])
def test_a_summary_of_every_format_can_be_shown(tmp_path: Path, name: str) -> None:
    info = trace_info(open_trace(put(tmp_path, GOOD[name])))
    rows = dict(trace_rows(info))
    assert rows["requests"] == "2: 1 reads, 1 writes, 0 unmaps"
    assert all(len(row) == 2 for row in trace_rows(info))
    trace_picture(info)


def run_piped(arguments: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "placement_sim", *arguments], input=data, capture_output=True, check=False, cwd=ROOT
    )


def test_standard_input() -> None:
    done = run_piped(["trace", "info", "-", "--json"], MSR)
    assert done.returncode == 0 and json.loads(done.stdout)["requests"] == 2
    bad = run_piped(["trace", "info", "-", "--json"], MSR + b"1,hm,0\n")
    assert bad.returncode == 2 and bad.stdout == b""
    assert bad.stderr.startswith(b"placement-sim: standard input: line 3: the row has 3 fields")


@pytest.mark.parametrize("name", [name for name in GOOD if name != "parquet"])
def test_a_pipe_gives_what_the_file_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    format = name if name.startswith("oracle") else None
    from_file = trace_info(open_trace(put(tmp_path, GOOD[name]), format))

    class Standard:
        buffer = io.BufferedReader(io.BytesIO(GOOD[name]))

    monkeypatch.setattr(sys, "stdin", Standard())
    trace = open_trace("-", format)
    assert trace_info(trace) == from_file
    with pytest.raises(Exception, match="only once"):
        next(trace.chunks())


def test_named_pipe_longer_than_the_head(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    source = put(tmp_path, b"".join(b"%d,h,0,Read,%d,512,1\n" % (t, t * 512) for t in range(20_000)))
    with subprocess.Popen(["cp", str(source), str(fifo)]):
        assert trace_info(open_trace(fifo))["requests"] == 20_000


def test_parquet_needs_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Standard:
        buffer = io.BufferedReader(io.BytesIO(GOOD["parquet"]))

    monkeypatch.setattr(sys, "stdin", Standard())
    with pytest.raises(Exception, match="Parquet cannot be read from a pipe"):
        next(open_trace("-").chunks())


def test_a_last_line_without_newline_is_noted(tmp_path: Path) -> None:
    assert trace_info(open_trace(put(tmp_path, MSR)))["notes"] == []
    [note] = trace_info(open_trace(put(tmp_path, MSR[:-1])))["notes"]
    assert "no newline" in note


@pytest.mark.parametrize(
    ("name", "most_bytes"), [("gzip", 1 << 20), ("bzip2", 1 << 20), ("xz", 1 << 20), ("zstd", 1 << 25)]
)
def test_a_decompression_bomb_is_read_in_pieces(tmp_path: Path, name: str, most_bytes: int) -> None:
    """64 MiB of zeros; 1 KiB of zstd holds at most 256 blocks of 128 KiB."""
    source = TraceSource(put(tmp_path, PACK[name](bytes(64 << 20))))
    sizes = [len(piece) for piece in source.pieces()]
    assert sum(sizes) == 64 << 20 and max(sizes) <= most_bytes


def test_big_endian_is_told(tmp_path: Path) -> None:
    record = struct.pack(">IIIHHQQ", 7, 4096, 1, 0x2A, 0x100, 1, 900)
    with pytest.raises(Exception, match="big-endian"):
        open_trace(put(tmp_path, record * 2))
    with pytest.raises(Exception, match=r"record 1.*big-endian"):
        next(open_trace(put(tmp_path, record * 2), "vscsi_v1").chunks())


def test_an_iolog_may_open_a_file_again(tmp_path: Path) -> None:
    log = FIO3 + b"2 f write 0 512\n3 f close\n4 f open\n5 f read 0 512\n"
    assert trace_info(open_trace(put(tmp_path, log)))["requests"] == 2
