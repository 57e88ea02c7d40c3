"""How many requests a second each trace reader gives, on traces written here; targets 2 million binary, 0.5 text.

The figure is of the whole way from the file to requests in order of time, in CPU time of all threads (so that other
work on the machine does not show), best of three. Beside it stand a read of the same bytes alone, and at the end a
loop over rows in Python.

    python benchmarks/trace_readers.py [REQUESTS]
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from placement_sim.workloads.requests import READ, Requests
from placement_sim.workloads.traces import convert_trace, open_trace, trace_info
from placement_sim.workloads.traces.convert import write_requests

BINARY = ("vscsi_v1", "vscsi_v2", "oracle_general_reads", "parquet")
TARGETS = {True: 2.0, False: 0.5}  # million requests a second
EPOCH_US = 1_577_808_000_000_000
ORACLE = np.dtype([("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")])
Rows = tuple[npt.NDArray[np.int64], ...]
TEXTS: dict[str, tuple[str, Callable[[int, int, int, int], str]]] = {
    "msr": ("", lambda t, r, o, s: f"{(EPOCH_US + t) * 10},hm,0,{'Read' if r else 'Write'},{o},{s},1043"),
    "libcachesim_csv": (
        "version,time,op,size,lbn\n",
        lambda t, r, o, s: f"1,{t},{'28' if r else '2a'},{s},{o // 512}",
    ),
    "systor17": (
        "Timestamp,Response,IOType,LUN,Offset,Size\n",
        lambda t, r, o, s: f"{(EPOCH_US + t) / 1e6:.6f}000,0.000221,{'R' if r else 'W'},0,{o},{s}",
    ),
    "tencent": ("", lambda t, r, o, s: f"{(EPOCH_US + t) // 1_000_000},{o // 512},{s // 512},{0 if r else 1},1283"),
    "alibaba": ("", lambda t, r, o, s: f"{o % 97},{'R' if r else 'W'},{o},{s},{EPOCH_US + t}"),
    "spc": ("", lambda t, r, o, s: f"{o % 6},{o // 512},{s},{'R' if r else 'w'},{t / 1e6:.6f}"),
    "disksim": ("", lambda t, r, o, s: f"{t * 1000} {o % 16} {o // 512} {s // 512} {r}"),
    "blkparse": (
        "",
        lambda t, r, o, s: (
            f"  8,64   1  {t % 9999:5d}  {t / 1e6:.9f}  777  D  {'R' if r else 'WS'} {o // 512} + {s // 512} [fio]"
        ),
    ),
}


def requests(count: int) -> Requests:
    """Draw one second of requests for every thousand."""
    rng = np.random.default_rng(1)
    return Requests(
        np.cumsum(rng.integers(1, 2000, count)) * 1000,
        rng.integers(0, 2, count).astype(np.uint8),
        rng.integers(0, 1 << 26, count) * 512,
        rng.choice([4096, 8192, 65536], count),
        np.zeros(count, dtype=np.int32),
    )


def write_all(folder: Path, drawn: Requests) -> dict[str, Path]:
    """Write the same requests in every format, and one of them in gzip."""
    files = {name: folder / name for name in (*BINARY, *TEXTS, "fio_iolog_v2", "fio_iolog_v3")}
    write_requests(iter([drawn]), "disk", files["parquet"])
    for name in ("vscsi_v1", "vscsi_v2", "fio_iolog_v2", "fio_iolog_v3"):
        convert_trace(open_trace(files["parquet"]), files[name], name)
    records = np.zeros(len(drawn), dtype=ORACLE)
    records["time"], records["object"] = drawn.time_ns // 10**9, drawn.offset_bytes // 512
    records["size"], records["next"] = drawn.size_bytes, -1
    files["oracle_general_reads"].write_bytes(records.tobytes())
    columns = (drawn.time_ns // 1000, drawn.kind == READ, drawn.offset_bytes, drawn.size_bytes)
    rows = list(zip(*(column.astype(np.int64).tolist() for column in columns), strict=True))
    for name, (head, row) in TEXTS.items():
        files[name].write_text(head + "".join(row(*values) + "\n" for values in rows), encoding="utf-8")
    files["msr in gzip"] = folder / "msr.gz"
    files["msr in gzip"].write_bytes(gzip.compress(files["msr"].read_bytes(), 6))
    return files


def best_s(work: Callable[[], object]) -> float:
    """Give the shortest of three CPU times."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def loop_over_rows(file: Path) -> int:
    """Read MSR rows one by one, as a plain program would."""
    total = 0
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            stamp, _, _, kind, offset, size, _ = line.split(",")
            total += int(stamp) + int(offset) + int(size) + (kind == "Read")
    return total


def main() -> None:
    """Write, read, print; the exit status is 1 where a target is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        files = write_all(Path(folder), requests(count))
        print(f"{count} requests\n{'format':<22}{'million/s':>10}{'target':>8}{'MB/s':>8}{'bytes alone, MB/s':>20}")
        for name, file in files.items():
            format = name.split(" ")[0]

            def read(file: Path = file, format: str = format) -> None:
                found = sum(len(chunk) for chunk in open_trace(file, format).chunks())
                if found != count:
                    raise SystemExit(f"{format}: {found} requests instead of {count}")

            seconds, megabytes = best_s(read), file.stat().st_size / 1e6
            rate, target = count / seconds / 1e6, TARGETS[name in BINARY]
            alone = megabytes / best_s(file.read_bytes)
            print(f"{name:<22}{rate:>10.2f}{target:>8.1f}{megabytes / seconds:>8.0f}{alone:>20.0f}")
            missed += [name] if rate < target else []
        loop, ours = (
            best_s(lambda: loop_over_rows(files["msr"])),
            best_s(lambda: list(open_trace(files["msr"]).chunks())),
        )
        print(f"msr: a loop over rows takes {loop / ours:.1f} times as long and checks nothing")
        info = best_s(lambda: trace_info(open_trace(files["vscsi_v1"])))
        print(f"trace info of vscsi_v1: {count / info / 1e6:.2f} million requests/s")
    if missed:
        raise SystemExit(f"below the target: {', '.join(missed)}")


if __name__ == "__main__":
    main()
