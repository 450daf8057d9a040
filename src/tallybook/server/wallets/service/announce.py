"""What the world is told of a wallet."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tallybook.server.customers import service as customers
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.payments.models import Payment
from tallybook.server.storage import Tx, outbox
from tallybook.server.wallets import views
from tallybook.server.wallets.models import Transaction, TransactionType, Wallet

_EVENTS = {
    TransactionType.TOP_UP: "wallet.topped_up",
    TransactionType.GRANT: "wallet.credited",
    TransactionType.CREDIT: "wallet.credited",
    TransactionType.DEDUCTION: "wallet.deducted",
    TransactionType.PAYMENT: "wallet.deducted",
    TransactionType.REFUND: "wallet.deducted",
    TransactionType.EXPIRY: "wallet.deducted",
}


def moved(tx: Tx, space: SpaceId, wallet: Wallet, line: Transaction) -> None:
    """Credits came in or went out."""
    data = views.announced_move(wallet, line)
    _append(tx, space, _EVENTS[line.type], wallet, data, line.created_at)


def low_balance(tx: Tx, space: SpaceId, wallet: Wallet, at: datetime) -> None:
    _append(tx, space, "wallet.low_balance", wallet, views.announced_low(wallet), at)


def recharge_required(
    tx: Tx, space: SpaceId, wallet: Wallet, payment: Payment, at: datetime
) -> None:
    data = views.announced_recharge(wallet, payment)
    _append(tx, space, "wallet.recharge_required", wallet, data, at)


def _append(
    tx: Tx, space: SpaceId, event: str, wallet: Wallet, data: Mapping[str, Any], at: datetime
) -> None:
    customer_id = wallet.customer_id
    external_id = tx.remember(
        ("external id", space, customer_id),
        lambda: customers.get(tx, space, customer_id).external_id,
    )
    payload = {**data, "customer_external_id": external_id}
    outbox.append(tx, space, event=event, object_id=wallet.id, data=payload, at=at, is_held=True)
