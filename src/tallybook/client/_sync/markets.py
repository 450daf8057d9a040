"""Markets: where prices hold."""

from functools import cached_property
from typing import Unpack

from tallybook.client.options import ListOptions
from tallybook.client.types.markets import Market

from .pages import Page
from .resources import Resource
from .verbs import listing, raw


class Markets(Resource):
    """`client.markets`. They are made in the dashboard, or on the command line."""

    @cached_property
    def with_raw_response(self) -> "MarketsRaw":
        return MarketsRaw(self)

    @listing
    def list(self, project_id: str | None = None, **options: Unpack[ListOptions]) -> Page[Market]:
        """Return markets.

        A project_id must be the key's.
        Errors: PermissionDeniedError `project_mismatch`.
        """
        return self._list("/markets", Market, options, {"project_id": project_id})


class MarketsRaw:
    """The verbs of `client.markets`, each answering an APIResponse."""

    def __init__(self, markets: Markets) -> None:
        self.list = raw(markets.list)
