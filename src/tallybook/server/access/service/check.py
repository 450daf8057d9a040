"""May this customer use so much of a feature now? Looks, and changes nothing."""

from datetime import datetime
from decimal import Decimal

from tallybook.server.access.models import Decision
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.storage import Tx

from .gates import load_gates
from .standing import decision_on, entitled, load_usage


def check(
    tx: Tx,
    space: Space,
    customer: Customer,
    feature: str,
    quantity: Decimal,
    *,
    now: datetime,
    subscription_id: str | None = None,
    agent: str | None = None,
) -> Decision:
    """Return whether a customer may use a quantity of a feature, and why.

    Advisory: who checks first and records later may go past a limit together with others.
    Errors: SubscriptionNotFound, for one that is named and not the customer's.
    """
    entitlement, hindrance = entitled(
        tx, space, customer, feature, at=now, subscription_id=subscription_id
    )
    usage = load_usage(tx, space.id, [] if entitlement is None else [entitlement], now)
    return decision_on(
        customer,
        feature,
        entitlement,
        hindrance,
        usage,
        gates=load_gates(tx, space, customer, now=now, agent=agent),
        quantity=quantity,
        at=now,
        now=now,
    )
