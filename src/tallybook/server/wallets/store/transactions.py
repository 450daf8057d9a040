"""The statement in the database: lines are added, never changed."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import func, select

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import from_micro_units, to_micro_units
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest, Rows, fetch
from tallybook.server.storage.prepared import Prepared
from tallybook.server.wallets.models import CreditType, Transaction, TransactionType
from tallybook.server.wallets.tables import transactions

_ADD: Final = Prepared(lambda insert: insert(transactions))


def add(tx: Tx, space: SpaceId, line: Transaction, *, position: int) -> None:
    row = {
        "space_id": space,
        "id": line.id,
        "wallet_id": line.wallet_id,
        "position": position,
        "type": line.type.value,
        "credit_type": line.credit_type and line.credit_type.value,
        "amount_micros": to_micro_units(line.amount),
        "credits_micros": line.credits_micros,
        "balance_after_micros": line.balance_after_micros,
        "purchased_micros": to_micro_units(line.purchased),
        "source": line.source,
        "reference": line.reference,
        "description": line.description,
        "idempotency_key": line.idempotency_key,
        "payment_id": line.payment_id,
        "grant_id": line.grant_id,
        "invoice_id": line.invoice_id,
        "metadata": dict(line.metadata),
        "created_at": line.created_at,
    }
    tx.run(_ADD, row)


def find(tx: Tx, space: SpaceId, transaction_id: str) -> Transaction | None:
    t = transactions.c
    query = select(transactions).where(t.space_id == space, t.id == transaction_id)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def sum_purchased(tx: Tx, space: SpaceId, invoice_id: str, *, wallet_ids: Collection[str]) -> int:
    """Sum, in micros, the paid part of what these wallets gave for an invoice."""
    t = transactions.c
    query = select(func.coalesce(func.sum(t.purchased_micros), 0)).where(
        t.space_id == space,
        t.wallet_id.in_(list(wallet_ids)),
        t.invoice_id == invoice_id,
        t.type == TransactionType.PAYMENT.value,
    )
    return int(tx.execute(query).scalar_one())


def list_page(tx: Tx, space: SpaceId, wallet_id: str, page: PageRequest) -> Rows:
    t = transactions.c
    query = select(transactions).where(t.space_id == space, t.wallet_id == wallet_id)
    return fetch(tx, query, page, key=t.id, sorts={"position": t.position}, default="position")


def from_row(row: Mapping[Any, Any]) -> Transaction:
    credit_type = row["credit_type"]
    return Transaction(
        id=row["id"],
        wallet_id=row["wallet_id"],
        type=TransactionType(row["type"]),
        credit_type=None if credit_type is None else CreditType(credit_type),
        amount=from_micro_units(row["amount_micros"]),
        credits_micros=row["credits_micros"],
        balance_after_micros=row["balance_after_micros"],
        created_at=row["created_at"],
        source=row["source"],
        reference=row["reference"],
        description=row["description"],
        idempotency_key=row["idempotency_key"],
        payment_id=row["payment_id"],
        grant_id=row["grant_id"],
        invoice_id=row["invoice_id"],
        purchased=from_micro_units(row["purchased_micros"]),
        metadata=row["metadata"],
    )
