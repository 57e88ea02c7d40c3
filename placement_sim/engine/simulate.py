"""Run one simulation: start the streams, sample the windows, schedule the events, check the end."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import simpy

from placement_sim.engine.datapath import DiskEvent, Ints, Outcome, Records, Stream, Windows
from placement_sim.engine.reference import ReferenceDataPath
from placement_sim.engine.station import Clock
from placement_sim.model.cluster import OFFLINE, ONLINE, Cluster
from placement_sim.model.invariants import check_all
from placement_sim.policies.interface import PlacementPolicy

_RECORD_COLUMNS = 6


def simulate(
    cluster: Cluster,
    streams: Sequence[Stream],
    policy: PlacementPolicy,
    *,
    seed: int,
    horizon_ns: int | None = None,
    window_ns: int = 1_000_000_000,
    warm_up_ns: int = 0,
    events: Sequence[DiskEvent] = (),
    stop_at_no_space: bool = False,
    record_requests: bool = False,
) -> Outcome:
    """Run streams on a cluster until the horizon, or until every stream has ended.

    Parameters
    ----------
    cluster, streams, policy
        What there is, what is asked of it, and who decides.
    seed
        Of the service and placement draws; the streams bring their own.
    horizon_ns
        End of the run; requests then in flight are counted as such and have no latency.
    window_ns, warm_up_ns
        Sampling interval, and the time after which counting starts.
    events
        Scheduled changes of disks.
    stop_at_no_space
        End the run at the first no-space error.
    record_requests
        Keep a record of every finished request.

    Raises
    ------
    PolicyError
        The policy named a component that may not take the block.
    InvariantError
        The model contradicts itself at the end.
    """
    env = simpy.Environment(initial_time=0)
    stopped = env.event()

    def stop() -> None:
        if stop_at_no_space and not stopped.triggered:
            stopped.succeed()

    path = ReferenceDataPath(env, cluster, policy, seed, record_requests=record_requests, on_no_space=stop)
    samples: list[dict[str, Ints | int]] = []
    env.process(_sampler(env, path, warm_up_ns, window_ns, samples))
    env.process(_disk_events(env, path, sorted(events, key=lambda event: event.time_ns)))
    ends = env.all_of([path.start_stream(stream) for stream in streams])
    end = ends if horizon_ns is None else env.timeout(horizon_ns)
    env.run(until=env.any_of([stopped, end]))
    if env.now < warm_up_ns:
        path.reset_counters()  # ended within the warm-up: nothing counts
    if not samples or samples[-1]["end_ns"] < env.now:
        samples.append(_sample(env, path))
    return _outcome(env, path, warm_up_ns, samples)


def _sampler(
    env: Clock, path: ReferenceDataPath, warm_up_ns: int, window_ns: int, samples: list[dict[str, Ints | int]]
) -> Generator[simpy.Event, None, None]:
    if warm_up_ns:
        yield env.timeout(warm_up_ns)
        path.reset_counters()
    while True:
        yield env.timeout(window_ns)
        samples.append(_sample(env, path))


def _sample(env: Clock, path: ReferenceDataPath) -> dict[str, Ints | int]:
    arrays = path.arrays()
    wanted = ("used_bytes", "queue_area_ns", "busy_ns", "queue_requests")
    sample: dict[str, Ints | int] = {name: arrays[name] for name in wanted}
    sample["end_ns"] = env.now
    sample["finished_requests"] = path.counts["finished"]
    sample["latency_sum_ns"] = sum(path.latency_sum_ns)
    return sample


def _disk_events(
    env: Clock, path: ReferenceDataPath, events: Sequence[DiskEvent]
) -> Generator[simpy.Event, None, None]:
    for event in events:
        yield env.timeout(event.time_ns - env.now)
        if event.action == "disk_offline":
            path.set_status(event.disk_index, OFFLINE)
        elif event.action == "disk_online":
            path.set_status(event.disk_index, ONLINE)
        elif event.action == "add_disk":
            path.set_status(event.disk_index, ONLINE)
            for tree in path.objects:
                if event.disk_index not in tree.members:
                    tree.add_component(event.disk_index)
        else:
            raise ValueError(f"unknown action {event.action!r}")


def _outcome(
    env: Clock,
    path: ReferenceDataPath,
    warm_up_ns: int,
    samples: list[dict[str, Ints | int]],
) -> Outcome:
    space = path.space
    check_all(path.objects, space.used_bytes, space.reserved_bytes, path.counts["in_flight"])
    arrays = path.arrays()
    # A computed owner needs no map of the parent; the components' maps are there all the same (thin objects).
    needs_map = path.placement.needs_map
    path.counts["metadata_writes"] = (path.metadata_writes() - path.metadata_writes_before) if needs_map else 0
    written = np.zeros((len(path.objects), len(path.disks)), np.int64)
    for row, tree in enumerate(path.objects):
        for leg in tree.legs:
            for disk, written_map in leg.written.items():
                written[row, disk] += written_map.written_blocks
    return Outcome(
        start_ns=warm_up_ns,
        end_ns=int(env.now),
        counts=dict(path.counts),
        histogram=np.array(path.histogram, np.int64),
        latency_sum_ns=np.array(path.latency_sum_ns, np.int64),
        capacity_bytes=np.array(space.capacity_bytes, np.int64),
        used_bytes=arrays["used_bytes"],
        queue_area_ns=arrays["queue_area_ns"],
        busy_ns=arrays["busy_ns"],
        operations=arrays["operations"],
        read_bytes=arrays["read_bytes"],
        written_bytes=arrays["written_bytes"],
        sojourn_sum_ns=arrays["sojourn_sum_ns"],
        written_blocks=written,
        map_bytes={
            "allocation_map_bytes": sum(tree.parent_map_bytes() for tree in path.objects) if needs_map else 0,
            "written_map_bytes": sum(tree.written_map_bytes() for tree in path.objects),
        },
        no_space=path.no_space,
        windows=_windows(samples),
        records=_records(path.records),
        allocation=[[leg.parent.array for leg in tree.legs] for tree in path.objects],
    )


def _windows(samples: list[dict[str, Ints | int]]) -> Windows:
    columns = {name: np.array([sample[name] for sample in samples], np.int64) for name in samples[0]}
    return Windows(**columns)


def _records(rows: list[tuple[int, ...]] | None) -> Records | None:
    if rows is None:
        return None
    table = np.array(rows, np.int64).reshape(-1, _RECORD_COLUMNS)
    return Records(*(table[:, column] for column in range(_RECORD_COLUMNS)))
