"""The dicts of customers."""

from typing import TypedDict

from tallybook.client.encoding import DecimalInput


class TaxRate(TypedDict):
    """A tax that invoices bear; `rate` is a fraction: 0.05 is 5 %."""

    name: str
    rate: DecimalInput
