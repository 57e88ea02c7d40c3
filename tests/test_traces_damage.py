"""Damage to every format: the tables of docs/traces.md say what the readers answer; fuzzing finds no traceback."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import damages
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_traces import GOOD

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces import FORMATS, Trace, open_trace

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- damages: begin -->\n", "<!-- damages: end -->"
HEADERS = {"libcachesim_csv": 1, "systor17": 1}
ROW_A_REQUEST = ("msr", "libcachesim_csv", "systor17", "tencent", "alibaba", "spc", "disksim")
RECORD_BYTES = {"vscsi_v1": 32, "vscsi_v2": 40, "oracle_general_reads": 24, "oracle_general_writes": 24}
PIECES = [
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b",",
    b".",
    b"-",
    b'"',
    b"9" * 20,
    b"0x1",
    b"R",
    b"\xff\xfe",
    b"PAR1",
    b"1e9",
    b"nan",
]


def test_the_tables_of_the_documentation_are_true(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "traces.md").read_text(encoding="utf-8")
    written = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert written == damages.tables(tmp_path)


def test_every_format_is_damaged_in_every_way_it_can_be(tmp_path: Path) -> None:
    assert {*damages.FORMATS, "oracle_general_writes"} == set(FORMATS)
    answers = [damages.answer(tmp_path, kind, name)[0] for kind in damages.DAMAGES for name in damages.FORMATS]
    assert set(answers) == {"E", "F", "R", "N", "O", "-"}
    for name in damages.TEXT:
        assert damages.answer(tmp_path, "CRLF", name)[1] == f"{damages.ROWS} requests"


def everything(trace: Trace) -> list[Requests]:
    chunks = list(trace.chunks())
    times = np.concatenate([chunk.time_ns for chunk in chunks])
    assert (np.diff(times) >= 0).all() and times[0] >= 0
    for chunk in chunks:
        assert (chunk.size_bytes > 0).all() and (chunk.offset_bytes >= 0).all()
        assert (chunk.offset_bytes + chunk.size_bytes > 0).all()
        assert (chunk.device >= 0).all() and (chunk.device < len(trace.devices)).all()
    return chunks


def rows_in(name: str, data: bytes) -> int | None:
    """Count what can be a request, for formats in which every row or record is one."""
    if name in RECORD_BYTES:
        return len(data) // RECORD_BYTES[name]
    if name not in ROW_A_REQUEST:
        return None
    lines = data.replace(b"\r\n", b"\n").split(b"\n")[HEADERS.get(name, 0) :]
    return sum(bool(line.strip(b" \t")) for line in lines)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Replace, insert, delete or repeat a few slices."""
    result = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(result)))
        end = min(len(result), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6), st.just(bytes(result[start:end]) * 2)))
        result[start:end] = piece
    return bytes(result)


@pytest.mark.parametrize("name", GOOD)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.data())
def test_a_damaged_file_is_read_whole_or_refused(tmp_path: Path, name: str, seed: st.DataObject) -> None:
    data = seed.draw(damaged(GOOD[name]))
    file = tmp_path / "trace"
    file.write_bytes(data)
    for rule in ("error", "skip"):
        try:
            trace = open_trace(file, name, on_bad_row=rule, window_requests=2)
            chunks = everything(trace)
        except TraceError as error:
            assert str(file) in str(error)
            continue
        found = sum(map(len, chunks)) + trace.skipped_rows + sum(trace.other_operations.values())
        expected = rows_in(name, data)
        assert expected is None or found == expected, data
        assert rule == "skip" or trace.skipped_rows == 0


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_guided_fuzzing_finds_no_traceback(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for i, (name, data) in enumerate(GOOD.items()):
        (corpus / str(i)).write_bytes(bytes([1 + sorted(FORMATS).index(name)]) + data)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "fuzz_traces.py"), "-max_total_time=60", "-max_len=4096", "-seed=1",
         f"-artifact_prefix={tmp_path}/", str(corpus)], capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
