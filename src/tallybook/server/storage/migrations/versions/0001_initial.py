"""All tables of the first release, as SQL for each database.

Revision ID: 0001
Revises: none
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables in an empty database."""
    dialect = op.get_bind().dialect.name
    script = Path(__file__).with_name(f"0001_initial.{dialect}.sql").read_text("utf-8")
    for statement in filter(None, map(str.strip, script.split(";\n"))):
        op.get_bind().exec_driver_sql(statement)
