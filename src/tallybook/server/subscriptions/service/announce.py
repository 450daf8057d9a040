"""Saving a subscription, and telling the world of it, in one transaction."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from tallybook.server.customers import service as customers
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx, outbox
from tallybook.server.subscriptions import views
from tallybook.server.subscriptions.errors import VersionConflict
from tallybook.server.subscriptions.models import Subscription
from tallybook.server.subscriptions.rules.access import access_reason
from tallybook.server.subscriptions.store import subscriptions as store


def save(
    tx: Tx, space: SpaceId, before: Subscription, after: Subscription, *, at: datetime
) -> Subscription:
    """Store the changes under the next version; return the subscription as stored.

    Errors: VersionConflict (somebody else changed it since `before` was read).
    """
    after = replace(after, version=before.version + 1, updated_at=at)
    if not store.save(tx, space, after, expected_version=before.version):
        raise VersionConflict(subscription_id=before.id)
    return after


def announce(
    tx: Tx, space: SpaceId, event: str, sub: Subscription, *, at: datetime, **details: Any
) -> None:
    """Append `subscription.<event>`; details are further fields of its data.

    Where it changes what the customer may use, `customer.access_changed` follows.
    """
    customer = customers.get(tx, space, sub.customer_id)
    data = views.announced(sub, external_id=customer.external_id, details=details)
    name = f"subscription.{event}"
    outbox.append(tx, space, event=name, object_id=sub.id, data=data, at=at)
    reason = access_reason(event, sub.status, is_blocked=details.get("access_blocked"))
    if reason is not None:
        customers.announce_access(
            tx, space, customer, reason=reason, caused_by=name, subscription_id=sub.id, at=at
        )
