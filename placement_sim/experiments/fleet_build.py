"""From a scenario's fleet to what the engine takes: objects for every disk and link, transfers, a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from placement_sim.engine.datapath import Stream
from placement_sim.engine.upgrade_plan import FleetMember, FleetPlan, Transfer
from placement_sim.experiments.fleet import FleetSpec, TransferSpec
from placement_sim.experiments.fleet_recorded import read_step
from placement_sim.experiments.scenario import Scenario
from placement_sim.model.cluster import StorageObjectSpec
from placement_sim.model.machine import DATA, OS, SOFTWARE, LinkedClone, Template, VirtualMachine, Vmdk, templates
from placement_sim.upgrades.steps import UpgradeStrategy
from placement_sim.workloads.boot import in_chunks, loop_requests, scattered_runs
from placement_sim.workloads.requests import READ, WRITE, Requests
from placement_sim.workloads.synthetic import synthetic_requests
from placement_sim.workloads.traces import Trace

COPY_REQUEST_BYTES = 2**20  # assumption: a template's disk is copied in requests of 1 MiB,
COPY_OUTSTANDING = 8  # eight at a time
GUEST_CHUNK_REQUESTS = 512  # a guest asks for few; the size of a chunk changes none of them


@dataclass(frozen=True)
class BuiltFleet:
    """Objects to be added to the cluster, behind those of the scenario, and the plan that names them."""

    objects: tuple[StorageObjectSpec, ...]
    plan: FleetPlan


def build_fleet(
    scenario: Scenario,
    fleet: FleetSpec,
    strategy: UpgradeStrategy,
    seed: int,
    host_names: list[str],
    traces: Mapping[str, Trace],
) -> BuiltFleet:
    """Make the objects and the plan.

    Parameters
    ----------
    host_names
        Names of the cluster's hosts, in its order.
    traces
        Opened traces by the names of ``traced.recorded``.

    Raises
    ------
    InputError
        A recorded step cannot be read, or does not fit its disk.
    """
    shelf = _Shelf(scenario, fleet)
    pair = templates(strategy.role)
    disk_objects = {disk.name: shelf.add_base(disk) for disk in _disks_of(pair)}
    hosts = [host_names.index(name) for name in fleet.hosts or [h.name for h in scenario.hosts] or host_names]
    stores = fleet.datastores or (tuple(scenario.disk_names),)
    with_twin = any(step.action == "create_twin" for step in strategy.steps)
    members = []
    for i in range(fleet.machines):
        name, store = f"vm-{i}", stores[i % len(stores)]
        clone = LinkedClone(pair[0].os, pair[0].software, Vmdk(f"{name} data", DATA))
        # Machines in turn on datastores, and each datastore's machines in turn on the hosts.
        host = hosts[(i // len(stores)) % len(hosts)]
        twins = {}
        if with_twin:
            twins = {
                "twin_os_object": shelf.add(f"{name} twin os", fleet.os.size, store),
                "twin_software_object": shelf.add(f"{name} twin software", fleet.software.size, store),
            }
        members.append(
            FleetMember(
                VirtualMachine(name, clone, strategy.role),
                host,
                f"datastore {i % len(stores)}",
                shelf.add(f"{name} os", fleet.os.size, store),
                shelf.add(f"{name} software", fleet.software.size, store),
                shelf.add(f"{name} data", fleet.data.size, store),
                **twins,
            )
        )
    plan = FleetPlan(
        seed,
        tuple(members),
        pair,
        strategy,
        fleet.rollout.make(),
        fleet.make_limits(),
        fleet.make_failures(),
        disk_objects,
        io=_step_io(fleet, strategy, seed, traces),
        template_io=_template_io(fleet, pair) if _any_io(fleet) else None,
        guest=partial(_guest, fleet, tuple(members), seed) if fleet.guest else None,
        lead_in_ns=fleet.lead_in,
        lead_out_ns=fleet.lead_out,
        keep_old_ns=fleet.keep_old,
        hazardous=fleet.layout == "delta_of_base",
    )
    return BuiltFleet(tuple(shelf.objects), plan)


class _Shelf:
    """Collects objects; their indices go on behind the scenario's own."""

    def __init__(self, scenario: Scenario, fleet: FleetSpec) -> None:
        self._scenario, self._fleet = scenario, fleet
        self.objects: list[StorageObjectSpec] = []

    def add(self, name: str, size_bytes: int, disks: tuple[str, ...], *, is_base: bool = False) -> int:
        fleet = self._fleet
        indices = tuple(self._scenario.disk_indices(disks))
        cached = is_base and fleet.host_cache > 0
        self.objects.append(
            StorageObjectSpec(name, size_bytes, fleet.block_size, indices, fleet.mirrors, host_cached=cached)
        )
        return len(self._scenario.objects) + len(self.objects) - 1

    def add_base(self, disk: Vmdk) -> int:
        """Add a template's disk; it lies on all disks, because all machines read it."""
        size = (self._fleet.os if disk.role == OS else self._fleet.software).size
        return self.add(disk.name, size, tuple(self._scenario.disk_names), is_base=True)


def _disks_of(pair: tuple[Template, Template]) -> list[Vmdk]:
    return list(dict.fromkeys(disk for template in pair for disk in (template.os, template.software)))


def _any_io(fleet: FleetSpec) -> bool:
    return bool(fleet.boot.is_any or fleet.start.is_any or fleet.patch.is_any or fleet.guest)


# -- transfers ---------------------------------------------------------------------------------


def _step_io(
    fleet: FleetSpec, strategy: UpgradeStrategy, seed: int, traces: Mapping[str, Trace]
) -> dict[str, Callable[[str], list[Transfer]]]:
    """Give the I/O of the strategy's steps by key; a twin boots without a data disk and writes to its own OS object."""
    role = strategy.role
    contents = {OS: fleet.os.content, SOFTWARE: fleet.software.content}
    sizes = {OS: fleet.os.size, SOFTWARE: fleet.software.size}
    ways = {
        "boot": (fleet.boot, (OS, contents[OS]), (DATA, fleet.data.size)),
        "boot_twin": (fleet.boot, ("twin os", contents[OS]), ("twin os", sizes[OS])),
        "start": (fleet.start, (SOFTWARE, contents[SOFTWARE]), (DATA, fleet.data.size)),
        "patch": (fleet.patch, (role, contents[role]), (role, sizes[role])),
    }
    every = (*strategy.steps, *strategy.undo_steps(len(strategy.steps)))
    used = {step.io for step in every} & {key for key, way in ways.items() if way[0].is_any}
    made: dict[str, Callable[[str], list[Transfer]]] = {}
    for key in sorted(used):
        spec, *places = ways[key]
        if spec.trace is None:
            made[key] = partial(_transfers, key, *ways[key], seed)
        else:
            recorded = read_step(traces[f"fleet.{key.removesuffix('_twin')}"], spec.trace)
            kinds = zip((READ, WRITE), places, strict=True)
            loops = [(disk, recorded.loop(kind, span_bytes)) for kind, (disk, span_bytes) in kinds]
            made[key] = partial(_recorded_transfers, [(disk, loop) for disk, loop in loops if len(loop)])
    return made


def _recorded_transfers(loops: list[tuple[str, Requests]], machine: str) -> list[Transfer]:
    """Every machine does the same, so all share the arrays."""
    return [
        Transfer(disk, in_chunks(loop), 1, int(loop.time_ns.sum()), int(loop.kind[0]) == WRITE) for disk, loop in loops
    ]


def _transfers(
    key: str, spec: TransferSpec, source: tuple[str, int], target: tuple[str, int], seed: int, machine: str
) -> list[Transfer]:
    total = spec.read + spec.written
    parts = ((READ, spec.read, *source), (WRITE, spec.written, *target))
    made = []
    for kind, size_bytes, disk, span_bytes in parts:
        if size_bytes:
            count = max(1, round(spec.requests * size_bytes / total))
            where = scattered_runs(size_bytes, min(count, size_bytes), span_bytes, seed, f"{key} {kind}")
            name = f"{machine} {key} {kind}"
            chunks, think_ns = loop_requests(kind, *where, spec.think / 1e9, seed, name)
            made.append(Transfer(disk, chunks, 1, think_ns, kind == WRITE))
    return made


def _template_io(fleet: FleetSpec, pair: tuple[Template, Template]) -> Callable[[str], list[Transfer]]:
    """Give what makes a template's disk: writes of its content, and for version 2 reads of version 1."""
    firsts = {pair[0].os.name: OS, pair[0].software.name: SOFTWARE}

    def transfers(name: str) -> list[Transfer]:
        role = firsts.get(name) or (OS if name == pair[1].os.name else SOFTWARE)
        content = (fleet.os if role == OS else fleet.software).content
        count = -(-content // COPY_REQUEST_BYTES)
        where = scattered_runs(content, count, content, 0, "copy")
        made = [Transfer(name, loop_requests(WRITE, *where, 0.0, 0, name)[0], COPY_OUTSTANDING, 0, True)]
        if name not in firsts:
            source = pair[0].os.name if role == OS else pair[0].software.name
            made.append(Transfer(source, loop_requests(READ, *where, 0.0, 0, name)[0], COPY_OUTSTANDING, 0, False))
        return made

    return transfers


def _guest(fleet: FleetSpec, members: tuple[FleetMember, ...], seed: int, machine: int, start: int) -> Stream:
    drawn = fleet.guest
    assert drawn is not None
    name = f"{members[machine].machine.name} guest {start}"
    requests = synthetic_requests(
        seed=seed,
        name=name,
        count=drawn.requests,
        object_bytes=fleet.data.size,
        align_bytes=drawn.align,
        sizes=drawn.size_shares,
        read_share=drawn.read_share,
        chunk_requests=GUEST_CHUNK_REQUESTS,
        **drawn.make_laws(),
    )
    outstanding = drawn.closed.outstanding if drawn.closed else 0
    return Stream(name, members[machine].data_object, requests, outstanding)
