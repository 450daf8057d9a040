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
