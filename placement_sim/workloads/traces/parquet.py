"""Traces as Parquet, our own fast form: the columns of a trace's frame, times in ns since the start of the recording.

Counts of other operations and skipped rows travel in the file's metadata; pages carry checksums.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from placement_sim.errors import TraceError
from placement_sim.workloads.requests import KIND_NAMES, Requests
from placement_sim.workloads.traces.rows import Checker, Reading, Rows, as_mask, as_numpy, by_value

METADATA_KEY = b"placement_sim.trace"
VERSION = 1
TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("time_ns", pa.int64()),
        ("kind", TEXT),
        ("offset_bytes", pa.int64()),
        ("size_bytes", pa.int64()),
        ("device", TEXT),
    ]
)
_COPY_AGAIN = "copy or convert the file again"


def read(reading: Reading, rows: int, time_unit: str | None) -> Iterator[Rows]:
    """Yield the rows of the file; columns beyond those of ``SCHEMA`` are passed over."""
    name = reading.source.name
    if reading.source.once:
        raise TraceError(name, "Parquet cannot be read from a pipe", "save it to a file and name that")
    try:
        with pq.ParquetFile(reading.source.path) as file:
            _check_schema(name, file.schema_arrow)
        with pq.ParquetFile(
            reading.source.path, read_dictionary=["kind", "device"], page_checksum_verification=True
        ) as file:
            _take_counts(reading, file.metadata.metadata or {})
            done = 0
            for batch in file.iter_batches(batch_size=rows, columns=SCHEMA.names, use_threads=False):
                place = np.arange(done + 1, done + len(batch) + 1, dtype=np.int64)
                done += len(batch)
                if len(batch):
                    yield _convert(Checker(reading, place), batch)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:  # what damage makes of pyarrow
        raise TraceError(name, f"the Parquet data is cut off or corrupt ({error})", _COPY_AGAIN) from error


def _check_schema(name: str, schema: pa.Schema) -> None:
    for field in SCHEMA:
        index = schema.get_field_index(field.name)
        if index < 0:
            raise TraceError(
                name, f"the Parquet file has no column {field.name!r}", "convert the trace with trace convert"
            )
        found = schema.field(index).type
        found = found.value_type if pa.types.is_dictionary(found) else found
        wanted = pa.string() if field.type == TEXT else field.type
        if found != wanted:
            problem = f"column {field.name!r} is {found}, not {wanted}"
            raise TraceError(name, problem, "convert the trace with trace convert")


def _take_counts(reading: Reading, metadata: dict[bytes, bytes]) -> None:
    """Add what the conversion counted; a file from elsewhere has none."""
    if METADATA_KEY not in metadata:
        return
    try:
        values: dict[str, Any] = json.loads(metadata[METADATA_KEY])
        version, others = values["version"], {str(key): int(count) for key, count in values["other_operations"].items()}
        skipped = int(values["skipped_rows"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TraceError(reading.source.name, "the metadata of the trace is not readable", _COPY_AGAIN) from None
    if version != VERSION:
        raise TraceError(reading.source.name, f"it is of version {version}, not {VERSION}", "convert the trace again")
    reading.other_operations.update(others)
    reading.skipped_rows += skipped


def _convert(checker: Checker, batch: pa.RecordBatch) -> Rows:
    blank = np.zeros(len(batch), dtype=bool)
    for name in SCHEMA.names:
        blank |= as_mask(pc.is_null(batch.column(name)))
    checker.check(blank, lambda i: "a value is missing")
    time, offset, size = (
        np.where(blank, 0, as_numpy(pc.fill_null(batch.column(name), 0))).astype(np.int64)
        for name in ("time_ns", "offset_bytes", "size_bytes")
    )
    kinds, devices = (pc.fill_null(batch.column(name).cast(pa.string()), "") for name in ("kind", "device"))
    codes = by_value(kinds, lambda value: KIND_NAMES.index(value) if value in KIND_NAMES else -1)
    checker.check(codes < 0, lambda i: f"kind {kinds[i].as_py()!r} is not one of {', '.join(KIND_NAMES)}")
    for name, values in (("time_ns", time), ("offset_bytes", offset), ("size_bytes", size)):
        checker.check(values < 0, lambda i, name=name, values=values: f"{name} {values[i]} is negative")  # type: ignore[misc]
    checker.extent(offset, size)
    index = np.zeros(len(batch), dtype=np.int32)
    index[checker.good] = checker.reading.device_index(devices.filter(pa.array(checker.good)))
    kind = np.where(checker.good, codes, 0).astype(np.uint8)
    rows = Rows(time, kind, offset, size, index, checker.place)
    return rows if checker.good.all() else rows.take(checker.good)


def batch_of(chunk: Requests, devices: list[str]) -> pa.RecordBatch:
    """Give a chunk as a batch of ``SCHEMA``."""
    codes = np.unique(chunk.device)  # only the names that occur, for a batch has its own dictionary
    place = np.searchsorted(codes, chunk.device).astype(np.int32)
    names = pa.array([devices[code] for code in codes.tolist()], type=pa.string())
    kinds = pa.DictionaryArray.from_arrays(pa.array(chunk.kind.astype(np.int32)), pa.array(KIND_NAMES))
    columns = [
        pa.array(chunk.time_ns), kinds, pa.array(chunk.offset_bytes), pa.array(chunk.size_bytes),
        pa.DictionaryArray.from_arrays(pa.array(place), names),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def counts(other_operations: dict[str, int], skipped_rows: int) -> dict[bytes, bytes]:
    """Give the metadata that ``read`` takes up again."""
    values = {"version": VERSION, "other_operations": other_operations, "skipped_rows": skipped_rows}
    return {METADATA_KEY: json.dumps(values, sort_keys=True).encode()}
