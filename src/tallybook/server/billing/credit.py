"""New credit: it lands in the wallet, and takes what is open."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.models import Done

from .collect import retry_open
from .standing import hold_payable


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
    hold_payable(tx, space, wallet.customer_id, wallet.currency)


def _collected(tx: Tx, space: SpaceId, done: Done, at: datetime) -> Done:
    if done.replayed:
        return done
    if not retry_open(tx, space, done.wallet.customer_id, done.wallet.currency, at=at):
        return done
    return replace(done, wallet=wallets.get(tx, space, done.wallet.id))
