"""A run that was looked on: its result, every request's end, and who owned which block at each window's end.

This is what a time scrubber needs; `run` leaves it out, because it costs memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from placement_sim.engine.datapath import PathName, Records
from placement_sim.engine.watch import MapHistory, StoppedError, Watch
from placement_sim.experiments.result import Result
from placement_sim.experiments.run import result_of, simulate_scenario
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.workload_size import expected_requests
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.upgrades import UpgradeStrategy

MOST_RECORDS = 1_000_000  # requests whose ends are kept one by one: 48 MB
NS = 1e-9


@dataclass(frozen=True)
class Watched:
    """A result with its history.

    Parameters
    ----------
    times_s
        Ends of the windows, shape (moments,).
    maps
        (name of the object, leg) -> history of the parent's map.
    maps_left_out
        Legs of objects whose maps were not kept: there would be too many blocks.
    records
        Every finished request in order of completion; None where there would be too many.
    """

    result: Result
    times_s: npt.NDArray[np.float64]
    maps: dict[tuple[str, int], MapHistory]
    records: Records | None
    maps_left_out: int = 0

    @property
    def disks(self) -> list[str]:
        """Names of the disks: entry k of a map is disk k - 1 of these, unless it is `STALE` or `DEGRADED`."""
        return [str(name) for name in self.result.disks["disk"]]

    @property
    def objects(self) -> list[str]:
        """Names of the objects whose maps are known."""
        return list(dict.fromkeys(name for name, _ in self.maps))

    def moment(self, time_s: float) -> int:
        """Give the number of the first window that ends at or after a time, at most the last."""
        return min(int(np.searchsorted(self.times_s, time_s - 1e-12)), len(self.times_s) - 1)


def watched_run(
    scenario: Scenario,
    *,
    policy: str | PlacementPolicy | None = None,
    strategy: str | UpgradeStrategy | None = None,
    data_path: PathName = "auto",
    tell: Callable[[float | None, float], bool] | None = None,
) -> Watched:
    """Simulate a scenario as `run` does and keep the history.

    Parameters
    ----------
    tell
        Called now and then with the share that is done (None: unknown) and the simulated seconds; False ends the run.

    Raises
    ------
    InputError
        As `run`.
    StoppedError
        `tell` said that the run is not wanted any more.

    Examples
    --------
    >>> scenario = Scenario.from_text('''
    ... objects = [{name = "vm", size = "4 MiB", block_size = "1 MiB"}]
    ... disks = [{name = "d", count = 2, capacity = "1 GiB", service = {kind = "deterministic", time = "5 ms"}}]
    ... [[workloads]]
    ... name = "w"
    ... object = "vm"
    ... synthetic = {requests = 40, read_share = 0, size = "4 KiB", arrivals = {law = "poisson", rate = 100}}
    ... ''')
    >>> seen = watched_run(scenario, policy="stripe")
    >>> seen.maps["vm", 0].at(len(seen.times_s) - 1).tolist()
    [1, 2, 1, 2]
    """
    expected = expected_requests(scenario)

    told, between_looks = _askers(scenario, expected, tell)
    watch = Watch(scenario.window_ns, scenario.warm_up, told)
    simulated = simulate_scenario(
        scenario,
        policy=policy,
        strategy=strategy,
        record_requests=expected is not None and expected <= MOST_RECORDS,
        data_path=data_path,
        watch=[watch],
        progress=between_looks,
    )
    outcome = simulated.outcome
    watch.close(len(outcome.windows.end_ns))
    names = [thing.name for thing in simulated.cluster.objects]
    return Watched(
        _without_records(scenario, simulated),
        np.asarray(outcome.windows.end_ns * NS, np.float64),
        {(names[index], leg): history for (index, leg), history in watch.maps.items()},
        outcome.records,
        watch.maps_left_out,
    )


def _askers(
    scenario: Scenario, expected: int | None, tell: Callable[[float | None, float], bool] | None
) -> tuple[Callable[[int, int], bool], Callable[[int], None]]:
    """Make what `Watch` and what the data path call: both ask `tell`, in its own terms."""
    share: float | None = None

    def told(now_ns: int, finished: int) -> bool:
        nonlocal share
        if tell is None:
            return True
        if scenario.horizon is not None:
            share = now_ns / scenario.horizon
        elif scenario.fleet is None and expected:
            share = min(1.0, finished / expected)
        return tell(share, now_ns * NS)

    def between_looks(now_ns: int) -> None:
        """Ask once more: the compiled path calls this every tenth of a second, however much happens at once."""
        if tell is not None and not tell(share, now_ns * NS):
            raise StoppedError("the run is no longer wanted")

    return told, between_looks


def _without_records(scenario: Scenario, simulated: Any) -> Result:
    """Make the result that `run` gives: the frame of requests is left empty."""
    from dataclasses import replace

    return result_of(scenario, simulated._replace(outcome=replace(simulated.outcome, records=None)))


def machine_states(seen: Watched, times_s: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Give the state of each machine at each time: a row a machine, a column a time.

    A machine is in the state that its last ended step left it in; before its first it is ``running``.
    """
    vms = [str(name) for name in seen.result.vms["vm"]] if len(seen.result.vms) else []
    states = np.full((len(vms), len(times_s)), "running", dtype=object)
    place = {name: i for i, name in enumerate(vms)}
    steps = seen.result.steps
    mine = steps[steps["vm"].isin(place) & (steps["state"] != "")] if len(steps) else steps
    if len(mine):
        rows = mine.sort_values("end_s", kind="stable")
        ends = np.searchsorted(times_s, rows["end_s"].to_numpy(float)).tolist()
        for vm, state, end in zip(rows["vm"], rows["state"], ends, strict=True):
            states[place[str(vm)], end:] = str(state)
    return pd.DataFrame(states, index=vms, columns=times_s)
