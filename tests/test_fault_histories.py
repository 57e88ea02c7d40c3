"""Random histories of single faults over a mirror: what guests were told is written must be there at the end.

The ledger knows the requests, what became of them and the history alone; from the engine it takes nothing but the
maps that it judges. One domain is away at a time, and all is whole again before the next fault.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from placement_sim.engine.datapath import Stream
from placement_sim.engine.faults import FaultControl
from placement_sim.engine.rebuild_queue import Rebuild
from placement_sim.engine.simulate import simulate
from placement_sim.model.cluster import Cluster, Disk, Host, StorageObjectSpec
from placement_sim.model.faults import Fault, disk_changes
from placement_sim.model.service import Deterministic
from placement_sim.policies import make_policy
from placement_sim.workloads.requests import READ, UNMAP, WRITE, Requests

BLOCK, BLOCKS = 4096, 8
TICK = 500_000  # ns; half a service time, so that arrivals, services and faults coincide
WHOLE_TICKS = 80  # from a fault's end to the next: time to repair eight blocks among guests
BACK = {"disk_offline": "disk_online", "host_down": "host_up", "host_cut_off": "host_rejoined",
        "disk_read_only": "disk_writable", "power_loss": "power_on", "disk_fail": None}  # fmt: skip
POLICIES = ("round_robin", "most_free", "stripe", "concat")
ENDINGS = ("whole", "away", "just back")


@dataclass(frozen=True)
class History:
    """What happens: `faults` as (first tick, tick of the return or -1, action, host and disk)."""

    disks: int
    policy: str
    ending: str
    end: int
    delay_s: float
    faults: tuple[tuple[int, int, str, int], ...]
    requests: tuple[tuple[int, int, int, int], ...]  # tick, kind, offset, size


def draw(number: int) -> History:
    """Make the history of a number; a disk is the only one of its host, which is a domain."""
    rng = np.random.default_rng([10_642_526, number])
    disks, ending = int(rng.integers(3, 6)), ENDINGS[rng.integers(3)]
    faults, tick, alive = [], 20, list(range(disks))
    for left in reversed(range(rng.integers(1, 4))):
        names = [a for a in BACK if not (a == "disk_fail" and (len(alive) < 3 or (not left and ending == "just back")))
                 and not (a == "power_loss" and not left and ending != "whole")]  # fmt: skip
        action, target = names[rng.integers(len(names))], alive[rng.integers(len(alive))]
        until = tick + int(rng.integers(1, 40))
        faults.append((tick, -1 if action == "disk_fail" else until, action, target))
        if action == "disk_fail":
            alive.remove(target)
        tick = until + WHOLE_TICKS
    end = {"whole": tick, "away": until, "just back": until + 1}[ending]
    count = end // 6
    offsets = rng.integers(0, BLOCKS * BLOCK // 512, count) * 512
    sizes = np.minimum(rng.choice([512, 1536, BLOCK, 2 * BLOCK], count), BLOCKS * BLOCK - offsets)
    kinds = rng.choice([WRITE, WRITE, WRITE, WRITE, READ, READ, READ, UNMAP], count)
    requests = tuple(zip(np.sort(rng.integers(0, end, count)).tolist(), kinds.tolist(), offsets.tolist(),
                         sizes.tolist(), strict=True))  # fmt: skip
    return History(disks, POLICIES[rng.integers(len(POLICIES))], ending, end, float(rng.choice([0, 0.002])),
                   tuple(faults), requests)  # fmt: skip


def carry_out(history: History, data_path: str = "reference"):
    """Run a history; gives the outcome and the log of repairs. A last read of every block follows, if time is left."""
    where = Cluster(
        tuple(Host(f"h{i}", f"domain {i}") for i in range(history.disks)),
        tuple(Disk(f"d{i}", i, 4 * BLOCKS * BLOCK, Deterministic(0.001)) for i in range(history.disks)),
        (StorageObjectSpec("volume", BLOCKS * BLOCK, BLOCK, tuple(range(history.disks)), 2),),
    )
    faults = []
    for since, until, action, target in history.faults:
        faults.append(Fault(since * TICK, action, target))
        if until >= 0 and (back := BACK[action]) and not (history.ending == "away" and until == history.end):
            faults.append(Fault(until * TICK, back, target))
    reads = [(history.end + 20, READ, block * BLOCK, BLOCK) for block in range(BLOCKS)]
    columns = np.array([*history.requests, *([] if history.ending == "just back" else reads)], np.int64).T
    stream = Requests(columns[0] * TICK, columns[1].astype(np.uint8), columns[2], columns[3],
                      np.zeros(columns.shape[1], np.int32))  # fmt: skip
    control = FaultControl(disk_changes(faults, range(history.disks), [True] * history.disks),
                           rebuild=Rebuild(1e9, streams=2, delay_s=history.delay_s))  # fmt: skip
    out = simulate(
        where, [Stream("guest", 0, iter([stream]))], make_policy(history.policy), seed=1, record_requests=True,
        control=[control], data_path=data_path, window_ns=10**9,
        horizon_ns=(history.end + (0 if history.ending == "just back" else 100)) * TICK,
    )  # fmt: skip
    return out, control.repair.close()[0]


def acknowledged(history: History, records) -> dict[int, list[tuple[int, int]]]:
    """Give (issued, ended) of the acknowledged writes by block, but of those that an unmap may have overtaken."""
    ends = {int(n): (int(at + took), int(status)) for n, at, took, status in
            zip(records.number, records.issued_ns, records.latency_ns, records.status, strict=True)}  # fmt: skip
    unmapped = np.full(BLOCKS, -1.0)
    writes: dict[int, list[tuple[int, int]]] = {}
    for number, (tick, kind, offset, size) in enumerate(history.requests):
        ended, status = ends.get(number, (np.inf, -1))
        for block in range(offset // BLOCK, (offset + size - 1) // BLOCK + 1):
            if kind == UNMAP:
                unmapped[block] = max(unmapped[block], ended)
            elif kind == WRITE and status == 0:
                writes.setdefault(block, []).append((tick * TICK, ended))
    kept = {block: [times for times in found if times[0] > unmapped[block]] for block, found in writes.items()}
    return {block: found for block, found in kept.items() if found}


def lost_blocks(history: History, out) -> tuple[list[str], int, int]:
    """Judge the maps: gives what is wrong, how many blocks were looked at, and how many had been missed by a disk."""
    away = {target for _, until, action, target in history.faults if until < 0 and action == "disk_fail"}
    since, until, action, target = history.faults[-1]
    if history.ending == "away" and action not in ("disk_fail", "disk_read_only"):
        away.add(target)
    wrong, missed = [], 0
    told = acknowledged(history, out.records)
    for block, writes in sorted(told.items()):
        owners = [int(leg[block]) - 1 for leg in out.allocation[0]]
        if all(owner < 0 or owner in away or owner >= history.disks for owner in owners):
            wrong.append(f"block {block} is lost: {owners} with {sorted(away)} away")
        if history.ending == "just back" and action != "power_loss" and target in owners:
            stale = [w for w in writes if w[0] > since * TICK and w[1] < until * TICK]
            if stale:
                wrong.append(f"block {block} is named on disk {target}, which has missed {stale}")
        missed += any(since * TICK < w[0] and w[1] < until * TICK for w in writes) and history.ending == "just back"
    return wrong, len(told), missed


def test_the_ledger_notices_a_map_that_loses_a_block_and_one_that_names_a_stale_copy():
    number = next(n for n in range(100) if draw(n).ending == "just back" and lost_blocks(draw(n), run(n))[2])
    history, out = draw(number), run(number)
    assert lost_blocks(history, out)[0] == []
    target = history.faults[-1][3]
    for entry, said in ((0, "is lost"), (target + 1, "has missed")):
        for leg in out.allocation[0]:
            leg[:] = entry
        assert any(said in text for text in lost_blocks(history, out)[0])


def run(number: int):
    return carry_out(draw(number))[0]


def check(number: int) -> tuple[int, int, int]:
    history = draw(number)
    out, log = carry_out(history)
    begins = [fault[0] * TICK for fault in history.faults]
    if any(since < begin <= until for since, until in log.missing for begin in begins):
        return 0, 0, 1  # a fault before all was whole again
    wrong, looked_at, missed = lost_blocks(history, out)
    if history.ending != "just back":
        done = out.records.number[out.records.status == 0] - len(history.requests)  # last reads, by block
        if unread := sorted(acknowledged(history, out.records).keys() - set(done.tolist())):
            wrong.append(f"the last reads of blocks {unread} fail")
    # A failed write may leave one copy of a block that was never acknowledged: it may be reported as lost, and is
    # not whole before it is written again; nobody was told that it is there.
    failed = ((out.records.kind == WRITE) & (out.records.status != 0)).any()
    if (out.counts["lost_bytes"] or log.losses) and not failed:
        wrong.append(f"{out.counts['lost_bytes']} bytes are reported lost, {log.losses}")
    if out.counts["held_bytes"] < looked_at * BLOCK:
        wrong.append(f"{out.counts['held_bytes']} bytes held, {looked_at} blocks acknowledged")
    assert not wrong, f"history {number}: carry_out(draw({number})); {wrong}; {history}"
    return looked_at, missed, 0


def check_many(numbers: range) -> int:
    looked_at, missed, double = np.array([check(number) for number in numbers]).sum(axis=0)
    assert looked_at > 4 * len(numbers) and missed > len(numbers) / 4  # the histories do try something
    # Under a computed rule a first write that names a disk failed for good has one copy for some milliseconds; a fault
    # in these is a second one. Such histories are judged by test_fault_ledger, which allows for any number of faults.
    assert double < len(numbers) / 50
    return len(numbers) - double


def test_a12_no_acknowledged_block_is_lost_by_single_faults():
    check_many(range(200))


@pytest.mark.slow
def test_a12_no_acknowledged_block_is_lost_by_single_faults_ten_thousand_times():
    assert check_many(range(10_200)) >= 10_000
