"""`tallybook markets`."""

from typing import Annotated

import typer

from . import output
from .flags import Database, DataDir, Project
from .output import AsJson
from .settings import load

app = typer.Typer(no_args_is_help=True, help="Where plans are sold, and in which currency.")


@app.callback()
def _noun() -> None:
    """Keep `create` a verb of its own, though it is the only one."""


@app.command("create")
def create(
    key: Annotated[str, typer.Argument(help="Stable name: small letters, digits, - and _.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code of its prices.")],
    name: Annotated[str | None, typer.Option(help="For people [the key].")] = None,
    project: Project = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Create a market, in the live and in the test space."""
    from .operator_calls import call

    settings = load(data_dir=data_dir, database_url=database)
    body = {"key": key, "currency": currency, "name": name, "project": project}
    made = call(settings, "POST", "/markets", body)
    names = ("key", "name", "currency", "live_id", "test_id")
    output.show(made, output.pairs(made, *names), as_json=as_json)
