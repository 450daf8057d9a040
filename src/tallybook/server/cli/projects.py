"""`tallybook projects`."""

from typing import Annotated
from urllib.parse import quote

import typer

from . import output
from .flags import Database, DataDir
from .output import AsJson
from .settings import load

app = typer.Typer(no_args_is_help=True, help="Businesses that bill; each has two spaces.")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What the business is called.")],
    currency: Annotated[
        str, typer.Option(help="ISO 4217 code: the currency of market `global`.")
    ] = "USD",
    timezone: Annotated[
        str, typer.Option(help="IANA time zone, where the project's days begin.")
    ] = "UTC",
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Create a project, with a live and a test key that are shown only once."""
    from .operator_calls import call

    settings = load(data_dir=data_dir, database_url=database)
    body = {"name": name, "currency": currency, "timezone": timezone}
    made = call(settings, "POST", "/projects", body)
    output.show(made, output.pairs(made, "project_id", "live_key", "test_key"), as_json=as_json)
    if not as_json:
        output.note("Keep the keys: they are not shown again.")


@app.command("set")
def set_switches(
    project_id: Annotated[str, typer.Argument(help="The project's id, `prj_…`.")],
    grace_days: Annotated[
        int | None, typer.Option(help="Days that a past due subscription still gives access.")
    ] = None,
    limit_approaching: Annotated[
        str | None, typer.Option(help="Share of a limit that is told: 0.8 is 80 %.")
    ] = None,
    dunning_days: Annotated[
        str | None,
        typer.Option(help="Days after an invoice fell due to try it again: 1,3,5,7; none: never."),
    ] = None,
    wallet_gate: Annotated[
        bool | None,
        typer.Option(
            "--wallet-gate/--no-wallet-gate", help="Deny what the customer's wallets cannot pay."
        ),
    ] = None,
    enforce_at_ingest: Annotated[
        bool | None,
        typer.Option(
            "--enforce-at-ingest/--no-enforce-at-ingest",
            help="Refuse events past a limit that denies overage.",
        ),
    ] = None,
    proration_basis: Annotated[
        str | None, typer.Option(help="How a part of a cycle is counted: second, or day.")
    ] = None,
    tax_rounding: Annotated[
        str | None, typer.Option(help="Where tax is rounded: invoice, or line.")
    ] = None,
    taxes: Annotated[
        str | None,
        typer.Option(help="Taxes of customers without their own: VAT=0.19; none: without."),
    ] = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Set switches of a project, and show them all."""
    from .operator_calls import call

    switches = {
        "grace_days": grace_days,
        "limit_approaching": limit_approaching,
        "dunning_days": _days(dunning_days),
        "wallet_gate": wallet_gate,
        "enforce_at_ingest": enforce_at_ingest,
        "proration_basis": proration_basis,
        "tax_rounding": tax_rounding,
        "taxes": _taxes(taxes),
    }
    given = {name: value for name, value in switches.items() if value is not None}
    settings = load(data_dir=data_dir, database_url=database)
    found = call(settings, "PATCH", f"/projects/{quote(project_id, safe='')}/settings", given)
    shown = {name: str(value) for name, value in found["settings"].items()}
    shown["taxes"] = ", ".join(f"{t['name']}={t['rate']}" for t in found["settings"]["taxes"])
    output.show(found, output.pairs(shown, *shown), as_json=as_json)


def _taxes(text: str | None) -> list[dict[str, str]] | None:
    if text is None:
        return None
    if text.strip().lower() == "none":
        return []
    pairs = [part.rpartition("=") for part in text.split(",")]
    if not all(name.strip() and rate.strip() for name, _, rate in pairs):
        raise typer.BadParameter("give taxes such as VAT=0.19,City=0.01, or none")
    return [{"name": name.strip(), "rate": rate.strip()} for name, _, rate in pairs]


def _days(text: str | None) -> list[int] | None:
    if text is None:
        return None
    if text.strip().lower() == "none":
        return []
    try:
        return [int(day) for day in text.split(",")]
    except ValueError:
        raise typer.BadParameter("give days such as 1,3,5,7, or none") from None


@app.command("list")
def list_all(data_dir: DataDir = None, database: Database = None, as_json: AsJson = False) -> None:
    """List all projects."""
    from .operator_calls import call

    found = call(load(data_dir=data_dir, database_url=database), "GET", "/projects")["data"]
    names = ("id", "name", "currency", "timezone", "created_at")
    rows = ([project[name] for name in names] for project in found)
    output.show_table(found, names, rows, as_json=as_json)
