"""Counts and latencies by phase and purpose, collected in lists and binned now and then."""

from __future__ import annotations

import numpy as np

from placement_sim.engine.datapath import FIRST_PHASE, GUEST, Ints, Split
from placement_sim.engine.histogram import BIN_COUNT, bin_indices

_FLUSH_AT = 1 << 16


class Tally:
    """What requests of one purpose did in one phase."""

    def __init__(self, disk_count: int) -> None:
        self.latencies_ns: tuple[list[int], list[int]] = ([], [])  # reads, writes; not yet binned
        self.bytes: tuple[list[int], list[int]] = ([0] * disk_count, [0] * disk_count)  # read, written
        self.clear()

    def clear(self) -> None:
        """Count anew."""
        for latencies in self.latencies_ns:
            latencies.clear()
        self.histogram = np.zeros((2, BIN_COUNT), np.int64)
        self.latency_sum_ns = [0, 0]
        self.failed = 0
        for moved in self.bytes:
            moved[:] = [0] * len(moved)

    def flush(self) -> None:
        """Bin what was collected."""
        for kind, latencies in enumerate(self.latencies_ns):
            if latencies:
                self.latency_sum_ns[kind] += sum(latencies)
                bins = bin_indices(np.array(latencies, np.int64))
                self.histogram[kind] += np.bincount(bins, minlength=BIN_COUNT)
                latencies.clear()

    @property
    def is_full(self) -> bool:
        """Tell whether it is time to bin."""
        return len(self.latencies_ns[0]) + len(self.latencies_ns[1]) >= _FLUSH_AT


class Ledger:
    """The tallies of a run: one a phase and purpose, made when they are first needed."""

    def __init__(self, disk_count: int) -> None:
        self._disk_count = disk_count
        self.phases = [FIRST_PHASE]
        self.purposes = [GUEST]
        self._tallies: dict[tuple[int, int], Tally] = {}
        self._phase = 0

    def tally(self, purpose: str) -> Tally:
        """Give the tally of a purpose in the present phase."""
        if purpose not in self.purposes:
            self.purposes.append(purpose)
        return self._tallies.setdefault((self._phase, self.purposes.index(purpose)), Tally(self._disk_count))

    def begin_phase(self, name: str) -> None:
        """Count under another phase from now on, a new one or one again."""
        if name not in self.phases:
            self.phases.append(name)
        self._phase = self.phases.index(name)

    def flush_full(self) -> None:
        """Bin the tallies that have collected much."""
        for tally in self._tallies.values():
            if tally.is_full:
                tally.flush()

    def clear(self) -> None:
        """Count anew, at the end of the warm-up."""
        for tally in self._tallies.values():
            tally.clear()

    def counts(self) -> dict[str, int]:
        """Give how many reads and writes have completed."""
        reads, writes = 0, 0
        for tally in self._tallies.values():
            tally.flush()
            reads += int(tally.histogram[0].sum())
            writes += int(tally.histogram[1].sum())
        return {"reads": reads, "writes": writes}

    def latency_sum_ns(self) -> Ints:
        """Give the summed latencies of reads and writes, shape (2,)."""
        total = np.zeros(2, np.int64)
        for tally in self._tallies.values():
            tally.flush()
            total += tally.latency_sum_ns
        return total

    def split(self) -> Split:
        """Give everything as arrays."""
        shape = (len(self.phases), len(self.purposes))
        split = Split(
            phases=tuple(self.phases),
            purposes=tuple(self.purposes),
            failed=np.zeros(shape, np.int64),
            read_bytes=np.zeros((*shape, self._disk_count), np.int64),
            written_bytes=np.zeros((*shape, self._disk_count), np.int64),
            latency_sum_ns=np.zeros((*shape, 2), np.int64),
            histogram=np.zeros((*shape, 2, BIN_COUNT), np.int64),
        )
        for place, tally in self._tallies.items():
            tally.flush()
            split.failed[place] = tally.failed
            split.read_bytes[place], split.written_bytes[place] = tally.bytes
            split.latency_sum_ns[place] = tally.latency_sum_ns
            split.histogram[place] = tally.histogram
        return split
