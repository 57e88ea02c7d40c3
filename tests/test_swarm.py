"""Random small worlds: whatever happens, the engine ends, contradicts nothing and loses no request."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placement_sim.engine.datapath import Stream
from placement_sim.engine.faults import FaultControl
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.faults import DiskChange
from placement_sim.model.service import Deterministic, Exponential, Measured, Ssd
from placement_sim.policies import POLICIES, make_policy
from placement_sim.workloads.requests import READ, UNMAP, WRITE, Requests

TICK = 1000  # ns; arrivals, service times and events fall on ticks, so that they coincide
DEPTH_DEPENDENT = Measured((1e-6,) * 7, (2e-6,) * 7, 0.0, 0.0, 3.0, 0.5, shallow_depth=1.0, deep_depth=4.0)
SERVICES = (
    Deterministic(TICK * 1e-9),
    Deterministic(3 * TICK * 1e-9),
    Exponential(2e-6),
    Ssd(1e-6, 2e-6, 4e9, 4e9),
    DEPTH_DEPENDENT,
)


@st.composite
def worlds(draw):
    host_count = draw(st.integers(1, 3))
    disk_count = draw(st.integers(1, 6))
    block_bytes = draw(st.sampled_from([512, 1024, 4096]))
    hosts = tuple(
        Host(f"h{i}", f"h{i}", draw(st.sampled_from([0, TICK])), draw(st.sampled_from([0.0, 4.096e9])))
        for i in range(host_count)
    )
    disks = tuple(
        Disk(
            f"d{i}",
            draw(st.integers(0, host_count - 1)),
            block_bytes * draw(st.integers(1, 12)),
            draw(st.sampled_from(SERVICES)),
            channels=draw(st.integers(1, 2)),
            prefilled_bytes=block_bytes * draw(st.integers(0, 1)),
            min_free_bytes=block_bytes * draw(st.integers(0, 1)),
            present=i == 0 or draw(st.booleans()),
        )
        for i in range(disk_count)
    )
    first = tuple(i for i, disk in enumerate(disks) if disk.present)
    blocks = draw(st.integers(1, 24))
    size_bytes = blocks * block_bytes - draw(st.sampled_from([0, 100]))
    objects = tuple(
        StorageObjectSpec(f"o{i}", size_bytes, block_bytes, first, mirrors=draw(st.integers(1, 2)))
        for i in range(draw(st.integers(1, 2)))
    )
    chunks = []
    for index in range(draw(st.integers(1, 3))):
        count = draw(st.integers(1, 40))
        rows = draw(
            st.lists(
                st.tuples(
                    st.integers(0, 4),
                    st.sampled_from([READ, WRITE, WRITE, WRITE, UNMAP]),
                    st.integers(0, size_bytes - 1),
                    st.integers(1, 3 * block_bytes),
                ),
                min_size=count,
                max_size=count,
            )
        )
        outstanding = draw(st.sampled_from([0, 0, 1, 4]))
        chunks.append((index, draw(st.integers(0, len(objects) - 1)), rows, outstanding))
    events = draw(
        st.lists(
            st.builds(
                DiskChange,
                st.integers(0, 60).map(lambda tick: tick * TICK),
                st.sampled_from(["disk_offline", "disk_online"]),
                st.sampled_from(first),
            ),
            max_size=6,
        )
    )
    events += [DiskChange(draw(st.integers(0, 60)) * TICK, "add_disk", i) for i in range(disk_count) if i not in first]
    return SimpleNamespace(
        cluster=Cluster(hosts, disks, objects),
        streams=chunks,
        events=events,
        policy=draw(st.sampled_from(sorted(POLICIES))),
        seed=draw(st.integers(0, 2**32)),
        horizon=draw(st.sampled_from([None, None, 30 * TICK])),
    )


def streams_of(world):
    result = []
    for index, owner, rows, outstanding in world.streams:
        steps, kinds, offsets, sizes = (np.array(column, np.int64) for column in zip(*rows, strict=True))
        # A request never reaches beyond its object: that is an error, tested elsewhere.
        sizes = np.minimum(sizes, world.cluster.objects[owner].size_bytes - offsets)
        times = (steps if outstanding else np.cumsum(steps)) * TICK
        requests = Requests(times, kinds.astype(np.uint8), offsets, sizes, np.zeros(len(rows), np.int32))
        half = len(rows) // 2  # two chunks
        parts = [
            Requests(*(getattr(requests, name)[part] for name in ("time_ns", "kind", "offset_bytes", "size_bytes",
                                                                   "device")))
            for part in (slice(0, half), slice(half, None))
        ]  # fmt: skip
        result.append(Stream(f"s{index}", owner, iter(parts), outstanding))
    return result


def run(world, **more):
    return simulate(
        world.cluster,
        streams_of(world),
        make_policy(world.policy),
        seed=world.seed,
        control=[FaultControl(sorted(world.events))],
        horizon_ns=world.horizon,
        window_ns=7 * TICK,
        record_requests=True,
        **more,
    )


def as_bytes(value):
    """Flatten an outcome to bytes, arrays included."""
    if isinstance(value, np.ndarray):
        return str(value.dtype).encode() + str(value.shape).encode() + value.tobytes()
    if isinstance(value, dict):
        return b"".join(key.encode() + as_bytes(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return b"[" + b"".join(map(as_bytes, value)) + b"]"
    if hasattr(value, "__dataclass_fields__"):
        return b"".join(name.encode() + as_bytes(getattr(value, name)) for name in value.__dataclass_fields__)
    return repr(value).encode()


def check(world, out):
    counts, records = out.counts, out.records
    ended = counts["finished"] + counts["failed_no_space"] + counts["failed_offline"]
    offered = sum(len(rows) for _, _, rows, _ in world.streams)
    assert len(records.status) == ended
    assert [int((records.status == s).sum()) for s in range(3)] == [
        counts["finished"], counts["failed_no_space"], counts["failed_offline"],
    ]  # fmt: skip
    assert counts["reads"] + counts["writes"] + counts["unmaps"] == counts["finished"]
    assert 0 <= counts["in_flight"] <= offered - ended
    if world.horizon is None:
        assert counts["in_flight"] == 0
        assert ended == offered
    for index, _, rows, outstanding in world.streams:
        if world.horizon is None:
            numbers = records.number[records.stream == index]
            assert sorted(numbers.tolist()) == list(range(len(rows)))
            if not outstanding:
                arrivals = np.cumsum([row[0] for row in rows]) * TICK
                assert (records.issued_ns[records.stream == index] == arrivals[numbers]).all()
    if world.horizon is not None and not any(outstanding for *_, outstanding in world.streams):
        # Arrivals at the very horizon may or may not come before its end.
        arrivals = [np.cumsum([row[0] for row in rows]) * TICK for _, _, rows, _ in world.streams]
        before = sum(int((times < out.end_ns).sum()) for times in arrivals)
        until = sum(int((times <= out.end_ns).sum()) for times in arrivals)
        assert before <= ended + counts["in_flight"] <= until
    blocks = np.array([spec.block_bytes for spec in world.cluster.objects])
    prefilled = np.array([disk.prefilled_bytes for disk in world.cluster.disks])
    assert (out.used_bytes == prefilled + (out.written_blocks * blocks[:, None]).sum(axis=0)).all()
    assert (out.used_bytes <= out.capacity_bytes).all()
    assert (records.latency_ns >= 0).all()
    assert int(out.histogram.sum()) == counts["reads"] + counts["writes"]
    breaks = {"disk_offline", "disk_fail", "power_loss", "evacuate", "rebalance", "sector_error", "disk_online"}
    if not breaks & {event.action for event in world.events} and counts["in_flight"] == 0:
        assert out.queue_area_ns.tolist() == out.sojourn_sum_ns.tolist()


@settings(max_examples=60, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])  # fmt: skip
@given(worlds())
def test_any_small_world_holds_together(world):
    out = run(world)
    check(world, out)
    assert as_bytes(run(world)) == as_bytes(out)


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize("outstanding", [0, 3])
@pytest.mark.parametrize("back", [True, False])
def test_the_only_disk_fails_and_nothing_hangs(policy, outstanding, back):
    disk = Disk("d", 0, 1 << 20, Deterministic(5 * TICK * 1e-9))
    rows = [(2, (WRITE, WRITE, READ, UNMAP)[i % 4], 512 * (i % 16), 700) for i in range(100)]
    events = [DiskChange(20 * TICK, "disk_offline", 0)]
    if back:
        events.append(DiskChange(60 * TICK, "disk_online", 0))
    world = SimpleNamespace(
        cluster=Cluster((Host("h", "h", TICK, 4.096e9),), (disk,), (StorageObjectSpec("o", 1 << 14, 512, (0,)),)),
        streams=[(0, 0, rows, outstanding)], events=events, policy=policy, seed=1, horizon=None,
    )  # fmt: skip
    out = run(world)
    check(world, out)
    assert out.counts["failed_offline"] > 0
    late = out.records.status[(out.records.issued_ns > 65 * TICK) & (out.records.kind == WRITE)]
    if back:
        assert not late.any()
    else:
        assert math.prod(late.tolist()) != 0
