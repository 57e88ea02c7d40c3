"""The store: every state that kill -9 can leave, two processes at once, union, and reading without placement_sim."""

from __future__ import annotations

import math
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from study_cases import python

from placement_sim.errors import InputError
from placement_sim.experiments.studies import store as store_module
from placement_sim.experiments.studies.identity import RunKey, why_different
from placement_sim.experiments.studies.shards import Record, read_shards, write_shard
from placement_sim.experiments.studies.store import Store

RECIPES = {"r": '{"a":1}'}


def record(number: int, value: float | None = 1.0, code: str = "c") -> Record:
    values = None if value is None else {"latency_s_mean": value, "no_space_time_s": math.nan}
    return Store.record(RunKey("r", number, code), values, "" if values else "it broke")


def fill(folder: Path, numbers: range, close: bool = True) -> Store:
    store = Store(folder)
    store.add([record(number, float(number)) for number in numbers], RECIPES)
    if close:
        store.close()
    return store


def values(folder: Path) -> list[float]:
    with Store(folder) as store:
        return sorted(store.frame(["latency_s_mean"])["latency_s_mean"].tolist())


def test_what_is_added_is_there_after_the_process_is_gone(tmp_path: Path) -> None:
    """Nothing is closed and nothing flushed: as after kill -9."""
    folder = tmp_path / "s"
    code = (
        "from test_study_store import fill\nfrom pathlib import Path\nimport os\n"
        f"fill(Path({str(folder)!r}), range(3), close=False)\nos.kill(os.getpid(), 9)"
    )
    child = python(code)
    child.communicate()
    assert child.returncode == -9
    assert list(folder.glob("runs/*.parquet")) == []
    assert values(folder) == [0.0, 1.0, 2.0]


def test_a_shard_that_the_index_does_not_know_is_taken_in(tmp_path: Path) -> None:
    """kill -9 between the renaming of a shard and the commit: the runs are in both, and counted once."""
    fill(tmp_path, range(2))
    store = Store(tmp_path)
    store.add([record(7, 7.0)], RECIPES)
    write_shard(store.shard_folder, [record(7, 7.0)], RECIPES, "me")
    (store.shard_folder / "x.parquet.dead.tmp").write_bytes(b"half")
    store._base.close()
    assert values(tmp_path) == [0.0, 1.0, 7.0]
    assert list((tmp_path / "runs").glob("*.tmp")) == []


def test_the_index_can_be_rebuilt(tmp_path: Path) -> None:
    fill(tmp_path, range(5))
    (tmp_path / "index.sqlite").unlink()
    assert values(tmp_path) == [0.0, 1.0, 2.0, 3.0, 4.0]
    with Store(tmp_path) as store:
        assert store.identity(record(3).run_id)["a"] == 1
        assert store.settled([record(3).run_id, "unknown"]) == {record(3).run_id: "done"}


def test_two_stored_runs_can_be_told_apart(tmp_path: Path) -> None:
    """By recipe, seed or code, whichever differs."""
    with Store(tmp_path) as store:
        store.add([record(1), record(2, code="d"), record(1, code="d")], RECIPES)
        one, two, three = (store.identity(row.run_id) for row in (record(1), record(2, code="d"), record(1, code="d")))
        assert why_different(one, two).to_dict("records") == [
            {"key": "seed", "a": 1, "b": 2},
            {"key": "code", "a": "c", "b": "d"},
        ]
        assert why_different(one, three)["key"].tolist() == ["code"]
        with pytest.raises(InputError, match="not in the store"):
            store.identity("unknown")


def test_runs_of_a_shard_that_was_removed_are_run_again(tmp_path: Path) -> None:
    fill(tmp_path, range(2))
    (first,) = (tmp_path / "runs").glob("*.parquet")
    fill(tmp_path, range(2, 4))
    first.unlink()
    assert values(tmp_path) == [2.0, 3.0]
    with Store(tmp_path) as store:
        assert store.claim(record(0).run_id) == "mine"
        assert store.claim(record(2).run_id) == "done"


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    fill(tmp_path, range(2))
    (path,) = (tmp_path / "runs").glob("*.parquet")
    path.write_bytes(b"not parquet")
    (tmp_path / "index.sqlite").unlink()
    with pytest.raises(InputError, match=path.name):
        Store(tmp_path)


def test_shards_are_written_as_runs_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SHARD_RUNS", 4)
    with Store(tmp_path) as store:
        for number in range(10):
            store.add([record(number, float(number))], RECIPES)
        assert len(list((tmp_path / "runs").glob("*.parquet"))) == 2
        assert len(store.frame()) == 10
    assert values(tmp_path) == [float(number) for number in range(10)]


def test_what_is_done_stays_done(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add([record(1, None)], RECIPES)
        assert store.claim(record(1).run_id) == "failed"
        assert store.claim(record(1).run_id, retry_failed=True) == "mine"
        store.flush()
        store.add([record(1, 3.0)], RECIPES)
        store.add([record(1, None)], RECIPES)
        assert store.states()["state"].tolist() == ["done"]
        assert store.states()["error"].tolist() == [""]
    assert values(tmp_path) == [3.0]


def test_union_is_copying_shards(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(3))
    fill(tmp_path / "b", range(2, 6))
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    with Store(tmp_path / "a") as store:
        store.merge(tmp_path / "b")
        store.merge(tmp_path / "b")
        assert len(store.states()) == 6
    for path in (tmp_path / "b" / "runs").glob("*.parquet"):
        shutil.copy(path, tmp_path / "c" / "runs")
    assert values(tmp_path / "a") == values(tmp_path / "c") == [float(number) for number in range(6)]


def test_the_same_runs_make_the_same_shard(tmp_path: Path) -> None:
    rows = [record(number) for number in range(5)]
    for name, order in (("a", rows), ("b", rows[::-1])):
        (tmp_path / name).mkdir()
        write_shard(tmp_path / name, order, RECIPES, "me")
    (a,), (b,) = (list((tmp_path / name).iterdir()) for name in ("a", "b"))
    assert a.name == b.name and a.read_bytes() == b.read_bytes()


def test_shards_with_other_metrics_are_read_together(tmp_path: Path) -> None:
    names = [
        write_shard(tmp_path, [Record("a", "r", 1, "c", "done", "", {"x": 1.0})], RECIPES, "me"),
        write_shard(tmp_path, [Record("b", "r", 2, "c", "done", "", {"y": 2.0})], RECIPES, "me"),
    ]
    frame = read_shards([tmp_path / name for name in names], ["run_id", "x", "y"]).set_index("run_id")
    assert frame.loc["a", "x"] == 1.0 and pd.isna(frame.loc["a", "y"]) and frame.loc["b", "y"] == 2.0


def test_pandas_and_duckdb_read_it_alone(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    fill(tmp_path, range(3))
    fill(tmp_path, range(3, 5))
    files = (tmp_path / "runs").as_posix()
    assert sorted(pd.read_parquet(files)["latency_s_mean"]) == [0.0, 1.0, 2.0, 3.0, 4.0]
    query = f"SELECT sum(latency_s_mean), count(*) FROM read_parquet('{files}/*.parquet', union_by_name = true)"
    with duckdb.connect() as base:
        assert base.execute(query).fetchall() == [(10.0, 5)]


def test_a_claim_of_the_dead_is_not_obeyed(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        code = (
            "from placement_sim.experiments.studies.store import Store\nimport time\n"
            f"store = Store({str(tmp_path)!r})\nprint(store.claim('run'), flush=True)\ntime.sleep(60)"
        )
        other = python(code)
        assert other.stdout is not None and other.stdout.readline() == "mine\n"
        assert store.claim("run") == "taken"
        other.kill()
        other.communicate()
        store._owner._seen.clear()
        assert store.claim("run") == "mine"


@pytest.mark.parametrize("content", ["other", "damaged", "newer", "file"])
def test_what_is_no_store_is_refused(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "s"
    if content == "file":
        folder.write_text("")
    else:
        folder.mkdir()
    if content == "other":
        (folder / "letter.txt").write_text("dear reader")
    elif content == "damaged":
        (folder / "index.sqlite").write_bytes(b"no database" * 1000)
    elif content == "newer":
        base = sqlite3.connect(folder / "index.sqlite")
        base.execute("PRAGMA user_version = 99")
        base.close()
    with pytest.raises(InputError):
        Store(folder)
