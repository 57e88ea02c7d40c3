"""What the real blkparse prints, summary and all, of events written here in the kernel's binary form."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from placement_sim.workloads.traces import open_trace, read_trace, trace_info

# struct blk_io_trace of linux/blktrace_api.h: magic, sequence, time (ns), sector, bytes, action, pid, device, cpu,
# error, length of what follows.
EVENT = "<IIQQIIIIIHH"
MAGIC, DEVICE = 0x65617407, 8 << 20 | 16
READ, WRITE, SYNC, FS, DISCARD = 1, 2, 8, 256, 1 << 13
STAGES = ((1, 16, 0), (7, 64, 1000), (8, 128, 50_000))  # queue, issue, complete: code, category, ns after
KINDS = {"read": READ | FS, "write": WRITE | FS | SYNC, "unmap": WRITE | DISCARD | FS}


@pytest.mark.skipif(shutil.which("blkparse") is None, reason="blkparse is not installed")
def test_issued_requests_come_back(tmp_path: Path) -> None:
    wanted = [
        (i * 1_000_000, ("read", "write", "unmap")[i % 3], (2048 + 56 * i) * 512, 4096 * (i + 1)) for i in range(20)
    ]
    data, sequence = b"", 0
    for time, kind, offset, size in wanted:
        for code, category, later in STAGES:
            sequence += 1
            action = code | (KINDS[kind] | category) << 16
            data += struct.pack(EVENT, MAGIC, sequence, time + later, offset // 512, size, action, 7, DEVICE, 0, 0, 0)
    (tmp_path / "t.blktrace.0").write_bytes(data)
    printed = subprocess.run(["blkparse", "-i", "t"], capture_output=True, check=True, cwd=tmp_path).stdout
    assert b"Reads Queued" in printed
    (tmp_path / "t.txt").write_bytes(printed)
    frame = read_trace(tmp_path / "t.txt")
    columns = [frame[name].tolist() for name in ("kind", "offset_bytes", "size_bytes")]
    assert list(zip(*columns, strict=True)) == [row[1:] for row in wanted]
    assert (frame["time_s"] * 1e9).round().astype(int).tolist() == [row[0] for row in wanted]
    info = trace_info(open_trace(tmp_path / "t.txt"))
    assert (info["format"], info["devices"], info["skipped_rows"]) == ("blkparse", ["8,16"], 0)
