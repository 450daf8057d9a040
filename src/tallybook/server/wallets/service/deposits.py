"""Payments that become credit: those without an invoice.

Billing builds on these pieces where an invoice takes a part of the payment.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tallybook.server.customers import service as customers
from tallybook.server.identity import service as identity
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import minor_units
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.rules.prints import print_of
from tallybook.server.payments import service as payments
from tallybook.server.payments.models import (
    OPEN,
    Payment,
    PaymentMethod,
    PaymentStatus,
)
from tallybook.server.storage import Tx
from tallybook.server.wallets.errors import WalletPaymentNeedsInvoice

from . import credit
from .currencies import ensure_currency


def receive(
    tx: Tx,
    space: SpaceId,
    *,
    customer_id: str,
    amount: Decimal,
    currency: str | None = None,
    payment_method: PaymentMethod | None = None,
    payment_date: date | None = None,
    description: str | None = None,
    external_transaction_id: str | None = None,
    provider: str | None = None,
    status: PaymentStatus = PaymentStatus.PENDING,
    metadata: Mapping[str, Any] | None = None,
    key: str,
    at: datetime,
) -> tuple[Payment, bool]:
    """Record a payment without an invoice; completed, all of it is purchased credit.

    Returns the payment, and whether the key had made it before.
    Errors: CustomerNotFound; DuplicateExternalTransaction; WalletPaymentNeedsInvoice; KeyReused.
    """
    about: dict[str, Any] = {
        "payment_method": payment_method,
        "payment_date": payment_date,
        "description": description,
        "external_transaction_id": external_transaction_id,
        "provider": provider,
        "metadata": dict(metadata or {}),
    }
    asked = {"customer_id": customer_id, "amount": amount, "currency": currency, "status": status}
    operation, print_ = "payment.create", print_of({**asked, **about})
    before = ledger.find_request(tx, space, operation=operation, key=key, fingerprint=print_)
    if before is not None:
        return payments.get(tx, space, before), True
    if payment_method is PaymentMethod.WALLET:
        raise WalletPaymentNeedsInvoice()
    customer = customers.get(tx, space, customer_id)
    currency = currency or customer.currency or identity.get_space(tx, space).default_currency
    minor_units(currency)
    ensure_currency(tx, space, currency, at=at)
    payment = payments.create(
        tx,
        space,
        customer_id=customer.id,
        amount=amount,
        currency=currency,
        at=at,
        **about,
    )
    ledger.keep_request(
        tx,
        space,
        operation=operation,
        key=key,
        fingerprint=print_,
        object_id=payment.id,
        at=at,
    )
    return set_status(tx, space, payment.id, status, at=at), False


def set_status(
    tx: Tx,
    space: SpaceId,
    payment_id: str,
    status: PaymentStatus,
    *,
    reason: str | None = None,
    at: datetime,
) -> Payment:
    """Bring a payment to a status; completing it credits the wallet.

    Errors: PaymentNotFound; IllegalPaymentTransition.
    """
    before = payments.lock(tx, space, payment_id)
    if status is PaymentStatus.COMPLETED and before.status in OPEN:
        credit.hold_for(tx, space, before, at=at)  # wallets before accounts, as everywhere
    after = payments.go_to(tx, space, payment_id, status, reason=reason, at=at)
    if after.status is PaymentStatus.COMPLETED and before.status is not after.status:
        credit.credit_payment(tx, space, after, at=at)
    return after
