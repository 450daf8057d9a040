"""Alembic's environment: always on a connection that storage hands over."""

from alembic import context

from tallybook.server.storage.columns import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
