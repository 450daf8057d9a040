"""Pages that know the next one."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tallybook.client.responses import Origin
from tallybook.wire.base import Page as WirePage

if TYPE_CHECKING:
    from .resources import AsyncResource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AsyncPageSource:
    """Where a page came from, and so where the next one is."""

    resource: "AsyncResource"
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


class AsyncPage(Generic[T]):
    """One page of a list. Iterating goes on through all pages; `data` is this one alone."""

    def __init__(self, parsed: WirePage[T], origin: Origin, source: AsyncPageSource) -> None:
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

    async def next_page(self) -> "AsyncPage[T] | None":
        """Return the page after this one; None at the end."""
        if self._next_query is None:
            return None
        source = self._source
        page: AsyncPage[T] = await source.resource._page(
            source.path, source.model, self._next_query, source.options
        )
        return page

    async def iter_pages(self) -> "AsyncIterator[AsyncPage[T]]":
        """Go through this page and all after it."""
        page: AsyncPage[T] | None = self
        while page is not None:
            yield page
            page = await page.next_page()

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.iter_pages():
            for item in page.data:
                yield item

    def __repr__(self) -> str:
        return f"<AsyncPage of {len(self.data)}, has_more={self.has_more}>"
