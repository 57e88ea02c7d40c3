"""The same study on a Dask cluster of this machine: the same bytes, a worker killed in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from study_cases import own, small, table_bytes

from placement_sim.errors import InputError
from placement_sim.experiments.studies.monitor import Progress
from placement_sim.experiments.studies.sweep import sweep

distributed = pytest.importorskip("distributed", reason="the extra `distributed` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Dask warns as it shuts down


@pytest.fixture
def cluster() -> Iterator[Any]:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def slow_choice(write: Any, view: Any, parameters: Any, state: Any) -> int:
    import time

    if state[0] == 0:
        time.sleep(parameters[0])
    state[0] = 1
    return int(view.candidates[-1])


def test_a_cluster_gives_the_same_bytes_with_a_worker_killed_in_the_middle(cluster: Any, tmp_path: Path) -> None:
    slow = own("slow", slow_choice, parameters={"pause_s": 0.02})
    study = small(factors={"policy": ["stripe", "most_free", slow]}, replications=67)  # 201 runs
    expected = table_bytes(sweep(study, store=tmp_path / "a", workers=0), tmp_path / "at")
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.done >= 50 and not killed:
            (victim, *_) = cluster.run(os.getpid).values()
            killed.append(victim)
            os.kill(victim, signal.SIGKILL)

    found = sweep(study, store=tmp_path / "b", dask=cluster, progress=kill)
    assert killed and not psutil.pid_exists(killed[0])
    assert table_bytes(found, tmp_path / "bt") == expected


def test_a_run_that_hangs_on_a_cluster_is_a_recorded_failure(cluster: Any, tmp_path: Path) -> None:
    hangs = own("hangs", slow_choice, parameters={"pause_s": 300.0})
    study = small(factors={"policy": ["stripe", hangs, "most_free"]}, replications=2)
    found = sweep(study, store=tmp_path, dask=cluster, limit="3 s", retries=0)
    assert found.partial == "partial: 4 of 6 runs, 2 failed"
    assert found.runs.loc[found.runs["state"] == "failed", "error"].str.startswith("took longer than 3 s").all()


def test_an_address_where_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from placement_sim.experiments.studies import cluster as module

    monkeypatch.setattr(module, "CONNECT_S", 1.0)
    with pytest.raises(InputError, match="no scheduler answers"):
        sweep(small(), store=tmp_path, dask="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="cluster's own"):
        sweep(small(), store=tmp_path, dask="tcp://127.0.0.1:9", workers=2)
