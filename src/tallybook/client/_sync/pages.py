"""Pages that know the next one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tallybook.client.responses import Origin
from tallybook.wire.base import Page as WirePage

if TYPE_CHECKING:
    from .resources import Resource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageSource:
    """Where a page came from, and so where the next one is."""

    resource: "Resource"
    path: str
    model: Any
    query: Mapping[str, Any]
    options: Mapping[str, Any]

    def query_after(self, page: WirePage[Any]) -> Mapping[str, Any] | None:
        """Return the query of the next page; None at the end."""
        if not page.has_more:
            return None
        if page.next_cursor is not None:
            return {**self.query, "cursor": page.next_cursor, "page": None}
        if page.page is not None:
            return {**self.query, "page": page.page + 1}
        return None


class Page(Generic[T]):
    """One page of a list. Iterating goes on through all pages; `data` is this one alone."""

    def __init__(self, parsed: WirePage[T], origin: Origin, source: PageSource) -> None:
        self.data = parsed.data
        self.has_more = parsed.has_more
        self.next_cursor = parsed.next_cursor
        self.limit = parsed.limit
        self.page = parsed.page
        self.total_count = parsed.total_count
        self.extra: dict[str, Any] = parsed.model_extra or {}
        self.request_id = origin.request_id
        self._source = source
        self._next_query = source.query_after(parsed)

    def next_page(self) -> "Page[T] | None":
        """Return the page after this one; None at the end."""
        if self._next_query is None:
            return None
        source = self._source
        page: Page[T] = source.resource._page(
            source.path, source.model, self._next_query, source.options
        )
        return page

    def iter_pages(self) -> "Iterator[Page[T]]":
        """Go through this page and all after it."""
        page: Page[T] | None = self
        while page is not None:
            yield page
            page = page.next_page()

    def __iter__(self) -> Iterator[T]:
        for page in self.iter_pages():
            yield from page.data

    def __repr__(self) -> str:
        return f"<Page of {len(self.data)}, has_more={self.has_more}>"
