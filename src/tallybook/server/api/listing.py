"""Pages of facts that a room has found, as wire models."""

from collections.abc import Callable
from typing import TypeVar

from tallybook.server.catalog.service import Found
from tallybook.server.storage.pages import PageRequest
from tallybook.wire.base import Page

from .calls import ReadCall
from .pages import to_page

Fact = TypeVar("Fact")
Model = TypeVar("Model")


def page_of(
    call: ReadCall, request: PageRequest, found: Found[Fact], view: Callable[[Fact], Model]
) -> Page[Model]:
    """Return the page of an answer; `view` makes the wire model of a fact."""
    return to_page(call, request, found.rows, lambda row: view(found.facts[row["id"]]))
