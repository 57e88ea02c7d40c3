"""Traces written in another format read back the same; real fio replays what we write."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_traces import FIO3, MSR, put
from test_traces_info import random_trace

from placement_sim.cli import main
from placement_sim.errors import TraceError
from placement_sim.workloads.traces import FORMATS, WRITERS, convert_trace, open_trace, read_trace, trace_info


def convert(source: Path, out: Path, to: str, device: str | None = None) -> Path:
    convert_trace(open_trace(source), out, to, device)
    return out


def test_writers_write_formats() -> None:
    assert set(WRITERS) <= set(FORMATS)


@pytest.mark.parametrize("to", ["parquet", "fio_iolog_v2", "fio_iolog_v3"])
def test_every_request_comes_back(tmp_path: Path, to: str) -> None:
    source = random_trace(tmp_path)
    out = convert(source, tmp_path / "out", to)
    assert open_trace(out).format == to
    before, after = read_trace(source), read_trace(out)
    pd.testing.assert_frame_equal(before, after)
    first = out.read_bytes()
    assert convert(source, tmp_path / "again", to).read_bytes() == first


@pytest.mark.parametrize("to", ["vscsi_v1", "vscsi_v2"])
def test_vscsi_takes_one_device_and_no_unmaps(tmp_path: Path, to: str) -> None:
    source = random_trace(tmp_path)
    with pytest.raises(TraceError, match="several devices"):
        convert(source, tmp_path / "out", to)
    frame = read_trace(source)
    mine = frame[(frame["device"] == "g") & (frame["kind"] != "unmap")]
    with pytest.raises(TraceError, match="does not begin at a sector"):
        convert(source, tmp_path / "out", to, "g")
    assert not list(tmp_path.glob("out*"))
    whole = tmp_path / "whole"
    lines = [
        f"{round(r.time_s * 1e6)} g {r.kind} {r.offset_bytes // 512 * 512} {r.size_bytes}" for r in mine.itertuples()
    ]
    whole.write_text("fio version 3 iolog\n0 g add\n0 g open\n" + "\n".join(lines) + "\n0 g trim 0 512\n")
    done = convert_trace(open_trace(whole), tmp_path / "out", to)
    assert (done.requests, dict(done.left_out)) == (len(mine), {"unmap": 1})
    after = read_trace(tmp_path / "out")
    expected = read_trace(whole).query("kind != 'unmap'").reset_index(drop=True)
    np.testing.assert_allclose(np.diff(after["time_s"]), np.diff(expected["time_s"]), rtol=0, atol=1e-9)
    for column in ("kind", "offset_bytes", "size_bytes"):
        assert after[column].tolist() == expected[column].tolist()


def test_parquet_keeps_nanoseconds_and_counts(tmp_path: Path) -> None:
    rows = MSR + b"1,hm,0\n128166385325514669,hm,0,Read,0,512,9\n"
    trace = open_trace(put(tmp_path, rows), on_bad_row="skip")
    done = convert_trace(trace, tmp_path / "t.parquet", "parquet")
    assert done.skipped_rows == 1
    info = trace_info(open_trace(tmp_path / "t.parquet"))
    assert (info["skipped_rows"], info["requests"], info["span_s"]) == (1, 3, 3.0000006)
    sync = put(tmp_path, FIO3 + b"2 f write 0 512\n3 f sync 0 0\n")
    info = trace_info(open_trace(convert(sync, tmp_path / "s.parquet", "parquet")))
    assert info["other_operations"] == {"sync": 1}


def test_rounded_times_are_counted(tmp_path: Path) -> None:
    source = put(tmp_path, MSR + b"128166385325514668,hm,0,Read,0,512,9\n")
    done = convert_trace(open_trace(source), tmp_path / "out", "fio_iolog_v3")
    assert done.rounded_times == 1


def test_a_device_keeps_the_clock_of_the_whole_trace(tmp_path: Path) -> None:
    source = put(tmp_path, FIO3 + b"2 g open\n5 f write 0 512\n1005 g read 0 512\n")
    assert read_trace(convert(source, tmp_path / "g", "parquet", "g"))["time_s"].tolist() == [0.001]


def test_what_cannot_be_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    bad = put(tmp_path, MSR + b"1,hm,0\n")
    for to in WRITERS:
        with pytest.raises(TraceError, match="line 3"):
            convert(bad, tmp_path / "out", to)
    blank = tmp_path / "b.csv"
    blank.write_bytes(MSR.replace(b"hm,", b"h m,"))
    cases = [(MSR, "msr", None, "no writer"), (MSR, "vscsi_v1", "x", "no device 'x'")]
    for data, to, device, match in cases:
        with pytest.raises(TraceError, match=match):
            convert(put(tmp_path, data), tmp_path / "out", to, device)
    with pytest.raises(TraceError, match="cannot name a file"):
        convert(blank, tmp_path / "out", "fio_iolog_v3")
    with pytest.raises(TraceError, match="file that is read"):
        convert(blank, blank, "parquet")
    with pytest.raises(TraceError, match="cannot be written"):
        convert(put(tmp_path, MSR), tmp_path / "none" / "out", "parquet")
    with pytest.raises(TraceError, match="nothing in it"):
        convert(put(tmp_path, FIO3 + b"2 f trim 0 512\n"), tmp_path / "out", "vscsi_v1")
    assert not list(tmp_path.glob("out*"))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = str(put(tmp_path, MSR)), str(tmp_path / "o.parquet")
    assert main(["trace", "convert", source, out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["requests"] == 2
    assert main(["trace", "convert", source, out]) == 0
    assert main(["trace", "convert", source, out, "--to", "nonsense"]) == 2


@pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")
@pytest.mark.parametrize("version", [2, 3])
def test_fio_replays_what_we_write(tmp_path: Path, version: int) -> None:
    target = tmp_path / "disk"
    target.write_bytes(b"\0" * (1 << 20))
    lines = "".join(f"{i * 100} {target} {('read', 'write')[i % 3 == 0]} {i * 4096} 4096\n" for i in range(90))
    source = put(tmp_path, f"fio version 3 iolog\n0 {target} add\n0 {target} open\n{lines}".encode())
    out = convert(source, tmp_path / "log", f"fio_iolog_v{version}")
    done = subprocess.run(
        ["fio", "--name=replay", f"--read_iolog={out}", "--ioengine=psync", "--replay_no_stall=1",
         "--output-format=json"], capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    [job] = json.loads(done.stdout[done.stdout.index("{") :])["jobs"]
    assert (job["error"], job["read"]["total_ios"], job["write"]["total_ios"]) == (0, 60, 30)
    assert (job["read"]["io_bytes"], job["write"]["io_bytes"]) == (60 * 4096, 30 * 4096)
