"""Balances: the currencies that a project uses, with what its wallets hold."""

from .base import Amount, Instant, Response


class Balance(Response):
    """A currency in use."""

    id: str
    currency: str
    name: str
    minor_units: int
    """How many decimal places its amounts have: USD 2, JPY 0."""
    is_default: bool
    wallet_count: int
    wallet_total: Amount
    """What all wallets in this currency hold together."""
    created_at: Instant
    updated_at: Instant
