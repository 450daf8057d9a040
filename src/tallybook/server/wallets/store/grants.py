"""Grants in the database."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, bindparam, func, insert, select, type_coerce, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import from_micro_units, to_micro_units
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared
from tallybook.server.wallets.models import Burn, CreditType, Grant, TransactionType
from tallybook.server.wallets.tables import grants, wallets

_t = grants.c
_CREDITS = type_coerce(bindparam("credits"), BigInteger)
_VALUE = type_coerce(bindparam("value"), BigInteger)
_TAKE: Final = Prepared(
    lambda _: (
        update(grants)
        .where(_t.space_id == SPACE, _t.id == bindparam("grant_id"))
        .where(_t.remaining_micros >= _CREDITS, _t.value_micros >= _VALUE)
        .values(
            remaining_micros=_t.remaining_micros - _CREDITS, value_micros=_t.value_micros - _VALUE
        )
    )
)


@cache
def _live(count: int) -> Prepared:
    """The grants of as many wallets that have something left."""
    mine = _t.wallet_id.in_([bindparam(f"wallet_{number}") for number in range(count)])
    left = (_t.space_id == SPACE, mine, _t.remaining_micros > 0)
    return Prepared(lambda _: select(grants).where(*left).order_by(_t.id))


def add(tx: Tx, space: SpaceId, grant: Grant) -> None:
    row = {
        "space_id": space,
        "id": grant.id,
        "wallet_id": grant.wallet_id,
        "credit_type": grant.credit_type.value,
        "credits_micros": grant.credits_micros,
        "remaining_micros": grant.remaining_micros,
        "paid_micros": grant.paid_micros,
        "value_micros": grant.value_micros,
        "priority": grant.priority,
        "effective_at": grant.effective_at,
        "expires_at": grant.expires_at,
        "has_landed": grant.has_landed,
        "transaction_id": grant.transaction_id,
        "type": grant.type.value,
        "amount_micros": to_micro_units(grant.amount),
        "source": grant.source,
        "payment_id": grant.payment_id,
        "reference": grant.reference,
        "description": grant.description,
        "idempotency_key": grant.idempotency_key,
        "metadata": dict(grant.metadata),
        "created_at": grant.created_at,
    }
    tx.execute(insert(grants).values(row))


def land(tx: Tx, space: SpaceId, grant_id: str, *, remaining: int, value: int) -> None:
    """Note that a grant has landed, and what an overdraft left of it."""
    t = grants.c
    changes = {"has_landed": True, "remaining_micros": remaining, "value_micros": value}
    tx.execute(update(grants).where(t.space_id == space, t.id == grant_id).values(changes))


def take(tx: Tx, space: SpaceId, burns: Sequence[Burn]) -> bool:
    """Take from grants, each in one guarded statement; False if one has less than that."""
    for burn in burns:
        taken = {"credits": burn.credits_micros, "value": burn.value_micros}
        if tx.run(_TAKE, {"space": space, "grant_id": burn.grant_id, **taken}) != 1:
            return False
    return True


def find(tx: Tx, space: SpaceId, grant_id: str) -> Grant | None:
    t = grants.c
    query = select(grants).where(t.space_id == space, t.id == grant_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def find_by_transaction(tx: Tx, space: SpaceId, transaction_id: str) -> Grant | None:
    t = grants.c
    query = select(grants).where(t.space_id == space, t.transaction_id == transaction_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def list_live(tx: Tx, space: SpaceId, wallet_ids: Collection[str]) -> dict[str, list[Grant]]:
    """Per wallet: the grants that have something left, landed or not."""
    found: dict[str, list[Grant]] = {wallet_id: [] for wallet_id in wallet_ids}
    asked = {f"wallet_{number}": wallet_id for number, wallet_id in enumerate(found)}
    for row in tx.rows(_live(len(asked)), space=space, **asked) if asked else ():
        found[row["wallet_id"]].append(_from_row(row))
    return found


def list_paid_by(tx: Tx, space: SpaceId, payment_id: str) -> list[Grant]:
    """The grants that a payment bought, the latest first."""
    t = grants.c
    query = select(grants).where(t.space_id == space, t.payment_id == payment_id)
    query = query.order_by(t.created_at.desc(), t.id.desc())
    return [_from_row(row) for row in tx.execute(query).mappings()]


def sum_values(tx: Tx, space: SpaceId | None) -> dict[tuple[SpaceId, str, str], int]:
    """The paid money in what remains of landed grants, per space, customer and currency."""
    w = wallets.c
    total = func.sum(grants.c.value_micros)
    query = (
        select(w.space_id, w.customer_id, w.currency, total)
        .join(grants, grants.c.wallet_id == w.id)
        .where(grants.c.has_landed)
        .group_by(w.space_id, w.customer_id, w.currency)
    )
    if space is not None:
        query = query.where(w.space_id == space)
    found = {}
    for row in tx.execute(query).all():
        owner, customer_id, currency, value = tuple(row)
        found[SpaceId(owner), customer_id, currency] = int(value)
    return found


def list_remaining(tx: Tx, space: SpaceId | None) -> list[tuple[SpaceId, str, int]]:
    """Per landed grant: what remains."""
    t = grants.c
    query = select(t.space_id, t.id, t.remaining_micros).where(t.has_landed).order_by(t.id)
    if space is not None:
        query = query.where(t.space_id == space)
    return [(SpaceId(row.space_id), row.id, row.remaining_micros) for row in tx.execute(query)]


def _from_row(row: Mapping[Any, Any]) -> Grant:
    return Grant(
        id=row["id"],
        wallet_id=row["wallet_id"],
        credit_type=CreditType(row["credit_type"]),
        credits_micros=row["credits_micros"],
        remaining_micros=row["remaining_micros"],
        paid_micros=row["paid_micros"],
        value_micros=row["value_micros"],
        priority=row["priority"],
        effective_at=row["effective_at"],
        expires_at=row["expires_at"],
        has_landed=bool(row["has_landed"]),
        transaction_id=row["transaction_id"],
        type=TransactionType(row["type"]),
        amount=from_micro_units(row["amount_micros"]),
        source=row["source"],
        created_at=row["created_at"],
        payment_id=row["payment_id"],
        reference=row["reference"],
        description=row["description"],
        idempotency_key=row["idempotency_key"],
        metadata=row["metadata"],
    )
