"""A customer leaves: only when nothing is running and nothing is owed."""

from datetime import datetime

from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerInUse
from tallybook.server.invoicing import service as invoicing
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.wallets import service as wallets


def close_customer(tx: Tx, space: SpaceId, customer_id: str, *, at: datetime) -> None:
    """Archive a customer and free its external id.

    Errors: CustomerNotFound; CustomerInUse (a live subscription, an unpaid invoice, purchased
    credit).
    """
    customer = customers.get(tx, space, customer_id)
    if subscriptions.any_live_for_customer(tx, space, customer.id):
        raise CustomerInUse(customer_id=customer.id, reason="a live subscription")
    if invoicing.has_unpaid(tx, space, customer.id):
        raise CustomerInUse(customer_id=customer.id, reason="an open invoice")
    if wallets.has_purchased(tx, space, customer.id, at=at):
        raise CustomerInUse(customer_id=customer.id, reason="purchased credit")
    customers.archive(tx, space, customer.id, at=at)
