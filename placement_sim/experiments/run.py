"""One run of a scenario: where configuration ends and the engine begins."""

from __future__ import annotations

from placement_sim.errors import InputError
from placement_sim.experiments.build import build_cluster, build_streams
from placement_sim.experiments.faults import build_events
from placement_sim.experiments.manifest import manifest
from placement_sim.experiments.misfit import near
from placement_sim.experiments.result import Result, make_result
from placement_sim.experiments.scenario import Scenario
from placement_sim.policies import POLICIES, make_policy
from placement_sim.policies.interface import PlacementPolicy


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
    record_requests: bool = False,
) -> Result:
    """Simulate a scenario once.

    Parameters
    ----------
    seed, policy
        Take the place of the scenario's; `policy` is a name or an object of the caller's own.
    record_requests
        Keep every finished request in ``Result.requests``.

    Raises
    ------
    InputError
        A negative seed, an unknown policy, or a trace that cannot be read.
    """
    from placement_sim.engine.simulate import simulate

    seed = scenario.seed if seed is None else seed
    if seed < 0:
        raise InputError("seed", f"{seed} is negative", "give a seed of 0 or more")
    chosen = resolve_policy(scenario, policy)
    cluster = build_cluster(scenario)
    events = build_events(scenario, cluster, seed)
    outcome = simulate(
        cluster,
        build_streams(scenario, seed),
        chosen,
        seed=seed,
        horizon_ns=scenario.horizon,
        window_ns=scenario.window_ns,
        warm_up_ns=scenario.warm_up,
        events=events,
        stop_at_no_space=scenario.on_no_space == "stop",
        record_requests=record_requests,
    )
    workloads = [workload.name for workload in scenario.workloads]
    return make_result(cluster, workloads, events, outcome, manifest(scenario, seed, chosen))
