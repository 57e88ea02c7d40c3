"""What is in a trace, by one pass over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from placement_sim.workloads.requests import READ, UNMAP, WRITE, Requests
from placement_sim.workloads.traces.collect import Footprint, HotBlocks, LogHistogram, RateOverTime, Sizes
from placement_sim.workloads.traces.rows import SECTOR_BYTES, Ints
from placement_sim.workloads.traces.trace import Trace

FOOTPRINT_BLOCKS = {"4kib": 4096, "64kib": 65536, "1mib": 1 << 20}
PERCENTILES = (1.0, 10.0, 50.0, 90.0, 99.0, 99.9)
SIZES_SHOWN = 20
HOTTEST_SHOWN = 10
ALIGNMENTS_BYTES = (4096, 65536, 1 << 20)
_KINDS = ((READ, "read"), (WRITE, "write"), (UNMAP, "unmap"))


class _Devices:
    """Requests, bytes and address range of each device; arrays grow with the devices met."""

    def __init__(self) -> None:
        self.counts = np.zeros((3, 0), dtype=np.int64)
        self.bytes = np.zeros((3, 0), dtype=np.int64)
        self.end_bytes = np.zeros(0, dtype=np.int64)

    def add(self, chunk: Requests, devices: int) -> None:
        new = devices - self.counts.shape[1]
        if new > 0:
            room = max(new, self.counts.shape[1])
            self.counts, self.bytes = (np.pad(table, ((0, 0), (0, room))) for table in (self.counts, self.bytes))
            self.end_bytes = np.pad(self.end_bytes, (0, room))
        width = self.counts.shape[1]
        place = chunk.kind.astype(np.int64) * width + chunk.device
        self.counts += np.bincount(place, minlength=3 * width).reshape(3, -1)
        np.add.at(self.bytes.reshape(-1), place, chunk.size_bytes)
        np.maximum.at(self.end_bytes, chunk.device, chunk.offset_bytes + chunk.size_bytes)

    def rows(self, names: list[str]) -> list[dict[str, Any]]:
        rows = [
            {
                "device": name,
                "requests": int(self.counts[:, i].sum()),
                "reads": int(self.counts[READ, i]),
                "writes": int(self.counts[WRITE, i]),
                "read_bytes": int(self.bytes[READ, i]),
                "write_bytes": int(self.bytes[WRITE, i]),
                "address_span_bytes": int(self.end_bytes[i]),
            }
            for i, name in enumerate(names)
        ]
        return sorted(rows, key=lambda row: -row["requests"])


class TraceSummary:
    """All that ``trace_info`` tells; chunks go in, a dict of plain values comes out."""

    def __init__(self) -> None:
        self._footprints = {name: Footprint(size) for name, size in FOOTPRINT_BLOCKS.items()}
        self._hot, self._rate, self._gaps = HotBlocks(), RateOverTime(), LogHistogram()
        self._sizes, self._devices = Sizes(), _Devices()
        self._sector_in_4kib = np.zeros(8, dtype=np.int64)
        self._off_sector = 0
        self._aligned = np.zeros(len(ALIGNMENTS_BYTES), dtype=np.int64)
        self._straddling = 0
        self._last_ns: int | None = None
        self._first_ns = 0

    def add(self, chunk: Requests, devices: int) -> None:
        """Take up a chunk; ``devices`` have been met so far."""
        for footprint in self._footprints.values():
            footprint.add(chunk)
        self._hot.add(chunk)
        self._rate.add(chunk)
        self._sizes.add(chunk)
        self._devices.add(chunk, devices)
        data = chunk.kind != UNMAP
        offset, size = chunk.offset_bytes[data], chunk.size_bytes[data]
        self._sector_in_4kib += np.bincount(offset // SECTOR_BYTES % 8, minlength=8)
        self._off_sector += int((offset % SECTOR_BYTES != 0).sum())
        self._aligned += [int((offset % block == 0).sum()) for block in ALIGNMENTS_BYTES]
        self._straddling += int(((offset + size - 1) // 4096 - offset // 4096 > (size - 1) // 4096).sum())
        if self._last_ns is None:
            self._first_ns = self._last_ns = int(chunk.time_ns[0])
            self._gaps.add(np.diff(chunk.time_ns))
        else:
            self._gaps.add(np.diff(chunk.time_ns, prepend=self._last_ns))
        self._last_ns = int(chunk.time_ns[-1])

    def values(self, trace: Trace) -> dict[str, Any]:
        """Give the summary once the whole trace has gone in."""
        counts = self._devices.counts.sum(axis=1)
        sums = {name: sum(self._devices.bytes[kind].tolist()) for kind, name in _KINDS}
        rows = self._devices.rows(trace.devices)
        return {
            "format": trace.format,
            "why": trace.why,
            "compression": trace.source.compression,
            "requests": int(counts.sum()),
            "reads": int(counts[READ]),
            "writes": int(counts[WRITE]),
            "unmaps": int(counts[UNMAP]),
            "span_s": ((self._last_ns or 0) - self._first_ns) / 1e9,
            **{f"{name}_bytes": value for name, value in sums.items()},
            "address_span_bytes": max(row["address_span_bytes"] for row in rows),
            **{f"footprint_blocks_{name}": part.blocks for name, part in self._footprints.items()},
            "sizes": self._size_rows(),
            "alignment": self._alignment(),
            "rate_over_time": self._rate_rows(),
            "inter_arrival_s": self._gap_percentiles(),
            "hottest_blocks_1mib": [
                {"device": trace.devices[device], "offset_bytes": block << 20, "requests": count}
                for device, block, count in self._hot.top(HOTTEST_SHOWN)
            ],
            "hottest_blocks_missed_requests": self._hot.missed,
            "devices": list(trace.devices),
            "by_device": rows,
            "other_operations": dict(trace.other_operations),
            "skipped_rows": trace.skipped_rows,
            "notes": list(trace.notes),
        }

    def _size_rows(self) -> list[dict[str, Any]]:
        total = self._sizes.counts.total() + self._sizes.further
        ranked = sorted(self._sizes.counts.items(), key=lambda item: (-item[1], item[0]))
        return [{"size_bytes": size, "requests": n, "share": n / total} for size, n in ranked[:SIZES_SHOWN]]

    def _alignment(self) -> dict[str, Any]:
        total = int(self._sector_in_4kib.sum())
        share = max(1, total)
        sector = int(self._sector_in_4kib.argmax())
        return {
            "aligned_512_share": 1.0 - self._off_sector / share if total else 0.0,
            **{f"aligned_{b}_share": int(n) / share for b, n in zip(ALIGNMENTS_BYTES, self._aligned, strict=True)},
            "commonest_sector_of_4kib": sector,
            "commonest_sector_share": int(self._sector_in_4kib[sector]) / share,
            "needlessly_straddling_4kib_share": self._straddling / share,
        }

    def _rate_rows(self) -> dict[str, Any]:
        rate, windows = self._rate, self._rate.windows

        def row(table: Ints, kind: int) -> list[int]:
            return [int(value) for value in table[kind, :windows]]

        return {
            "window_s": rate.window_ns / 1e9,
            "reads": row(rate.counts, READ),
            "writes": row(rate.counts, WRITE),
            "unmaps": row(rate.counts, UNMAP),
            "read_bytes": row(rate.bytes, READ),
            "write_bytes": row(rate.bytes, WRITE),
        }

    def _gap_percentiles(self) -> dict[str, float | None]:
        found = {f"p{q:g}".replace(".", ""): self._gaps.percentile(q) for q in PERCENTILES}
        return {name: None if value is None else value / 1e9 for name, value in found.items()}


def trace_info(trace: Trace) -> dict[str, Any]:
    r"""Summarise an opened trace in one pass; memory does not grow with the number of requests.

    Returns
    -------
    dict
        format, why, compression; requests, reads, writes, unmaps; span_s (first to last request); read_bytes,
        write_bytes, unmap_bytes; address_span_bytes; footprint_blocks_4kib, _64kib and _1mib (distinct blocks read
        or written, per device; None where they are too scattered to be counted in bounded memory); sizes (the
        commonest); alignment; rate_over_time (up to 128 equal windows); inter_arrival_s (percentiles, within 1/64);
        hottest_blocks_1mib (by requests that begin in them, too low by at most hottest_blocks_missed_requests);
        devices, by_device; other_operations; skipped_rows; notes. Sizes, alignment, footprint and hottest blocks
        are of reads and writes.

    Raises
    ------
    TraceError
        As ``Trace.chunks``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from placement_sim.workloads.traces import open_trace
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text("10,hm,0,Write,4000,512,1\n20,hm,0,Read,0,512,1\n")
    >>> info = trace_info(open_trace(file))
    >>> info["reads"], info["write_bytes"], info["footprint_blocks_4kib"], info["span_s"]
    (1, 512, 2, 1e-06)
    """
    summary = TraceSummary()
    for chunk in trace.chunks():
        summary.add(chunk, len(trace.devices))
    return summary.values(trace)
