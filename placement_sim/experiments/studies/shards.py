"""Parquet shards: files of finished runs that are written once, whole or not at all, and never changed.

A shard is named by the runs in it, so that copying shards from another store is a union.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from placement_sim.errors import InputError

FIXED = ("run_id", "recipe_id", "seed", "code", "state", "error", "recipe")
_SCHEMA = [pa.field(name, pa.int64() if name == "seed" else pa.string()) for name in FIXED]


class Record(NamedTuple):
    """One finished run: its name, how it ended, its numbers."""

    run_id: str
    recipe_id: str
    seed: int
    code: str
    state: str  # done or failed
    error: str
    values: Mapping[str, float]


def write_shard(folder: Path, records: Iterable[Record], recipes: Mapping[str, str], owner: str) -> str:
    """Write records in order of their ids and give the file's name.

    The file appears under its name only when its bytes are on the disk.
    """
    rows = sorted(records)
    name = hashlib.sha256(" ".join(row.run_id + row.state for row in rows).encode()).hexdigest()[:24] + ".parquet"
    metrics = list(dict.fromkeys(key for row in rows for key in row.values))
    columns: dict[str, Any] = {key: [getattr(row, key) for row in rows] for key in FIXED[:-1]}
    columns["recipe"] = [recipes[row.recipe_id] for row in rows]
    columns |= {key: [row.values.get(key) for row in rows] for key in metrics}
    schema = pa.schema([*_SCHEMA, *(pa.field(key, pa.float64()) for key in metrics)])
    temporary = folder / f"{name}.{owner}.tmp"
    with temporary.open("wb") as file:
        pq.write_table(pa.table(columns, schema=schema), file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / name)
    sync_folder(folder)
    return name


def sync_folder(folder: Path) -> None:
    """Make a rename last; where folders cannot be opened (Windows) the system does it by itself."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_shards(paths: Sequence[Path], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read shards into one frame; a column that some do not have is missing there.

    Parameters
    ----------
    columns
        Columns wanted; None is all. One that no shard has is left out.
    """
    tables = []
    for path in paths:
        try:
            present = pq.read_schema(path).names
            wanted = None if columns is None else [name for name in columns if name in present]
            tables.append(pq.read_table(path, columns=wanted, partitioning=None))
        except (pa.ArrowInvalid, OSError) as error:
            cure = "remove the file; its runs will be repeated"
            raise InputError(str(path), f"cannot be read: {error}", cure) from None
    if not tables:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns or FIXED})
    frame: pd.DataFrame = pa.concat_tables(tables, promote_options="default").to_pandas()
    return frame
