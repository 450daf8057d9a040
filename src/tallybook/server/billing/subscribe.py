"""A customer subscribes: terms are signed, the first period opens, its fees are charged."""

from datetime import datetime

from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Order, Status, Subscription

from .renew import open_first, schedule_next


def subscribe(
    tx: Tx, space: Space, customer: Customer, order: Order, *, at: datetime
) -> Subscription:
    """Subscribe a customer, and charge what is due in advance.

    A first period that has ended already is caught up by the worker, each period once, in order.
    Errors: those of `subscriptions.create`.
    """
    sub = subscriptions.create(tx, space, customer, order, at=at)
    return begin_billing(tx, space, sub, at=at)


def begin_billing(tx: Tx, space: Space, sub: Subscription, *, at: datetime) -> Subscription:
    """Start to bill a subscription that was just created or activated."""
    if sub.status is Status.SCHEDULED:
        schedule_next(tx, space.id, sub)
    elif sub.is_live:
        open_first(tx, space, sub, at=at)
        return subscriptions.get(tx, space.id, sub.id)
    return sub
