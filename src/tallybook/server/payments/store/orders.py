"""What providers are asked to do, and what they have told, in the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import from_micro_units, quantize_money, to_micro_units
from tallybook.server.payments.models import Order, OrderKind
from tallybook.server.payments.tables import provider_events, provider_orders
from tallybook.server.storage import Tx


def add(tx: Tx, space: SpaceId, order: Order, *, next_at: datetime) -> None:
    row = {
        "space_id": space,
        "id": order.id,
        "kind": order.kind.value,
        "provider": order.provider,
        "payment_id": order.payment_id,
        "amount_micros": to_micro_units(order.amount),
        "currency": order.currency,
        "provider_customer_id": order.provider_customer_id,
        "provider_method_id": order.provider_method_id,
        "charge_reference": order.charge_reference,
        "reference": order.reference,
        "attempts": order.attempts,
        "next_at": next_at,
        "lease_until": None,
        "last_error": order.last_error,
        "created_at": order.created_at,
    }
    tx.execute(insert(provider_orders), [row])


def is_waiting(tx: Tx, *, now: datetime, only: SpaceId | None) -> bool:
    """Tell whether any space, or one, has something to ask now."""
    return (
        tx.execute(_waiting(select(provider_orders.c.id), now, only).limit(1)).first() is not None
    )


def is_due(tx: Tx, space: SpaceId, *, now: datetime) -> bool:
    """Tell whether a space has something to ask now, leased or not."""
    t = provider_orders.c
    query = select(t.id).where(t.space_id == space, t.next_at <= now).limit(1)
    return tx.execute(query).first() is not None


def claim(
    tx: Tx, *, now: datetime, until: datetime, limit: int, only: SpaceId | None
) -> list[Order]:
    """Count an attempt of what is to be asked, and keep others from it until a time."""
    t = provider_orders.c
    query = _waiting(select(provider_orders), now, only).order_by(t.next_at, t.id).limit(limit)
    if not tx.is_sqlite:
        query = query.with_for_update(skip_locked=True)
    claimed = []
    for row in tx.execute(query).mappings().all():
        attempts = row["attempts"] + 1
        mine = (t.space_id == row["space_id"], t.id == row["id"])
        lease = {"attempts": attempts, "lease_until": until}
        tx.execute(update(provider_orders).where(*mine).values(lease))
        claimed.append(_order({**row, "attempts": attempts}))
    return claimed


def _waiting(query: Any, now: datetime, only: SpaceId | None) -> Any:
    t = provider_orders.c
    free = or_(t.lease_until.is_(None), t.lease_until <= now)
    query = query.where(t.next_at <= now, free)
    return query if only is None else query.where(t.space_id == only)


def renew(tx: Tx, space: SpaceId, order: Order, *, until: datetime) -> bool:
    return bool(tx.execute(_mine(space, order).values(lease_until=until)).rowcount)


def take_over(tx: Tx) -> None:
    """Free what a process that was killed had begun; only where there is one at a time."""
    t = provider_orders.c
    begun = (t.next_at.is_not(None), t.lease_until.is_not(None))
    tx.execute(update(provider_orders).where(*begun).values(lease_until=None))


def keep_reference(tx: Tx, space: SpaceId, order: Order, reference: str) -> bool:
    """Keep the provider's id of an order; False if somebody else has it by now."""
    changed = _mine(space, order).values(reference=reference)
    return bool(tx.execute(changed).rowcount)


def settle(
    tx: Tx,
    space: SpaceId,
    order: Order,
    *,
    reference: str | None,
    error: str | None,
    next_at: datetime | None,
) -> bool:
    """Write what came of an attempt; False if somebody else has made another since."""
    changes = {"last_error": error, "next_at": next_at, "lease_until": None}
    if reference is not None:
        changes["reference"] = reference
    return bool(tx.execute(_mine(space, order).values(changes)).rowcount)


def _mine(space: SpaceId, order: Order) -> Any:
    t = provider_orders.c
    mine = (t.space_id == space, t.id == order.id, t.attempts == order.attempts)
    return update(provider_orders).where(*mine, t.next_at.is_not(None))


def find(tx: Tx, order_id: str) -> Order | None:
    """Return the order of a payment or refund, held until the commit."""
    query = select(provider_orders).where(provider_orders.c.id == order_id)
    row = tx.execute(query if tx.is_sqlite else query.with_for_update()).mappings().one_or_none()
    return None if row is None else _order(row)


def close(tx: Tx, space: SpaceId, order_id: str, *, reference: str | None) -> None:
    """Ask no more: it is known how it ended."""
    t = provider_orders.c
    changes: dict[str, Any] = {"next_at": None, "lease_until": None, "last_error": None}
    if reference is not None:
        changes["reference"] = reference
    mine = (t.space_id == space, t.id == order_id)
    tx.execute(update(provider_orders).where(*mine).values(changes))


def reference_of(tx: Tx, space: SpaceId, order_id: str) -> str | None:
    t = provider_orders.c
    query = select(t.reference).where(t.space_id == space, t.id == order_id)
    return tx.execute(query).scalar()


def add_event(tx: Tx, space: SpaceId, *, provider: str, event_id: str, at: datetime) -> bool:
    """Keep that an event was taken; False if it was before."""
    row = {"space_id": space, "provider": provider, "id": event_id, "received_at": at}
    fresh = tx.insert(provider_events).values(row).on_conflict_do_nothing()
    return tx.execute(fresh.returning(provider_events.c.space_id)).first() is not None


def forget_events(tx: Tx, *, before: datetime) -> None:
    t = provider_events.c
    tx.execute(delete(provider_events).where(t.received_at < before))


def _order(row: Mapping[Any, Any]) -> Order:
    currency = row["currency"]
    return Order(
        id=row["id"],
        space=SpaceId(row["space_id"]),
        kind=OrderKind(row["kind"]),
        provider=row["provider"],
        payment_id=row["payment_id"],
        amount=quantize_money(from_micro_units(row["amount_micros"]), currency),
        currency=currency,
        created_at=row["created_at"],
        provider_customer_id=row["provider_customer_id"],
        provider_method_id=row["provider_method_id"],
        charge_reference=row["charge_reference"],
        reference=row["reference"],
        attempts=row["attempts"],
        last_error=row["last_error"],
    )
