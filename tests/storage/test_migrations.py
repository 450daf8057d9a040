"""The migrations make exactly the tables that the rooms describe, on both databases."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.conftest import load_all_tables, open_project

from tallybook.server.kernel.errors import Refusal
from tallybook.server.storage import Database, open_database, schema
from tallybook.server.storage.columns import metadata


@pytest.fixture
def empty(engine_name: str, tmp_path: object, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without any tables."""
    if engine_name == "sqlite":
        db = open_database(f"sqlite:///{tmp_path}/empty.db")
    else:
        fresh: Callable[[], str] = request.getfixturevalue("postgres")
        url = fresh()
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("DROP SCHEMA public CASCADE")
            admin.execute("CREATE SCHEMA public")
        db = open_database(url)
    yield db
    db.close()


def test_the_migrations_make_what_the_tables_say(empty: Database) -> None:
    load_all_tables()
    schema.migrate(empty)
    found = empty.read(
        lambda tx: compare_metadata(
            MigrationContext.configure(tx.connection, opts={"compare_server_default": True}),
            metadata,
        )
    )
    assert not found, "the tables differ from the migrations:\n" + "\n".join(map(str, found))


def test_a_migrated_database_works(empty: Database) -> None:
    schema.migrate(empty)
    schema.require_current(empty)
    assert open_project(empty).live_key.startswith("tb_live_")


def test_migrating_again_changes_nothing(empty: Database) -> None:
    schema.migrate(empty)
    home = open_project(empty)
    schema.migrate(empty)
    assert schema.current(empty) == schema.HEAD
    assert open_project(empty, "Other").project_id != home.project_id


def test_an_empty_database_is_not_served(empty: Database) -> None:
    assert schema.current(empty) is None
    with pytest.raises(Refusal, match="tallybook migrate"):
        schema.require_current(empty)


def test_a_migration_that_fails_leaves_nothing(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last statement fails: what came before is undone, and the next run does it all."""
    from sqlalchemy import Connection

    real, done = Connection.exec_driver_sql, []

    def fail_late(self: Connection, statement: str, *args: object) -> object:
        done.append(statement)
        if statement.startswith("CREATE") and len(done) > 40:
            raise OSError("the power is gone")
        return real(self, statement, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "exec_driver_sql", fail_late)
    with pytest.raises(OSError, match="power"):
        schema.migrate(empty)
    monkeypatch.undo()
    assert schema.current(empty) is None
    schema.migrate(empty)
    schema.require_current(empty)


def test_the_revision_named_is_the_newest() -> None:
    assert ScriptDirectory.from_config(schema.config()).get_current_head() == schema.HEAD
