"""All that a customer may do: what gates of one's own are filled from."""

from datetime import datetime
from decimal import Decimal

from tallybook.server.access.models import CustomerState
from tallybook.server.access.rules.entitle import list_entitlements
from tallybook.server.access.rules.standing import hindrance_of
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.wallets import service as wallets

from .gates import load_gates
from .standing import decision_on, load_lines, load_usage

_ONE = Decimal(1)


def customer_state(tx: Tx, space: Space, customer: Customer, *, now: datetime) -> CustomerState:
    """Return the state of a customer at a time: its live subscriptions, and each feature once."""
    lines = load_lines(tx, space, customer.id, now)
    found = list_entitlements(lines, now, space.zone)
    usage = load_usage(tx, space.id, found, now)
    gates = load_gates(tx, space, customer, now=now)
    decisions = tuple(
        decision_on(
            customer,
            entitlement.feature,
            entitlement,
            hindrance_of(entitlement.timeline),
            usage,
            gates=gates,
            quantity=_ONE,
            at=now,
            now=now,
        )
        for entitlement in found
    )
    of = wallets.list_of(tx, space.id, customer.id)
    balances = wallets.balances(tx, space.id, of, at=now)
    live = subscriptions.list_for_customer(tx, space.id, customer.id, only_live=True)
    held = tuple(balances[wallet.id] for wallet in of)
    return CustomerState(customer, tuple(live), held, decisions)
