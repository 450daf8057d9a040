"""What SQLite's planner is told of our indexes, before there is anything to count.

Nearly every index begins with the space. SQLite takes an index whose first column is given to
find some ten rows, and so goes through all that a space has for a few rows known by their id.
Estimates that say how it is once there is much to look through, from the first row on, make it
take the id. `ANALYZE` would replace them by what it counts, which is as good.
"""

from typing import Any, Final

from sqlalchemy import Connection, event

from .columns import metadata

_ROWS: Final = 1_000_000
_PARTIAL_ROWS: Final = 1_000  # of an index on the few rows that wait for something
_FEW: Final = 10  # rows with one value of an index that is not unique


def estimate(connection: Connection) -> None:
    """Write the estimates for all indexes of an SQLite database; on PostgreSQL do nothing."""
    if connection.dialect.name != "sqlite":
        return
    run = connection.exec_driver_sql
    run("ANALYZE sqlite_schema")  # makes the table for it
    run("DELETE FROM sqlite_stat1")
    tables = run("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    for (table,) in tables.fetchall():
        for _, name, is_unique, _, is_partial in run(f"PRAGMA index_list({table})").fetchall():
            columns = [row[2] for row in run(f"PRAGMA index_info({name})").fetchall()]
            stat = _stat(columns, is_unique=bool(is_unique), is_partial=bool(is_partial))
            run("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, name, stat))
    run("ANALYZE sqlite_schema")  # reads it


def _stat(columns: list[str], *, is_unique: bool, is_partial: bool) -> str:
    """Return the rows of an index, and how many of them have one value of its first columns."""
    rows = _PARTIAL_ROWS if is_partial else _ROWS
    first = rows if columns[0] == "space_id" else _FEW
    last, steps = 1 if is_unique else _FEW, len(columns) - 1
    if not steps and not is_unique:
        last = first
    found = [round(first * (last / first) ** (step / steps)) for step in range(steps)]
    return " ".join(map(str, [rows, *found, last]))


@event.listens_for(metadata, "after_create")
def _created(_target: Any, connection: Any, **_more: Any) -> None:
    if isinstance(connection, Connection):  # not the one that only writes down what it would do
        estimate(connection)
