"""What the planner of SQLite is told of an index, and what it makes of it."""

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import make_schema

from tallybook.server.storage import Tx, open_database, schema
from tallybook.server.storage.columns import metadata
from tallybook.server.storage.statistics import _stat


@pytest.mark.parametrize(
    ("columns", "is_unique", "is_partial", "told"),
    [
        (["id"], True, False, "1000000 1"),
        (["space_id", "id"], True, False, "1000000 1000000 1"),
        (["space_id"], False, False, "1000000 1000000"),
        (["space_id", "customer_id"], False, False, "1000000 1000000 10"),
        (["space_id", "owner", "key"], True, False, "1000000 1000000 1000 1"),
        (["due_at"], False, False, "1000000 10"),
        (["space_id", "position"], False, True, "1000 1000 10"),
    ],
)
def test_the_space_alone_finds_everything(
    columns: list[str], is_unique: bool, is_partial: bool, told: str
) -> None:
    assert _stat(columns, is_unique=is_unique, is_partial=is_partial) == told


def by_id(table: str, ids: str) -> str:
    return f"SELECT * FROM {table} WHERE space_id = 1 AND id IN ({ids})"


@pytest.mark.parametrize("make", [make_schema, schema.migrate])
def test_rows_known_by_id_are_found_by_it(make: Any, tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/plans.db")
    make(db)
    tables = [
        table.name
        for table in metadata.sorted_tables
        if {"id", "space_id"} <= {column.name for column in table.columns}
    ]
    assert len(tables) > 20

    def look(tx: Tx) -> dict[str, str]:
        asked = {
            by_id(table, ids)
            for table in tables
            for ids in ("'a', 'b', 'c'", "SELECT value FROM json_each('[]')")
        }
        return {
            sql: str(tx.driver.execute(f"EXPLAIN QUERY PLAN {sql}").fetchone()[3]) for sql in asked
        }

    plans = db.read(look)
    db.close()
    wrong = {sql: plan for sql, plan in plans.items() if "id=?" not in plan.replace("space_id", "")}
    assert not wrong
