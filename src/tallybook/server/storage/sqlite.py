"""The embedded database: one file, one writer thread, commits shared by all that wait."""

import contextlib
import importlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from tallybook.server.kernel.money import EXACT

from .columns import from_json, to_json
from .errors import DatabaseUnavailable, UnsafeSqlite
from .memory import Memory
from .tx import Tx

T = TypeVar("T")
GROUP_MAX: Final = 500  # works that share one commit
READERS_MAX: Final = 8
SAFE_FROM: Final = (3, 51, 3)  # from 3.7.0 on, a WAL reset could corrupt the file
SAFE_BACKPORTS: Final = {(3, 44): 6, (3, 50): 7}


def driver() -> ModuleType:
    """Return the SQLite driver to use: the bundled one where it is installed."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3")


def require_safe(version: tuple[int, ...]) -> None:
    """Raise UnsafeSqlite for a version in the range of the WAL-reset fault."""
    patch = SAFE_BACKPORTS.get((version[0], version[1]))
    if version < SAFE_FROM and (patch is None or version[2] < patch):
        raise UnsafeSqlite(version=".".join(map(str, version)))


class _DecimalSum:
    """`decimal_sum(text)`: an exact sum, which SQLite's own numbers cannot give."""

    def __init__(self) -> None:
        self.total: Any = None

    def step(self, value: Any) -> None:
        if value is not None:
            term = EXACT.create_decimal(value)
            self.total = term if self.total is None else EXACT.add(self.total, term)

    def finalize(self) -> str | None:
        return None if self.total is None else format(self.total, "f")


def _engine(path: Path, *, writer: bool) -> Engine:
    module = driver()
    engine = create_engine(
        f"sqlite:///{path}",
        module=module,
        json_deserializer=from_json,
        json_serializer=to_json,
        poolclass=NullPool if writer else QueuePool,
        connect_args={"check_same_thread": False, "cached_statements": 512, "timeout": 5.0},
        **({} if writer else {"pool_size": READERS_MAX, "max_overflow": 0}),
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by us, not guessed
        connection.create_aggregate("decimal_sum", 1, _DecimalSum)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "cache_size = -12000"
            if writer
            else "cache_size = -4000",  # KiB; the rest is the system's
            "wal_autocheckpoint = 4000" if writer else "query_only = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


class _Waiting:
    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[Tx], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()


class _Snapshot:
    """A read transaction that begins when it is first needed: some answers are all remembered."""

    __slots__ = ("_connection", "_engine")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def connect(self) -> Connection:
        self._connection = self._engine.connect()
        self._connection.begin()
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class SqliteDatabase:
    """SQLite in WAL mode with `synchronous=FULL`: an answer is sent after it is on disk."""

    is_sqlite = True

    def __init__(self, path: Path) -> None:
        require_safe(driver().sqlite_version_info)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.engine = _engine(path, writer=True)
        self._writer = self.engine.connect()  # creates the file before a reader opens it
        self._readers = _engine(path, writer=False)
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closed = False
        self._memory = Memory()
        self._thread = threading.Thread(target=self._run, name="tallybook-writer", daemon=True)
        self._thread.start()

    def write(self, work: Callable[[Tx], T]) -> Future[T]:
        if self._closed:
            raise DatabaseUnavailable(reason="closed")
        waiting = _Waiting(work)
        self._queue.put(waiting)
        return waiting.future

    def write_now(self, work: Callable[[Tx], T]) -> T:
        return self.write(work).result()

    def read(self, work: Callable[[Tx], T]) -> T:
        memory, snapshot = self._memory, _Snapshot(self._readers)
        tx = Tx(
            snapshot.connect,
            is_sqlite=True,
            memory=memory,
            generation=memory.generation,  # both before the snapshot
            commit=memory.commits,
        )
        try:
            return work(tx)
        finally:
            snapshot.close()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join(timeout=30)
        self._readers.dispose()
        self._writer.close()
        self.engine.dispose()

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group, stop = [first], False
            while len(group) < GROUP_MAX:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    stop = True
                    break
                group.append(more)
            self._commit(group)
            if stop:
                return

    def _commit(self, group: list[_Waiting]) -> None:
        """Run each work in a savepoint of its own and commit them all at once."""
        done: list[tuple[_Waiting, Any, Tx]] = []
        alone, memory = len(group) == 1, self._memory
        is_changed = False  # what readers remember, by a work before in this group
        changes: dict[Any, Any] = {}  # to hand over
        try:
            with self._writer.begin() as transaction:
                for waiting in group:
                    tx = Tx(
                        lambda: self._writer,
                        is_sqlite=True,
                        memory=None if is_changed else memory,
                        generation=memory.generation,
                        commit=memory.commits,
                        beside=changes,
                        is_write=True,
                    )
                    try:
                        if alone:
                            result = waiting.work(tx)
                        else:
                            with self._writer.begin_nested():
                                result = waiting.work(tx)
                    except BaseException as error:  # noqa: BLE001 - handed to its caller
                        self._require_open()
                        waiting.future.set_exception(_translated(error))
                        if alone:
                            transaction.rollback()
                            return
                    else:
                        is_changed = is_changed or not tx.keeps_memory
                        changes.update(tx.changes)
                        done.append((waiting, result, tx))
        except BaseException as error:  # noqa: BLE001 - nothing of this group is durable
            with contextlib.suppress(Exception):
                self._writer.rollback()
            for waiting in group:
                if not waiting.future.done():
                    waiting.future.set_exception(_unavailable(error))
            return
        if is_changed:
            memory.forget()
        else:
            memory.hand_over(changes)
        for waiting, result, tx in done:
            tx.committed()
            waiting.future.set_result(result)

    def _require_open(self) -> None:
        """Raise when the database has undone the whole transaction on its own (disk full)."""
        if not self._writer.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
            raise DatabaseUnavailable(reason="transaction lost")


def _translated(error: BaseException) -> BaseException:
    found = error.orig if isinstance(error, DBAPIError) else error  # prepared ones come bare
    if isinstance(found, driver().OperationalError):
        return _unavailable(error)
    return error


def _unavailable(error: BaseException) -> BaseException:
    if isinstance(error, DatabaseUnavailable):
        return error
    refusal = DatabaseUnavailable(reason=str(getattr(error, "orig", error))[:200])
    refusal.__cause__ = error
    return refusal
