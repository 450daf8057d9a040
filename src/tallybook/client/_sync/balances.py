"""Balances: the currencies in use."""

from functools import cached_property
from typing import Unpack

from tallybook.client.options import ListOptions
from tallybook.client.types.markets import Balance

from .pages import Page
from .resources import Resource
from .verbs import listing, raw


class Balances(Resource):
    """`client.balances`. They are made in the dashboard, or on the command line."""

    @cached_property
    def with_raw_response(self) -> "BalancesRaw":
        return BalancesRaw(self)

    @listing
    def list(self, project_id: str | None = None, **options: Unpack[ListOptions]) -> Page[Balance]:
        """Return the currencies in use, with what all wallets hold.

        A project_id must be the key's.
        Errors: PermissionDeniedError `project_mismatch`.
        """
        return self._list("/balances", Balance, options, {"project_id": project_id})


class BalancesRaw:
    """The verbs of `client.balances`, each answering an APIResponse."""

    def __init__(self, balances: Balances) -> None:
        self.list = raw(balances.list)
