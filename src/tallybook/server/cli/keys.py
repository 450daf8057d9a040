"""`tallybook keys`."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from . import output
from .flags import Database, DataDir, Project
from .output import AsJson
from .settings import load

app = typer.Typer(no_args_is_help=True, help="API keys: each opens one space of a project.")


class Space(StrEnum):
    """Which half of the project the key opens."""

    LIVE = "live"
    TEST = "test"


class Scope(StrEnum):
    """What the key may do."""

    FULL = "full"
    INGEST = "ingest"
    READ = "read"


@app.command("create")
def create(
    project: Project = None,
    space: Annotated[Space, typer.Option(help="Which half of the project it opens.")] = Space.LIVE,
    scope: Annotated[
        Scope, typer.Option(help="All, only sending events, or only looking.")
    ] = Scope.FULL,
    name: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key; its text is shown only once."""
    from .operator_calls import Operator, run

    async def work(operator: Operator) -> Any:
        body = {"space": space.value, "scope": scope.value, "name": name}
        project_id = await operator.project_id(project)
        return await operator.call("POST", "/api-keys", {"project_id": project_id, **body})

    made = run(load(data_dir=data_dir, database_url=database), work)
    names = ("id", "space", "scope", "name", "key")
    output.show(made, output.pairs(made, *names), as_json=as_json)
    if not as_json:
        output.note("Keep the key: it is not shown again.")


@app.command("list")
def list_all(
    project: Project = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List a project's API keys, revoked ones too."""
    from .operator_calls import Operator, run

    async def work(operator: Operator) -> Any:
        project_id = await operator.project_id(project)
        return await operator.call("GET", f"/api-keys?project_id={project_id}")

    found = run(load(data_dir=data_dir, database_url=database), work)["data"]
    rows = (
        [
            key["id"],
            key["space"],
            key["scope"],
            key["name"] or "",
            f"…{key['hint']}",
            key["created_at"],
            key["revoked_at"] or "",
        ]
        for key in found
    )
    columns = ("id", "space", "scope", "name", "ends in", "created", "revoked")
    output.show_table(found, columns, rows, as_json=as_json)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id: key_…")],
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Refuse an API key from its next request on."""
    from urllib.parse import quote

    from .operator_calls import call

    settings = load(data_dir=data_dir, database_url=database)
    gone = call(settings, "POST", f"/api-keys/{quote(key_id, safe='')}/revoke")
    output.show(gone, [f"{gone['id']} is revoked"], as_json=as_json)
