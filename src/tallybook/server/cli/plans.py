"""`tallybook plans`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from . import output
from .errors import Failure, WrongUsage
from .flags import DataDir
from .import_events import server_url
from .output import AsJson
from .settings import load

app = typer.Typer(no_args_is_help=True, help="What is sold.")


@app.callback()
def _noun() -> None:
    """Keep `rehearse` a verb of its own, though it is the only one."""


@app.command("rehearse")
def rehearse(
    plan: Annotated[str, typer.Argument(help="Plan or plan price: what to try.")],
    start: Annotated[str, typer.Option(help="First day: periods that began from then on.")],
    end: Annotated[str, typer.Option(help="Last day, inclusive.")],
    base_price: Annotated[
        str | None, typer.Option(help="Base price instead of the plan's own.")
    ] = None,
    meter_overrides: Annotated[
        Path | None, typer.Option(help="File with a JSON list of other terms for meters.")
    ] = None,
    customers_of: Annotated[
        str | None, typer.Option(help="The plan whose customers are asked [this one].")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Server (TALLYBOOK_BASE_URL).")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what past periods would have cost on a price. Key: TALLYBOOK_API_KEY."""
    from tallybook import Tallybook

    settings = load(base_url=base_url, data_dir=data_dir)
    body: dict[str, Any] = {"base_price": base_price, "customers_of": customers_of}
    given = {name: value for name, value in body.items() if value is not None}
    if meter_overrides is not None:
        given["meter_overrides"] = _read(meter_overrides)
    with Tallybook(settings.api_key, base_url=server_url(settings)) as client:
        found = client.pricing.rehearse(plan, start, end, **given)
        found = _shown_until_done(found)
    if found.result is None:
        raise Failure(f"the rehearsal failed: {found.error}")
    result = found.result
    names = ("customer", "periods", "billed", "would be", "difference")
    rows = [
        [
            one.customer_external_id or one.customer_id,
            str(one.periods),
            *(format(amount, "f") for amount in (one.billed, one.would_be, one.difference)),
        ]
        for one in result.customers
    ]
    totals = result.totals
    sums = (totals.billed, totals.would_be, totals.difference)
    rows.append([f"all, in {result.currency}", "", *(format(amount, "f") for amount in sums)])
    output.show_table(found.model_dump(mode="json"), names, rows, as_json=as_json)
    for unrated in result.unrated:
        output.note(f"{unrated.customer_external_id or unrated.customer_id}: {unrated.reason}")


def _shown_until_done(found: Any) -> Any:
    """Wait for a rehearsal, and show on a terminal how far it is."""
    import time

    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as shown:
        task = shown.add_task("rehearsing", total=1.0)
        while not found.is_done:
            time.sleep(0.2)
            found = found.refresh()
            shown.update(task, completed=found.progress)
    return found


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUsage(f"--meter-overrides: {path} cannot be read as JSON: {error}") from None
