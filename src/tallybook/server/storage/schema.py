"""The schema: migrated by Alembic, checked before anything is served.

Alembic is imported where it migrates: a server whose schema is current holds 10 MB less.
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

from . import statistics
from .database import Database
from .errors import SchemaOutOfDate
from .tx import Tx

HEAD: Final = "0001"
"""The newest revision of `migrations/versions`."""


def config() -> Any:
    """Return Alembic's, for the migrations of this program."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return made


def current(db: Database) -> str | None:
    """Return the revision of the database, None while it is empty."""

    def find(tx: Tx) -> str | None:
        if not inspect(tx.connection).has_table("alembic_version"):
            return None
        return tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()

    return db.read(find)


def migrate(db: Database) -> None:
    """Bring the schema to this program's revision, in one transaction."""

    def upgrade(connection: Connection) -> None:
        from alembic import command

        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, "head")
        statistics.estimate(connection)

    db.write_now(lambda tx: upgrade(tx.connection))


def require_current(db: Database) -> None:
    """Errors: SchemaOutOfDate, with the revision found and the one needed."""
    found = current(db)
    if found != HEAD:
        raise SchemaOutOfDate(found=found or "none", needed=HEAD)
