"""Runs on which the two data paths must agree, and how to look at everything that they leave.

Times fall on whole ticks, so that arrivals, think times, services, hops, samples and control
events coincide; arguments differ from the defaults wherever there is a choice.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from placement_sim.engine.datapath import Outcome, Stream
from placement_sim.engine.faults import FaultControl
from placement_sim.engine.simulate import simulate
from placement_sim.engine.space import SHARED
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.faults import DiskChange
from placement_sim.model.service import Deterministic
from placement_sim.policies import make_policy
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.workloads.requests import READ, UNMAP, WRITE, Requests

TICK = 1000  # ns
BLOCK = 4096
MAPS = ("owners", "pending", "unmapped", "written", "unmaps", "metadata_writes", "written_blocks")
READINGS = 25  # of queues and counters, every three ticks
Process = Callable[[Any, Callable[..., None]], Iterator[Any]]  # (data path, note) -> a SimPy process


@dataclass(frozen=True)
class Load:
    """A stream of random requests: kinds by `mix` (reads, writes, unmaps), up to three blocks each."""

    name: str = "load"
    obj: int = 0
    count: int = 150
    outstanding: int = 0
    step: int = 4  # arrivals or think times lie below so many ticks
    mix: tuple[float, float, float] = (0.35, 0.6, 0.05)
    chunks: int = 2
    host: int = -1
    purpose: str = "guest"

    def stream(self, cluster: Cluster) -> Stream:
        """Draw the requests anew: a stream is used up by a run."""
        rng = np.random.default_rng(sum(self.name.encode()))
        size = cluster.objects[self.obj].size_bytes
        times = rng.integers(0, self.step, self.count) * TICK
        offsets = rng.integers(0, size, self.count)
        rows = (
            times if self.outstanding else np.cumsum(times),
            rng.choice(np.array([READ, WRITE, UNMAP], np.uint8), self.count, p=self.mix),
            offsets,
            np.minimum(rng.integers(1, 3 * BLOCK, self.count), size - offsets),
            np.zeros(self.count, np.int32),
        )
        cuts = np.linspace(0, self.count, self.chunks + 1).astype(int)
        pieces = [Requests(*(row[a:b] for row in rows)) for a, b in itertools.pairwise(cuts)]
        return Stream(self.name, self.obj, iter(pieces), self.outstanding, self.purpose, self.host)


@dataclass(frozen=True)
class Case:
    """One run: what there is, what is asked of it, what happens meanwhile."""

    cluster: Cluster
    loads: tuple[Load, ...] = (Load(), Load("loop", count=60, outstanding=3))
    policy: PlacementPolicy = field(default_factory=lambda: make_policy("least_queue"))
    events: tuple[DiskChange, ...] = ()
    processes: tuple[Process, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Observed:
    """All that a run shows."""

    outcome: Outcome
    notes: list[Any]  # readings at control events, values of raw operations, times of ends
    final: dict[str, Any]  # maps, space, queues, the policy's own numbers


def cluster(
    disks: int = 4, *, service: Any = None, channels: int = 1, latency_ns: int = 0, bandwidth: float = 0.0,
    mirrors: int = 1, blocks: int = 40, later: int = 0, capacity_blocks: int = 64, cache_blocks: int = 0,
    clones: int = 0, tail_bytes: int = 0,
) -> Cluster:  # fmt: skip
    """Make disks on three hosts, an object on those that are present, and clones of it."""
    hosts = tuple(Host(f"h{i}", f"rack{i}", latency_ns, bandwidth, cache_blocks * BLOCK) for i in range(3))
    made = tuple(
        Disk(
            f"d{i}", i % 3, (capacity_blocks + i) * BLOCK, service or Deterministic(2 * TICK * 1e-9), channels,
            prefilled_bytes=(i % 2) * BLOCK, min_free_bytes=BLOCK, weight=0x8000 * (1 + i % 3), present=i < disks,
        )
        for i in range(disks + later)
    )  # fmt: skip
    size, own = blocks * BLOCK - tail_bytes, tuple(range(disks))
    base = StorageObjectSpec("base", size, BLOCK, own, mirrors, host_cached=cache_blocks > 0)
    more = tuple(StorageObjectSpec(f"clone {i}", size + BLOCK, BLOCK, own, mirrors, backing=0) for i in range(clones))
    return Cluster(hosts, made, (base, *more))


def observe(case: Case, data_path: str) -> Observed:
    """Run a case, reading counters, queues and free space at control events."""
    notes: list[Any] = []
    held: list[Any] = []

    def reader(path: Any) -> Iterator[Any]:
        held.append(path)
        for _ in range(READINGS):
            queues = np.array(path.placement._queue_requests, np.int64)
            notes.append((path.env.now_ns, path.arrays(), dict(path.counts), queues, list(path.space.free_bytes)))
            yield path.env.timeout(3 * TICK)

    def bind(process: Process) -> Callable[[Any], Any]:
        return lambda path: process(path, lambda *values: notes.append((path.env.now_ns, *values)))

    outcome = simulate(
        case.cluster,
        [load.stream(case.cluster) for load in case.loads],
        case.policy,
        control=[reader, FaultControl(case.events), *map(bind, case.processes)],
        data_path=data_path,
        **{"seed": 11, "window_ns": 7 * TICK, "record_requests": True, **case.more},
    )
    (path,) = held
    final = {name: getattr(path.placement.store, name) for name in MAPS}
    final |= {name: np.array(getattr(path.space, name), np.int64) for name in SHARED}
    final["policy"] = np.array(path.placement._state, np.int64)
    final["queues"] = np.array(path.placement._queue_requests, np.int64)
    return Observed(outcome, notes, final)


def differences(one: Any, other: Any, name: str = "run") -> list[str]:
    """List where two things differ, by the names of their fields; which data path it was does not count."""
    if isinstance(one, dict | list | tuple) and not isinstance(other, type(one)):
        return [f"{name}: {type(one).__name__} and {type(other).__name__}"]
    if is_dataclass(one):
        names = [f.name for f in fields(one) if f.name != "data_path"]
        pairs = [(key, getattr(one, key), getattr(other, key)) for key in names]
        return [line for key, a, b in pairs for line in differences(a, b, f"{name}.{key}")]
    if isinstance(one, dict):
        found = [] if one.keys() == other.keys() else [f"{name}: keys {list(one)} and {list(other)}"]
        shared = [key for key in one if key in other]
        return found + [line for key in shared for line in differences(one[key], other[key], f"{name}.{key}")]
    if isinstance(one, list | tuple):
        found = [] if len(one) == len(other) else [f"{name}: {len(one)} and {len(other)} items"]
        pairs = enumerate(zip(one, other, strict=False))
        return found + [line for i, (a, b) in pairs for line in differences(a, b, f"{name}[{i}]")]
    if isinstance(one, np.ndarray):
        same = one.shape == np.shape(other) and bool((np.asarray(one) == np.asarray(other)).all())
        return [] if same else [f"{name}: {one} and {other}"]
    return [] if one == other else [f"{name}: {one!r} and {other!r}"]
