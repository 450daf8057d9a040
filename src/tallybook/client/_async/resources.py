"""What all resources share: the ways to call, and objects that can call."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import httpx2

from tallybook.client.calls import File, prepare
from tallybook.client.options import PageOptions
from tallybook.client.responses import (
    APIResponse,
    M,
    Origin,
    Result,
    parse_model,
    parse_nothing,
    parse_page,
    without_raw,
)

from .pages import AsyncPage, AsyncPageSource

if TYPE_CHECKING:
    from .client import AsyncTallybook

R = TypeVar("R")
_PAGE_OPTIONS = frozenset(PageOptions.__annotations__)


class AsyncResource:
    """The base of `client.<resource>`."""

    def __init__(self, client: "AsyncTallybook") -> None:
        self._client = client

    async def _get(
        self,
        path: str,
        model: type[M],
        options: Mapping[str, Any],
        query: Mapping[str, Any] | None = None,
    ) -> M:
        """Return what is at a path."""
        parse = partial(parse_model, model=model, client=self._client)
        return await self._call("GET", path, parse, options, query=query)

    async def _write(
        self,
        method: Literal["POST", "PUT", "PATCH", "DELETE"],
        path: str,
        model: type[M],
        options: Mapping[str, Any],
        body: Mapping[str, Any] | None = None,
    ) -> M:
        """Return what a change answers; every try carries the same idempotency key."""
        parse = partial(parse_model, model=model, client=self._client)
        return await self._call(method, path, parse, options, body=body)

    async def _delete(self, path: str, options: Mapping[str, Any]) -> None:
        """Make a change that answers nothing."""
        return await self._call("DELETE", path, parse_nothing, options)

    async def _list(
        self,
        path: str,
        model: type[M],
        options: Mapping[str, Any],
        query: Mapping[str, Any] | None = None,
    ) -> AsyncPage[M]:
        """Return the page that the options ask for."""
        paging = {name: value for name, value in options.items() if name in _PAGE_OPTIONS}
        rest = {name: value for name, value in options.items() if name not in _PAGE_OPTIONS}
        return await self._page(path, model, {**(query or {}), **paging}, rest)

    async def _page(
        self, path: str, model: type[M], query: Mapping[str, Any], options: Mapping[str, Any]
    ) -> AsyncPage[M]:
        def parse(response: httpx2.Response) -> AsyncPage[M]:
            parsed = parse_page(response, model, self._client)
            source = AsyncPageSource(self, path, model, query, without_raw(options))
            return AsyncPage(parsed, Origin.of(response, self._client), source)

        return await self._call("GET", path, parse, options, query=query)

    async def _call(
        self,
        method: str,
        path: str,
        parse: Callable[[httpx2.Response], R],
        options: Mapping[str, Any],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        file: File | None = None,
    ) -> R:
        client = self._client
        call = prepare(
            client.options, method, path, query=query, body=body, options=options, file=file
        )
        response = await client.transport.send(call, client.options)
        if call.raw:
            return cast("R", APIResponse(response, parse))
        return parse(response)


class AsyncObject(Result):
    """The base of objects with bound methods."""

    @property
    def _client(self) -> "AsyncTallybook":
        return cast("AsyncTallybook", self._origin.bound_client())
