"""Events: usage as it was received."""

from functools import cached_property
from typing import Literal, Unpack

from tallybook.client.options import CallOptions, ListOptions
from tallybook.client.paths import path
from tallybook.client.types.usage import UsageEvent

from .pages import Page
from .resources import Resource
from .verbs import listing, raw


class Events(Resource):
    """`client.events`."""

    @cached_property
    def with_raw_response(self) -> "EventsRaw":
        return EventsRaw(self)

    def get(self, id: str, **options: Unpack[CallOptions]) -> UsageEvent:
        """Return an event."""
        return self._get(path("events", id), UsageEvent, options)

    @listing
    def list(
        self,
        *,
        status: Literal["accepted", "unmatched", "voided"] | None = None,
        **options: Unpack[ListOptions],
    ) -> Page[UsageEvent]:
        """Return events as they were received, the newest first; `unmatched` ones wait."""
        return self._list("/events", UsageEvent, options, {"status": status})


class EventsRaw:
    """The verbs of `client.events`, each answering an APIResponse."""

    def __init__(self, events: Events) -> None:
        self.get = raw(events.get)
        self.list = raw(events.list)
