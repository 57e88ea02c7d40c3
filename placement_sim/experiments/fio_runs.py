"""Read fio's JSON results as runs to calibrate a disk with, and refuse those that say something else.

A run that measured a page cache, a rate limit, two patterns at once or a depth that was never
reached would fit well and mean nothing: each has its own error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placement_sim.errors import InputError

FEWEST_REQUESTS = 100
LIMITS = ("rate", "rate_iops", "rate_min", "rate_iops_min", "thinktime", "rate_process", "latency_target")
PATTERNS = {"randread": "read", "randwrite": "write"}


@dataclass(frozen=True)
class FioRun:
    """One job of random reads or writes of one size at one queue depth.

    Parameters
    ----------
    file, version
        Name of the file without its folder; fio's version.
    is_write, size_bytes, depth, requests
        `depth` is iodepth times numjobs.
    iops, latency_s
        Requests a second, and their mean time from submission to completion.
    percentiles_s
        Level in percent -> seconds from submission; empty where fio gave none.
    """

    file: str
    version: str
    is_write: bool
    size_bytes: int
    depth: int
    requests: int
    iops: float
    latency_s: float
    percentiles_s: Mapping[float, float]

    @property
    def host_gap_s(self) -> float:
        """Time the host takes between a completion and the next submission (Little's law), seconds."""
        return max(0.0, self.depth / self.iops - self.latency_s)


def read_fio(paths: Sequence[str | Path]) -> list[FioRun]:
    """Read runs in order of operation, size and depth.

    Raises
    ------
    InputError
        A file is no fio result, or a run cannot be explained by a disk that serves requests.
    """
    if not paths:
        raise InputError("files", "none is given", "name fio results in JSON")
    runs = [run for path in paths for run in _runs(Path(path))]
    return sorted(runs, key=lambda run: (run.is_write, run.size_bytes, run.depth, run.file))


def _runs(path: Path) -> list[FioRun]:
    values = _document(path)
    jobs, version = values.get("jobs"), values.get("fio version")
    if not isinstance(jobs, list) or not jobs or not isinstance(version, str):
        raise InputError(str(path), "it has no fio version or no jobs", "write it with --output-format=json")
    shared = values.get("global options", {})
    runs = []
    for i, job in enumerate(jobs):
        place = f"{path}: jobs[{i}]"
        if not isinstance(job, dict) or not isinstance(shared, dict):
            raise InputError(place, "is no table", "write it with --output-format=json")
        options = job.get("job options", {})
        if not isinstance(options, dict) or not (options or shared):
            raise InputError(place, "has no job options", "use a fio that writes them (2.17 or later)")
        options = {**shared, **options}
        runs.append(_run(place, path.name, version, job, options))
    _check_in_turn(path, jobs)
    return runs


def _check_in_turn(path: Path, jobs: Sequence[Mapping[str, Any]]) -> None:
    """Refuse jobs that ran side by side; fio does not write down `stonewall`, but how long each ran and all did."""
    if len(jobs) == 1:
        return
    sides = [job[name] for job in jobs for name in ("read", "write") if name in job]
    ran_s = sum(_number(str(path), side, "runtime", 0.0) for side in sides) / 1e3
    elapsed_s = max(_number(str(path), job, "elapsed", 0.0) for job in jobs)
    if ran_s > elapsed_s + 1:
        problem = f"its {len(jobs)} jobs ran {ran_s:.0f} s in {elapsed_s:.0f} s, so side by side"
        cure = "use group_reporting with numjobs, or stonewall, or a file a job"
        raise InputError(str(path), problem, cure)


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(str(path), str(reason), "name a fio result in JSON") from None
    offset = 0
    for line in text.splitlines(keepends=True):  # fio and those who call it log before the result
        if line.lstrip().startswith("{"):
            break
        offset += len(line)
    start = offset + len(text[offset:]) - len(text[offset:].lstrip())
    try:
        values, end = json.JSONDecoder().raw_decode(text, start)
    except (json.JSONDecodeError, RecursionError) as error:
        cure = "run fio again with --output-format=json"
        raise InputError(str(path), f"no complete JSON result: {error}", cure) from None
    if any(line.lstrip().startswith("{") for line in text[end:].splitlines()):
        raise InputError(str(path), "there is a second result after the first", "keep one result a file")
    if not isinstance(values, dict):
        raise InputError(str(path), "its JSON is no table", "write it with --output-format=json")
    return values


def _run(place: str, file: str, version: str, job: Mapping[str, Any], options: Mapping[str, Any]) -> FioRun:
    operation = _check_options(place, options)
    others = {"read", "write", "trim"} - {operation}
    if any(_number(place, job.get(name, {}), "total_ios", 0.0) for name in others):
        raise InputError(place, f"it has other requests than {operation}s", "measure reads and writes apart")
    if job.get("error"):
        raise InputError(place, f"fio ended with error {job['error']}", "mend the job and run it again")
    side = job.get(operation)
    if not isinstance(side, dict):
        raise InputError(place, f"it has no {operation!r} part", "write it with --output-format=json")
    requests = int(_number(place, side, "total_ios"))
    if requests < FEWEST_REQUESTS:
        raise InputError(place, f"{requests} requests are too few", f"run it for {FEWEST_REQUESTS} or more")
    run = FioRun(
        file,
        version,
        operation == "write",
        _size_bytes(place, side, requests, version),
        _count(place, options, "iodepth") * _count(place, options, "numjobs"),
        requests,
        _number(place, side, "iops"),
        *_latencies(place, side),
    )
    _check_depth(place, run)
    return run


def _check_options(place: str, options: Mapping[str, Any]) -> str:
    pattern = str(options.get("rw", options.get("readwrite", "read")))
    if pattern not in PATTERNS:
        cure = "use rw=randread and rw=randwrite: the model is of requests at random places"
        raise InputError(place, f"rw={pattern} is not explained by a service time a request", cure)
    if str(options.get("direct", "0")) not in ("1", "true"):
        raise InputError(place, "direct is not 1, so it measured the page cache", "run fio with direct=1")
    for name in LIMITS:
        if name in options:
            raise InputError(place, f"{name}={options[name]} held the rate down", f"run it without {name}")
    for name in ("bssplit", "bsrange", "blocksize_range"):
        if name in options:
            raise InputError(place, f"{name} mixes sizes", "run it with one bs")
    return PATTERNS[pattern]


def _check_depth(place: str, run: FioRun) -> None:
    """Hold Little's law: requests in flight are the rate times the mean latency."""
    if not (run.iops > 0 and run.latency_s > 0):
        raise InputError(place, "it has no rate or no latency", "run it with latency measurement on")
    present = run.iops * run.latency_s
    if not 0.7 * run.depth <= present <= 1.05 * run.depth:
        problem = f"by Little's law {present:.2f} requests were in flight, not the {run.depth} of iodepth times numjobs"
        raise InputError(place, problem, "use an asynchronous ioengine such as libaio or io_uring, and enough CPU")


def _size_bytes(place: str, side: Mapping[str, Any], requests: int, version: str) -> int:
    in_bytes = "io_kbytes" in side or not version.startswith(("fio-1.", "fio-2."))
    size = _number(place, side, "io_bytes") * (1 if in_bytes else 1024) / requests
    if size < 512 or size != int(size) or int(size) % 512:
        raise InputError(
            place, f"its requests have {size:g} bytes in the mean", "run it with one bs, a multiple of 512"
        )
    return int(size)


def _latencies(place: str, side: Mapping[str, Any]) -> tuple[float, dict[float, float]]:
    """Give the mean and the percentiles of submission to completion; fio before 3.0 counts in microseconds."""
    suffix, unit_s = ("_ns", 1e-9) if "lat_ns" in side else ("", 1e-6)
    mean_s = _number(place, side.get(f"lat{suffix}", {}), "mean") * unit_s
    for name in (f"lat{suffix}", f"clat{suffix}"):
        part = side.get(name, {})
        listed = part.get("percentile") if isinstance(part, dict) else None
        if isinstance(listed, dict):
            shift_s = mean_s - _number(place, part, "mean") * unit_s  # the submission is in lat, not in clat
            wrong = [level for level in listed if not re.fullmatch(r"\d{1,3}(\.\d{1,9})?", level)]
            if wrong:
                raise InputError(place, f"{wrong[0]!r} is no percentile", "write the file with fio, unchanged")
            levels = {float(level): _number(place, listed, level) * unit_s + shift_s for level in listed}
            return mean_s, {level: time_s for level, time_s in levels.items() if level > 0}
    return mean_s, {}


def _number(place: str, table: Any, key: str, default: float | None = None) -> float:
    value = table.get(key, default) if isinstance(table, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InputError(f"{place}.{key}", f"{value!r} is not a number >= 0", "write the file with fio, unchanged")
    return float(value)


def _count(place: str, options: Mapping[str, Any], key: str) -> int:
    text = str(options.get(key, "1"))
    if not text.isdecimal() or not 1 <= int(text) <= 65536:
        raise InputError(place, f"{key}={text} is not a number from 1 to 65536", "write the file with fio, unchanged")
    return int(text)
