"""What was committed becomes the feed, and a delivery for each endpoint that wants it."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx, outbox
from tallybook.server.storage.outbox import Message, Published
from tallybook.server.storage.pages import PageRequest, Rows

from . import store
from .errors import WebhookEventNotFound
from .models import Delivery, DeliveryStatus, Endpoint

AT_ONCE: Final = 500
KEPT_FOR: Final = timedelta(days=30)


def has_unpublished(tx: Tx) -> bool:
    return outbox.has_unpublished(tx)


def publish(tx: Tx, *, now: datetime) -> int:
    """Publish some of what was committed, in all spaces; return how much. `now` is real."""
    messages = outbox.publish(tx, now=now, limit=AT_ONCE)
    wanting: defaultdict[SpaceId, list[Endpoint]] = defaultdict(list)
    for space, endpoint in store.list_enabled(tx, sorted({m.space for m in messages})):
        wanting[space].append(endpoint)
    for message in messages:
        for endpoint in wanting[message.space]:
            if endpoint.wants(message.event):
                deliver(tx, message.space, endpoint, message, at=now)
    return len(messages)


def publish_all(tx: Tx, *, now: datetime) -> None:
    while publish(tx, now=now) == AT_ONCE:
        pass


LATEST: Final = "latest"


def page_after(tx: Tx, space: SpaceId, page: PageRequest, *, after: str | None) -> Rows:
    """Return the next page: after its cursor, else after a message, else from the first kept.

    After `latest` comes the newest message alone: where a reader begins that knows no other.
    Errors: WebhookEventNotFound (never there, or no longer kept).
    """
    position = 0
    if after == LATEST and page.after is None:
        newest = outbox.last_of_feed(tx, space)
        return Rows([] if newest is None else [{"message": newest}], None, None)
    if page.after is not None:
        position = int(page.after[0])
    elif after:  # an empty one too is the beginning
        found = outbox.find(tx, space, after)
        if found is None or found.feed_position is None:
            raise WebhookEventNotFound(message_id=after)
        position = found.feed_position
    messages = outbox.list_feed(tx, space, after=position, limit=page.limit + 1)
    shown = messages[: page.limit]
    last = (shown[-1].feed_position, shown[-1].id) if len(messages) > page.limit else None
    return Rows([{"message": message} for message in shown], last, None)


def deliver(
    tx: Tx, space: SpaceId, endpoint: Endpoint, message: Message | Published, *, at: datetime
) -> bool:
    """Make the delivery of a message; tell whether there was none before."""
    made = new_delivery(endpoint, message_id=message.id, event=message.event, at=at)
    return store.add_delivery(tx, space, made)


def new_delivery(endpoint: Endpoint, *, message_id: str, event: str, at: datetime) -> Delivery:
    return Delivery(
        new_id("whd"), endpoint.id, message_id, event, DeliveryStatus.PENDING, 0, at, at, None
    )


def forget(tx: Tx, *, now: datetime) -> None:
    """Delete what is older than KEPT_FOR: deliveries, attempts, published messages."""
    store.forget(tx, before=now - KEPT_FOR)
    outbox.forget(tx, now=now)
