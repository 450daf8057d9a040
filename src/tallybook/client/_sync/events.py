"""Events: usage as it was received."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, Unpack

from tallybook.client.options import CallOptions, ListOptions, WriteOptions
from tallybook.client.paths import path
from tallybook.client.types.usage import ReplayResult, UsageEvent

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

    def void(self, id: str, **options: Unpack[WriteOptions]) -> UsageEvent:
        """Take an event out of every count; where it was billed, the next invoice adjusts it."""
        return self._write("POST", path("events", id, "void"), UsageEvent, options)

    def replay(
        self, event_ids: Sequence[str] | None = None, **options: Unpack[WriteOptions]
    ) -> ReplayResult:
        """Match unmatched events anew, these or all, and return what became of them.

        Once a meter or a customer exists that events named before, this counts them. All of
        them are done in parts; an `idempotency_key` of yours needs `event_ids`.
        """
        body: dict[str, Any] = {} if event_ids is None else {"event_ids": list(event_ids)}
        if event_ids is None and options.get("idempotency_key") is not None:
            raise ValueError("replaying all is many calls: an idempotency_key needs event_ids")
        done = part = self._write("POST", "/events/replay", ReplayResult, options, body)
        while part.last_id is not None:
            body = {"after": part.last_id}
            part = self._write("POST", "/events/replay", ReplayResult, options, body)
            done = done.plus(part)
        return done

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
        self.void = raw(events.void)
        self.replay = raw(events.replay)
