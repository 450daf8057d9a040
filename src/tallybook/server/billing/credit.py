"""New credit: it lands in the wallet, and takes what is open."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.invoicing import service as invoicing
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.models import Done

from .collect import retry_open


def top_up(
    tx: Tx, space: SpaceId, wallet_id: str, *, amount: Decimal, at: datetime, **terms: Any
) -> Done:
    """Add credit for money, and pay open invoices from it, the oldest first.

    Errors: those of `wallets.top_up`. Source: semantics, choice 24.
    """
    _hold_open(tx, space, wallet_id)
    done = wallets.top_up(tx, space, wallet_id, amount=amount, at=at, **terms)
    return _collected(tx, space, done, at)


def grant_credit(
    tx: Tx, space: SpaceId, wallet_id: str, *, amount: Decimal, at: datetime, **terms: Any
) -> Done:
    """Give credit that nobody pays for, and pay open invoices from it, the oldest first."""
    _hold_open(tx, space, wallet_id)
    done = wallets.grant_credit(tx, space, wallet_id, amount=amount, at=at, **terms)
    return _collected(tx, space, done, at)


def _hold_open(tx: Tx, space: SpaceId, wallet_id: str) -> None:
    """Hold what may be paid before the wallet, in the order in which `pay_invoice` does."""
    wallet = wallets.get(tx, space, wallet_id)
    payable = invoicing.list_payable(
        tx, space, customer_id=wallet.customer_id, currency=wallet.currency
    )
    for invoice_id in sorted(invoice.id for invoice in payable):
        invoicing.hold(tx, space, invoice_id)


def _collected(tx: Tx, space: SpaceId, done: Done, at: datetime) -> Done:
    if done.replayed:
        return done
    if not retry_open(tx, space, done.wallet.customer_id, done.wallet.currency, at=at):
        return done
    return replace(done, wallet=wallets.get(tx, space, done.wallet.id))
