"""What the hosts hold in memory, for what Python decides: `HostCache` over the arrays of the compiled path."""

from __future__ import annotations

from placement_sim.engine.compiled.layout import State
from placement_sim.engine.compiled.maps import is_cached
from placement_sim.engine.host_cache import HostCache
from placement_sim.model.cluster import Cluster


class ArrayCache(HostCache):
    """Only looked into: the loop inserts."""

    def __init__(self, cluster: Cluster, state: State) -> None:
        super().__init__(cluster)
        self._state = state

    def holds(self, host: int, object_index: int, block: int) -> bool:
        """Tell whether a host holds a block."""
        return bool(is_cached(self._state, host, object_index, block))
