"""The compiled data path against the reference: every latency, owner, map, counter and reading, bit for bit.

A table of runs (`data_path_table`), and random worlds with every control call at instants
that coincide with data events. That the table can tell is tested, too: with wrong orders of ties.
"""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_path_cases import BLOCK, Observed, cluster, differences, observe
from data_path_table import CASES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_fault_swarm import faulty_worlds
from test_fault_swarm import run as run_faulty
from test_swarm import TICK, run, streams_of, worlds

from placement_sim.engine import clock, source, station
from placement_sim.engine.compiled import path as compiled_path
from placement_sim.engine.compiled.path import CompiledDataPath
from placement_sim.engine.datapath import Stream
from placement_sim.engine.faults import FaultControl
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import OFFLINE, ONLINE, READ_ONLY, Cluster
from placement_sim.policies import make_policy
from placement_sim.workloads.requests import Requests

SLOW = {"300 disks"}  # its maps of two bytes a block are a second compilation
RANDOM = settings(
    max_examples=80, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture
def tiny(monkeypatch):
    """Let pools begin with room for one, and every call of the loop process seven events."""
    monkeypatch.setitem(CompiledDataPath.__init__.__kwdefaults__, "pool", 1)
    monkeypatch.setattr(compiled_path, "FEWEST_EVENTS", 7)
    monkeypatch.setattr(compiled_path, "CALL_S", 0.0)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in CASES])
def test_the_table_agrees(name, tiny):
    reference, compiled = observe(CASES[name](), "reference"), observe(CASES[name](), "compiled")
    assert (reference.outcome.data_path, compiled.outcome.data_path) == ("reference", "compiled")
    assert differences(reference, compiled) == []


def test_the_table_reaches_what_it_is_there_for():
    runs = {name: observe(CASES[name](), "reference") for name in CASES}
    for count in ("failed_no_space", "failed_offline", "unmaps", "cached_read_blocks", "retries", "in_flight",
                  "copied_up_bytes", "zero_read_blocks", "split_operations", "unmapped_blocks"):  # fmt: skip
        assert any(seen.outcome.counts[count] for seen in runs.values()), count
    assert runs["300 disks"].final["owners"].dtype == np.uint16
    assert {True, False} <= {values[2] for values in runs["raw"].notes if len(values) == 3}


# -- wrong orders of ties -----------------------------------------------------------------------


def swap_classes(monkeypatch, completion, issue, arrival):
    """Let the reference take the classes of one instant in another order."""
    for module in (station, source, sys.modules["placement_sim.engine.hardware"]):
        for name, value in (("COMPLETION", completion), ("ISSUE", issue), ("ARRIVAL", arrival)):
            monkeypatch.setattr(module, name, value, raising=False)


def last_scheduled_first(monkeypatch):
    """Let the reference take, within a class, what was scheduled last first."""
    made = clock.Clock.__init__

    def make(self):
        made(self)
        self.sequence = itertools.count(10**9, -1)

    monkeypatch.setattr(clock.Clock, "__init__", make)


WRONG = {
    "arrivals before completions": lambda patch: swap_classes(patch, 4, 3, 2),
    "issues before completions": lambda patch: swap_classes(patch, 3, 2, 4),
    "arrivals before issues": lambda patch: swap_classes(patch, 2, 4, 3),
    "control events last": lambda patch: swap_classes(patch, -3, -2, -1),
    "last scheduled first": last_scheduled_first,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_order_of_ties_is_caught(name, monkeypatch):
    names = ["one channel, ties", "links, disk fails", "streams awaited"]
    compiled = {case: observe(CASES[case](), "compiled") for case in names}
    assert not any(differences(observe(CASES[case](), "reference"), compiled[case]) for case in names)
    WRONG[name](monkeypatch)
    caught = [case for case in names if differences(observe(CASES[case](), "reference"), compiled[case])]
    assert caught


def test_a_difference_is_seen():
    assert differences([np.array([1, 2])], [np.array([1, 3])]) == ["run[0]: [1 2] and [1 3]"]
    assert differences({"a": 1}, {"a": 2, "b": 1}) == ["run: keys ['a'] and ['a', 'b']", "run.a: 1 and 2"]
    one = observe(CASES["links"](), "reference")
    notes = [*one.notes[:-1], (*one.notes[-1][:-1], [0] * 4)]
    assert len(differences(one, Observed(one.outcome, notes, one.final))) == 4


# -- random worlds ------------------------------------------------------------------------------


@RANDOM
@given(worlds())
def test_random_worlds_agree(world):
    outcomes = [run(world, data_path=name) for name in ("reference", "compiled")]
    assert [outcome.data_path for outcome in outcomes] == ["reference", "compiled"]
    assert differences(*outcomes) == []


@RANDOM
@given(faulty_worlds())
def test_random_worlds_agree_under_faults(world):
    outcomes = [run_faulty(world, data_path=name) for name in ("reference", "compiled")]
    assert differences(*outcomes) == []


def calls(disks, objects, streams):
    """Draw control calls: a tick, what is called, and with what."""
    disk, obj = st.integers(0, disks - 1), st.integers(0, objects - 1)
    kinds = [
        st.tuples(st.just("set_channels"), disk, st.integers(1, 3)),
        st.tuples(st.just("set_slowdown"), disk, st.sampled_from([0.5, 1.0, 2.0])),
        st.tuples(st.just("set_status"), disk, st.sampled_from([OFFLINE, ONLINE, READ_ONLY])),
        st.tuples(st.just("set_backing"), st.just(objects - 1), st.sampled_from([-1, 0] if objects > 1 else [-1])),
        st.tuples(st.just("discard_object"), obj),
        st.tuples(st.just("begin_phase"), st.sampled_from(["start", "one", "two"])),
        st.tuples(st.just("raw_io"), disk, st.booleans(), st.sampled_from([512, 4096]), st.integers(0, 2**32 - 1),
                  st.sampled_from(["rebuild", "scrub"])),
        st.tuples(st.just("start"), st.integers(0, streams - 1), st.booleans()),
        st.tuples(st.just("stop"), st.integers(0, 9)),
        st.tuples(st.just("reset_counters")),
    ]  # fmt: skip
    return st.lists(st.tuples(st.integers(0, 12), st.one_of(kinds), st.booleans()), max_size=12)


@st.composite
def controlled_worlds(draw):
    """Give a random world with clones, host caches, policies' own parameters and control calls."""
    world = draw(worlds())
    old = world.cluster
    hosts = tuple(replace(host, cache_bytes=draw(st.sampled_from([0, BLOCK, 8192]))) for host in old.hosts)
    objects = tuple(
        replace(spec, host_cached=draw(st.booleans()), backing=draw(st.sampled_from([-1, 0])) if i else -1)
        for i, spec in enumerate(old.objects)
    )
    world.cluster = Cluster(hosts, old.disks, objects)
    world.host_of = [draw(st.integers(-1, len(hosts) - 1)) for _ in world.streams]
    own = {"stripe": {"stripe": 2}, "d_choices": {"d": 3, "replacement": True}, "zfs_rotor": {"aliquot": 1024},
           "hdfs_available_space": {"threshold": 1024, "p": 0.9}}  # fmt: skip
    world.parameters = own.get(world.policy, {})
    world.calls = draw(calls(len(old.disks), len(objects), len(world.streams)))
    world.warm_up = draw(st.sampled_from([0, 5 * TICK]))
    return world


def run_controlled(world, data_path):
    """Run a world with its calls; give the outcome and what was read after each call."""
    notes = []

    def fresh():
        made = zip(streams_of(world), world.host_of, strict=True)
        return [replace(stream, host_index=host) for stream, host in made]

    def process(path):
        started = []
        for number, (ticks, (name, *values), is_awaited) in enumerate(world.calls):
            yield path.env.timeout(ticks * TICK)
            given = None
            if name == "start":
                stream: Stream = replace(fresh()[values[0]], name=f"extra {number}", purpose="boot")
                started.append(path.start_stream(replace(stream, outstanding=2 if values[1] else 0)))
                given = started[-1].ended
            elif name == "stop":
                if started:
                    path.stop_stream(started[values[0] % len(started)])
            else:
                given = getattr(path, name)(*values)
            if is_awaited and hasattr(given, "callbacks"):
                given = yield given
            reading = None if hasattr(given, "callbacks") else given
            notes.append((path.env.now_ns, reading, path.arrays(), dict(path.counts), list(path.space.free_bytes)))

    policy = make_policy(world.policy, **world.parameters)
    outcome = simulate(
        world.cluster, fresh(), policy, seed=world.seed, horizon_ns=world.horizon,
        window_ns=7 * TICK, warm_up_ns=world.warm_up, control=[FaultControl(sorted(world.events)), process],
        record_requests=True, data_path=data_path,
    )  # fmt: skip
    return outcome, notes


@RANDOM
@given(controlled_worlds())
def test_random_control_calls_agree(world):
    assert differences(run_controlled(world, "reference"), run_controlled(world, "compiled")) == []


@pytest.mark.slow
@settings(RANDOM, max_examples=800)
@given(controlled_worlds())
def test_many_random_control_calls_agree(world):
    assert differences(run_controlled(world, "reference"), run_controlled(world, "compiled")) == []


# -- without a compiler -------------------------------------------------------------------------

PLAIN_CASES = ("links, disk fails", "clones", "clones, copy-up of a tail", "host caches", "limits changed")


def test_the_text_runs_uncompiled():
    """Every function of the loop is called, and the table agrees, without Numba's compiler."""
    script = Path(__file__).with_name("run_uncompiled.py")
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, script, *PLAIN_CASES], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("outstanding", [0, 3])
def test_a_stream_may_fill_the_same_arrays_anew(outstanding):
    """The row after which a chunk is fetched is read only when its time comes."""

    def chunks(is_same):
        rows = 10
        columns = [np.zeros(rows, np.int64), np.ones(rows, np.uint8), np.zeros(rows, np.int64), np.full(rows, 512)]
        for number in range(20):
            if not is_same:
                columns = [column.copy() for column in columns]
            columns[0][:] = np.arange(number * rows, (number + 1) * rows) * 1000
            columns[2][:] = 512 * ((np.arange(rows) + 7 * number) % 13)
            yield Requests(*columns, np.zeros(rows, np.int32))

    what = cluster(3)
    found = []
    for path in ("reference", "compiled"):
        for is_same in (False, True):
            stream = Stream("s", 0, chunks(is_same), outstanding)
            outcome = simulate(what, [stream], make_policy("stripe"), seed=1, window_ns=10**12, data_path=path,
                               record_requests=True)  # fmt: skip
            found.append(outcome.records.latency_ns.tolist())
    assert len(found[0]) == 200
    assert all(other == found[0] for other in found)
