"""`tallybook markets`."""

from typing import Annotated, Any

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
    from .operator_calls import Operator, run

    async def work(operator: Operator) -> Any:
        project_id = await operator.project_id(project)
        body = {"project_id": project_id, "key": key, "currency": currency, "name": name or key}
        return await operator.call("POST", "/markets", body)

    made = run(load(data_dir=data_dir, database_url=database), work)
    names = ("id", "key", "name", "currency")
    output.show(made, output.pairs(made, *names), as_json=as_json)
