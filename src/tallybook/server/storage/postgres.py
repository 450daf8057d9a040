"""PostgreSQL: a pool, short transactions, and another try when two of them collide."""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from .errors import DatabaseUnavailable
from .tx import Tx

T = TypeVar("T")
TRIES_MAX: Final = 5
POOL_SIZE: Final = 16
POOL_TIMEOUT_S: Final = 10  # many writers of one hot row wait for each other here
_COLLISIONS: Final = {"40001", "40P01"}  # serialization failure, deadlock: nothing was done


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
            pool_size=POOL_SIZE,
            max_overflow=8,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5, "application_name": "tallybook"},
        )
        self._threads = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="tallybook-write")

    def write(self, work: Callable[[Tx], T]) -> Future[T]:
        return self._threads.submit(self.write_now, work)

    def write_now(self, work: Callable[[Tx], T]) -> T:
        for attempt in range(1, TRIES_MAX + 1):
            try:
                with self.engine.begin() as connection:
                    tx = Tx(connection)
                    result = work(tx)
            except (DBAPIError, PoolTimeout) as error:
                if _sqlstate(error) in _COLLISIONS and attempt < TRIES_MAX:
                    time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter
                    continue
                raise _translated(error) from error
            tx.committed()
            return result
        raise AssertionError("unreachable")

    def read(self, work: Callable[[Tx], T]) -> T:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        try:
            connection = self.engine.connect().execution_options(**options)
            with connection, connection.begin():
                return work(Tx(connection))
        except (DBAPIError, PoolTimeout) as error:
            raise _translated(error) from error

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self.engine.dispose()


def _sqlstate(error: Exception) -> str | None:
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _translated(error: Exception) -> Exception:
    state = _sqlstate(error)
    lost = isinstance(error, PoolTimeout) or type(getattr(error, "orig", None)).__name__ in (
        "OperationalError",
        "AdminShutdown",
        "DiskFull",
        "QueryCanceled",
    )
    if lost or state in _COLLISIONS or (state or "").startswith(("08", "53", "57")):
        reason: Any = str(getattr(error, "orig", error)).split("\n")[0][:200]
        return DatabaseUnavailable(reason=reason)
    return error
