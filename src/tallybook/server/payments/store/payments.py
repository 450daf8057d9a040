"""Payments and refunds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, delete, func, literal, select, update

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import from_micro_units, quantize_money, to_micro_units
from tallybook.server.payments.models import (
    OPEN,
    Payment,
    PaymentMethod,
    PaymentSource,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from tallybook.server.payments.tables import payments, refunds
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch
from tallybook.server.storage.prepared import SPACE, Prepared, one_of

_FAILED = RefundStatus.FAILED.value
_SORTS = {"created_at": payments.c.created_at, "updated_at": payments.c.updated_at}

_LIST_OPEN: Final = Prepared(
    lambda _: (
        select(payments)
        .where(payments.c.space_id == SPACE, payments.c.invoice_id == bindparam("invoice_id"))
        .where(payments.c.status.in_([literal(status.value) for status in OPEN]))
        .order_by(payments.c.created_at, payments.c.id)
    )
)
_PAID: Final = Prepared(
    lambda _: (
        select(payments.c.invoice_id)
        .where(payments.c.space_id == SPACE, one_of(payments.c.invoice_id, "invoices"))
        .distinct()
    )
)


def add(tx: Tx, space: SpaceId, payment: Payment) -> bool:
    """Insert a payment; False if its external transaction id is taken."""
    tx.forget(_kept_unpaid(space, payment.invoice_id or ""))
    row = {"space_id": space, **_to_row(payment)}
    fresh = tx.insert(payments).values(row).on_conflict_do_nothing()
    return tx.execute(fresh.returning(payments.c.space_id)).first() is not None


def save(tx: Tx, space: SpaceId, payment: Payment, *, expected_version: int) -> bool:
    """Write the payment; False if somebody else has changed it since."""
    t = payments.c
    mine = (t.space_id == space, t.id == payment.id, t.version == expected_version)
    return bool(tx.execute(update(payments).where(*mine).values(_to_row(payment))).rowcount)


def remove(tx: Tx, space: SpaceId, payment_id: str) -> None:
    t = payments.c
    tx.execute(delete(payments).where(t.space_id == space, t.id == payment_id))


def find(tx: Tx, space: SpaceId, payment_id: str) -> Payment | None:
    return _one(tx, _by_id(space, payment_id))


def lock(tx: Tx, space: SpaceId, payment_id: str) -> Payment | None:
    """Return the payment, held until the commit."""
    query = _by_id(space, payment_id)
    return _one(tx, query if tx.is_sqlite else query.with_for_update())


def _by_id(space: SpaceId, payment_id: str) -> Select[Any]:
    t = payments.c
    return select(payments).where(t.space_id == space, t.id == payment_id)


def _one(tx: Tx, query: Select[Any]) -> Payment | None:
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def external_id_taken(
    tx: Tx, space: SpaceId, external_transaction_id: str, *, by_other_than: str
) -> bool:
    t = payments.c
    taken = (t.space_id == space, t.external_transaction_id == external_transaction_id)
    return tx.execute(select(t.id).where(*taken, t.id != by_other_than)).first() is not None


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None,
    customer_id: str | None,
    contract_id: str | None,
    invoice_id: str | None,
) -> Rows:
    t = payments.c
    query = select(payments).where(t.space_id == space)
    for column, value in (
        (t.status, status),
        (t.customer_id, customer_id),
        (t.contract_id, contract_id),
        (t.invoice_id, invoice_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return fetch(tx, query, page, key=t.id, sorts=_SORTS)


def list_open(tx: Tx, space: SpaceId, invoice_id: str) -> list[Payment]:
    """Payments of an invoice that may still be completed, the oldest first."""
    if tx.is_kept(_kept_unpaid(space, invoice_id)):
        return []
    return [from_row(row) for row in tx.rows(_LIST_OPEN, space=space, invoice_id=invoice_id)]


def keep_unpaid(tx: Tx, space: SpaceId, invoice_ids: Sequence[str]) -> None:
    """Note for gathered work which invoices have no payment at all."""
    rows = tx.rows(_PAID, space=space, invoices=invoice_ids)
    for invoice_id in set(invoice_ids) - {row["invoice_id"] for row in rows}:
        tx.keep(_kept_unpaid(space, invoice_id), True)


def _kept_unpaid(space: SpaceId, invoice_id: str) -> tuple[str, SpaceId, str]:
    return ("no payments", space, invoice_id)


def list_for_invoice(tx: Tx, space: SpaceId, invoice_id: str) -> list[Payment]:
    """All payments of an invoice, the oldest first."""
    t = payments.c
    mine = (t.space_id == space, t.invoice_id == invoice_id)
    query = select(payments).where(*mine).order_by(t.created_at, t.id)
    return [from_row(row) for row in tx.execute(query).mappings()]


def count_recharges(tx: Tx, space: SpaceId, wallet_id: str, *, since: datetime) -> tuple[int, int]:
    """Return how many auto-recharges of a wallet are open, and how many began after `since`."""
    t = payments.c
    mine = (
        t.space_id == space,
        t.wallet_id == wallet_id,
        t.source == PaymentSource.AUTO_RECHARGE.value,
    )
    count = select(func.count()).select_from(payments)
    still_open = count.where(*mine, t.status.in_([status.value for status in OPEN]))
    recent = count.where(*mine, t.created_at > since)
    return tx.execute(still_open).scalar_one(), tx.execute(recent).scalar_one()


def add_refund(tx: Tx, space: SpaceId, refund: Refund) -> bool:
    """Insert a refund; False if its external refund id is taken."""
    row = {
        "space_id": space,
        "id": refund.id,
        "payment_id": refund.payment_id,
        "amount_micros": to_micro_units(refund.amount),
        "currency": refund.currency,
        "status": refund.status.value,
        "reason": refund.reason,
        "external_refund_id": refund.external_refund_id,
        "metadata": dict(refund.metadata),
        "created_at": refund.created_at,
        "updated_at": refund.updated_at,
    }
    fresh = tx.insert(refunds).values(row).on_conflict_do_nothing()
    return tx.execute(fresh.returning(refunds.c.space_id)).first() is not None


def save_refund(tx: Tx, space: SpaceId, refund: Refund) -> None:
    """Write how a refund ended; an external id that another refund has is left away."""
    t = refunds.c
    mine = (t.space_id == space, t.id == refund.id)
    ended = {"status": refund.status.value, "updated_at": refund.updated_at}
    tx.execute(update(refunds).where(*mine).values(ended))
    if refund.external_refund_id is None:
        return
    taken = (t.space_id == space, t.external_refund_id == refund.external_refund_id)
    if tx.execute(select(t.id).where(*taken)).first() is None:
        changes = {"external_refund_id": refund.external_refund_id}
        tx.execute(update(refunds).where(*mine).values(changes))


def find_refund(tx: Tx, space: SpaceId, refund_id: str) -> Refund | None:
    t = refunds.c
    query = select(refunds).where(t.space_id == space, t.id == refund_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _refund(row)


def list_refunds(tx: Tx, space: SpaceId, payment_ids: Collection[str]) -> dict[str, list[Refund]]:
    """The refunds of each payment, the oldest first."""
    t = refunds.c
    query = (
        select(refunds)
        .where(t.space_id == space, t.payment_id.in_(payment_ids))
        .order_by(t.created_at, t.id)
    )
    found: dict[str, list[Refund]] = {payment_id: [] for payment_id in payment_ids}
    for row in tx.execute(query).mappings():
        found[row["payment_id"]].append(_refund(row))
    return found


def sum_refunds(tx: Tx, space: SpaceId | None) -> list[tuple[SpaceId, str, int, int]]:
    """Payments whose refunded amount is not the sum of their refunds: space, id, sum, stored."""
    p = payments.c
    total = func.coalesce(func.sum(refunds.c.amount_micros), 0)
    query = (
        select(p.space_id, p.id, total, p.refunded_micros)
        .outerjoin(refunds, and_(refunds.c.payment_id == p.id, refunds.c.status != _FAILED))
        .group_by(p.space_id, p.id, p.refunded_micros)
        .having(total != p.refunded_micros)
        .order_by(p.id)
    )
    if space is not None:
        query = query.where(p.space_id == space)
    found = []
    for row in tx.execute(query).all():
        owner, payment_id, expected, actual = tuple(row)
        found.append((SpaceId(owner), payment_id, int(expected), int(actual)))
    return found


def _to_row(payment: Payment) -> dict[str, Any]:
    row = asdict(payment)
    amount, refunded, credit = row.pop("amount"), row.pop("amount_refunded"), row.pop("credits")
    applied = row.pop("amount_applied")
    return {
        **row,
        "amount_micros": to_micro_units(amount),
        "refunded_micros": to_micro_units(refunded),
        "applied_micros": to_micro_units(applied),
        "credits_micros": None if credit is None else to_micro_units(credit),
        "status": payment.status.value,
        "source": payment.source.value,
        "payment_method": payment.payment_method and payment.payment_method.value,
        "payment_date": payment.payment_date and payment.payment_date.isoformat(),
        "metadata": dict(payment.metadata),
    }


def from_row(row: Mapping[Any, Any]) -> Payment:
    currency, credit = row["currency"], row["credits_micros"]
    method, day = row["payment_method"], row["payment_date"]
    return Payment(
        id=row["id"],
        customer_id=row["customer_id"],
        amount=quantize_money(from_micro_units(row["amount_micros"]), currency),
        currency=currency,
        status=PaymentStatus(row["status"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        source=PaymentSource(row["source"]),
        payment_method=None if method is None else PaymentMethod(method),
        payment_date=None if day is None else date.fromisoformat(day),
        description=row["description"],
        notes=row["notes"],
        failure_reason=row["failure_reason"],
        external_transaction_id=row["external_transaction_id"],
        provider=row["provider"],
        invoice_id=row["invoice_id"],
        contract_id=row["contract_id"],
        wallet_id=row["wallet_id"],
        credits=None if credit is None else from_micro_units(credit),
        amount_refunded=quantize_money(from_micro_units(row["refunded_micros"]), currency),
        amount_applied=quantize_money(from_micro_units(row["applied_micros"]), currency),
        completed_at=row["completed_at"],
        version=row["version"],
        metadata=row["metadata"],
    )


def _refund(row: Mapping[Any, Any]) -> Refund:
    return Refund(
        id=row["id"],
        payment_id=row["payment_id"],
        amount=quantize_money(from_micro_units(row["amount_micros"]), row["currency"]),
        currency=row["currency"],
        reason=row["reason"],
        external_refund_id=row["external_refund_id"],
        metadata=row["metadata"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status=RefundStatus(row["status"]),
    )
