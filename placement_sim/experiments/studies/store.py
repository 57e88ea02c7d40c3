"""A store of finished runs: a folder with an index (SQLite, write-ahead log) and Parquet shards.

A finished run is committed to the index at once and moved to a shard with many others. kill -9 loses only
runs in flight: what it can leave is a shard that the index does not know, which is taken in at the next
opening, or the start of one under a temporary name, which is removed. The index can be rebuilt from the shards.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.studies.identity import RunKey
from placement_sim.experiments.studies.owners import Owner
from placement_sim.experiments.studies.shards import Record, read_shards, write_shard

FORMAT = 1
SHARD_RUNS = 2000  # runs in the index that make a shard; at close, what there is
BUSY_S = 120.0  # how long one process waits for another one's transaction
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, recipe_id TEXT NOT NULL, seed INTEGER NOT NULL, code TEXT NOT NULL,
    state TEXT NOT NULL, error TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (run_id TEXT PRIMARY KEY, vals TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recipes (recipe_id TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shards (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (run_id TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
"""
Claim = Literal["mine", "taken", "done", "failed"]


class Store:
    """Finished runs in a folder; several processes of one machine may use it at once.

    Parameters
    ----------
    folder
        Made if it is not there; it must lie on a local disk.

    Raises
    ------
    InputError
        The folder cannot be written, or holds something else.

    Examples
    --------
    >>> import tempfile
    >>> with Store(tempfile.mkdtemp()) as store:
    ...     key = RunKey("0" * 32, 7, "code")
    ...     store.claim(key.run_id), store.add([store.record(key, {"latency_s_mean": 0.004})], {"0" * 32: "{}"})
    ...     store.claim(key.run_id), store.frame(["latency_s_mean"])["latency_s_mean"].tolist()
    ('mine', None)
    ('done', [0.004])
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.shard_folder = self.folder / "runs"
        index = self.folder / "index.sqlite"
        if self.folder.is_dir() and any(self.folder.iterdir()) and not index.exists():
            if not self.shard_folder.is_dir():
                cure = "name an empty folder, or one that does not exist"
                raise InputError(str(self.folder), "the folder holds something that is no store", cure)
        try:
            self.shard_folder.mkdir(parents=True, exist_ok=True)
            self._owner = Owner(self.folder / "owners")
            self._base = sqlite3.connect(index, timeout=BUSY_S, isolation_level=None)
            self._open()
        except (OSError, sqlite3.DatabaseError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            cure = "name another folder; an index that is damaged can be removed, the runs in shards stay"
            raise InputError(str(self.folder), f"cannot be used: {reason}", cure) from None
        self._adopt()

    def _open(self) -> None:
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")  # safe against kill -9; the shards are synced to disk
        self._base.executescript(_TABLES)
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            cure = "use the version of placement_sim that made it"
            raise InputError(str(self.folder), f"the store has format {version}, not {FORMAT}", cure)
        self._base.execute(f"PRAGMA user_version={FORMAT}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield self._base
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def _adopt(self) -> None:
        """Take in shards that the index does not know; forget those that are gone; clear what the dead left."""
        with self._transaction() as base:
            for temporary in self.shard_folder.glob("*.tmp"):
                if not self._owner.alive(temporary.name.split(".")[-2]):
                    temporary.unlink(missing_ok=True)
            present = {path.name for path in self.shard_folder.glob("*.parquet")}
            listed = {name for (name,) in base.execute("SELECT name FROM shards")}
            if listed - present:  # removed by hand: what they held must be run again
                base.execute("DELETE FROM shards")
                base.execute("DELETE FROM runs WHERE run_id NOT IN (SELECT run_id FROM pending)")
                listed = set()
            for name in sorted(present - listed):
                self._take_in(base, name)

    def _take_in(self, base: sqlite3.Connection, name: str) -> None:
        columns = ["run_id", "recipe_id", "seed", "code", "state", "error", "recipe"]
        rows = read_shards([self.shard_folder / name], columns)
        found = rows[columns].astype(object).to_numpy().tolist()
        base.executemany(_UPSERT, [row[:6] for row in found])
        base.executemany("INSERT OR IGNORE INTO recipes VALUES (?, ?)", [(row[1], row[6]) for row in found])
        done = [(row[0],) for row in found if row[4] == "done"]
        base.executemany("DELETE FROM pending WHERE run_id = ?", done)
        base.execute("INSERT OR IGNORE INTO shards VALUES (?)", (name,))

    @staticmethod
    def record(key: RunKey, values: dict[str, float] | None, error: str = "") -> Record:
        """Make a record: done with its values, or failed with its error."""
        state = "failed" if values is None else "done"
        return Record(key.run_id, key.recipe_id, key.seed, key.code, state, error, values or {})

    def settled(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Give the state of those of some runs that are done or have failed."""
        found: dict[str, str] = {}
        for start in range(0, len(run_ids), 500):  # SQLite takes 999 parameters and more
            some = run_ids[start : start + 500]
            marks = ",".join("?" * len(some))
            found |= dict(self._base.execute(f"SELECT run_id, state FROM runs WHERE run_id IN ({marks})", some))
        return found

    def claim(self, run_id: str, *, retry_failed: bool = False) -> Claim:
        """Ask to run something: "mine", "taken" by a living process, or already "done" or "failed"."""
        with self._transaction() as base:
            state = base.execute("SELECT state FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            if state and (state[0] == "done" or not retry_failed):
                return "done" if state[0] == "done" else "failed"
            owner = base.execute("SELECT owner FROM claims WHERE run_id = ?", (run_id,)).fetchone()
            if owner and owner[0] != self._owner.token and self._owner.alive(owner[0]):
                return "taken"
            base.execute("INSERT OR REPLACE INTO claims VALUES (?, ?)", (run_id, self._owner.token))
            return "mine"

    def add(self, records: Iterable[Record], recipes: dict[str, str]) -> None:
        """Commit finished runs; when this returns, kill -9 does not lose them."""
        with self._transaction() as base:
            for row in records:
                base.execute("DELETE FROM claims WHERE run_id = ?", (row.run_id,))
                if base.execute("SELECT 1 FROM runs WHERE run_id = ? AND state = 'done'", (row.run_id,)).fetchone():
                    continue
                values = json.dumps(dict(row.values))  # Python writes and reads NaN
                base.execute("INSERT OR IGNORE INTO recipes VALUES (?, ?)", (row.recipe_id, recipes[row.recipe_id]))
                base.execute(_UPSERT, row[:6])
                base.execute("INSERT OR REPLACE INTO pending VALUES (?, ?)", (row.run_id, values))
            waiting = base.execute("SELECT count(*) FROM pending").fetchone()[0]
        if waiting >= SHARD_RUNS:
            self.flush()

    def flush(self) -> None:
        """Move what waits in the index to a shard."""
        with self._transaction() as base:
            records = self._pending(base)
            if records:
                recipes = dict(
                    base.execute(
                        "SELECT * FROM recipes WHERE recipe_id IN "
                        "(SELECT recipe_id FROM runs JOIN pending USING (run_id))"
                    )
                )
                name = write_shard(self.shard_folder, records, recipes, self._owner.token)
                base.execute("INSERT OR IGNORE INTO shards VALUES (?)", (name,))
                base.execute("DELETE FROM pending")

    def _pending(self, base: sqlite3.Connection) -> list[Record]:
        rows = base.execute("SELECT runs.*, vals FROM pending JOIN runs USING (run_id) ORDER BY run_id")
        return [Record(a, b, c, d, e, f, json.loads(values)) for a, b, c, d, e, f, values in rows]

    def states(self) -> pd.DataFrame:
        """Give run_id, recipe_id, seed, code, state and error of every run."""
        names = ["run_id", "recipe_id", "seed", "code", "state", "error"]
        return pd.DataFrame(self._base.execute("SELECT * FROM runs ORDER BY run_id").fetchall(), columns=names)

    def identity(self, run_id: str) -> dict[str, Any]:
        """Give all that names a run, for `why_different`: its recipe, its seed and the code that made it."""
        question = "SELECT text, seed, code FROM runs JOIN recipes USING (recipe_id) WHERE run_id = ?"
        found = self._base.execute(question, (run_id,)).fetchone()
        if found is None:
            raise InputError(f"run {run_id!r}", "is not in the store", "take one from `states`")
        text, seed, code = found
        return {**json.loads(text), "seed": seed, "code": code}

    def frame(self, metrics: Sequence[str] | None = None) -> pd.DataFrame:
        """Give run_id, state, error and metrics of every run, each run once; None is all metrics."""
        columns = None if metrics is None else ["run_id", "state", "error", *metrics]
        self._base.execute("BEGIN")  # one moment for both: shards are only ever added
        try:
            names = [name for (name,) in self._base.execute("SELECT name FROM shards ORDER BY name")]
            pending = self._pending(self._base)
        finally:
            self._base.execute("COMMIT")
        rows = read_shards([self.shard_folder / name for name in names], columns)
        if pending:
            fresh = pd.DataFrame(
                [{"run_id": row.run_id, "state": row.state, "error": row.error, **row.values} for row in pending]
            )
            rows = pd.concat([rows, fresh], ignore_index=True) if len(rows) else fresh
        rows = rows.drop(columns=[name for name in ("recipe_id", "seed", "code", "recipe") if name in rows])
        rows = rows if metrics is None else rows.reindex(columns=["run_id", "state", "error", *metrics])
        # A run that failed and then succeeded is in two shards: "done" comes first.
        rows = rows.sort_values(["run_id", "state"], kind="stable", ignore_index=True)
        return rows.drop_duplicates("run_id", ignore_index=True)

    def merge(self, other: str | Path) -> None:
        """Take in all runs of another store: copy its shards, which is a union."""
        with Store(other) as source:
            source.flush()
            for path in sorted(source.shard_folder.glob("*.parquet")):
                temporary = self.shard_folder / f"{path.name}.{self._owner.token}.tmp"
                shutil.copyfile(path, temporary)
                temporary.replace(self.shard_folder / path.name)
        self._adopt()

    def close(self) -> None:
        """Move what waits to a shard and give the claims back."""
        self.flush()
        with self._transaction() as base:
            base.execute("DELETE FROM claims WHERE owner = ?", (self._owner.token,))
        self._base.close()
        self._owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


# What is done stays done, whatever a later failure or an older shard says.
_UPSERT = """
INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run_id)
DO UPDATE SET state = excluded.state, error = excluded.error WHERE runs.state != 'done'
"""
