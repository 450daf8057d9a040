"""`tallybook seller`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallybook.wire.limits import LOGO_BYTES_MAX

from . import output
from .flags import DataDir
from .output import AsJson
from .remote import BaseUrl, connected

if TYPE_CHECKING:
    from tallybook import Seller

app = typer.Typer(
    no_args_is_help=True,
    help="Who sells, as documents say it; of the space of TALLYBOOK_API_KEY.",
)


@app.command("get")
def get(base_url: BaseUrl = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the seller."""
    with connected(base_url, data_dir) as client:
        _show(client.seller.get(), as_json=as_json)


@app.command("set")
def change(
    legal_name: Annotated[str | None, typer.Option(help="[the project's name]")] = None,
    address_line: Annotated[
        list[str] | None, typer.Option(help="Street and number; may be given several times.")
    ] = None,
    city: Annotated[str | None, typer.Option()] = None,
    postal_code: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str | None, typer.Option(help="Two letters: DE, KW.")] = None,
    tax_id: Annotated[str | None, typer.Option()] = None,
    email: Annotated[str | None, typer.Option(help="Customers' replies go there.")] = None,
    payment_instructions: Annotated[
        str | None, typer.Option(help="How to pay what is due.")
    ] = None,
    footer: Annotated[str | None, typer.Option(help="What stands below on documents.")] = None,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Set what is given, and leave the rest; "" clears."""
    named = {
        "legal_name": legal_name,
        "city": city,
        "postal_code": postal_code,
        "country": country,
        "tax_id": tax_id,
        "email": email,
        "payment_instructions": payment_instructions,
        "footer": footer,
    }
    given: dict[str, Any] = {name: it or None for name, it in named.items() if it is not None}
    if address_line:
        given["address_lines"] = [line for line in address_line if line]
    with connected(base_url, data_dir) as client:
        _show(client.seller.update(**given), as_json=as_json)


@app.command("logo")
def logo(
    file: Annotated[Path | None, typer.Argument(help="A PNG or JPEG.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Show no logo from now on.")] = False,
    base_url: BaseUrl = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a logo on documents, or take it off; without either, say which it is."""
    if file is not None and delete:
        raise typer.BadParameter("give a file, or --delete", param_hint="FILE")
    with connected(base_url, data_dir) as client:
        if delete:
            client.seller.delete_logo()
        elif file is not None:
            client.seller.upload_logo(_readable(file))
        _show(client.seller.get(), as_json=as_json)


def _readable(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LOGO_BYTES_MAX + 1)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from None


def _show(seller: "Seller", *, as_json: bool) -> None:
    shown = seller.model_dump(mode="json")
    image = shown["logo"]
    told = {
        **shown,
        "address_lines": ", ".join(shown["address_lines"]) or None,
        "logo": image and f"{image['content_type']}, {image['width']} x {image['height']} pixels",
    }
    output.show(shown, output.pairs(told, *told), as_json=as_json)
