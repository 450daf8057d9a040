"""One transaction, as a service sees it."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import MultipleResultsFound

from . import generations
from .memory import Memory
from .prepared import Prepared, Values

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Tx:
    """A running transaction. Services execute on it; only storage begins and commits."""

    __slots__ = (
        "_after_commit",
        "_beside",
        "_commit",
        "_connect",
        "_connection",
        "_driver",
        "_generation",
        "_is_write",
        "_memory",
        "changes",
        "is_sqlite",
        "keeps_memory",
        "notes",
    )

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        is_sqlite: bool,
        memory: Memory | None = None,
        generation: int | None = None,
        commit: int | None = None,
        beside: Mapping[Hashable, Any] | None = None,
        is_write: bool = False,
    ) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._driver: Any = None
        self._memory, self._generation, self._is_write = memory, generation, is_write
        self._commit = commit  # None: nothing is handed over
        self._beside = {} if beside is None else beside  # changed by writes that share its commit
        self.keeps_memory = False  # set by a write that changes nothing that readers remember
        self.changes: dict[Hashable, Any] = {}  # what a write hands over to readers
        self.is_sqlite = is_sqlite
        self.notes: dict[str, Any] = {}  # what one request's layers tell each other
        self._after_commit: list[Callable[[], None]] = []

    @property
    def connection(self) -> Connection:
        """The connection; a reader's snapshot begins when it is first asked for."""
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        result: CursorResult[Any] = self.connection.execute(statement, parameters)
        return result

    def rows(self, statement: Prepared, /, **values: Any) -> list[dict[str, Any]]:
        """Run a prepared statement; return what it found, by column."""
        made = statement.on(self.connection, tuple(values))
        return made.rows(self.driver.execute(made.sql, made.parameters(values)))

    def row(self, statement: Prepared, /, **values: Any) -> dict[str, Any] | None:
        """Run a prepared statement; return the only row that it finds, or None."""
        found = self.rows(statement, **values)
        if len(found) > 1:
            raise MultipleResultsFound()
        return found[0] if found else None

    def run(self, statement: Prepared, values: Values) -> int:
        """Run a prepared statement; return how many rows it touched."""
        made = statement.on(self.connection, tuple(values))
        return int(self.driver.execute(made.sql, made.parameters(values)).rowcount)

    def run_all(self, statement: Prepared, rows: Sequence[Values]) -> None:
        """Run a prepared statement for each of some rows."""
        made = statement.on(self.connection, tuple(rows[0]))
        self.driver.cursor().executemany(made.sql, [made.parameters(row) for row in rows])

    def remember(self, key: Hashable, load: Callable[[], T]) -> T:
        """Return what `load` reads, from memory where it can.

        Only for what no write with `keeps_memory` changes; `key` names all that `load` goes by.
        """
        if self._memory is None or (self._is_write and not self.keeps_memory):
            return load()
        return self._memory.recall(key, self._seen(self._memory), load)

    def remember_all(
        self,
        kind: Hashable,
        names: Collection[str],
        load: Callable[[Collection[str]], Mapping[str, T]],
    ) -> Mapping[str, T]:
        """Return what `load` finds of some names, as `remember` does; None is no value."""
        if self._memory is None or (self._is_write and not self.keeps_memory):
            return load(names) if names else {}
        return self._memory.recall_all(kind, names, self._seen(self._memory), load)

    def remember_current(
        self, keys: Collection[K], load: Callable[[Collection[K]], Mapping[K, T]]
    ) -> Mapping[K, T]:
        """Return what `load` finds of keys whose every change is told by `changed`.

        A write sees its own changes, and those of the writes that share its commit.
        """
        memory = self._memory
        if memory is None or self._commit is None or (self._is_write and not self.keeps_memory):
            return load(keys) if keys else {}
        changed = {**self._beside, **self.changes}
        known = {key: changed[key] for key in keys if key in changed} if changed else {}
        others = [key for key in keys if key not in known] if known else keys
        found = memory.recall_current(
            others, generation=self._seen(memory), commit=self._commit, load=load
        )
        return {**found, **known}

    def changed(self, values: Mapping[Any, Any]) -> None:
        """Tell the new values of what readers remember by `remember_current`."""
        self.changes.update(values)

    def look_again(self) -> None:
        """Remember from here on only what holds at this moment, after waiting for a lock."""
        if not self.is_sqlite:  # there nothing else is written meanwhile
            self._generation = None

    def _seen(self, memory: Memory) -> int:
        if self._generation is None:
            self._generation = memory.catch_up(generations.read(self.driver))
        return self._generation

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
        """The driver's own connection, for prepared statements and the bulk paths of metering."""
        if self._driver is None:
            self._driver = self.connection.connection.driver_connection
        return self._driver
