"""Write the SQL of migration 0001 anew from the tables; until the first release, and never after.

    python tools/first_migration.py

Later changes are revisions of their own, which alter what this one made.
"""

import importlib
import pkgutil
from itertools import groupby
from pathlib import Path

from sqlalchemy import create_mock_engine

import tallybook.server
from tallybook.server.storage.columns import metadata

VERSIONS = Path(tallybook.server.__file__).parent / "storage" / "migrations" / "versions"
URLS = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}


def load_all_tables() -> None:
    for module in pkgutil.walk_packages(tallybook.server.__path__, "tallybook.server."):
        if module.name.rsplit(".", 1)[-1].endswith("tables"):
            importlib.import_module(module.name)


def statements(dialect: str) -> list[str]:
    """Return the statements that make all tables in an empty database."""
    made: list[str] = []

    def keep(statement: object, *_: object, **__: object) -> None:
        text = str(statement.compile(dialect=engine.dialect))  # type: ignore[attr-defined]
        lines = (line.rstrip().replace("\t", "  ") for line in text.strip().splitlines())
        made.append("\n".join(line for line in lines if line))

    engine = create_mock_engine(URLS[dialect], keep)
    metadata.create_all(engine, checkfirst=False)
    runs = groupby(made, lambda text: text.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX")))
    return [text for is_index, run in runs for text in (sorted(run) if is_index else run)]


def main() -> None:
    load_all_tables()
    for dialect in URLS:
        text = "".join(f"{statement};\n\n" for statement in statements(dialect))
        (VERSIONS / f"0001_initial.{dialect}.sql").write_text(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    main()
