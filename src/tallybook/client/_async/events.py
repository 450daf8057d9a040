"""Events: usage as it was received."""

from functools import cached_property
from typing import Literal, Unpack

from tallybook.client.options import CallOptions, ListOptions
from tallybook.client.paths import path
from tallybook.client.types.usage import UsageEvent

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncEvents(AsyncResource):
    """`client.events`."""

    @cached_property
    def with_raw_response(self) -> "AsyncEventsRaw":
        return AsyncEventsRaw(self)

    async def get(self, id: str, **options: Unpack[CallOptions]) -> UsageEvent:
        """Return an event."""
        return await self._get(path("events", id), UsageEvent, options)

    @listing
    async def list(
        self,
        *,
        status: Literal["accepted", "unmatched", "voided"] | None = None,
        **options: Unpack[ListOptions],
    ) -> AsyncPage[UsageEvent]:
        """Return events as they were received, the newest first; `unmatched` ones wait."""
        return await self._list("/events", UsageEvent, options, {"status": status})


class AsyncEventsRaw:
    """The verbs of `client.events`, each answering an APIResponse."""

    def __init__(self, events: AsyncEvents) -> None:
        self.get = raw(events.get)
        self.list = raw(events.list)
