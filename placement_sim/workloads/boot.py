"""Closed-loop transfers of a known amount: a boot, the start of an application, a patch, the copy of a disk.

Addresses and sizes are the same for every machine of a fleet, because all boot the same files; think
times are each machine's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from placement_sim.randomness import generator
from placement_sim.workloads.requests import READ, WRITE, Requests

Ints = npt.NDArray[np.int64]
CHUNK_REQUESTS = 4096  # at 25 bytes each; a larger chunk leaves the processor's cache, a smaller one costs calls
RUN_REQUESTS = 16  # assumption: files are read in runs of so many neighbouring requests


@lru_cache(maxsize=64)
def scattered_runs(total_bytes: int, requests: int, span_bytes: int, seed: int, name: str) -> tuple[Ints, Ints]:
    """Give offsets and sizes that add up to `total_bytes` exactly, in runs scattered evenly over a span.

    Parameters
    ----------
    total_bytes, requests
        Amount, and in how many requests; their sizes differ by one byte at most.
    span_bytes
        The runs lie in the first so many bytes of the object.
    seed, name
        Key of the order of the runs.

    Returns
    -------
    tuple
        offset_bytes and size_bytes, int64 of shape (requests,).

    Raises
    ------
    ValueError
        More than the span, or requests without bytes.

    Examples
    --------
    >>> offset_bytes, size_bytes = scattered_runs(1000, 3, 5000, 1, "boot")
    >>> size_bytes.tolist(), bool((offset_bytes + size_bytes <= 5000).all())
    ([334, 333, 333], True)
    """
    if not 0 < requests <= total_bytes:
        raise ValueError(f"{total_bytes} bytes cannot be moved in {requests} requests")
    if total_bytes > span_bytes:
        raise ValueError(f"{total_bytes} bytes do not fit in a span of {span_bytes}")
    size_bytes = np.full(requests, total_bytes // requests, np.int64)
    size_bytes[: total_bytes % requests] += 1
    starts = np.arange(0, requests, RUN_REQUESTS)
    run_bytes = np.add.reduceat(size_bytes, starts)
    order = generator(seed, name, "order of runs").permutation(len(starts))
    # In order of address, runs are divided by equal gaps; `order` says which is moved when.
    laid = np.empty(len(starts), np.int64)
    before = np.concatenate(([0], np.cumsum(run_bytes[order])[:-1]))
    gap = (span_bytes - total_bytes) // len(starts)
    laid[order] = before + gap * np.arange(len(starts))
    within = np.cumsum(size_bytes) - size_bytes
    run = np.arange(requests) // RUN_REQUESTS
    return laid[run] + within - within[starts][run], size_bytes


def loop_requests(
    kind: int, offset_bytes: Ints, size_bytes: Ints, think_s: float, seed: int, name: str
) -> tuple[Iterator[Requests], int]:
    """Make a closed loop of given requests with exponential think times.

    Parameters
    ----------
    kind
        READ or WRITE.
    offset_bytes, size_bytes
        int64, shape (requests,).
    think_s
        Mean of the sum of the think times; 0 for none.
    seed, name
        Key of the think times.

    Returns
    -------
    tuple
        The chunks, and the sum of the think times that were drawn, in ns.

    Examples
    --------
    >>> chunks, think_ns = loop_requests(READ, np.zeros(4, np.int64), np.full(4, 512), 0.0, 1, "vm-0 boot")
    >>> len(next(chunks)), think_ns
    (4, 0)
    """
    assert kind in (READ, WRITE)
    count = len(offset_bytes)
    if think_s:
        draws = generator(seed, name, "think").standard_exponential(count)
        draws *= think_s * 1e9 / count
        time_ns = np.rint(draws, out=draws).astype(np.int64)
    else:
        time_ns = np.zeros(count, np.int64)
    kinds, devices = _columns(count, kind)
    return in_chunks(Requests(time_ns, kinds, offset_bytes, size_bytes, devices)), int(time_ns.sum())


@lru_cache(maxsize=64)
def _columns(count: int, kind: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Give the columns that have one value; all machines share them."""
    return np.full(count, kind, np.uint8), np.zeros(count, np.int32)


def in_chunks(requests: Requests) -> Iterator[Requests]:
    """Walk requests in views of `CHUNK_REQUESTS`: what a data path copies of each of 2,000 boots stays small.

    Examples
    --------
    >>> offsets = np.arange(10_000) * 512
    >>> chunks, _ = loop_requests(READ, offsets, np.full(10_000, 512), 0.0, 1, "vm-0 boot")
    >>> [len(chunk) for chunk in chunks]
    [4096, 4096, 1808]
    """
    for first in range(0, len(requests), CHUNK_REQUESTS):
        rows = slice(first, first + CHUNK_REQUESTS)
        yield Requests(*(getattr(requests, name)[rows] for name in Requests.__dataclass_fields__))
