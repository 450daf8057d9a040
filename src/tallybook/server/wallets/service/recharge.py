"""A wallet that runs low says so, and asks for more."""

from datetime import datetime

from tallybook.server.customers import service as customers
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import from_micro_units
from tallybook.server.payments import service as payments
from tallybook.server.payments.models import PaymentSource
from tallybook.server.storage import Tx
from tallybook.server.wallets.models import Wallet
from tallybook.server.wallets.rules import recharge
from tallybook.server.wallets.rules.units import price_of

from . import announce


def after_debit(tx: Tx, space: SpaceId, wallet: Wallet, *, before: int, at: datetime) -> None:
    """Announce a low balance, and open a pending payment where auto-recharge wants one.

    The wallet is held: of two debits at once, the second sees the first one's payment.
    """
    balance = wallet.balance_micros
    if recharge.got_low(wallet, before=before, after=balance):
        announce.low_balance(tx, space, wallet, at)
    if not wallet.auto_recharge_enabled:
        return
    since = at - recharge.ATTEMPTS_WITHIN
    open_now, recent = payments.count_recharges(tx, space, wallet.id, since=since)
    if not recharge.wants_recharge(wallet, balance, open_now=open_now, recent=recent):
        return
    credits = wallet.auto_recharge_amount_micros
    assert credits is not None
    account = customers.get(tx, space, wallet.customer_id).payment_account
    payment = payments.create(
        tx,
        space,
        customer_id=wallet.customer_id,
        amount=price_of(credits, wallet.conversion_rate, wallet.currency),
        currency=wallet.currency,
        source=PaymentSource.AUTO_RECHARGE,
        wallet_id=wallet.id,
        credits=from_micro_units(credits),
        description=f"Auto-recharge of {wallet.name}",
        provider=None if account is None else account.provider,
        at=at,
    )
    if account is None:  # nobody else collects it
        announce.recharge_required(tx, space, wallet, payment, at)
