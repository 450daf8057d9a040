"""Event rows on their way in: bulk writes, in each database's own way."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, Final

from msgspec.structs import astuple
from sqlalchemy import func, select

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.metering.models import First, Row
from tallybook.server.metering.rules.event_ids import event_id
from tallybook.server.metering.tables.events import POSITIONS_A_BLOCK, event_positions, events
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import Prepared

_SHARED: Final = ("space_id", "received_at", "over_limit")
_OPTIONAL: Final = frozenset({
    "agent", "member", "action_type", "customer_external_id", "meter_ref", "subscription_ref",
    "agent_ref", "reason", "attributes", "metadata",
})  # fmt: skip
_BYTES: Final = ("owner", "meter", "subscription", "agent")
_ROWS_A_STATEMENT: Final = (500, 100, 20, 5, 1)
_KEYS_A_STATEMENT: Final = 250
_FIRST: Final = "owner, key, position, received_at, content, over_limit"
_FIND_POSTGRES: Final = (
    f"SELECT {_FIRST} FROM unnest(%s::bytea[], %s::text[]) AS wanted (owner, key) "  # noqa: S608
    "JOIN events USING (owner, key) WHERE space_id = %s"
)
_LAST: Final = Prepared(lambda _: select(func.max(events.c.position).label("last")))
_NEXT: Final = Prepared(lambda _: select(event_positions.next_value().label("first")))
_POSTGRES_TYPES: Final = {
    "position": "bigint", "space_id": "int", "owner": "bytea", "key": "text",
    "content": "bigint", "at": "bigint", "received_at": "bigint", "status": "smallint",
    "over_limit": "smallint", "meter": "bytea", "subscription": "bytea", "period": "int",
    "agent": "bytea", "quantity": "numeric", "value": "numeric",
}  # fmt: skip
_NUMERIC: Final = ("quantity", "value")
_POSTGRES_ARRAYS: Final = {**_POSTGRES_TYPES, **dict.fromkeys(_NUMERIC, "text")}

Columns = dict[str, Sequence[Any]]


def reserve_positions(tx: Tx, count: int) -> list[int]:
    """Return rising positions for `count` new rows: one row of numbers for all spaces."""
    if tx.is_sqlite:
        (row,) = tx.rows(_LAST)
        last = row["last"] or 0
        return list(range(last + 1, last + 1 + count))
    positions: list[int] = []
    while len(positions) < count:
        (row,) = tx.rows(_NEXT)
        first = row["first"]
        positions += range(first, first + POSITIONS_A_BLOCK)
    return positions[:count]


def insert_new(tx: Tx, space: SpaceId, rows: Sequence[Row], received_at: datetime) -> set[int]:
    """Insert the rows whose key is not taken; return the positions of the others.

    Of two rows with one key the first wins. `rows` have rising positions.
    """
    if not rows:
        return set()
    shared = (space, to_micros(received_at), 0)
    insert = _insert_sqlite if tx.is_sqlite else _insert_postgres
    if insert(tx, rows, shared) == len(rows):
        return set()
    positions = {row.position for row in rows}
    first, last = rows[0].position, rows[-1].position
    t = events.c
    stored = select(t.position).where(t.space_id == space, t.position.between(first, last))
    return positions - set(tx.execute(stored).scalars())


def _insert_sqlite(tx: Tx, rows: Sequence[Row], shared: tuple[Any, ...]) -> int:
    columns = _filled(rows)
    for name in columns.keys() & set(_BYTES):  # a bytearray costs the driver a third of bytes
        known = {value: None if value is None else bytearray(value) for value in {*columns[name]}}
        columns[name] = [known[value] for value in columns[name]]
    values = list(zip(*columns.values(), strict=True))
    driver, before, start = tx.driver, tx.driver.total_changes, 0
    for size in _ROWS_A_STATEMENT:  # it lets other threads in after each: few of them, then
        while len(values) - start >= size:
            part = values[start : start + size]
            statement = _insert(tuple(columns), size)
            driver.execute(statement, (*shared, *chain.from_iterable(part)))
            start += size
    return int(driver.total_changes - before)


@cache
def _insert(names: tuple[str, ...], rows: int) -> str:
    given = [f"?{number + 1}" for number in range(len(_SHARED))]
    places = (
        f"({', '.join([*given, *(f'?{first + offset}' for offset in range(len(names)))])})"
        for first in range(len(_SHARED) + 1, len(_SHARED) + 1 + rows * len(names), len(names))
    )
    return (
        f"INSERT INTO events ({', '.join([*_SHARED, *names])}) "  # noqa: S608 - names of our own
        f"VALUES {', '.join(places)} ON CONFLICT (space_id, owner, key) DO NOTHING"
    )


def _insert_postgres(tx: Tx, rows: Sequence[Row], shared: tuple[Any, ...]) -> int:
    """Insert by the order of keys: so two batches never wait for each other."""
    from .arrays import teach, to_array

    columns = _filled(sorted(rows, key=_owner_and_key))
    same = {name for name, column in columns.items() if column.count(column[0]) == len(column)}
    same.discard("position")
    values = [
        column[0] if name in same else to_array(_POSTGRES_ARRAYS.get(name, "text"), column)
        for name, column in columns.items()
    ]
    with tx.driver.cursor() as cursor:
        teach(cursor)
        cursor.execute(_insert_many(tuple(columns), frozenset(same)), [*shared, *values])
        return int(cursor.rowcount)


def _owner_and_key(row: Row) -> tuple[bytes, str]:
    return row.owner, row.key


@cache
def _insert_many(names: tuple[str, ...], same: frozenset[str]) -> str:
    """Return the INSERT of many rows, in which these columns are the `same` for all."""
    same |= set(_SHARED)
    names = (*_SHARED, *names)
    given = [
        f"%s::{_POSTGRES_TYPES.get(name, 'text')} AS {name}"
        if name in same
        else f"unnest(%s::{_POSTGRES_ARRAYS.get(name, 'text')}[]) AS {name}"
        for name in names
    ]
    cast = [f"{name}::numeric" if name in _NUMERIC else name for name in names]
    return (
        f"INSERT INTO events ({', '.join(names)}) "  # noqa: S608 - names of our own
        f"SELECT {', '.join(cast)} FROM (SELECT {', '.join(given)}) AS given "
        "ON CONFLICT (space_id, owner, key) DO NOTHING"
    )


def _filled(rows: Sequence[Row]) -> Columns:
    """Return the columns that not all rows leave empty.

    An empty value costs SQLite's driver as much as three others, because it looks for an
    adapter. PostgreSQL is spared the sending.
    """
    columns = zip(*map(astuple, rows), strict=True)
    return {
        name: column
        for name, column in zip(Row.__struct_fields__, columns, strict=True)
        if name not in _OPTIONAL or any(column)
    }


def find_firsts(
    tx: Tx, space: SpaceId, keys: Sequence[tuple[bytes, str]]
) -> dict[tuple[bytes, str], First]:
    """Return, of stored events that hold these (owner, key) pairs, what a repeat is told."""
    rows: list[tuple[Any, ...]] = []
    if tx.is_sqlite:
        for start in range(0, len(keys), _KEYS_A_STATEMENT):
            part = keys[start : start + _KEYS_A_STATEMENT]
            values = chain.from_iterable((bytearray(owner), key) for owner, key in part)
            rows += tx.driver.execute(_find_sqlite(len(part)), (*values, space)).fetchall()
    elif keys:
        from .arrays import teach, to_array

        owners, names = zip(*keys, strict=True)
        with tx.driver.cursor() as cursor:
            teach(cursor)
            wanted = [to_array("bytea", owners), to_array("text", names)]
            cursor.execute(_FIND_POSTGRES, [*wanted, space])
            rows = cursor.fetchall()
    return {
        (bytes(owner), key): First(event_id(position, from_micros(at)), content, bool(over))
        for owner, key, position, at, content, over in rows
    }


@cache
def _find_sqlite(pairs: int) -> str:
    wanted = ", ".join(["(?, ?)"] * pairs)
    return (
        f"WITH wanted (owner, key) AS (VALUES {wanted}) "  # noqa: S608 - names of our own
        f"SELECT {_FIRST} FROM wanted CROSS JOIN events USING (owner, key) WHERE space_id = ?"
    )
