"""One transaction, as a service sees it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


class Tx:
    """A running transaction. Services execute on it; only storage begins and commits."""

    __slots__ = ("_after_commit", "connection", "is_sqlite", "notes")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"
        self.notes: dict[str, Any] = {}  # what one request's layers tell each other
        self._after_commit: list[Callable[[], None]] = []

    def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        result: CursorResult[Any] = self.connection.execute(statement, parameters)
        return result

    def insert(self, table: Table) -> Any:
        """Return this database's INSERT, which knows `on_conflict_do_…` on both."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Run `act` once this transaction is durable; what a process remembers changes there."""
        self._after_commit.append(act)

    def committed(self) -> None:
        for act in self._after_commit:
            act()

    @property
    def driver(self) -> Any:
        """The driver's own connection, for the bulk paths of metering."""
        return self.connection.connection.driver_connection
