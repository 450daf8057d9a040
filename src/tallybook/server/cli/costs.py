"""`tallybook costs`."""

from datetime import date, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from . import output
from .flags import DataDir
from .output import AsJson
from .remote import BaseUrl, connected, text

app = typer.Typer(no_args_is_help=True, help="What the work costs. Key: TALLYBOOK_API_KEY.")
Customer = Annotated[str | None, typer.Option(help="External id of a customer.")]
Agent = Annotated[str | None, typer.Option(help="An agent, by either id.")]


@app.command("list")
def list_all(
    customer: Customer = None,
    agent: Agent = None,
    status: Annotated[
        str | None, typer.Option(help="priced, unpriced, repriced or voided.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, or an instant.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, or an instant.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List costs, the newest first."""
    query: dict[str, Any] = {"status": status, "start": start, "end": end}
    with connected(base_url, data_dir) as client:
        page = client.costs.list(
            customer_external_id=customer, agent=agent, limit=min(limit, 100), **query
        )
        found = list(islice(page, limit))
    names = ("timestamp", "id", "amount", "currency", "category", "source", "status", "model")
    rows = [[text(getattr(one, name)) for name in names] for one in found]
    shown = [one.model_dump(mode="json") for one in found]
    output.show_table(shown, names, rows, as_json=as_json)


@app.command("add")
def add(
    amount: Annotated[str, typer.Option(help="What it cost; with --adjusts below 0, too.")],
    customer: Customer = None,
    agent: Agent = None,
    currency: Annotated[str | None, typer.Option(help="[USD]")] = None,
    category: Annotated[
        str | None, typer.Option(help="compute llm api storage bandwidth other [other]")
    ] = None,
    adjusts: Annotated[str | None, typer.Option(help="The cost that this corrects.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same again adds nothing.")
    ] = None,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a cost, or correct one."""
    given = {
        "customer_external_id": customer,
        "agent": agent,
        "currency": currency,
        "category": category,
        "adjusts": adjusts,
        "idempotency_key": key,
    }
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with connected(base_url, data_dir) as client:
        made = client.costs.create(amount=amount, **fields).model_dump(mode="json")
    names = ("id", "amount", "currency", "category", "source", "status", "adjusts")
    output.show(made, output.pairs(made, *names), as_json=as_json)


@app.command("reprice")
def reprice(
    start: Annotated[str, typer.Option(help="From this instant or day on.")],
    end: Annotated[str, typer.Option(help="Up to this instant or the beginning of this day.")],
    provider: Annotated[str | None, typer.Option(help="Of this provider only.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell what would be done.")] = False,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Price the model calls of a time anew, as adjustments."""
    given = {"provider": provider, "model": model}
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with connected(base_url, data_dir) as client:
        done = client.costs.reprice(
            start=instant(start), end=instant(end), dry_run=dry_run, **fields
        ).model_dump(mode="json")
    names = ("looked_at", "adjusted", "unpriced", "difference", "currency")
    output.show(done, output.pairs(done, *names), as_json=as_json)


def instant(given: str) -> str:
    """Return an instant; of a day, its beginning in UTC."""
    try:
        day = date.fromisoformat(given)
    except ValueError:
        return given
    return f"{datetime(day.year, day.month, day.day):%Y-%m-%dT%H:%M:%S}Z"  # noqa: DTZ001
