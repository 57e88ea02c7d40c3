"""The table of runs for the two data paths: every feature of the model, a row each."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from data_path_cases import BLOCK, TICK, Case, Load, cluster

from placement_sim.model.cluster import OFFLINE, ONLINE, READ_ONLY
from placement_sim.model.faults import DiskChange
from placement_sim.model.service import (
    Deterministic,
    Exponential,
    Hdd,
    Hyperexponential,
    Measured,
    Ssd,
    Table,
    Uniform,
)
from placement_sim.policies import POLICIES, make_policy
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.randomness import draw

SERVICES = {
    "hdd": Hdd(5e-6, 6e-6, 4e-6, 4e9, 2e9, 2e-6),
    "ssd": Ssd(1e-6, 2e-6, 4.096e9, 2.048e9),
    "table": Table((512, 4096, 9000), (1e-6, 2e-6, 5e-6), (2e-6, 1e-6, 1.5e-6)),
    "exponential": Exponential(2.5e-6),
    "deterministic": Deterministic(0.0),
    "uniform": Uniform(1e-6, 4e-6),
    "hyperexponential": Hyperexponential(0.8, 1e-6, 9e-6),
    "measured": Measured((0.0, 1e-6, 2e-6, 3e-6, 4e-6, 9e-6, 2e-5), (1e-6,) * 4 + (5e-6,) * 3, 4e9, 0.0),
    "measured, slower at depth": Measured((0.0, 1e-6, 2e-6, 3e-6, 4e-6, 9e-6, 2e-5), (1e-6,) * 7, 0.0, 4e9,
        read_deep_factor=2.3, write_deep_factor=0.4, shallow_depth=1.5, deep_depth=7.0),
}  # fmt: skip
PARAMETERS = {
    "stripe": {"stripe": 3},
    "d_choices": {"d": 3, "by": "free", "replacement": True},
    "hdfs_available_space": {"threshold": 2 * BLOCK, "p": 0.6},
    "zfs_rotor": {"aliquot": 3 * BLOCK},
}
WORST = DiskChange(20 * TICK, "disk_offline", 1), DiskChange(60 * TICK, "disk_online", 1)
FROM_THE_START = DiskChange(0, "disk_offline", 1), DiskChange(60 * TICK, "disk_online", 1)


def emptiest_or_drawn(write, view, parameters, state):
    """Choose with a parameter, a draw and numbers of its own; compiled or not, the text is the same."""
    state[1] += 1
    if draw(write.word, 3) < parameters[0]:
        return view.candidates[state[1] % len(view.candidates)]
    best = view.candidates[0]
    for disk in view.candidates:
        if view.free_bytes[disk] > view.free_bytes[best]:
            best = disk
    return best


def own_policy(choose) -> PlacementPolicy:
    return PlacementPolicy("own", "a test", "draws", choose, parameters={"p": 0.3}, state_size=lambda disks: 2)


def compiled_policy() -> PlacementPolicy:
    """Compile it as its user would, when it is wanted."""
    import numba

    return own_policy(numba.njit(emptiest_or_drawn))


def limits(path, note):
    """Change channels and speed while requests are queued."""
    for disk, channels, slowdown in ((0, 3, 2.5), (1, 2, 0.3), (0, 1, 1.0), (2, 5, 7.0), (2, 1, 1.0)):
        yield path.env.timeout(12 * TICK)
        path.set_channels(disk, channels)
        path.set_slowdown(disk, slowdown)
        note(path.arrays())


def streams(path, note):
    """Start streams one after the other, await their ends, stop others in mid-run."""
    for turn in range(3):
        boot = path.start_stream(Load(f"boot {turn}", count=25, outstanding=2, purpose="boot").stream(path.cluster))
        paced = path.start_stream(Load(f"paced {turn}", count=80, step=3, chunks=9).stream(path.cluster))
        loop = path.start_stream(Load(f"endless {turn}", count=900, outstanding=4, chunks=7).stream(path.cluster))
        yield boot.ended
        note("boot", turn)
        path.stop_stream(paced)
        path.stop_stream(loop)
        yield paced.ended & loop.ended
        note("stopped", turn)
    empty = path.start_stream(Load("empty", count=0, chunks=1).stream(path.cluster))
    yield empty.ended
    note("empty")


def raw(path, note):
    """Copy from disk to disk as a rebuild does, past all maps, also on a disk that is lost."""
    for turn in range(30):
        read = path.raw_io(turn % 3, False, 3 * BLOCK, turn << 26, "rebuild")
        write = path.raw_io(1, True, BLOCK + turn, turn << 27, "rebuild" if turn % 2 else "scrub")
        yield read & write
        note(read.value, write.value)


def phases(path, note):
    """Count by phase, return to an earlier one."""
    for name in ("before", "during", "after", "before"):
        yield path.env.timeout(20 * TICK)
        path.begin_phase(name)
        note(name, dict(path.counts))


def backing(path, note):
    """Give a clone another base, discard an object with writes in flight."""
    for base in (2, -1, 0):
        yield path.env.timeout(15 * TICK)
        path.set_backing(1, base)
        note(path.discard_object(2))


def states(path, note):
    """Set disks read-only and back, and add one."""
    for disk, status in ((0, READ_ONLY), (1, READ_ONLY), (0, ONLINE), (2, OFFLINE), (1, ONLINE), (2, ONLINE)):
        yield path.env.timeout(9 * TICK)
        path.set_status(disk, status)
    path.set_status(4, ONLINE)
    path.add_component(4)
    note(dict(path.counts))


CLONES = (Load("a", 1), Load("b", 2, 120, outstanding=4), Load("base", 0, 50, mix=(0.2, 0.8, 0.0)))
CACHED = tuple(replace(load, host=index % 3, mix=(0.8, 0.2, 0.0)) for index, load in enumerate(CLONES))
DEGRADED = tuple(Load(f"h{i}", host=i, mix=(0.6, 0.4, 0.0), outstanding=2 * i) for i in range(3))
LINKED = {"latency_ns": TICK, "bandwidth": 4.096e9}
FULL = {"capacity_blocks": 8, "blocks": 50}
SIX_LOADS = tuple(Load(f"s{i}", i % 2, 60, outstanding=i % 3, chunks=5) for i in range(20))

CASES: dict[str, Callable[[], Case]] = {
    **{f"service {name}": partial(Case, cluster(service=law)) for name, law in SERVICES.items()},
    **{f"policy {name}": partial(lambda name: Case(cluster(**FULL, mirrors=2),
        policy=make_policy(name, **PARAMETERS.get(name, {}))), name) for name in POLICIES},
    "one channel, ties": partial(Case, cluster(1), (Load(step=2), Load("loop", outstanding=5, step=2))),
    "channels": partial(Case, cluster(2, channels=3)),
    "latency": partial(Case, cluster(latency_ns=2 * TICK)),
    "bandwidth": partial(Case, cluster(bandwidth=2.048e9)),
    "links": partial(Case, cluster(**LINKED, mirrors=2)),
    "links, disk fails": partial(Case, cluster(**LINKED, mirrors=2), events=WORST, processes=(raw,)),
    "three mirrors": partial(Case, cluster(6, mirrors=3, tail_bytes=100), events=WORST),
    "disk fails": partial(Case, cluster(3, service=SERVICES["exponential"]), events=WORST),
    "computed owner fails": partial(Case, cluster(3), policy=make_policy("jump"), events=WORST),
    **{f"computed owner of a leg is away, {name}": partial(lambda name: Case(cluster(4, mirrors=2, clones=1),
        (Load(), Load("clone", 1, outstanding=2)), make_policy(name), FROM_THE_START), name)
        for name in POLICIES if not POLICIES[name]().needs_map},
    "only disk fails": partial(Case, cluster(1), events=(WORST[0]._replace(disk=0),)),
    "fails at once, twice": partial(Case, cluster(2, mirrors=2, service=SERVICES["uniform"]),
        events=tuple(DiskChange(t * TICK, a, d) for t, a, d in ((0, "disk_offline", 0), (9, "disk_online", 0),
        (9, "disk_offline", 1), (11, "disk_online", 1), (11, "disk_offline", 0), (12, "disk_online", 0)))),
    "read-only, added": partial(Case, cluster(later=1), processes=(states,)),
    "disks added": partial(Case, cluster(2, later=3, capacity_blocks=12, clones=1), (Load(), Load("c", 1)),
        make_policy("most_free"), tuple(DiskChange(t * TICK, "add_disk", d) for t, d in ((30, 2), (30, 4), (50, 3)))),
    "limits changed": partial(Case, cluster(), processes=(limits,)),
    "streams awaited": partial(Case, cluster(), processes=(streams, limits)),
    "raw": partial(Case, cluster(**LINKED), processes=(raw, streams), events=WORST),
    "phases": partial(Case, cluster(), (Load(), Load("boot", purpose="boot")), processes=(phases, raw)),
    "clones": partial(Case, cluster(clones=2, mirrors=2), CLONES, events=WORST),
    "clones, copy-up of a tail": partial(Case, cluster(clones=2, tail_bytes=1000, service=SERVICES["hdd"]), CLONES),
    "clones, base changes": partial(Case, cluster(clones=2), CLONES, processes=(backing,)),
    "host caches": partial(Case, cluster(clones=2, cache_blocks=5), CACHED),
    "host caches, disk fails": partial(Case, cluster(cache_blocks=40), DEGRADED, make_policy("jump"), WORST),
    "host caches, mirrors": partial(Case, cluster(cache_blocks=9, mirrors=2), DEGRADED, events=WORST),
    "host caches, none fits": partial(Case, cluster(clones=2, cache_blocks=1), CACHED, processes=(backing,)),
    "warm-up, horizon": partial(Case, cluster(), more={"warm_up_ns": 14 * TICK, "horizon_ns": 90 * TICK}),
    "ends within the warm-up": partial(Case, cluster(), more={"warm_up_ns": 10**9}),
    "stops when full": partial(Case, cluster(**FULL), more={"stop_at_no_space": True}),
    "twenty streams": partial(Case, cluster(clones=1), SIX_LOADS),
    "many chunks": partial(Case, cluster(), (Load(chunks=150), Load("loop", outstanding=7, chunks=90))),
    "no records": partial(Case, cluster(), more={"record_requests": False}),
    "plain Python policy": lambda: Case(cluster(3, mirrors=2), policy=own_policy(emptiest_or_drawn), events=WORST),
    "compiled policy": lambda: Case(cluster(3, mirrors=2), policy=compiled_policy(), events=WORST),
    "300 disks": partial(Case, cluster(300, blocks=400, mirrors=2), (Load(count=300),)),
}  # fmt: skip
