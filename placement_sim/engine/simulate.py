"""Run one simulation: start the streams, sample the windows, start the control processes, check the end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import simpy

from placement_sim.engine.clock import Clock
from placement_sim.engine.datapath import Control, DataPath, Ints, Outcome, PathName, Stream
from placement_sim.engine.outcome import make_outcome, take_sample
from placement_sim.engine.select import open_path
from placement_sim.model.cluster import Cluster
from placement_sim.policies.interface import PlacementPolicy


def simulate(
    cluster: Cluster,
    streams: Sequence[Stream],
    policy: PlacementPolicy,
    *,
    seed: int,
    horizon_ns: int | None = None,
    window_ns: int = 1_000_000_000,
    warm_up_ns: int = 0,
    control: Sequence[Control] = (),
    stop_at_no_space: bool = False,
    record_requests: bool = False,
    data_path: PathName = "auto",
    expected_requests: int | None = 0,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Run streams on a cluster until the horizon, or until every stream and control process has ended.

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
    control
        Control processes, each made by a call with the data path: faults (`engine.faults`), an upgrade.
    stop_at_no_space
        End the run at the first no-space error.
    record_requests
        Keep a record of every finished request.
    data_path, expected_requests
        Which data path, or "auto": by how many requests there may be (None: unknown). Both give the same.
    progress
        Called with the simulated nanoseconds at the end of every window, and now and then in a long one.

    Raises
    ------
    PolicyError
        The policy named a component that may not take the block.
    InvariantError
        The model contradicts itself at the end.
    """
    stopped: simpy.Event | None = None

    def stop() -> None:
        if stop_at_no_space and stopped is not None and not stopped.triggered:
            stopped.succeed()

    name, path = open_path(
        data_path, expected_requests, cluster, policy, seed,
        record_requests=record_requests, on_no_space=stop, progress=progress,
    )  # fmt: skip
    env = path.env
    stopped = env.event()
    samples: list[dict[str, Ints | int]] = []
    env.process(_sampler(path, warm_up_ns, window_ns, samples, progress))
    processes: list[simpy.Event] = [env.process(process(path)) for process in control]
    ends = env.all_of([path.start_stream(stream).ended for stream in streams] + processes)
    end = ends if horizon_ns is None else env.timeout(horizon_ns)
    env.run_until(env.any_of([stopped, end]))
    _last_sample(path, warm_up_ns, samples)
    return make_outcome(path, name, cluster, warm_up_ns, samples)


def _last_sample(path: DataPath, warm_up_ns: int, samples: list[dict[str, Ints | int]]) -> None:
    if path.env.now_ns < warm_up_ns:
        path.reset_counters()  # ended within the warm-up: nothing counts
    if not samples or samples[-1]["end_ns"] < path.env.now_ns:
        samples.append(take_sample(path))


def _sampler(
    path: DataPath,
    warm_up_ns: int,
    window_ns: int,
    samples: list[dict[str, Ints | int]],
    progress: Callable[[int], None] | None,
) -> Generator[simpy.Event, None, None]:
    env: Clock = path.env
    if warm_up_ns:
        yield env.timeout(warm_up_ns)
        path.reset_counters()
    while True:
        yield env.timeout(window_ns)
        samples.append(take_sample(path))
        if progress:
            progress(env.now_ns)
