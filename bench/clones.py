"""Many customers out of one: its rows again, in the database, under other ids."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Table,
    Text,
    cast,
    create_engine,
    func,
    insert,
    literal,
    select,
)

from tallybook.server.api import app  # noqa: F401 - imports every room, and so every table
from tallybook.server.storage.columns import metadata

SEED: Final = "seed-customer"  # the external id, and how idempotency keys begin
NUMBER: Final = "#"  # where a copy's number goes
DIGITS: Final = 8
_TABLES: Final = (
    "customers",
    "wallets",
    "wallet_grants",
    "wallet_transactions",
    "payments",
    "subscriptions",
    "contracts",
    "contract_versions",
    "subscription_periods",
    "counters",
    "invoices",
    "invoice_lines",
    "ledger_accounts",
    "ledger_transactions",
    "ledger_entries",
    "ledger_requests",
    "due_work",
)


@contextmanager
def connected(database: str) -> Iterator[Engine]:
    """The database past the server, by a URL of SQLAlchemy's."""
    engine = create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    try:
        yield engine
    finally:
        engine.dispose()


def clone(engine: Engine, count: int) -> None:
    """Copy the only customer there is, with all that hangs on it, `count` times."""
    tables = [metadata.tables[name] for name in _TABLES]
    with engine.connect() as db:
        rows = {table: [dict(r) for r in db.execute(select(table)).mappings()] for table in tables}
    ids = [row["id"] for found in rows.values() for row in found if "id" in row]
    ids += [row["number"] for row in rows[metadata.tables["invoices"]]]
    renamed = {one: one[:-DIGITS] + NUMBER for one in ids if one} | {SEED: NUMBER}
    for table in tables:
        with engine.begin() as db:
            for row in rows[table]:
                _insert(db, table, row, renamed, count)
    with engine.begin() as db:
        db.exec_driver_sql("ANALYZE")


def _insert(
    db: Connection, table: Table, row: dict[str, Any], renamed: dict[str, str], count: int
) -> None:
    n = select(literal(1).label("n")).cte("numbers", recursive=True)
    n = n.union_all(select(n.c.n + 1).where(n.c.n < count))
    number = cast(n.c.n + 9 * 10 ** (DIGITS - 1), Text)
    columns = [column for column in table.columns if column.name in row]
    values = [_value(db, column, row[column.name], renamed, number) for column in columns]
    db.execute(insert(table).from_select([c.name for c in columns], select(*values).select_from(n)))


def _value(
    db: Connection, column: Column[Any], value: Any, renamed: dict[str, str], number: Any
) -> Any:
    is_postgres = db.dialect.name == "postgresql"
    is_document = isinstance(value, (dict, list))
    text = json.dumps(value) if is_document else value
    if not isinstance(text, str):
        given = literal(value, column.type)
        return cast(given, column.type) if is_postgres else given
    for one, pattern in renamed.items():
        text = text.replace(one, pattern)
    made = func.replace(cast(literal(text), Text), NUMBER, number)
    return cast(made, column.type) if is_document and is_postgres else made
