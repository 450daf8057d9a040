"""Alembic's environment: always on a connection that storage hands over."""

from typing import Any, Literal

from alembic import context

from tallybook.server.storage.columns import Exact, Instant, metadata

_LOCK = 7_305_808_871  # two processes that migrate PostgreSQL at once: one waits for the other


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write our column types as plain ones: a migration stays as it is when they change."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, Exact):
        return 'sa.Text().with_variant(sa.Numeric(36, 12), "postgresql")'
    return False


connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
