"""Event rows on their way in: bulk writes, in each database's own way."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from itertools import chain
from typing import Any, Final

from sqlalchemy import func, select

from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import plain
from tallybook.server.metering.models import Event, First, Owner
from tallybook.server.metering.rules.event_ids import event_id
from tallybook.server.metering.tables.events import POSITIONS_A_BLOCK, event_positions, events
from tallybook.server.storage import Tx

_OPTIONAL: Final = (
    "agent", "member", "action_type", "customer_external_id", "meter_ref", "subscription_ref",
    "agent_ref", "reason", "attributes", "metadata",
)  # fmt: skip
_ROWS_A_STATEMENT: Final = 50
_KEYS_A_STATEMENT: Final = 250
_FIRST: Final = "owner, key, position, received_at, content, over_limit"
_FIND_POSTGRES: Final = (
    f"SELECT {_FIRST} FROM unnest(%s::bytea[], %s::text[]) AS wanted (owner, key) "  # noqa: S608
    "JOIN events USING (owner, key) WHERE space_id = %s"
)
_LAST: Final = select(func.max(events.c.position))
_POSTGRES_TYPES: Final = {
    "position": "bigint", "space_id": "int", "owner": "bytea", "key": "text",
    "content": "bigint", "at": "bigint", "received_at": "bigint", "status": "smallint",
    "over_limit": "smallint", "meter": "bytea", "subscription": "bytea", "period": "int",
    "agent": "bytea", "quantity": "numeric", "value": "numeric",
}  # fmt: skip
_NUMERIC: Final = ("quantity", "value")
_POSTGRES_ARRAYS: Final = {**_POSTGRES_TYPES, **dict.fromkeys(_NUMERIC, "text")}


def pack(some_id: str | None) -> bytes | None:
    """Return the 16 bytes of an id of ours."""
    return None if some_id is None else bytes.fromhex(some_id[-32:])


def pack_owner(owner: Owner) -> bytes:
    if owner.customer_id is not None:
        return bytes.fromhex(owner.customer_id[-32:])
    assert owner.customer_external_id is not None
    return blake2b(owner.customer_external_id.encode(), digest_size=16).digest()


def reserve_positions(tx: Tx, count: int) -> list[int]:
    """Return rising positions for `count` new rows: one row of numbers for all spaces."""
    if tx.is_sqlite:
        last = tx.execute(_LAST).scalar() or 0
        return list(range(last + 1, last + 1 + count))
    positions: list[int] = []
    while len(positions) < count:
        first = tx.execute(select(event_positions.next_value())).scalar_one()
        positions += range(first, first + POSITIONS_A_BLOCK)
    return positions[:count]


def insert_new(tx: Tx, space: SpaceId, rows: Sequence[Event]) -> set[int]:
    """Insert the rows whose key is not taken; return the positions that were inserted.

    Of two rows with one key the first wins. `rows` have rising positions.
    """
    if not rows:
        return set()
    if tx.is_sqlite:
        return _insert_sqlite(tx, space, rows)
    return _insert_postgres(tx, space, rows)


def _insert_sqlite(tx: Tx, space: SpaceId, rows: Sequence[Event]) -> set[int]:
    columns = _filled(to_columns(space, rows, for_sqlite=True))
    values = list(zip(*columns.values(), strict=True))
    driver, before = tx.driver, tx.driver.total_changes
    whole = len(values) - len(values) % _ROWS_A_STATEMENT
    if whole:  # the driver lets other threads in after each statement: few of them, then
        many = _insert(tuple(columns), _ROWS_A_STATEMENT)
        for start in range(0, whole, _ROWS_A_STATEMENT):
            part = values[start : start + _ROWS_A_STATEMENT]
            driver.execute(many, tuple(chain.from_iterable(part)))
    if whole < len(values):
        driver.executemany(_insert(tuple(columns), 1), values[whole:])
    if driver.total_changes - before == len(rows):
        return set(columns["position"])
    first, last = rows[0].position, rows[-1].position
    stored = select(events.c.position).where(
        events.c.space_id == space, events.c.position.between(first, last)
    )
    return set(tx.execute(stored).scalars())


@cache
def _insert(names: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(names))})"
    return (
        f"INSERT INTO events ({', '.join(names)}) "  # noqa: S608 - names of our own
        f"VALUES {', '.join([row] * rows)} ON CONFLICT (space_id, owner, key) DO NOTHING"
    )


def _insert_postgres(tx: Tx, space: SpaceId, rows: Sequence[Event]) -> set[int]:
    """Insert by the order of keys: so two batches never wait for each other."""
    from .arrays import teach, to_array

    ordered = sorted(rows, key=lambda row: (pack_owner(row.owner), row.idempotency_key))
    columns = _filled(to_columns(space, ordered))
    same = {name for name, column in columns.items() if column.count(column[0]) == len(column)}
    same.discard("position")
    values = [
        column[0] if name in same else to_array(_POSTGRES_ARRAYS.get(name, "text"), column)
        for name, column in columns.items()
    ]
    with tx.driver.cursor() as cursor:
        teach(cursor)
        cursor.execute(_insert_many(tuple(columns), frozenset(same)), values)
        return {row[0] for row in cursor.fetchall()}


@cache
def _insert_many(names: tuple[str, ...], same: frozenset[str]) -> str:
    """Return the INSERT of many rows, in which these columns are the `same` for all."""
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
        "ON CONFLICT (space_id, owner, key) DO NOTHING RETURNING position"
    )


def _filled(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the columns that not all rows leave empty.

    An empty value costs SQLite's driver as much as three others, because it looks for an
    adapter, as it does for bytes, but not for a bytearray. PostgreSQL is spared the sending.
    """
    return {
        name: column for name, column in columns.items() if name not in _OPTIONAL or any(column)
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


def to_columns(
    space: SpaceId, rows: Sequence[Event], *, for_sqlite: bool = False
) -> dict[str, list[Any]]:
    """Return rows by column; `for_sqlite` as its driver takes them, past SQLAlchemy."""
    raw: Callable[[bytes], Any] = bytearray if for_sqlite else bytes
    packed: dict[str | None, Any] = {None: None}
    owners: dict[Owner, Any] = {}
    for row in rows:
        if row.owner not in owners:
            owners[row.owner] = raw(pack_owner(row.owner))
        for some_id in (row.meter_id, row.subscription_id, row.agent_id):
            if some_id not in packed:
                packed[some_id] = raw(bytes.fromhex(some_id[-32:]))  # type: ignore[index]
    quantities = [plain(row.quantity) for row in rows]
    received = {row.received_at: to_micros(row.received_at) for row in rows}
    return {
        "position": [row.position for row in rows],
        "space_id": [space] * len(rows),
        "owner": [owners[row.owner] for row in rows],
        "key": [row.idempotency_key for row in rows],
        "content": [row.content for row in rows],
        "at": [to_micros(row.at) for row in rows],
        "received_at": [received[row.received_at] for row in rows],
        "status": [row.status.value for row in rows],
        "over_limit": [int(row.over_limit) for row in rows],
        "meter": [packed[row.meter_id] for row in rows],
        "subscription": [packed[row.subscription_id] for row in rows],
        "period": [row.period for row in rows],
        "quantity": quantities,
        "value": [
            quantity
            if row.value is row.quantity
            else None
            if row.value is None
            else plain(row.value)
            for row, quantity in zip(rows, quantities, strict=True)
        ],
        "agent": [packed[row.agent_id] for row in rows],
        "member": [row.member for row in rows],
        "action_type": [row.action_type for row in rows],
        "customer_external_id": [row.owner.customer_external_id for row in rows],
        "meter_ref": [row.meter_ref for row in rows],
        "subscription_ref": [row.subscription_ref for row in rows],
        "agent_ref": [row.agent_ref for row in rows],
        "reason": [row.reason for row in rows],
        "attributes": [row.attributes for row in rows],
        "metadata": [row.metadata for row in rows],
    }
