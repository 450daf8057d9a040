"""Balances: the currencies in use."""

from functools import cached_property
from typing import Unpack

from tallybook.client.options import ListOptions
from tallybook.client.types.markets import Balance

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncBalances(AsyncResource):
    """`client.balances`. They are made in the dashboard, or on the command line."""

    @cached_property
    def with_raw_response(self) -> "AsyncBalancesRaw":
        return AsyncBalancesRaw(self)

    @listing
    async def list(
        self, project_id: str | None = None, **options: Unpack[ListOptions]
    ) -> AsyncPage[Balance]:
        """Return the currencies in use, with what all wallets hold.

        A project_id must be the key's.
        Errors: PermissionDeniedError `project_mismatch`.
        """
        return await self._list("/balances", Balance, options, {"project_id": project_id})


class AsyncBalancesRaw:
    """The verbs of `client.balances`, each answering an APIResponse."""

    def __init__(self, balances: AsyncBalances) -> None:
        self.list = raw(balances.list)
