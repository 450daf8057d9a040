"""Who can be asked to pay an invoice that is to be charged."""

from datetime import datetime
from enum import Enum, auto
from typing import Final, Protocol

from tallybook.server.customers import service as customers
from tallybook.server.invoicing.models import Invoice
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.payments import service as payments
from tallybook.server.payments.models import PaymentSource
from tallybook.server.storage import Tx
from tallybook.server.wallets import service as wallets
from tallybook.server.wallets.errors import InsufficientWalletBalance

from .take_payment import pay_invoice


class Taken(Enum):
    PAID = auto()
    BEGUN = auto()  # a payment is pending; what comes of it is heard later
    NOTHING = auto()


class PaymentProvider(Protocol):
    """A way to take what is due, within the caller's transaction.

    What needs a network is left as an order, which the worker brings to the provider's gateway
    (`payments.models.Gateway`) after the commit.
    """

    def serves(self, tx: Tx, space: SpaceId, invoice: Invoice) -> bool:
        """Tell whether the customer has this means of payment, however much it holds."""

    def take(self, tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> Taken:
        """Take all that is due, begin to, or leave it."""


class Wallets:
    """Prepaid credit: paid at once, whole or not at all."""

    def serves(self, tx: Tx, space: SpaceId, invoice: Invoice) -> bool:
        return bool(wallets.list_of(tx, space, invoice.customer_id, invoice.currency))

    def take(self, tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> Taken:
        there = wallets.available(tx, space, invoice.customer_id, invoice.currency, at=at)
        if there < invoice.amount_due:
            return Taken.NOTHING
        try:
            key = f"collect:{invoice.id}:{invoice.version}"
            pay_invoice(tx, space, invoice.id, key=key, at=at)
        except InsufficientWalletBalance:  # somebody else was quicker
            return Taken.NOTHING
        return Taken.PAID


class Accounts:
    """The customer's account at an outside provider, such as a card kept at Stripe."""

    def serves(self, tx: Tx, space: SpaceId, invoice: Invoice) -> bool:
        return customers.get(tx, space, invoice.customer_id).payment_account is not None

    def take(self, tx: Tx, space: SpaceId, invoice: Invoice, *, at: datetime) -> Taken:
        account = customers.get(tx, space, invoice.customer_id).payment_account
        if account is None:
            return Taken.NOTHING
        payments.create(
            tx,
            space,
            customer_id=invoice.customer_id,
            amount=invoice.amount_due,
            currency=invoice.currency,
            source=PaymentSource.INVOICE,
            invoice_id=invoice.id,
            contract_id=invoice.contract_id,
            provider=account.provider,
            at=at,
        )
        return Taken.BEGUN


WALLETS: Final = Wallets()
PROVIDERS: Final[tuple[PaymentProvider, ...]] = (WALLETS, Accounts())
"""In the order in which they are asked."""
