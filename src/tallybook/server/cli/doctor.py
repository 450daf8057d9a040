"""`tallybook doctor`: what is wrong with this installation."""

import fcntl
import platform
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

import httpx2

from tallybook.server.identity import service as identity
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import Refusal
from tallybook.server.storage import Database as OpenDatabase
from tallybook.server.storage import due, schema, sqlite

from . import output
from .errors import Failure
from .flags import Database, DataDir
from .installation import find_server, opened
from .output import AsJson
from .settings import Settings, load

DISK_WARN_BYTES: Final = 1 << 30
DISK_FAIL_BYTES: Final = 100 << 20
CLOCK_OFF_MAX: Final = timedelta(minutes=5)
PYTHON_MIN: Final = (3, 11)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_ANSWER_S: Final = 3.0


class Finding(NamedTuple):
    """One line of the report."""

    check: str
    status: Literal["ok", "warn", "fail"]
    detail: str


def doctor(data_dir: DataDir = None, database: Database = None, as_json: AsJson = False) -> None:
    """Look for what is wrong with this installation: exit 1 if something has failed."""
    settings = load(data_dir=data_dir, database_url=database)
    findings = list(examine(settings))
    failed = [finding for finding in findings if finding.status == "fail"]
    result = {"ok": not failed, "checks": [finding._asdict() for finding in findings]}
    lines = [f"{it.status:<5} {it.check:<10} {it.detail}" for it in findings]
    output.show(result, lines, as_json=as_json)
    if failed:
        raise Failure(f"{len(failed)} of {len(findings)} checks failed")


def examine(settings: Settings) -> Iterator[Finding]:
    """Return what there is to say of each part of the installation."""
    yield _python()
    if settings.sqlite_path is not None:
        yield _sqlite()
        yield from _directory(settings)
    if settings.sqlite_path is not None and not settings.sqlite_path.exists():
        where = settings.sqlite_path
        yield Finding("database", "warn", f"no {where} yet: `tallybook serve` makes it")
        return
    try:
        with opened(settings) as db:
            for look in (_schema, _parked, _clock):
                yield _looked(look, db)
    except (Failure, Refusal) as error:
        yield Finding("database", "fail", str(error))


def _looked(look: Callable[[OpenDatabase], Finding], db: OpenDatabase) -> Finding:
    try:
        return look(db)
    except Refusal as refusal:
        reason = refusal.details.get("reason", "")
        return Finding(look.__name__.strip("_"), "fail", f"{refusal.message} {reason}".strip())


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < PYTHON_MIN:
        return Finding("python", "fail", f"{version}; 3.11 or newer is needed")
    return Finding("python", "ok", version)


def _sqlite() -> Finding:
    driver = sqlite.driver()
    try:
        sqlite.require_safe(driver.sqlite_version_info)
    except Refusal as refusal:
        return Finding("sqlite", "fail", refusal.message)
    return Finding("sqlite", "ok", f"{driver.sqlite_version}, from {driver.__name__}")


def _directory(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    if not home.is_dir():
        yield Finding("directory", "warn", f"no {home} yet")
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & _OTHERS:
        yield Finding("directory", "warn", f"others may look into {home}: chmod 700 {home}")
    else:
        yield Finding("directory", "ok", str(home))
    free = shutil.disk_usage(home).free
    status: Literal["ok", "warn", "fail"] = "ok" if free >= DISK_WARN_BYTES else "warn"
    more = "" if status == "ok" else ": make room, without it nothing can be written"
    yield Finding(
        "disk",
        "fail" if free < DISK_FAIL_BYTES else status,
        f"{free / (1 << 30):.1f} GiB free{more}",
    )
    yield _server(settings)


def _server(settings: Settings) -> Finding:
    server, holder = find_server(settings.home), _holder(settings)
    if holder is None:
        return Finding("server", "ok", "none runs on this directory")
    if server is None:
        return Finding(
            "server", "warn", f"process {holder} holds the database and tells no address"
        )
    try:
        httpx2.get(f"{server.url}/api/v1/health", timeout=_ANSWER_S).raise_for_status()
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        return Finding("server", "fail", f"process {server.pid} at {server.url}: {reason}")
    return Finding("server", "ok", f"process {server.pid} answers at {server.url}")


def _holder(settings: Settings) -> str | None:
    """Return who holds the lock, None if nobody does."""
    try:
        with (settings.home / "tallybook.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(32).strip() or "unknown"
    except OSError:
        pass
    return None


def _schema(db: OpenDatabase) -> Finding:
    found, needed = schema.current(db), schema.HEAD
    if found == needed:
        return Finding("schema", "ok", str(found))
    return Finding(
        "schema", "fail", f"{found or 'empty'}, and {needed} is needed: run `tallybook migrate`"
    )


def _parked(db: OpenDatabase) -> Finding:
    if schema.current(db) is None:
        return Finding("parked", "ok", "no work yet")
    parked = db.read(due.list_parked)
    if not parked:
        return Finding("parked", "ok", "no work is parked")
    _space, kind, subject, error = parked[0]
    said = f"works that failed too often: {len(parked)}, such as {kind} of {subject}: {error}"
    return Finding("parked", "fail", said)


def _clock(db: OpenDatabase) -> Finding:
    now = clock.now()
    known = [datetime(2026, 1, 1, tzinfo=UTC)]
    if schema.current(db) is not None:
        known.extend(project.created_at for project in db.read(identity.list_projects))
    if not db.is_sqlite:
        known.append(db.read(lambda tx: tx.connection.exec_driver_sql("SELECT now()").scalar_one()))
    if max(known) > now + CLOCK_OFF_MAX:
        return Finding(
            "clock", "fail", f"{now:%F %T}Z is before {max(known):%F %T}Z: set the clock"
        )
    return Finding("clock", "ok", f"{now:%F %T}Z")
