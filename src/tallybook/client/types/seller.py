"""Results of the seller."""

from tallybook.client.responses import Result
from tallybook.wire import seller as wire


class Seller(Result, wire.Seller):
    """Who sells, as it stands on invoices, credit notes and mails."""
