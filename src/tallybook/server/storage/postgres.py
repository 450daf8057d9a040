"""PostgreSQL: a pool, short transactions, and another try when two of them collide."""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from . import generations
from .columns import from_json, to_json
from .errors import DatabaseUnavailable
from .memory import Memory
from .tx import Tx

T = TypeVar("T")
TRIES_MAX: Final = 5
POOL_SIZE: Final = 16
POOL_TIMEOUT_S: Final = 10  # many writers of one hot row wait for each other here
_COLLISIONS: Final = {"40001", "40P01"}  # serialization failure, deadlock: nothing was done
_FAILURES: Final = (DBAPIError, PoolTimeout, psycopg.Error)


class PostgresDatabase:
    """PostgreSQL at READ COMMITTED; the unique constraints and guarded updates hold the rules."""

    is_sqlite = False

    def __init__(self, url: str) -> None:
        for name in ("postgresql+psycopg:", "postgresql:", "postgres:"):
            if url.startswith(name):
                url = "postgresql+psycopg:" + url.removeprefix(name)
                break
        self.engine = create_engine(
            url,
            json_deserializer=from_json,
            json_serializer=to_json,
            pool_size=POOL_SIZE,
            max_overflow=8,
            pool_timeout=POOL_TIMEOUT_S,
            connect_args={"connect_timeout": 5, "application_name": "tallybook"},
        )
        self._memory = Memory()
        self._threads = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="tallybook-write")

    def write(self, work: Callable[[Tx], T]) -> Future[T]:
        return self._threads.submit(self.write_now, work)

    def write_now(self, work: Callable[[Tx], T]) -> T:
        for attempt in range(1, TRIES_MAX + 1):
            is_done = False
            try:
                with self.engine.begin() as connection:
                    tx = Tx(lambda: connection, is_sqlite=False, memory=self._memory, is_write=True)
                    result = work(tx)
                    if not tx.keeps_memory:
                        generations.begin_next(tx.driver)
                    is_done = True
            except _FAILURES as error:
                if _sqlstate(error) in _COLLISIONS and attempt < TRIES_MAX:
                    time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter
                    continue
                if _is_lost(error):
                    self._connect_anew()
                    if attempt == 1 and not is_done:  # whether a commit was done is not known
                        continue
                raise _translated(error) from error
            tx.committed()
            return result
        raise AssertionError("unreachable")

    def read(self, work: Callable[[Tx], T]) -> T:
        try:
            return self._read(work)
        except _FAILURES as error:
            if not _is_lost(error):
                raise _translated(error) from error
        self._connect_anew()
        try:
            return self._read(work)
        except _FAILURES as error:
            raise _translated(error) from error

    def _read(self, work: Callable[[Tx], T]) -> T:
        with self.engine.connect() as connection:
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            with connection.begin():
                return work(Tx(lambda: connection, is_sqlite=False, memory=self._memory))

    def _connect_anew(self) -> None:
        """Leave the connections that wait in the pool: the server has gone, or was restarted."""
        self.engine.dispose()

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self.engine.dispose()


def _driver_error(error: Exception) -> Exception:
    """Return the driver's error, of one that came through SQLAlchemy or past it."""
    return getattr(error, "orig", None) or error


def _sqlstate(error: Exception) -> str | None:
    return getattr(_driver_error(error), "sqlstate", None)


def _is_lost(error: Exception) -> bool:
    """Tell whether there is no connection any more."""
    found = _driver_error(error)
    state = _sqlstate(error)
    gone = state is None or state.startswith(("08", "57P"))
    return isinstance(found, psycopg.OperationalError) and gone


def _translated(error: Exception) -> Exception:
    found = _driver_error(error)
    state = _sqlstate(error) or ""
    lost = isinstance(found, (PoolTimeout, psycopg.OperationalError))
    if lost or state in _COLLISIONS or state.startswith(("08", "53", "57")):
        reason: Any = str(found).split("\n")[0][:200]
        return DatabaseUnavailable(reason=reason)
    return error
