"""One transaction, as a service sees it."""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import MultipleResultsFound

from . import generations
from .gathering import COPY_MIN, Batch, Gathering, RowMissed
from .memory import Memory
from .prepared import Compiled, Prepared, Values

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
        "_gathering",
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
        self._gathering: Gathering | None = None
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
        self.flush()
        return self._open()

    def _open(self) -> Connection:
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
        made = self._prepare(statement, values)
        return made.rows(self._raw().execute(made.sql, made.parameters(values)))

    def row(self, statement: Prepared, /, **values: Any) -> dict[str, Any] | None:
        """Run a prepared statement; return the only row that it finds, or None."""
        found = self.rows(statement, **values)
        if len(found) > 1:
            raise MultipleResultsFound()
        return found[0] if found else None

    def run(self, statement: Prepared, values: Values) -> int:
        """Run a prepared statement; return how many rows it touched."""
        made = self._prepare(statement, values)
        return int(self._raw().execute(made.sql, made.parameters(values)).rowcount)

    def run_all(self, statement: Prepared, rows: Sequence[Values]) -> int:
        """Run a prepared statement for each of some rows; return how many rows it touched."""
        made = self._prepare(statement, rows[0])
        cursor = self._raw().cursor()
        cursor.executemany(made.sql, [made.parameters(row) for row in rows])
        return int(cursor.rowcount)

    def _prepare(self, statement: Prepared, values: Values) -> Compiled:
        made = statement.on(self._open(), values)
        if self._gathering is not None and self._gathering.touches(made.tables):
            self.flush()
        return made

    @property
    def gathers(self) -> bool:
        """Whether this is one of many pieces of work in the transaction."""
        return self._gathering is not None

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Inside, what is kept is not read again, and what is written waits (gathering.py)."""
        self._gathering = Gathering()
        try:
            yield
            self.flush()
        finally:
            self._gathering = None

    def write(
        self, statement: Prepared, values: Values, *, of: Hashable, is_whole: bool = False
    ) -> bool:
        """Write one row of a subject, `of`; tell whether it was there to be written.

        In gathered work it waits, and the answer is yes: should it be no, nothing is committed.
        `is_whole`: it says all that an earlier one said, which need not be written any more.
        """
        if self._gathering is None:
            return self.run(statement, values) == 1
        self._wait(statement, [values], of, is_exact=True, is_whole=is_whole)
        return True

    def write_all(self, statement: Prepared, rows: Sequence[Values], *, of: Hashable) -> None:
        """Run a statement for some rows of a subject, `of`; in gathered work they wait."""
        if self._gathering is None:
            self.run_all(statement, rows)
        else:
            self._wait(statement, rows, of, is_exact=False)

    def _wait(
        self,
        statement: Prepared,
        rows: Sequence[Values],
        subject: Hashable,
        *,
        is_exact: bool,
        is_whole: bool = False,
    ) -> None:
        assert self._gathering is not None
        made = statement.on(self._open(), rows[0])
        self._gathering.add(
            statement, made.tables, rows, subject=subject, is_exact=is_exact, is_whole=is_whole
        )
        if self._gathering.is_full:
            self.flush()

    def do_together(
        self, act: Callable[["Tx", Sequence[T]], None], item: T, *, tables: Collection[Table]
    ) -> None:
        """Do something with an item, which writes to some tables; in gathered work with all."""
        if self._gathering is None:
            act(self, [item])
        else:
            self._gathering.add_act(act, item, frozenset(tables))

    def flush(self) -> None:
        """Write what waits. Errors: RowMissed (some row was not there to be written)."""
        if self._gathering is None:
            return
        batches, acts = self._gathering.take()
        for batch in batches:
            touched = self._write_batch(batch)
            if batch.is_exact and touched != len(batch.rows):
                raise RowMissed(f"{touched} of {len(batch.rows)} rows of {batch.tables}")
        for act, items in acts:
            act(self, items)

    def _write_batch(self, batch: Batch) -> int:
        """Write what waits for one statement; return how many rows it touched."""
        made = batch.statement.on(self._open(), batch.rows[0])
        if made.copy is None or len(batch.rows) < COPY_MIN:
            return self.run_all(batch.statement, batch.rows)
        with self._raw().cursor() as cursor:  # a row that is there already is an error here
            with cursor.copy(made.copy) as copy:
                for row in batch.rows:
                    copy.write_row(made.copied(row))
            return int(cursor.rowcount)

    def keep(self, key: Hashable, value: Any) -> None:
        """Have `kept` answer this from here on: what was read for all, or has been written."""
        if self._gathering is not None:
            self._gathering.kept[key] = value

    def kept(self, key: Hashable, load: Callable[[], T]) -> T:
        """Return what is kept of a key in gathered work, or load it, and keep it there."""
        if self._gathering is None:
            return load()
        kept = self._gathering.kept
        if key not in kept:
            kept[key] = load()
        value: T = kept[key]
        return value

    def is_kept(self, key: Hashable) -> bool:
        return self._gathering is not None and key in self._gathering.kept

    def forget(self, key: Hashable) -> None:
        """Have a key read again when it is next asked for."""
        if self._gathering is not None:
            self._gathering.kept.pop(key, None)

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

    def remember_for_ever(
        self,
        kind: Hashable,
        names: Collection[str],
        load: Callable[[Collection[str]], Mapping[str, T]],
    ) -> dict[str, T]:
        """Return what `load` finds, or makes, of some names: what never changes once committed."""
        memory = self._memory
        if memory is None:
            return dict(load(names))
        found = memory.recall_for_ever(kind, names)
        missing = [name for name in names if name not in found]
        if missing:
            loaded = load(missing)
            found.update(loaded)
            self.after_commit(lambda: memory.keep_for_ever(kind, loaded))
        return found

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
            self._generation = memory.catch_up(generations.read(self._raw()))
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
        """The driver's own connection, for the bulk paths of metering."""
        self.flush()
        return self._raw()

    def _raw(self) -> Any:
        if self._driver is None:
            self._driver = self._open().connection.driver_connection
        return self._driver
