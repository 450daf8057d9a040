"""Markets and balances, as they come back."""

from tallybook.client.responses import Result
from tallybook.wire import balances, markets


class Market(Result, markets.Market):
    """Where prices hold, in one currency."""


class Balance(Result, balances.Balance):
    """A currency in use, and what all wallets in it hold."""
