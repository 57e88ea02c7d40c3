"""What the compiled data path has counted, read from its arrays."""

from __future__ import annotations

import numpy as np

from placement_sim.engine.compiled.data_clock import DataClock
from placement_sim.engine.compiled.layout import State
from placement_sim.engine.datapath import COUNT_NAMES, Ints, NoSpace, Split, Stream
from placement_sim.engine.histogram import BIN_COUNT
from placement_sim.engine.placement import Placement
from placement_sim.engine.space import Space
from placement_sim.model.cluster import Cluster


class Counters:
    """The reading half of `CompiledDataPath`."""

    env: DataClock
    cluster: Cluster
    placement: Placement
    space: Space
    phases: list[str]
    purposes: list[str]
    _state: State
    _streams: list[Stream]
    _tallies: dict[tuple[int, int], int]
    _record_requests: bool
    _full_records: list[Ints]
    _metadata_writes_before: int

    @property
    def counts(self) -> dict[str, int]:
        """What was counted so far."""
        g = self._state.g[0]
        return {name: int(g[name]) for name in COUNT_NAMES}

    @property
    def no_space(self) -> NoSpace | None:
        """The first no-space error."""
        g = self._state.g[0]
        if g.no_space_ns < 0:
            return None
        return NoSpace(int(g.no_space_ns), int(g.no_space_disk), int(g.no_space_stranded))

    @property
    def records(self) -> Ints | None:
        """The finished requests in order of completion, shape (finished, 6)."""
        if not self._record_requests:
            return None
        return np.concatenate([*self._full_records, self._state.records[: self._state.g[0].record_count]])

    def reset_counters(self) -> None:
        """Start counting anew, at the end of the warm-up; maps and queues stay."""
        state, now_ns = self._state, self.env.now_ns
        for name in COUNT_NAMES:
            state.g[0][name] = 0
        for array in (state.failed, state.latency_sum_ns, state.histogram, state.moved_bytes):
            array[:] = 0
        disks = state.disks
        disks["area_ns"] = -(disks["serving"] + disks["waiting"]) * now_ns
        disks["busy_ns"] = -disks["serving"] * now_ns
        disks["finished"] = disks["sojourn_sum_ns"] = 0
        self._metadata_writes_before = self._metadata_writes()
        self._full_records.clear()
        state.g[0].record_count = 0

    def _histogram(self) -> Ints:
        return np.asarray(self._state.histogram.reshape(-1, 2, BIN_COUNT))

    def _metadata_writes(self) -> int:
        return int(self.placement.store.metadata_writes.sum())

    def final_counts(self) -> dict[str, int]:
        """Give all counts; a computed owner needs no map of the parent (A13)."""
        counts = self.counts
        reads, writes = (int(self._histogram()[:, kind].sum()) for kind in (0, 1))
        needs_map = self.placement.needs_map
        streams = self._state.streams[: len(self._streams)]
        return counts | {
            "reads": reads,
            "writes": writes,
            "finished": reads + writes + counts["unmaps"],
            "in_flight": int(streams["in_flight"][streams["is_raw"] == 0].sum()),
            "metadata_writes": self._metadata_writes() - self._metadata_writes_before if needs_map else 0,
        }

    def stream_names(self) -> list[str]:
        """Give the names of all streams, in the order of their start."""
        return [stream.name for stream in self._streams]

    def totals(self) -> tuple[int, int]:
        """Give the finished requests and the sum of their latencies."""
        finished = int(self._state.histogram.sum()) + int(self._state.g[0].unmaps)
        return finished, int(self._state.latency_sum_ns.sum())

    def split(self) -> Split:
        """Give counts and latencies by phase and purpose."""
        shape = (len(self.phases), len(self.purposes))
        disks = len(self.cluster.disks)
        split = Split(
            phases=tuple(self.phases),
            purposes=tuple(self.purposes),
            failed=np.zeros(shape, np.int64),
            read_bytes=np.zeros((*shape, disks), np.int64),
            written_bytes=np.zeros((*shape, disks), np.int64),
            latency_sum_ns=np.zeros((*shape, 2), np.int64),
            histogram=np.zeros((*shape, 2, BIN_COUNT), np.int64),
        )
        state = self._state
        for key, place in self._tallies.items():
            split.failed[key] = state.failed[place]
            split.read_bytes[key], split.written_bytes[key] = state.moved_bytes.reshape(-1, 2, disks)[place]
            split.latency_sum_ns[key] = state.latency_sum_ns.reshape(-1, 2)[place]
            split.histogram[key] = self._histogram()[place]
        return split

    def arrays(self) -> dict[str, Ints]:
        """Give the per-disk counters up to now, each int64 of shape (disks,)."""
        disks, now_ns = self._state.disks, self.env.now_ns
        present = disks["serving"] + disks["waiting"]
        prefilled = np.array([disk.prefilled_bytes for disk in self.cluster.disks], np.int64)
        return {
            "used_bytes": self.space.used_bytes + prefilled,
            "queue_area_ns": disks["area_ns"] + present * now_ns,
            "busy_ns": disks["busy_ns"] + disks["serving"] * now_ns,
            "operations": disks["finished"].copy(),
            "sojourn_sum_ns": disks["sojourn_sum_ns"].copy(),
            "queue_requests": present,
        }
