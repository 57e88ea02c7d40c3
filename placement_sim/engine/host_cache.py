"""Blocks of base disks in the memory of the hosts: first in, first out, by default of size 0.

Such caches (VMware's content-based read cache, for example) keep what all clones of a
template read. Which block leaves first is an assumption: published ones do not say.
"""

from __future__ import annotations

from collections import OrderedDict

from placement_sim.model.cluster import Cluster


class HostCache:
    """Which (object, block) each host holds."""

    def __init__(self, cluster: Cluster) -> None:
        self._free_bytes = [host.cache_bytes for host in cluster.hosts]
        self._held: list[OrderedDict[tuple[int, int], int]] = [OrderedDict() for _ in cluster.hosts]
        self._block_bytes = [spec.block_bytes if spec.host_cached else 0 for spec in cluster.objects]

    def holds(self, host: int, object_index: int, block: int) -> bool:
        """Tell whether a host holds a block."""
        return (object_index, block) in self._held[host]

    def insert(self, host: int, object_index: int, block: int) -> None:
        """Keep a block that was just read, if its object is cached at all; the oldest make room."""
        size_bytes = self._block_bytes[object_index]
        held = self._held[host]
        if size_bytes == 0 or (object_index, block) in held:
            return
        while self._free_bytes[host] < size_bytes and held:
            self._free_bytes[host] += held.popitem(last=False)[1]
        if self._free_bytes[host] >= size_bytes:
            held[(object_index, block)] = size_bytes
            self._free_bytes[host] -= size_bytes
