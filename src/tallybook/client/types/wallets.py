"""Results of wallets that have no methods."""

from tallybook.client.responses import Result
from tallybook.wire import wallets as wire


class WalletBalance(Result, wire.WalletBalance):
    """What is in a wallet, by type of credit."""


class WalletTransaction(Result, wire.WalletTransaction):
    """A line of a wallet's statement."""
