"""The dicts of customers."""

from typing import TypedDict

from tallybook.client.encoding import DecimalInput
from tallybook.wire.customers import PaymentProvider


class TaxRate(TypedDict):
    """A tax that invoices bear; `rate` is a fraction: 0.05 is 5 %."""

    name: str
    rate: DecimalInput


class PaymentAccountFields(TypedDict):
    """Where a payment provider keeps the customer's means of payment, in the provider's ids."""

    provider: PaymentProvider
    customer_id: str
    payment_method_id: str
