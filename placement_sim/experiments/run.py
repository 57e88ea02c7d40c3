"""One run of a scenario: where configuration ends and the engine begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from placement_sim.engine.datapath import Control, Outcome, PathName
from placement_sim.engine.fault_log import FaultLog
from placement_sim.engine.upgrade_plan import FleetLog, FleetPlan
from placement_sim.errors import InputError
from placement_sim.experiments.build import build_cluster, build_streams
from placement_sim.experiments.faults import build_changes
from placement_sim.experiments.fleet import resolve_strategy
from placement_sim.experiments.fleet_build import build_fleet
from placement_sim.experiments.manifest import manifest
from placement_sim.experiments.misfit import near
from placement_sim.experiments.result import Result, make_result
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.traced import open_traces, trace_counts
from placement_sim.experiments.workload_size import expected_requests
from placement_sim.model.cluster import Cluster
from placement_sim.model.faults import DiskChange
from placement_sim.policies import POLICIES, make_policy
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.upgrades import UpgradeStrategy


def resolve_policy(scenario: Scenario, policy: str | PlacementPolicy | None) -> PlacementPolicy:
    """Give the policy object; a name alone takes the scenario's parameters if they are that rule's."""
    if isinstance(policy, PlacementPolicy):
        return policy
    if policy is None or policy == scenario.policy.name:
        return scenario.policy.make()
    if policy not in POLICIES:
        raise InputError("policy", f"no policy is called {policy!r}", near(policy, POLICIES))
    return make_policy(policy)


def run(
    scenario: Scenario,
    *,
    seed: int | None = None,
    policy: str | PlacementPolicy | None = None,
    strategy: str | UpgradeStrategy | None = None,
    record_requests: bool = False,
    data_path: PathName = "auto",
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Simulate a scenario once.

    Parameters
    ----------
    seed, policy, strategy
        Take the place of the scenario's; policy and strategy are names or objects of the caller's own.
    record_requests
        Keep every finished request in ``Result.requests``.
    data_path
        "reference", "compiled", or by the amount of work; both give the same. ``Result.data_path`` says which.
    progress
        Called with the simulated nanoseconds now and then.

    Raises
    ------
    InputError
        A negative seed, an unknown policy or strategy, a strategy without a fleet, or a trace that cannot be read.
    """
    simulated = simulate_scenario(
        scenario,
        seed=seed,
        policy=policy,
        strategy=strategy,
        record_requests=record_requests,
        data_path=data_path,
        progress=progress,
    )
    return result_of(scenario, simulated)


def result_of(scenario: Scenario, simulated: Simulated) -> Result:
    """Make frames, summary and manifest of a simulation."""
    made_by = manifest(scenario, simulated.seed, simulated.policy, simulated.strategy)
    made_by |= {"traces": simulated.traces}
    return make_result(
        simulated.cluster, simulated.events, simulated.outcome, made_by, simulated.fleet, simulated.faults
    )


class Simulated(NamedTuple):
    """What a simulation was of, and what it gave: the maps are in the outcome, where frames do not show them."""

    seed: int
    policy: PlacementPolicy
    strategy: UpgradeStrategy | None
    cluster: Cluster
    events: tuple[DiskChange, ...]
    outcome: Outcome
    fleet: tuple[FleetPlan, FleetLog] | None
    faults: FaultLog
    traces: dict[str, dict[str, Any]]  # what was left out of each workload's trace


def simulate_scenario(
    scenario: Scenario,
    *,
    seed: int | None = None,
    policy: str | PlacementPolicy | None = None,
    strategy: str | UpgradeStrategy | None = None,
    record_requests: bool = False,
    data_path: PathName = "auto",
    watch: Sequence[Control] = (),
    progress: Callable[[int], None] | None = None,
) -> Simulated:
    """Build a scenario and simulate it; parameters and errors are those of `run`.

    Parameters
    ----------
    watch
        Further control processes, which look on and change nothing.
    """
    from placement_sim.engine.faults import FaultControl
    from placement_sim.engine.simulate import simulate
    from placement_sim.engine.upgrade import FleetUpgrade

    seed = scenario.seed if seed is None else seed
    if seed < 0:
        raise InputError("seed", f"{seed} is negative", "give a seed of 0 or more")
    chosen = resolve_policy(scenario, policy)
    cluster, events = build_changes(scenario, build_cluster(scenario), seed)
    rebuild = scenario.failures.rebuild.make() if scenario.failures and scenario.failures.rebuild else None
    faults = FaultControl(events, seed=seed, rebuild=rebuild, has_phases=scenario.fleet is None)
    traces = open_traces(scenario)
    upgrade, way = None, None
    if scenario.fleet is not None:
        way = resolve_strategy(scenario.fleet, strategy)
        host_names = [host.name for host in cluster.hosts]
        built = build_fleet(scenario, scenario.fleet, way, seed, host_names, traces)
        hosts = tuple(replace(host, cache_bytes=scenario.fleet.host_cache) for host in cluster.hosts)
        cluster = replace(cluster, hosts=hosts, objects=(*cluster.objects, *built.objects))
        upgrade = FleetUpgrade(built.plan)
    elif strategy is not None:
        raise InputError("strategy", "the scenario has no fleet to upgrade", "add a [fleet] to it")
    outcome = simulate(
        cluster,
        build_streams(scenario, seed, traces),
        chosen,
        seed=seed,
        horizon_ns=scenario.horizon,
        window_ns=scenario.window_ns,
        warm_up_ns=scenario.warm_up,
        control=[faults, *([] if upgrade is None else [upgrade]), *watch],
        stop_at_no_space=scenario.on_no_space == "stop",
        record_requests=record_requests,
        data_path=data_path,
        expected_requests=expected_requests(scenario),
        progress=progress,
    )
    fleet = None if upgrade is None else (upgrade.plan, upgrade.close())
    return Simulated(seed, chosen, way, cluster, tuple(events), outcome, fleet, faults.close(), trace_counts(traces))
