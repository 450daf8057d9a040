"""The event feed: all that happened, in an order that misses nothing."""

from functools import cached_property
from typing import Unpack

from tallybook.client.options import ListOptions
from tallybook.client.types.webhooks import FeedEvent

from .pages import AsyncPage
from .resources import AsyncResource
from .verbs import listing, raw


class AsyncWebhookEvents(AsyncResource):
    """`client.webhook_events`."""

    @cached_property
    def with_raw_response(self) -> "AsyncWebhookEventsRaw":
        return AsyncWebhookEventsRaw(self)

    @listing
    async def list(
        self, *, after: str | None = None, **options: Unpack[ListOptions]
    ) -> AsyncPage[FeedEvent]:
        """Return the events of the last 30 days, the oldest first.

        `after` is the id of the last event that was handled; nothing ever comes before it later.
        After "latest" comes the newest event alone: where to begin when no other is known.
        """
        return await self._list("/webhook-events", FeedEvent, options, {"after": after})


class AsyncWebhookEventsRaw:
    """The verbs of `client.webhook_events`, each answering an APIResponse."""

    def __init__(self, events: AsyncWebhookEvents) -> None:
        self.list = raw(events.list)
