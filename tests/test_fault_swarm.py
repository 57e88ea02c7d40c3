"""Random small worlds under random faults: the run ends, contradicts nothing, loses no request, and repeats."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_swarm import TICK, as_bytes, check, streams_of, worlds

from placement_sim.engine.faults import FaultControl
from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.engine.simulate import simulate
from placement_sim.model.faults import ACTIONS, Fault, disk_changes
from placement_sim.policies import make_policy


@st.composite
def faulty_worlds(draw):
    world = draw(worlds())
    cluster = world.cluster
    faults = []
    for _ in range(draw(st.integers(1, 12))):
        action = draw(st.sampled_from(sorted(set(ACTIONS) - {"add_disk"})))
        count = len(cluster.hosts if ACTIONS[action].target == "host" else cluster.disks)
        target = draw(st.integers(0, count - 1))
        faults.append(Fault(draw(st.integers(0, 60)) * TICK, action, target, draw(st.sampled_from([0.1, 0.5, 3.0]))))
    faults += [Fault(draw(st.integers(0, 60)) * TICK, "add_disk", i) for i, d in enumerate(cluster.disks)
               if not d.present]  # fmt: skip
    world.rebuild = draw(st.sampled_from([None, Rebuild(1e9), Rebuild(4e8, streams=2, delay_s=5e-6)]))
    hosts = [disk.host_index for disk in cluster.disks]
    world.events = disk_changes(faults, hosts, [disk.present for disk in cluster.disks])
    return world


def run(world, **more):
    return simulate(
        world.cluster, streams_of(world), make_policy(world.policy), seed=world.seed, horizon_ns=world.horizon,
        window_ns=7 * TICK, record_requests=True, **more,
        control=[FaultControl(world.events, seed=world.seed, rebuild=world.rebuild)],
    )  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(faulty_worlds())
def test_any_small_world_survives_any_faults(world):
    out = run(world)
    check(world, out)
    assert as_bytes(run(world)) == as_bytes(out)
