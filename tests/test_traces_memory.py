"""Memory does not follow the length of a trace: the peak of a process over a short and a long one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from placement_sim.workloads.requests import Requests
from placement_sim.workloads.traces import convert_trace, open_trace
from placement_sim.workloads.traces.convert import write_requests

ROOT = Path(__file__).parents[1]
CHUNK = 100_000
SHORT, LONG = 3, 60  # chunks: 0.3 and 6 million requests
ROOM_KIB = 40 * 1024  # allocators keep what they had; the long trace is 192 MB of records
INFO = "from placement_sim.workloads.traces import open_trace, trace_info; trace_info(open_trace(FILE))"
CONVERT = (
    "from placement_sim.workloads.traces import convert_trace, open_trace; "
    "convert_trace(open_trace(FILE), OUT, 'parquet')"
)
RUN = (
    "from placement_sim.workloads.traces import open_trace, trace_requests; "
    "sum(map(len, trace_requests(open_trace(FILE), object_bytes=1 << 34)))"
)


def drawn(chunks: int) -> Iterator[Requests]:
    for i in range(chunks):
        rng = np.random.default_rng(i)
        yield Requests(
            i * CHUNK * 10**6 + np.sort(rng.integers(0, CHUNK * 10**6, CHUNK)),
            rng.integers(0, 2, CHUNK).astype(np.uint8), rng.integers(0, 1 << 21, CHUNK) * 4096,
            np.full(CHUNK, 4096), np.zeros(CHUNK, np.int32),
        )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a short and a long trace in every format."""
    folder = tmp_path_factory.mktemp("traces")
    for name, chunks in (("short", SHORT), ("long", LONG)):
        write_requests(drawn(chunks), "disk", folder / f"{name}.parquet")
        for format in ("vscsi_v1", "fio_iolog_v3"):
            convert_trace(open_trace(folder / f"{name}.parquet"), folder / f"{name}.{format}", format)
    return folder


def peak_kib(code: str, file: Path) -> int:
    names = f"FILE = {str(file)!r}; OUT = FILE + '.out'; "
    code = f"import resource; {names}{code}; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["vscsi_v1", "fio_iolog_v3", "parquet"])
@pytest.mark.parametrize("code", [INFO, CONVERT, RUN], ids=["info", "convert", "run"])
def test_a_trace_twenty_times_as_long_takes_no_more_memory(folder: Path, code: str, format: str) -> None:
    short, long = (peak_kib(code, folder / f"{name}.{format}") for name in ("short", "long"))
    assert long - short < ROOM_KIB, (short, long)
