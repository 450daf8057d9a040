"""The schema: migrated by Alembic, checked before anything is served."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from .database import Database
from .errors import SchemaOutOfDate


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def head() -> str | None:
    """Return the newest revision this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current(db: Database) -> str | None:
    """Return the revision of the database, None while it is empty."""
    return db.read(lambda tx: MigrationContext.configure(tx.connection).get_current_revision())


def migrate(db: Database) -> None:
    """Bring the schema to this program's revision, in one transaction."""

    def upgrade(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    db.write_now(lambda tx: upgrade(tx.connection))


def require_current(db: Database) -> None:
    """Errors: SchemaOutOfDate, with the revision found and the one needed."""
    found, needed = current(db), head()
    if found != needed:
        raise SchemaOutOfDate(found=found or "none", needed=needed)
