"""What providers are asked to do: queued with the intent, claimed, asked, written down."""

from datetime import UTC, datetime, timedelta
from typing import Final

from tallybook.server.customers.models import PaymentAccount
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx

from .models import FINAL, Order, OrderKind, Outcome, Payment, Refund
from .rules.orders import pause_after
from .store import orders as store

LEASE: Final = timedelta(seconds=20)  # whoever asks renews it, so it is short
RENEW_EVERY: Final = timedelta(seconds=5)
EVENTS_KEPT: Final = timedelta(days=90)  # a provider repeats for days
_AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)


def queue_charge(tx: Tx, space: SpaceId, payment: Payment, account: PaymentAccount) -> None:
    """Have a pending payment charged, after this transaction."""
    order = Order(
        id=payment.id,
        space=space,
        kind=OrderKind.CHARGE,
        provider=account.provider,
        payment_id=payment.id,
        amount=payment.amount,
        currency=payment.currency,
        provider_customer_id=account.customer_id,
        provider_method_id=account.payment_method_id,
        created_at=payment.created_at,
    )
    store.add(tx, space, order, next_at=_AT_ONCE)


def queue_refund(tx: Tx, space: SpaceId, refund: Refund, payment: Payment) -> None:
    """Have a pending refund paid out, after this transaction."""
    assert payment.provider is not None
    order = Order(
        id=refund.id,
        space=space,
        kind=OrderKind.REFUND,
        provider=payment.provider,
        payment_id=payment.id,
        amount=refund.amount,
        currency=refund.currency,
        charge_reference=store.reference_of(tx, space, payment.id),
        created_at=refund.created_at,
    )
    store.add(tx, space, order, next_at=_AT_ONCE)


def is_waiting(tx: Tx, *, now: datetime, only: SpaceId | None = None) -> bool:
    """Tell whether there is something to ask; `now` is real time, as are all times of asking."""
    return store.is_waiting(tx, now=now, only=only)


def is_due(tx: Tx, space: SpaceId, *, now: datetime) -> bool:
    """Tell whether a space has something to ask now, or somebody is asking it."""
    return store.is_due(tx, space, now=now)


def claim(tx: Tx, *, now: datetime, limit: int, only: SpaceId | None = None) -> list[Order]:
    """Take what is to be asked; whoever dies with it leaves it to others after the lease."""
    return store.claim(tx, now=now, until=now + LEASE, limit=limit, only=only)


def renew(tx: Tx, order: Order, *, now: datetime) -> bool:
    """Go on keeping others from an order; False if it is somebody else's by now, or has ended."""
    return store.renew(tx, order.space, order, until=now + LEASE)


def take_over(tx: Tx) -> None:
    """Free at once what the process before us had begun; only where there is one at a time."""
    store.take_over(tx)


def keep_reference(tx: Tx, order: Order, reference: str) -> bool:
    """Keep the provider's id, before money moves; False if the order is somebody else's by now."""
    return store.keep_reference(tx, order.space, order, reference)


def settle(tx: Tx, order: Order, outcome: Outcome, *, now: datetime) -> bool:
    """Write what came of an attempt; False if the order is somebody else's by now, or has ended."""
    ended = outcome.result in FINAL
    return store.settle(
        tx,
        order.space,
        order,
        reference=outcome.reference,
        error=outcome.reason,
        next_at=None if ended else now + pause_after(order.attempts),
    )


def hold(tx: Tx, order_id: str) -> Order | None:
    """Return what the provider calls ours, held until the commit."""
    return store.find(tx, order_id)


def close(tx: Tx, order: Order, outcome: Outcome) -> None:
    """Ask no more: the provider has told how it ended."""
    store.close(tx, order.space, order.id, reference=outcome.reference)


def note_event(tx: Tx, order: Order, event_id: str, *, now: datetime) -> bool:
    """Keep that an event about an order was taken; False if it was before."""
    return store.add_event(tx, order.space, provider=order.provider, event_id=event_id, at=now)


def forget(tx: Tx, *, now: datetime) -> None:
    """Forget events that are not sent again any more."""
    store.forget_events(tx, before=now - EVENTS_KEPT)
