"""The recorded program: fill a database of about 100 MB, then insert, update and select at random."""

from __future__ import annotations

import random
import sqlite3
import sys
import time

ROWS = 200_000
OPERATIONS = 6_000


def fill(path: str) -> None:
    """Create the table and its index."""
    rng = random.Random(1)
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode=wal")
    db.execute("create table item (id integer primary key, owner integer, body blob)")
    rows = ((i, rng.randrange(10_000), rng.randbytes(rng.randrange(200, 700))) for i in range(ROWS))
    db.executemany("insert into item values (?, ?, ?)", rows)
    db.execute("create index item_owner on item (owner)")
    db.commit()
    db.close()


def mix(path: str) -> None:
    """Run the mixed workload with a page cache of 1 MiB and a full sync at each commit."""
    rng = random.Random(2)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma cache_size=-1024")
    db.execute("pragma mmap_size=0")
    db.execute("pragma synchronous=full")
    for _ in range(OPERATIONS):
        time.sleep(rng.expovariate(1 / 0.002))
        draw = rng.random()
        item = min(int(rng.paretovariate(0.5)), ROWS) * 7919 % ROWS
        if draw < 0.25:
            body = rng.randbytes(rng.randrange(200, 700))
            db.execute("update item set body = ? where id = ?", (body, item))
        elif draw < 0.40:
            body = rng.randbytes(rng.randrange(200, 700))
            db.execute("insert into item (owner, body) values (?, ?)", (rng.randrange(10_000), body))
        elif draw < 0.9:
            db.execute("select body from item where id = ?", (rng.randrange(ROWS),)).fetchall()
        else:
            owner = rng.randrange(10_000)
            db.execute("select sum(length(body)) from item where owner = ?", (owner,)).fetchall()
    db.close()


if __name__ == "__main__":
    {"fill": fill, "mix": mix}[sys.argv[1]](sys.argv[2])
