"""When a wallet is low, and when it asks for more.

Source: semantics, choice 23.
"""

from datetime import timedelta
from typing import Final

from tallybook.server.wallets.errors import RechargeInvalid
from tallybook.server.wallets.models import Wallet

ATTEMPTS_MAX: Final = 3  # for a wallet within ATTEMPTS_WITHIN
ATTEMPTS_WITHIN: Final = timedelta(days=1)


def check_settings(
    *, enabled: bool, threshold_micros: int | None, amount_micros: int | None
) -> None:
    """Errors: RechargeInvalid."""
    if enabled and (threshold_micros is None or amount_micros is None):
        raise RechargeInvalid()
    if (threshold_micros or 0) < 0 or (amount_micros is not None and amount_micros <= 0):
        raise RechargeInvalid()


def got_low(wallet: Wallet, *, before: int, after: int) -> bool:
    """Tell whether the balance fell below the threshold just now; without one, to zero."""
    threshold = wallet.auto_recharge_threshold_micros
    if threshold is None:
        return after <= 0 < before
    return after < threshold <= before


def wants_recharge(wallet: Wallet, balance_micros: int, *, open_now: int, recent: int) -> bool:
    """Tell whether to ask for a recharge.

    Holds: at most one open at a time, at most three a day.
    """
    threshold = wallet.auto_recharge_threshold_micros
    low = threshold is not None and balance_micros < threshold
    return wallet.auto_recharge_enabled and low and open_now == 0 and recent < ATTEMPTS_MAX
