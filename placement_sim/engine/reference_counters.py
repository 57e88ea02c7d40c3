"""What the reference data path has counted: totals, splits and arrays for an outcome."""

from __future__ import annotations

import numpy as np

from placement_sim.engine.datapath import Ints, Split
from placement_sim.engine.hardware import Hardware
from placement_sim.engine.placement import Placement
from placement_sim.engine.source import Source
from placement_sim.engine.space import Space
from placement_sim.engine.tally import Ledger
from placement_sim.model.cluster import Cluster


class ReferenceCounters:
    """Reads the counters of a reference data path, which sets these attributes."""

    cluster: Cluster
    counts: dict[str, int]
    hardware: Hardware
    ledger: Ledger
    placement: Placement
    space: Space
    _metadata_writes_before: int
    _sources: list[Source]

    def _metadata_writes(self) -> int:
        return int(self.placement.store.metadata_writes.sum())

    def final_counts(self) -> dict[str, int]:
        """Give all counts; a computed owner needs no map of the parent (A13)."""
        needs_map = self.placement.needs_map
        written = self._metadata_writes() - self._metadata_writes_before if needs_map else 0
        counts = self.counts | self.ledger.counts()
        finished = counts["reads"] + counts["writes"] + counts["unmaps"]
        in_flight = sum(source.in_flight for source in self._sources if source.retries)
        return counts | {"finished": finished, "in_flight": in_flight, "metadata_writes": written}

    def stream_names(self) -> list[str]:
        """Give the names of all streams, in the order of their start."""
        return [source.name for source in self._sources]

    def totals(self) -> tuple[int, int]:
        """Give the finished requests and the sum of their latencies."""
        done = self.ledger.counts()
        return done["reads"] + done["writes"] + self.counts["unmaps"], int(self.ledger.latency_sum_ns().sum())

    def split(self) -> Split:
        """Give counts and latencies by phase and purpose."""
        return self.ledger.split()

    def arrays(self) -> dict[str, Ints]:
        """Give the per-disk counters up to now, each int64 of shape (disks,)."""
        prefilled = [disk.prefilled_bytes for disk in self.cluster.disks]
        used = [used + own for used, own in zip(self.space.used_bytes, prefilled, strict=True)]
        return {"used_bytes": np.array(used, np.int64), **self.hardware.arrays()}
