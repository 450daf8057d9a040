"""Endpoints: made, changed, rotated, tried and sent to again."""

import secrets as randomness
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.storage import Tx, outbox
from tallybook.server.storage.pages import PageRequest, Rows

from . import feed, store, views
from .errors import (
    TooManyWebhookEndpoints,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
    WebhookEventNotFound,
)
from .models import (
    Delivery,
    DisabledReason,
    Endpoint,
    EndpointStatus,
    Secret,
)
from .rules import signing

ENDPOINTS_MAX: Final = 50
REPLAYED_MAX: Final = 1_000
TEST_EVENT: Final = "webhook_endpoint.test"


def create(
    tx: Tx,
    space: SpaceId,
    *,
    url: str,
    events: Sequence[str] | None,
    description: str | None,
    at: datetime,
) -> Endpoint:
    """Make an endpoint with a secret. Whether the URL is allowed is checked before (`targets`).

    Errors: TooManyWebhookEndpoints.
    """
    if store.count_endpoints(tx, space) >= ENDPOINTS_MAX:
        raise TooManyWebhookEndpoints(limit=ENDPOINTS_MAX)
    endpoint = Endpoint(
        new_id("whe"),
        url,
        _names(events),
        description,
        EndpointStatus.ENABLED,
        None,
        None,
        None,
        (Secret(_new_secret()),),
        at,
        at,
    )
    store.add_endpoint(tx, space, endpoint)
    return endpoint


def get(tx: Tx, space: SpaceId, endpoint_id: str, *, lock: bool = False) -> Endpoint:
    endpoint = store.find_endpoint(tx, space, endpoint_id, lock=lock)
    if endpoint is None:
        raise WebhookEndpointNotFound(endpoint_id=endpoint_id)
    return endpoint


def list_page(tx: Tx, space: SpaceId, page: PageRequest) -> Rows:
    return store.page_of_endpoints(tx, space, page)


def from_row(row: Mapping[Any, Any]) -> Endpoint:
    return store.endpoint_of(row)


def update(
    tx: Tx, space: SpaceId, endpoint_id: str, fields: Mapping[str, Any], *, at: datetime
) -> Endpoint:
    """Change the given fields: `url`, `events`, `description`, `status`."""
    before = get(tx, space, endpoint_id, lock=True)
    after = before
    if "url" in fields:
        after = replace(after, url=fields["url"])
    if "events" in fields:
        after = replace(after, events=_names(fields["events"]))
    if "description" in fields:
        after = replace(after, description=fields["description"])
    status = EndpointStatus(fields.get("status", before.status))
    if status is EndpointStatus.DISABLED and before.status is not status:
        after = _disabled(after, DisabledReason.BY_USER, at)
        store.fail_pending(tx, space, endpoint_id, now=at)
    elif status is EndpointStatus.ENABLED and before.status is not status:
        after = replace(
            after, status=status, disabled_reason=None, disabled_at=None, failing_since=None
        )
    if after != before:
        after = replace(after, updated_at=at)
        store.save_endpoint(tx, space, after)
    return after


def remove(tx: Tx, space: SpaceId, endpoint_id: str) -> None:
    """Delete an endpoint; an attempt that runs settles nothing any more."""
    get(tx, space, endpoint_id, lock=True)
    store.delete_endpoint(tx, space, endpoint_id)


def rotate_secret(tx: Tx, space: SpaceId, endpoint_id: str, *, at: datetime) -> Endpoint:
    """Make a new secret; the one before signs beside it for a day."""
    before = get(tx, space, endpoint_id, lock=True)
    after = replace(
        before, secrets=signing.rotated(before.secrets, _new_secret(), at), updated_at=at
    )
    store.save_endpoint(tx, space, after)
    return after


def disable(
    tx: Tx, space: SpaceId, endpoint: Endpoint, reason: DisabledReason, *, at: datetime
) -> None:
    """Send no more to an endpoint, and tell it to the others."""
    after = replace(_disabled(endpoint, reason, at), updated_at=at)
    store.save_endpoint(tx, space, after)
    store.fail_pending(tx, space, endpoint.id, now=at)
    outbox.append(
        tx,
        space,
        event="webhook_endpoint.disabled",
        object_id=endpoint.id,
        data=views.announced_disabled(after),
        at=at,
    )


def send_test(tx: Tx, space: SpaceId, endpoint_id: str, *, at: datetime) -> Delivery:
    """Send `webhook_endpoint.test` to this endpoint alone. Errors: WebhookEndpointDisabled."""
    endpoint = _enabled(tx, space, endpoint_id)
    delivery = feed.new_delivery(endpoint, message_id=new_id("msg"), event=TEST_EVENT, at=at)
    store.add_delivery(tx, space, delivery, data=views.announced_test(endpoint))
    return delivery


def replay_message(
    tx: Tx, space: SpaceId, endpoint_id: str, message_id: str, *, at: datetime
) -> int:
    """Send one message again, with the same id, whatever became of it; return 1.

    Errors: WebhookEndpointDisabled; WebhookEventNotFound.
    """
    endpoint = _enabled(tx, space, endpoint_id)
    if not store.restart_delivery(tx, space, endpoint_id, message_id, now=at, failed_only=False):
        message = outbox.find(tx, space, message_id)
        if message is None:
            raise WebhookEventNotFound(message_id=message_id)
        feed.deliver(tx, space, endpoint, message, at=at)
    return 1


def replay_since(tx: Tx, space: SpaceId, endpoint_id: str, since: datetime, *, at: datetime) -> int:
    """Send what was published since a real time and did not arrive; return how many messages.

    Errors: WebhookEndpointDisabled.
    """
    endpoint = _enabled(tx, space, endpoint_id)
    feed.publish_all(tx, now=at)
    count = 0
    for message in outbox.list_since(
        tx, space, since=since, events=endpoint.events, limit=REPLAYED_MAX
    ):
        count += feed.deliver(tx, space, endpoint, message, at=at) or store.restart_delivery(
            tx, space, endpoint_id, message.id, now=at, failed_only=True
        )
    return count


def page_of_deliveries(
    tx: Tx,
    space: SpaceId,
    endpoint_id: str,
    page: PageRequest,
    *,
    status: str | None,
    message_id: str | None,
) -> tuple[Rows, dict[str, Delivery]]:
    get(tx, space, endpoint_id)
    rows = store.page_of_deliveries(
        tx, space, endpoint_id, page, status=status, message_id=message_id
    )
    found = store.deliveries_of(tx, space, rows.rows)
    return rows, {delivery.id: delivery for delivery in found}


def _enabled(tx: Tx, space: SpaceId, endpoint_id: str) -> Endpoint:
    endpoint = get(tx, space, endpoint_id, lock=True)
    if endpoint.status is not EndpointStatus.ENABLED:
        raise WebhookEndpointDisabled(endpoint_id=endpoint_id)
    return endpoint


def _disabled(endpoint: Endpoint, reason: DisabledReason, at: datetime) -> Endpoint:
    return replace(endpoint, status=EndpointStatus.DISABLED, disabled_reason=reason, disabled_at=at)


def _names(events: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if events is None else tuple(dict.fromkeys(events))


def _new_secret() -> str:
    return signing.format_secret(randomness.token_bytes(signing.KEY_BYTES))
