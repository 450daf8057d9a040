"""`tallybook migrate`."""

from typing import Annotated

import typer

from . import output
from .errors import Failure
from .flags import Database, DataDir
from .output import AsJson
from .settings import Settings, load


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether it is needed: exit 1 if so.")
    ] = False,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database's schema to this program's."""
    settings = load(data_dir=data_dir, database_url=database)
    before, after, needed = _check(settings) if check else _migrate(settings)
    result = {"from": before, "to": after, "needed": needed, "current": after == needed}
    if check and after != needed:
        output.show(result, [], as_json=as_json)
        raise Failure(
            f"the schema is {after or 'empty'}, and {needed} is needed: run `tallybook migrate`"
        )
    changed = f"migrated from {before or 'nothing'} to {after}"
    line = f"the schema is current: {after}" if before == after else changed
    output.show(result, [line], as_json=as_json)


def _check(settings: Settings) -> tuple[str | None, str | None, str | None]:
    from tallybook.server.storage import schema

    from .installation import opened

    path = settings.sqlite_path
    if path is not None and not path.exists():
        return None, None, schema.HEAD
    with opened(settings) as db:
        found = schema.current(db)
    return found, found, schema.HEAD


def _migrate(settings: Settings) -> tuple[str | None, str | None, str | None]:
    from tallybook.server.storage import schema

    from . import installation

    with installation.held_lock(settings), installation.opened(settings) as db:
        before = schema.current(db)
        installation.migrate(db)
        return before, schema.current(db), schema.HEAD
