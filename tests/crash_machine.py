"""A small explicit machine of writers, components and one crash, over the engine's own Placement and maps.

A step is one durable or volatile change; the machine runs any order of steps, so that a wrong one can be tried.
What may be read afterwards is that of one register a block: see `allowed`.
"""

from dataclasses import dataclass, field

from placement_sim.engine.placement import DONE, Placement
from placement_sim.engine.space import Space
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.invariants import check_parent_implies_written, check_written_once
from placement_sim.model.recovery import rebuild_parent, recover_leg
from placement_sim.model.service import Deterministic
from placement_sim.policies.interface import PlacementPolicy

BLOCK = 512
ZEROS, GARBAGE = "zeros", "garbage"
PATENT = ("media", "component", "parent", "ack")  # A5, then A6, then the acknowledgement


class LostError(AssertionError):
    """Acknowledged data is not found, or something is found that nobody wrote."""


@dataclass(frozen=True)
class Writer:
    """One request: blocks `first` to `first + blocks - 1` written with `name`, or unmapped."""

    name: str
    first: int
    blocks: int = 1
    unmap: bool = False

    def touches(self, block):
        return self.first <= block < self.first + self.blocks


@dataclass(eq=False)
class Progress:
    """How far a writer has come: its runs, the next step of each, and when it started and was acknowledged."""

    runs: list = field(default_factory=list)
    started: int = -1
    acknowledged: int = -1
    unmaps_seen: int = 0


class Machine:
    """One object with one leg over `components` disks; the policy takes its choices from a script."""

    def __init__(self, writers, choices, order=PATENT, components=2, object_blocks=3):
        self.script = list(reversed(choices))
        policy = PlacementPolicy("scripted", "tests", "as told", lambda *_: self.script.pop())
        hosts = tuple(Host(f"h{i}", f"h{i}") for i in range(components))
        disks = tuple(Disk(f"d{i}", i, 1 << 20, Deterministic(1e-3)) for i in range(components))
        spec = StorageObjectSpec("o", object_blocks * BLOCK, BLOCK, tuple(range(components)))
        cluster = Cluster(hosts, disks, (spec,))
        self.placement = Placement(cluster, policy, 1, Space(cluster), [0] * components)
        self.leg = self.placement.objects[0].legs[0]
        self.disk_count = components
        self.writers = writers
        self.order = order
        self.media = {}  # (disk, block) -> value: what is on the platters
        self.progress = [Progress() for _ in writers]
        self.steps = 0

    def enabled(self):
        """List the steps that may come next, as (writer, run); run -1 places."""
        found = []
        for index, progress in enumerate(self.progress):
            if progress.started < 0:
                found.append((index, -1))
                continue
            found += [(index, run) for run, (*_, done) in enumerate(progress.runs) if done < len(self.order)]
        return found

    def step(self, choice):
        index, run = choice
        writer, progress = self.writers[index], self.progress[index]
        self.steps += 1
        if run == -1:
            progress.started = self.steps
            self._place(writer, progress)
            return
        disk, block, blocks, done = progress.runs[run]
        getattr(self, f"_{self.order[done]}")(progress, disk, block, blocks)
        progress.runs[run] = (disk, block, blocks, done + 1)
        acknowledge = self.order.index("ack")
        if progress.acknowledged < 0 and all(done > acknowledge for *_, done in progress.runs):
            progress.acknowledged = self.steps

    def _place(self, writer, progress):
        if writer.unmap:  # one step: it is ordered and acknowledged at once
            self.placement.unmap(0, writer.first * BLOCK, writer.blocks * BLOCK)
            progress.acknowledged = self.steps
            return
        progress.unmaps_seen = self.leg.unmaps[0]
        for disk, reason, _, _, block, blocks, *_ in self.placement.write_runs(
            0, 0, writer.first * BLOCK, writer.blocks * BLOCK
        ):
            assert reason == DONE
            progress.runs.append((disk, block, blocks, 0))

    def _media(self, progress, disk, block, blocks):
        writer = self.writers[self.progress.index(progress)]
        for b in range(block, block + blocks):
            self.media[disk, b] = writer.name

    def _component(self, progress, disk, block, blocks):
        self.placement.component_wrote(0, 0, disk, block, blocks, progress.unmaps_seen)

    def _parent(self, progress, disk, block, blocks):
        if self.order.index("parent") > self.order.index("component"):
            self.placement.parent_learns(0, 0, disk, block, blocks, progress.unmaps_seen)
            return
        for b in range(block, block + blocks):  # the guard of parent_learns is what a wrong order would lack
            self.leg.parent.set_owner(b, disk)

    def _ack(self, progress, disk, block, blocks):
        pass

    def state(self):
        """Everything that decides what may come: equal states need to be looked at once."""
        moments = sorted({moment for p in self.progress for moment in (p.started, p.acknowledged)})
        ranks = {moment: rank for rank, moment in enumerate(moments)}
        return (
            len(self.script),
            bytes(self.leg.parent.array),
            bytes(self.leg.pending),
            tuple(bytes(written.bits) for written in self.leg.written.values()),
            tuple(sorted(self.media.items())),
            tuple((tuple(p.runs), ranks[p.started], ranks[p.acknowledged], p.unmaps_seen) for p in self.progress),
        )

    def allowed(self, block):
        """Values of a register with atomic writes that the reader after the crash may see.

        A write may have taken effect once it has started; it is certainly gone when another was
        acknowledged that had started after its own acknowledgement. Unmaps write zeros.
        """
        touching = [
            (ZEROS if writer.unmap else writer.name, progress)
            for writer, progress in zip(self.writers, self.progress, strict=True)
            if writer.touches(block) and progress.started >= 0
        ]
        touching.append((ZEROS, Progress(started=0, acknowledged=0)))
        newest = max(progress.started for _, progress in touching if progress.acknowledged >= 0)
        return {value for value, p in touching if p.acknowledged < 0 or p.acknowledged >= newest}

    def check_running(self):
        """The invariants hold at every instant, not only after a crash."""
        check_parent_implies_written("o", 0, self.leg)
        check_written_once("o", 0, self.leg)

    def crash(self):
        """Lose what is volatile, rebuild the parent, and read everything back; the machine is spent."""
        recover_leg(self.leg, self.disk_count)
        again = rebuild_parent(self.leg, self.disk_count)  # a crash during recovery changes nothing
        assert bytes(again.array) == bytes(self.leg.parent.array)
        assert not any(self.leg.pending)
        self.check_running()
        for block in range(self.leg.block_count):
            owner = self.leg.parent.owner(block)
            found = ZEROS if owner < 0 else self.media.get((owner, block), GARBAGE)
            if found not in self.allowed(block):
                raise LostError(f"block {block} reads {found}, allowed {sorted(self.allowed(block))}")


def replay(path, *arguments, **options):
    machine = Machine(*arguments, **options)
    for choice in path:
        machine.step(choice)
    return machine


def explore(*arguments, **options):
    """Visit every reachable state once and crash in each; gives the number of states.

    A machine cannot be copied, so each state is reached anew along the first path that led to it.
    """
    seen = set()
    front = [()]
    while front:
        path = front.pop()
        machine = replay(path, *arguments, **options)
        state = machine.state()
        if state in seen:
            continue
        seen.add(state)
        machine.check_running()
        front += [(*path, choice) for choice in machine.enabled()]
        machine.crash()
    return len(seen)


def paths(*arguments, **options):
    """Give every interleaving, from the start to the end, without joining equal states."""
    front = [()]
    while front:
        path = front.pop()
        machine = replay(path, *arguments, **options)
        choices = machine.enabled()
        if not choices:
            yield path
        front += [(*path, choice) for choice in choices]
