"""From a scenario to what a data path takes: a cluster and streams of requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from placement_sim.engine.datapath import Stream
from placement_sim.errors import InputError
from placement_sim.experiments.parts import DiskSpec, SyntheticSpec, WorkloadSpec
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.traced import open_traces, replayed
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.synthetic import synthetic_requests
from placement_sim.workloads.traces import Trace

TIB = 2**40
WEIGHT_ONE = 0x10000


def build_cluster(scenario: Scenario) -> Cluster:
    """Make the cluster; a disk without a host gets one of its own, without a link."""
    hosts = [
        Host(
            host.name,
            host.failure_domain or host.name,
            host.link.latency if host.link else 0,
            host.link.bandwidth if host.link else 0.0,
        )
        for host in scenario.hosts
    ]
    index = {host.name: i for i, host in enumerate(hosts)}
    disks = []
    for spec in scenario.disks:
        for name in spec.names:
            if spec.host is None:
                hosts.append(Host(f"host of {name}", f"host of {name}"))
            disks.append(_disk(spec, name, index[spec.host] if spec.host else len(hosts) - 1))
    objects = tuple(
        StorageObjectSpec(
            thing.name,
            thing.size,
            thing.block_size,
            tuple(scenario.disk_indices(thing.disks)),
            thing.mirrors,
        )
        for thing in scenario.objects
    )
    return Cluster(tuple(hosts), tuple(disks), objects)


def _disk(spec: DiskSpec, name: str, host_index: int) -> Disk:
    weight = spec.capacity / TIB if spec.weight is None else spec.weight
    return Disk(
        name,
        host_index,
        spec.capacity,
        spec.law.make(),
        channels=spec.law.channels,
        prefilled_bytes=spec.prefilled_bytes,
        min_free_bytes=spec.min_free,
        weight=max(1, round(weight * WEIGHT_ONE)) if weight > 0 else 0,
        present=spec.present,
    )


def build_streams(scenario: Scenario, seed: int, traces: Mapping[str, Trace] | None = None) -> list[Stream]:
    """Make one lazy stream a workload; `traces` are those of ``open_traces``, opened here where not given."""
    traces = open_traces(scenario) if traces is None else traces
    return [_stream(scenario, workload, seed, traces.get(workload.name)) for workload in scenario.workloads]


def _stream(scenario: Scenario, workload: WorkloadSpec, seed: int, trace: Trace | None) -> Stream:
    index = [thing.name for thing in scenario.objects].index(workload.object)
    size = scenario.objects[index].size
    if workload.trace is not None and trace is not None:
        return Stream(workload.name, index, replayed(trace, workload.trace, size))
    drawn = workload.synthetic
    assert drawn is not None
    outstanding = drawn.closed.outstanding if drawn.closed else 0
    return Stream(workload.name, index, _drawn(drawn, workload.name, seed, size), outstanding)


def _drawn(drawn: SyntheticSpec, name: str, seed: int, size: int) -> Iterator[Requests]:
    try:
        return synthetic_requests(
            seed=seed,
            name=name,
            count=drawn.requests,
            object_bytes=size,
            align_bytes=drawn.align,
            sizes=drawn.size_shares,
            read_share=drawn.read_share,
            **drawn.make_laws(),
        )
    except ValueError as error:
        raise InputError(f"workload {name!r}", str(error), "mend the workload") from None
