"""Two finished runs side by side: what an explorer shows of them, without any widget."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from placement_sim.engine.datapath import PathName
from placement_sim.engine.select import is_worth_compiling
from placement_sim.engine.watch import MOST_BLOCKS, StoppedError
from placement_sim.experiments.first_difference import Difference, first_difference
from placement_sim.experiments.run import simulate_scenario
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.watched import Watched, machine_states, watched_run
from placement_sim.experiments.workload_size import expected_requests
from placement_sim.policies import POLICIES
from placement_sim.reporting.live_panel import Side
from placement_sim.reporting.metrics import metric_of

MOST_OBJECTS = 200  # maps to choose from
MOST_KEPT = 24  # runs whose histories stay in memory
ASK_EVERY_S = 0.1  # whether a run is still wanted, while machine code is loaded
Tell = Callable[[float | None, float], bool]
SHOWN = (
    "makespan_s", "downtime_s_mean", "unavailable_vms_max", "wait_storage_s_mean", "guest_during_latency_s_p99",
    "latency_s_mean", "latency_s_p99", "no_space_time_s", "no_space_stranded_bytes", "failed_requests", "fill_max",
    "fill_min", "utilisation_max", "metadata_writes",
)  # fmt: skip


_SHORTEST = Scenario.from_dict(
    {
        "objects": [{"name": "o", "size": "1 MiB", "block_size": "1 MiB"}],
        "disks": [{"name": "d", "capacity": "1 GiB", "service": {"kind": "deterministic", "time": "1 ms"}}],
        "workloads": [
            {"name": "w", "object": "o", "synthetic": {"requests": 1, "size": 512, "closed": {"outstanding": 1}}}
        ],
    }
)  # machine code belongs to a rule, whatever the scenario


class Runs:
    """Finished runs by what they were of, the last `MOST_KEPT` of them.

    A rule goes by the compiled data path once `warm` has loaded that for it: the results are the same, and come
    in a fraction of the time; loading takes seconds where compiled code is not stored yet.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Watched] = OrderedDict()
        self._warm: set[str] = set()
        self._loading: dict[str, threading.Thread] = {}

    def warm(self, pair: Pair, pause: Callable[[], None] = lambda: None) -> None:
        """Load the compiled data path for the rules of a pair, then for all others; `pause` is called between them."""
        for name in dict.fromkeys([*(scenario.policy.name for scenario in pair.scenarios), *POLICIES]):
            if name not in self._warm:
                pause()
                self._load(name).join()

    def _load(self, name: str) -> threading.Thread:
        """Load the compiled data path for a rule, in a thread of its own: compiling cannot be interrupted."""
        if name not in self._loading:

            def load() -> None:
                # What fails here, fails in the run that needs it, and is told there.
                with contextlib.suppress(Exception):
                    simulate_scenario(_SHORTEST, policy=name, data_path="compiled")
                self._warm.add(name)

            self._loading[name] = threading.Thread(target=load, name=f"explorer loads {name}", daemon=True)
            self._loading[name].start()
        return self._loading[name]

    def get(self, scenario: Scenario, tell: Tell, say: Callable[[str], bool]) -> Watched:
        """Give the run of a scenario, simulated if it is not known.

        Parameters
        ----------
        tell, say
            Called now and then, the one with what `watched_run` tells, the other with what goes on before and after;
            False ends it.

        Raises
        ------
        StoppedError
            `tell` or `say` gave False.
        """
        key = f"{scenario.folder}\n{scenario.to_toml()}"
        if key not in self._kept:
            rule = scenario.policy.name
            if rule not in self._warm and is_worth_compiling(expected_requests(scenario)):
                loading = self._load(rule)
                while loading.is_alive():
                    _go_on(say(f"loading the machine code of {rule}"))
                    loading.join(ASK_EVERY_S)
            _go_on(say("making the cluster"))
            data_path: PathName = "compiled" if rule in self._warm else "auto"
            self._kept[key] = watched_run(scenario, tell=tell, data_path=data_path)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def pair(
        self, a: Scenario, b: Scenario, wanted: Callable[[], bool], told: Callable[[float, str], None]
    ) -> Pair | None:
        """Give both runs, or None where they are no longer wanted.

        Parameters
        ----------
        told
            Called now and then with the share of the work that is done and what is being done.
        """

        def one(scenario: Scenario, side: str, before: float) -> Watched:
            def say(text: str, share: float | None = None) -> bool:
                told(before + 0.5 * (share or 0.0), f"{side}: {text}")
                return wanted()

            def tell(share: float | None, time_s: float) -> bool:
                how = "" if share is None else f" ({100 * share:.0f} %)"
                return say(f"{time_s:.4g} s simulated{how}", share)

            return self.get(scenario, tell, say)

        try:
            pair = Pair((a, b), (one(a, "A", 0.0), one(b, "B", 0.5)))
            for name in ("difference", "states", "objects"):  # worked out here, in the worker's thread
                told(1.0, "B beside A")
                _go_on(wanted())
                getattr(pair, name)
            return pair
        except StoppedError:
            return None


def _go_on(is_wanted: bool) -> None:
    if not is_wanted:
        raise StoppedError("the run is no longer wanted")


class Pair:
    """Runs A and B of two scenarios."""

    def __init__(self, scenarios: tuple[Scenario, Scenario], runs: tuple[Watched, Watched]) -> None:
        self.scenarios, self.runs = scenarios, runs

    @cached_property
    def difference(self) -> Difference | None:
        """The first event at which the runs part."""
        return first_difference(*self.runs)

    @cached_property
    def times_s(self) -> np.ndarray:
        """Moments of the longer run: where the scrubber may stand."""
        return max((run.times_s for run in self.runs), key=lambda times: float(times[-1]))

    @cached_property
    def objects(self) -> list[tuple[str, tuple[str, int]]]:
        """Maps that both runs have, with labels."""
        keys = self._kept_by_both[:MOST_OBJECTS]
        legs = {name: 1 + max(leg for other, leg in keys if other == name) for name, _ in keys}
        return [(name if legs[name] == 1 else f"{name}, leg {leg}", (name, leg)) for name, leg in keys]

    @property
    def disks(self) -> list[str]:
        """Names of the disks of either run."""
        return list(dict.fromkeys(name for run in self.runs for name in run.disks))

    @cached_property
    def _kept_by_both(self) -> list[tuple[str, int]]:
        return [key for key in self.runs[0].maps if key in self.runs[1].maps]

    @property
    def left_out(self) -> str:
        """Say which maps cannot be chosen or were not kept; empty where all can be."""
        found = []
        if (count := len(self._kept_by_both)) > MOST_OBJECTS:
            found.append(f"Maps to choose from: the first {MOST_OBJECTS} of {count:,}.")
        for name, run in zip("AB", self.runs, strict=True):
            if run.maps_left_out:
                found.append(f"{name} keeps no map of {run.maps_left_out:,} more (over {MOST_BLOCKS:,} blocks in all).")
        return " ".join(found)

    @cached_property
    def states(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """State of each machine over time, for both runs."""
        return machine_states(self.runs[0], self.runs[0].times_s), machine_states(self.runs[1], self.runs[1].times_s)

    def title(self, side: int) -> str:
        """Name a side by what decides there."""
        scenario = self.scenarios[side]
        policy = scenario.policy.name
        return (
            f"{'AB'[side]}: {scenario.fleet.strategy.name} on {policy}" if scenario.fleet else f"{'AB'[side]}: {policy}"
        )

    def entries(self, side: int, time_s: float, key: tuple[str, int]) -> np.ndarray:
        """Give a map at a time."""
        return self.runs[side].maps[key].at(self.runs[side].moment(time_s))

    def sides(self, time_s: float, key: tuple[str, int] | None) -> tuple[Side, Side]:
        """Give both halves of the picture."""
        made = []
        for side, run in enumerate(self.runs):
            entries = np.zeros(1, np.int32) if key is None else self.entries(side, time_s, key)
            made.append(Side(self.title(side), run.result.timeline, self.states[side], entries))
        return made[0], made[1]

    def at(self, side: int, time_s: float) -> dict[str, Any]:
        """Give what holds at a time: fill and queue of each disk, machines by state."""
        run = self.runs[side]
        moment, count = run.moment(time_s), len(run.disks)
        rows = run.result.timeline.iloc[moment * count : (moment + 1) * count]
        found: dict[str, Any] = {
            "fill": dict(zip(rows["disk"].astype(str), rows["fill"].astype(float), strict=True)),
            "queue_requests": dict(zip(rows["disk"].astype(str), rows["queue_requests"].astype(int), strict=True)),
        }
        if len(self.states[side]):
            found["vms"] = {str(k): int(n) for k, n in self.states[side].iloc[:, moment].value_counts().items()}
        return found

    def summary(self, side: int) -> dict[str, float | None]:
        """Give a run's numbers; None where there is none."""
        values = self.runs[side].result.summary
        return {str(name): None if math.isnan(value) else float(value) for name, value in values.items()}

    def table(self) -> str:
        """Write the chief numbers of both runs as an HTML table."""
        a, b = (run.result.summary for run in self.runs)
        rows = [_row("th", 'scope="col"', "", ["A", "B", "B − A"])]
        for name in SHOWN:
            if name not in a or name not in b or (math.isnan(a[name]) and math.isnan(b[name])):
                continue
            metric = metric_of(name)
            gap = float(b[name] - a[name])
            cells = [
                metric.show(float(a[name])),
                metric.show(float(b[name])),
                "" if math.isnan(gap) else metric.show(gap),
            ]
            rows.append(_row("td", "", metric.axis, cells))
        note = "One run each, under the same random numbers: <code>compare</code> gives intervals."
        return f'<table style="line-height:1.35">{"".join(rows)}</table><small>{note}</small>'


def _row(tag: str, scope: str, head: str, cells: list[str]) -> str:
    """Write a row of a table; all text is escaped."""
    look = 'style="text-align:right;padding:0 10px"'
    numbers = "".join(f"<{tag} {scope} {look}>{escape(cell)}</{tag}>" for cell in cells)
    return f'<tr><th scope="row" style="text-align:left;font-weight:normal">{escape(head)}</th>{numbers}</tr>'
