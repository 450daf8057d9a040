"""The command `tallybook` and its nouns."""

import os
from collections.abc import Iterable
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tallybook import APIStatusError, TallybookError
from tallybook.server.kernel.errors import Refusal

from . import (
    budgets,
    costs,
    demo,
    doctor,
    import_events,
    keys,
    markets,
    migrate,
    openapi,
    plans,
    prices,
    projects,
    seller,
    serve,
    verify,
    worker,
)
from .errors import Failure


class _Commands(TyperGroup):
    """Turns what a command refuses into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Failure as failure:
            _say(str(failure))
            raise typer.Exit(failure.exit_code) from None
        except Refusal as refusal:
            _say(_sentence(refusal.message, refusal.errors))
            raise typer.Exit(1) from None
        except APIStatusError as error:
            said = _sentence(error.message, error.errors)
            _say(f"{said} ({error.code or error.status_code})")
            raise typer.Exit(1) from None
        except TallybookError as error:
            _say(str(error))
            raise typer.Exit(1) from None


def _sentence(message: str, fields: Iterable[Any]) -> str:
    told = [f"{field.pointer}: {field.detail}" for field in fields]
    return " ".join([message, *(f"{one}." for one in told if one not in message)])


def _say(text: str) -> None:
    typer.echo(f"tallybook: {' '.join(text.split())}", err=True)


app = typer.Typer(
    cls=_Commands,
    name="tallybook",
    help="Self-hosted usage billing: meter, rate, invoice and explain, to the cent.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.command("verify")(verify.verify)
app.command("doctor")(doctor.doctor)
app.command("openapi")(openapi.openapi)
app.add_typer(projects.app, name="projects")
app.add_typer(keys.app, name="keys")
app.add_typer(markets.app, name="markets")
app.add_typer(plans.app, name="plans")
app.add_typer(seller.app, name="seller")
app.add_typer(budgets.app, name="budgets")
app.add_typer(costs.app, name="costs")
app.add_typer(prices.app, name="prices")
app.add_typer(import_events.app, name="import")


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if show_version:
        typer.echo(f"tallybook {version('tallybook')}")
        raise typer.Exit


def run() -> None:
    """Run the command line of this process. What it writes is for its user alone."""
    os.umask(0o077)
    app(prog_name="tallybook")
