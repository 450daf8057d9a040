"""Markets: where prices hold."""

from functools import cached_property
from typing import Unpack

from tallybook.client.options import ListOptions
from tallybook.client.types.markets import Market

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncMarkets(AsyncResource):
    """`client.markets`. They are made in the dashboard, or on the command line."""

    @cached_property
    def with_raw_response(self) -> "AsyncMarketsRaw":
        return AsyncMarketsRaw(self)

    @listing
    async def list(
        self, project_id: str | None = None, **options: Unpack[ListOptions]
    ) -> AsyncPage[Market]:
        """Return markets.

        A project_id must be the key's.
        Errors: PermissionDeniedError `project_mismatch`.
        """
        return await self._list("/markets", Market, options, {"project_id": project_id})


class AsyncMarketsRaw:
    """The verbs of `client.markets`, each answering an APIResponse."""

    def __init__(self, markets: AsyncMarkets) -> None:
        self.list = raw(markets.list)
