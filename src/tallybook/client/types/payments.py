"""Results of payments that have no methods."""

from tallybook.client.responses import Result
from tallybook.wire import payments as wire


class Payment(Result, wire.Payment):
    """Money from a customer."""


class Refund(Result, wire.Refund):
    """A part of a payment that was paid back."""
