"""What the storage itself can do: bare inserts of the same rows, each commit on disk."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tallybook.server.storage.sqlite import driver

Row = tuple[Any, ...]


def rows_of(events: Sequence[dict[str, str]]) -> list[Row]:
    return [
        (e["customer_external_id"], e["idempotency_key"], e["meter"], e["quantity"], e["timestamp"])
        for e in events
    ]


def insert_rate(path: Path, events: Sequence[dict[str, str]], size: int) -> float:
    """Return rows per second of bare `executemany`, `size` rows a commit, with the unique key."""
    db = driver().connect(str(path), isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(
        "CREATE TABLE rows (customer TEXT, key TEXT, meter TEXT, quantity TEXT, at TEXT, "
        "UNIQUE (customer, key))"
    )
    rows = rows_of(events)
    insert = "INSERT INTO rows VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    began = time.perf_counter()
    for start in range(0, len(rows), size):
        db.execute("BEGIN IMMEDIATE")
        db.executemany(insert, rows[start : start + size])
        db.execute("COMMIT")
    seconds = time.perf_counter() - began
    db.close()
    return len(rows) / seconds


def copy_rate(url: str, events: Sequence[dict[str, str]], size: int) -> float:
    """Return rows per second of COPY into a temporary table and an INSERT from there.

    One connection to PostgreSQL, `size` rows a commit, with the unique key.
    """
    import psycopg

    columns = "customer TEXT, key TEXT, meter TEXT, quantity TEXT, at TEXT"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE TABLE IF NOT EXISTS rows ({columns}, UNIQUE (customer, key))".encode())
        db.execute("TRUNCATE rows")
        db.execute(f"CREATE TEMP TABLE incoming ({columns}) ON COMMIT DELETE ROWS".encode())
        rows = rows_of(events)
        began = time.perf_counter()
        for start in range(0, len(rows), size):
            with db.transaction():
                with db.cursor().copy("COPY incoming FROM STDIN") as copy:
                    for row in rows[start : start + size]:
                        copy.write_row(row)
                db.execute("INSERT INTO rows SELECT * FROM incoming ON CONFLICT DO NOTHING")
        return len(rows) / (time.perf_counter() - began)
