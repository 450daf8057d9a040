"""Commands that go through the API of a server, by TALLYBOOK_API_KEY."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from .import_events import server_url
from .settings import load

if TYPE_CHECKING:
    from tallybook import Tallybook

BaseUrl = Annotated[
    str | None,
    typer.Option(help="The server (TALLYBOOK_BASE_URL) [the one running here]."),
]


@contextmanager
def connected(base_url: str | None, data_dir: str | None) -> "Iterator[Tallybook]":
    """Return a client of the server that is named, or runs here. Errors: ConfigurationError."""
    from tallybook import Tallybook

    settings = load(base_url=base_url, data_dir=data_dir)
    with Tallybook(settings.api_key, base_url=server_url(settings)) as client:
        yield client


def text(value: object) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    return format(value, "f") if hasattr(value, "as_tuple") else str(value)
