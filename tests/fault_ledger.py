"""What lies on each disk, kept beside the reference data path: which write every 512 bytes of a component hold.

From the engine it takes which disk served which operation, and which copy was made; what is newest where it knows
itself. So a read that is given old bytes, or zeros for bytes that were acknowledged, is seen although no data exists.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from placement_sim.engine import moves, repair
from placement_sim.engine.reference import ReferenceDataPath
from placement_sim.workloads.requests import READ, UNMAP, WRITE

UNIT = 512


class Ledger:
    """Contents by (leg, disk, unit): (order of writing, request); and the reads with what they were given."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, int, int], tuple[int, int]] = {}
        self.reads: dict[tuple[int, int], list[int]] = {}  # (request, unit): requests whose bytes were there, -1: none
        self._order = 0

    def served(self, is_write: bool, leg: int, disk: int, start: int, size: int, number: int) -> None:
        """Take an operation of a guest that a disk has served."""
        self._order += 1
        for unit in range(start // UNIT, -(-(start + size) // UNIT)):
            if is_write:
                self.held[leg, disk, unit] = (self._order, number)
            else:
                self.reads.setdefault((number, unit), []).append(self.held.get((leg, disk, unit), (0, -1))[1])

    def block(self, leg: int, disk: int, units: range) -> list[tuple[int, int]]:
        """Give what lies in a block now."""
        return [self.held.get((leg, disk, unit), (0, -1)) for unit in units]

    def copy_block(self, original: Any, path: Any, key: Any, copy: Any, purpose: str) -> Iterator[Any]:
        """Go beside `engine.copying.copy_block`; what was there when the read was done is what is copied."""
        start, end = path.placement.degraded.extent(key)
        units, before = range(start // UNIT, -(-end // UNIT)), self._order
        legs = path.objects[key[0]].legs
        going, seen = original(path, key, copy, purpose), []
        record = None
        try:
            event = next(going)
            record = path.placement.degraded.records[key]
            is_partial = min(record.old, record.newer) >= 0  # two copies become one (A14)
            while True:
                value = yield event
                source_leg = key[1]
                if copy.source not in (record.old, record.newer):  # from another leg's disk
                    having = (
                        i
                        for i, leg in enumerate(legs)
                        if i != key[1] and leg.written.get(copy.source) and leg.written[copy.source].is_written(key[2])
                    )
                    source_leg = next(having, (key[1] + 1) % len(legs))  # none yet: its first write is waited for
                seen.append(self.block(source_leg, copy.source, units))
                event = going.send(value)
        except StopIteration as stop:
            if stop.value and stop.value.size_bytes:
                for unit, found in zip(units, seen[-2], strict=True):
                    there = self.held.get((key[1], copy.target, unit), (0, -1))
                    keeps = there > found if is_partial else there[0] > before
                    self.held[key[1], copy.target, unit] = there if keeps else found
            return stop.value


@contextmanager
def watching(patch: Any) -> Iterator[Ledger]:
    """Keep a ledger of runs on the reference path."""
    ledger = Ledger()
    with patch.context() as inner:
        for name, is_write in (("_wrote", True), ("_was_read", False)):
            original = getattr(ReferenceDataPath, name)

            def note(path: Any, op: Any, now: int, original: Any = original, is_write: bool = is_write) -> None:
                original(path, op, now)
                if op.object_index >= 0:
                    ledger.served(is_write, op.leg, op.disk, op.start_bytes, op.size_bytes, op.request.number)

            inner.setattr(ReferenceDataPath, name, note)
        plain_done = ReferenceDataPath._plain_done

        def note_plain(path: Any, plain: Any, now: int) -> None:
            plain_done(path, plain, now)
            ledger.served(plain.row[1] == WRITE, 0, plain.disk, plain.row[2], plain.row[3], plain.number)

        inner.setattr(ReferenceDataPath, "_plain_done", note_plain)
        for module in (repair, moves):
            inner.setattr(module, "copy_block", lambda *args, original=module.copy_block: ledger.copy_block(
                original, *args))  # fmt: skip
        yield ledger


def judge(ledger: Ledger, requests: Any, records: Any, block_bytes: int) -> list[str]:
    """List reads that gave bytes older than a write that had been acknowledged before; zeros count as oldest.

    `requests` has rows of (time, kind, offset, size). A write that an unmap may have overtaken is not asked for.
    """
    ended = dict(zip(records.number.tolist(), (records.issued_ns + records.latency_ns).tolist(), strict=True))
    issued = dict(zip(records.number.tolist(), records.issued_ns.tolist(), strict=True))
    status = dict(zip(records.number.tolist(), records.status.tolist(), strict=True))
    size_units = max(-(-(row[2] + row[3]) // UNIT) for row in requests)
    unmaps: list[list[int]] = [[] for _ in range(size_units)]
    writes: list[list[int]] = [[] for _ in range(size_units)]
    for number, (_, kind, offset, size) in enumerate(requests):
        for unit in range(offset // UNIT, -(-(offset + size) // UNIT)):
            if kind == UNMAP:
                unmaps[unit].append(number)
            elif kind == WRITE and status.get(number) == 0:
                writes[unit].append(number)
    wrong = []
    for number, (_, kind, offset, size) in enumerate(requests):
        if kind != READ or status.get(number) != 0:
            continue
        for unit in range(offset // UNIT, -(-(offset + size) // UNIT)):
            gone = max((ended[u] for u in unmaps[unit] if issued[u] <= ended[number]), default=-1)
            told = [w for w in writes[unit] if ended[w] < issued[number] and issued[w] > gone]
            given = ledger.reads.get((number, unit), [-1])
            newest = max((issued[w] for w in told), default=-1)
            if max(ended.get(g, np.inf) if g >= 0 else -1 for g in given) < newest:
                wrong.append(f"request {number} reads {given} at byte {unit * UNIT}, acknowledged are {told}")
    return wrong
