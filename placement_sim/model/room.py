"""Is there room for copies in distinct failure domains? Answered exactly, by the maximum flow of blocks to disks.

Blocks of one kind go to domains, at most once each to a domain, and from there to disks. A flow of whole blocks
is a placement: each kind's blocks can be dealt over its domains so that no block meets a domain twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

_FLOW_LIMIT = 2**31 - 1  # SciPy's flows are 32-bit


class Demand(NamedTuple):
    """`blocks` blocks that need `copies` copies each, on `disks`, outside the domains in `taken`."""

    blocks: int
    block_bytes: int
    copies: int
    disks: tuple[int, ...]
    taken: frozenset[str] = frozenset()


def has_room(demands: Sequence[Demand], free_bytes: Sequence[int], domains: Sequence[str]) -> bool | None:
    """Tell whether all demands can be met at once.

    Parameters
    ----------
    free_bytes, domains
        By disk: what may still be written, and the failure domain.

    Returns
    -------
    bool or None
        Exact where all blocks have one size (and the total is below 2**31 blocks). With several sizes, True and
        False are still exact; None is a case too tight to tell: it would fit if blocks could be split, and is not
        known to if they cannot.

    Source: integrality of flows, Ford and Fulkerson, "Flows in Networks" (1962).

    Examples
    --------
    >>> three_in_two_domains = [Demand(blocks=3, block_bytes=10, copies=2, disks=(0, 1))]
    >>> has_room(three_in_two_domains, [30, 30], ["a", "b"]), has_room(three_in_two_domains, [50, 20], ["a", "b"])
    (True, False)
    """
    demands = [demand for demand in demands if demand.blocks and demand.copies]
    if not demands:
        return True
    sizes = {demand.block_bytes for demand in demands}
    small, large = math.gcd(*sizes), math.lcm(*sizes)
    total_bytes = sum((demand.blocks + 1) * demand.block_bytes * demand.copies for demand in demands)
    coarse = -(-total_bytes // (small * _FLOW_LIMIT))  # 1 unless the flow would be too large for 32 bits
    # Blocks split into their common divisor, everything rounded in favour: if that does not fit, nothing does.
    most = [max(free, 0) // small * small for free in free_bytes]
    if not _fits(demands, most, domains, small * coarse, generous=True):
        return False
    # Blocks packed into common multiples, everything rounded against: if that fits, the blocks do.
    return True if _fits(demands, free_bytes, domains, large * coarse, generous=False) else None


def _fits(
    demands: Sequence[Demand], free_bytes: Sequence[int], domains: Sequence[str], unit_bytes: int, generous: bool
) -> bool:
    """Tell whether a flow in units meets every demand; rounding is in favour of it, or against it."""

    def units(size_bytes: int, up: bool) -> int:
        return -(-size_bytes // unit_bytes) if up else max(size_bytes, 0) // unit_bytes

    arcs: dict[tuple[int, int], int] = {}
    nodes: dict[object, int] = {"source": 0, "sink": 1}
    needed = 0
    for index, demand in enumerate(demands):
        amount = units(demand.blocks * demand.block_bytes, up=not generous)
        needed += amount * demand.copies
        start = nodes.setdefault(("demand", index), len(nodes))
        arcs[0, start] = amount * demand.copies
        for disk in demand.disks:
            if domains[disk] in demand.taken:
                continue
            middle = nodes.setdefault((index, domains[disk]), len(nodes))
            arcs[start, middle] = amount
            arcs[middle, nodes.setdefault(("disk", disk), len(nodes))] = amount
    for disk, free in enumerate(free_bytes):
        if ("disk", disk) in nodes:
            arcs[nodes["disk", disk], 1] = min(units(free, up=generous), needed)
    rows, columns = np.array(list(arcs), np.int64).T
    amounts = np.array(list(arcs.values()), np.int32)
    graph = csr_array((amounts, (rows, columns)), shape=(len(nodes), len(nodes)))
    return int(maximum_flow(graph, 0, 1).flow_value) == needed
