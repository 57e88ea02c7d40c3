"""Memory of a run on the reference path."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from placement_sim.engine import tally
from placement_sim.engine.datapath import Stream
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.service import Deterministic
from placement_sim.policies import make_policy
from placement_sim.workloads.requests import Requests


def test_memory_of_the_reference_path_does_not_follow_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latencies are binned as chunks come, not kept until a window ends."""
    monkeypatch.setattr(tally, "_FLUSH_AT", 4096)  # else it takes a million requests to see
    what = StorageObjectSpec("o", 1 << 20, 1 << 16, (0,))
    single = Cluster((Host("h", "h"),), (Disk("d", 0, 1 << 30, Deterministic(1e-6)),), (what,))

    def peak_bytes(chunks: int) -> int:
        count = 2_000
        columns = (np.zeros(count, np.uint8), np.zeros(count, np.int64), np.full(count, 512), np.zeros(count, np.int32))
        steps = (Requests(np.arange(i * count, (i + 1) * count) * 2_000, *columns) for i in range(chunks))
        tracemalloc.start()
        simulate(single, [Stream("s", 0, steps)], make_policy("stripe"), seed=1, window_ns=10**15,
                 data_path="reference")  # fmt: skip
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(15) < peak_bytes(5) + 200_000
