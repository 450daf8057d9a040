"""The two databases behind one door: `write(work)` and `read(work)`."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Engine

from .tx import Tx

T = TypeVar("T")


class Database(Protocol):
    """Where state lives. `work` may run again after a conflict, so it has no other effects."""

    engine: Engine

    @property
    def is_sqlite(self) -> bool: ...

    def write(self, work: Callable[[Tx], T]) -> Future[T]:
        """Run `work` in a transaction; the future is done when it is durable.

        Errors: whatever `work` raises (its writes undone); DatabaseUnavailable.
        """
        ...

    def write_now(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction and wait until it is durable."""
        ...

    def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on one consistent snapshot; it cannot write."""
        ...

    def close(self) -> None: ...


def open_database(url: str) -> Database:
    """Open a database by its URL: `sqlite:///path/to/file.db` or `postgresql://…`."""
    if url.startswith("sqlite:"):
        from .sqlite import SqliteDatabase

        path = url.removeprefix("sqlite:").removeprefix("//").removeprefix("/")
        return SqliteDatabase(Path("/" + path) if url.startswith("sqlite:////") else Path(path))
    if url.startswith(("postgresql:", "postgres:", "postgresql+psycopg:")):
        from .postgres import PostgresDatabase

        return PostgresDatabase(url)
    raise ValueError(f"not a database URL: {url.split(':', 1)[0]}: use sqlite:/// or postgresql://")
