"""Synthetic requests: a law for when, a law for where, shares for how large and which kind.

Each has a stream of its own, keyed by (seed, name, purpose), so that changing one leaves
the draws of the others. Everything is lazy, and the size of a chunk changes no request.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from placement_sim.randomness import generator
from placement_sim.workloads.addresses import Addresses, Space
from placement_sim.workloads.arrivals import Arrivals, FixedThink, Think
from placement_sim.workloads.checks import check_share
from placement_sim.workloads.requests import READ, WRITE, Requests

Ints = npt.NDArray[np.int64]


def synthetic_requests(
    *,
    seed: int,
    name: str,
    count: int | None,
    object_bytes: int,
    align_bytes: int,
    sizes: Sequence[tuple[int, float]],
    read_share: float,
    addresses: Addresses,
    arrivals: Arrivals | None = None,
    think: Think | None = None,
    chunk_requests: int = 65536,
) -> Iterator[Requests]:
    """Yield chunks of requests to one object, lazily.

    Parameters
    ----------
    seed, name
        Key of the streams "arrivals", "think", "addresses", "scatter", "kinds" and "sizes".
    count
        Number of requests; None never ends.
    sizes
        Pairs of (size_bytes, share); the shares add up to 1.
    arrivals, think
        Open loop, or closed loop; with neither, a closed loop without think time.

    Raises
    ------
    ValueError
        At the call, not at the first chunk: an argument is out of range, a size is larger
        than the object, or both `arrivals` and `think` are given.

    Examples
    --------
    >>> from placement_sim.workloads import FixedRate, SequentialAddresses
    >>> chunk = next(synthetic_requests(
    ...     seed=1, name="vm-1", count=3, object_bytes=2**30, align_bytes=4096, sizes=[(4096, 1.0)],
    ...     read_share=1.0, addresses=SequentialAddresses(), arrivals=FixedRate(10.0)))
    >>> chunk.time_ns.tolist(), chunk.offset_bytes.tolist()
    ([100000000, 200000000, 300000000], [0, 4096, 8192])
    """
    if arrivals is not None and think is not None:
        raise ValueError("give arrivals (open loop) or think (closed loop), not both")
    if chunk_requests < 1 or (count is not None and count < 0):
        raise ValueError(f"chunk_requests must be >= 1 and count >= 0, got {chunk_requests}, {count}")
    check_share(read_share=read_share)
    _check_sizes(sizes, object_bytes, align_bytes)
    source = addresses.source(Space(object_bytes, align_bytes, seed, name))
    times = _time_source(seed, name, arrivals, think or FixedThink(0.0))
    kinds, size_draws = generator(seed, name, "kinds"), generator(seed, name, "sizes")
    values = np.array([size for size, _ in sizes], dtype=np.int64)
    edges = np.cumsum([share for _, share in sizes])[:-1]

    def chunk(first: int, n: int) -> Requests:
        size_bytes = values[np.searchsorted(edges, size_draws.random(n), side="right")]
        kind = np.where(kinds.random(n) < read_share, READ, WRITE).astype(np.uint8)
        return Requests(times(first, n), kind, source(size_bytes), size_bytes, np.zeros(n, dtype=np.int32))

    starts = itertools.count(0, chunk_requests) if count is None else range(0, count, chunk_requests)
    last = math.inf if count is None else count
    return (chunk(first, int(min(chunk_requests, last - first))) for first in starts)


def _check_sizes(sizes: Sequence[tuple[int, float]], object_bytes: int, align_bytes: int) -> None:
    if not 0 < align_bytes <= object_bytes:
        raise ValueError(f"align_bytes must be in [1, object_bytes = {object_bytes}], got {align_bytes}")
    check_share(**{f"share of size {size}": share for size, share in sizes})
    if abs(math.fsum(share for _, share in sizes) - 1.0) > 1e-9:
        raise ValueError(f"the shares of sizes must add up to 1, got {list(sizes)}")
    if any(not 0 < size <= object_bytes for size, _ in sizes):
        raise ValueError(f"sizes must be in [1, object_bytes = {object_bytes}], got {list(sizes)}")


def _time_source(seed: int, name: str, arrivals: Arrivals | None, think: Think) -> Callable[[int, int], Ints]:
    rng = generator(seed, name, "think" if arrivals is None else "arrivals")
    clock_ns = 0

    def times(first: int, count: int) -> Ints:
        nonlocal clock_ns
        if arrivals is None:
            return think.think_ns(rng, count)
        clock = clock_ns + np.cumsum(arrivals.gaps_ns(rng, first, count))
        clock_ns = int(clock[-1])
        return arrivals.wall_ns(clock)

    return times
