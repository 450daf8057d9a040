"""This installation: its database, and the server that runs on it."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tallybook.server.storage import Database, open_database, schema
from tallybook.server.storage.errors import AlreadyServed
from tallybook.server.storage.lock import DirectoryLock

from .errors import Failure
from .settings import Settings

SERVER_FILE: Final = "server.json"
LOCK_WAIT_S: Final = 2.0  # other commands hold the lock for a moment
_LOCK_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class RunningServer:
    """What a server on the embedded database tells the commands beside it."""

    url: str
    pid: int
    operator_token: str = field(repr=False)


def write_server_file(home: Path, server: RunningServer) -> None:
    """Tell the commands of this machine's owner where the server is."""
    path = home / SERVER_FILE
    fresh = home / f".{SERVER_FILE}.{server.pid}"
    with suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(server), file)
    fresh.replace(path)


def remove_server_file(home: Path) -> None:
    with suppress(OSError):
        (home / SERVER_FILE).unlink()


def find_server(home: Path) -> RunningServer | None:
    """Return the server that says it runs on this directory, if its process is there."""
    try:
        found = RunningServer(**json.loads((home / SERVER_FILE).read_text("utf-8")))
        os.kill(found.pid, 0)
    except PermissionError:
        raise Failure(
            f"{home / SERVER_FILE} belongs to another user: run the command as the one who serves"
        ) from None
    except (OSError, ValueError, TypeError):
        return None
    return found


def make_home(home: Path) -> None:
    """Make the data directory, for its owner alone. Errors: Failure."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = error.strerror or "it cannot be made"
        raise Failure(f"the data directory {home}: {reason}. Choose another: --data-dir") from None


@contextmanager
def held_lock(settings: Settings) -> Iterator[None]:
    """Hold the embedded database for this process; nothing to hold with PostgreSQL.

    Errors: AlreadyServed, where a server runs, or another command holds it for long.
    """
    if settings.sqlite_path is None:
        yield
        return
    make_home(settings.home)
    lock, deadline_s = DirectoryLock(settings.home), time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            lock.acquire()
            break
        except AlreadyServed:
            if find_server(settings.home) or time.monotonic() > deadline_s:
                raise
            time.sleep(_LOCK_POLL_S)
        except OSError as error:
            raise Failure(f"{lock.path} cannot be written: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """Open the database as it is. Errors: Failure (a driver is missing, no such file)."""
    try:
        db = open_database(settings.database_url)
    except ModuleNotFoundError:
        raise Failure("PostgreSQL needs its driver: pip install 'tallybook[postgres]'") from None
    try:
        yield db
    finally:
        db.close()


def require_database_file(settings: Settings) -> None:
    """Errors: Failure, where a command that only looks would make an empty database."""
    path = settings.sqlite_path
    if path is not None and not path.exists():
        raise Failure(
            f"there is no database {path}: `tallybook serve` makes it, "
            "or choose another place with --data-dir"
        )


def make_ready(db: Database) -> None:
    """Migrate the embedded database; require PostgreSQL to be migrated.

    Errors: Failure (made by a newer Tallybook); SchemaOutOfDate.
    """
    if db.is_sqlite:
        migrate(db)
    else:
        schema.require_current(db)


def migrate(db: Database) -> None:
    """Bring the schema to this program's. Errors: Failure (made by a newer Tallybook)."""
    if schema.current(db) == schema.HEAD:
        return
    from alembic.util import CommandError

    try:
        schema.migrate(db)
    except CommandError as error:
        raise Failure(
            f"the database was made by a newer Tallybook than this one ({error}): "
            "upgrade Tallybook, or restore a backup"
        ) from None
