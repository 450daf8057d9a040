"""`tallybook prices`: what LLM models cost."""

from typing import Annotated, Any, Literal

import typer

from . import output
from .costs import instant
from .errors import WrongUsage
from .flags import DataDir
from .output import AsJson
from .remote import BaseUrl, connected, text

app = typer.Typer(no_args_is_help=True, help="What LLM models cost. Key: TALLYBOOK_API_KEY.")
_BUCKETS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")


@app.command("list")
def list_all(
    bundled: Annotated[bool, typer.Option(help="The bundled list, instead of your own.")] = False,
    provider: Annotated[str | None, typer.Option(help="Of this provider only.")] = None,
    model: Annotated[str | None, typer.Option(help="A model; of the list, a part.")] = None,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List prices, in USD per million tokens."""
    origin: Literal["own", "bundled"] = "bundled" if bundled else "own"
    with connected(base_url, data_dir) as client:
        found = list(
            client.model_prices.list(origin=origin, provider=provider, model=model, limit=100)
        )
    names = ("provider", "model", "effective_from", "effective_to", "price")
    rows = []
    for one in found:
        prices = one.listed if one.prices is None else one.prices.model_dump(mode="json")
        said = [f"{name} {price}" for name, price in (prices or {}).items() if price is not None]
        price = f"as {one.alias_of}" if one.alias_of else ", ".join(said)
        dates = [text(one.effective_from), text(one.effective_to)]
        rows.append([one.provider, one.model, *dates, price])
    shown = [one.model_dump(mode="json") for one in found]
    output.show_table(shown, names, rows, as_json=as_json)


@app.command("set")
def put(
    provider: Annotated[str, typer.Argument(help="Who sells it.")],
    model: Annotated[str, typer.Argument(help="What the call names.")],
    effective_from: Annotated[
        str, typer.Option("--from", help="Calls from this instant or day on.")
    ],
    until: Annotated[str | None, typer.Option(help="Calls before this one only.")] = None,
    input_: Annotated[str | None, typer.Option("--input", help="USD per million.")] = None,
    output_: Annotated[str | None, typer.Option("--output", help="USD per million.")] = None,
    cache_read: Annotated[str | None, typer.Option(help="[as --input]")] = None,
    cache_write_5m: Annotated[
        str | None, typer.Option("--cache-write-5m", help="[as --input]")
    ] = None,
    cache_write_1h: Annotated[
        str | None, typer.Option("--cache-write-1h", help="[as --input]")
    ] = None,
    alias_of: Annotated[
        str | None, typer.Option(metavar="PROVIDER/MODEL", help="Priced as this, instead.")
    ] = None,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Set your price of a model from a time on; stored costs keep theirs (`costs reprice`)."""
    given = (input_, cache_read, cache_write_5m, cache_write_1h, output_)
    pairs = zip(_BUCKETS, given, strict=True)
    prices = {name: price for name, price in pairs if price is not None}
    if bool(prices) == (alias_of is not None):
        raise WrongUsage("give --input and --output, or --alias-of")
    fields: dict[str, Any] = {"alias_of": alias_of} if alias_of else {"prices": prices}
    if until is not None:
        fields["effective_to"] = instant(until)
    with connected(base_url, data_dir) as client:
        made = client.model_prices.put(
            provider=provider, model=model, effective_from=instant(effective_from), **fields
        ).model_dump(mode="json")
    names = ("id", "provider", "model", "alias_of", "effective_from", "effective_to")
    shown = [f"{name:<14}  {price}" for name, price in (made["prices"] or {}).items() if price]
    output.show(made, [*output.pairs(made, *names), *shown], as_json=as_json)


@app.command("unpriced")
def unpriced(base_url: BaseUrl = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List what has no price yet, and why."""
    with connected(base_url, data_dir) as client:
        found = client.model_prices.unpriced().data
    names = ("provider", "model", "reason", "costs", "first_at", "last_at")
    rows = [[text(getattr(one, name)) for name in names] for one in found]
    shown = [one.model_dump(mode="json") for one in found]
    output.show_table(shown, names, rows, as_json=as_json)
