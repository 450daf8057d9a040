"""What a payment does to an invoice."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from tallybook.server.invoicing.errors import (
    IllegalInvoiceTransition,
    MoreThanDue,
    NotAnAmount,
)
from tallybook.server.invoicing.models import PAYABLE, Action, Invoice, InvoiceStatus
from tallybook.server.kernel.money import plain, require_minor_units

from .transitions import touched, transition


def paid(invoice: Invoice, amount: Decimal, *, at: datetime) -> Invoice:
    """Return the invoice after a payment of an amount; paid when nothing is due any more.

    Holds: amount_paid is never more than the total.
    Errors: IllegalInvoiceTransition (not payable); NotAnAmount; TooManyDecimals; MoreThanDue.
    """
    if invoice.status not in PAYABLE:
        raise _not_allowed(invoice, "pay")
    amount = _positive(amount, invoice.currency)
    if amount > invoice.amount_due:
        raise MoreThanDue(
            invoice_id=invoice.id,
            amount_due=plain(invoice.amount_due),
            currency=invoice.currency,
        )
    after = replace(touched(invoice, at=at), amount_paid=invoice.amount_paid + amount)
    return after if after.amount_due else transition(after, Action.PAY_WHOLE, at=at)


def credited(invoice: Invoice, amount: Decimal, *, at: datetime) -> Invoice:
    """Return the invoice after a credit note that lowers what is due of it.

    Holds: amount_paid and amount_credited together are never more than the total.
    Errors: IllegalInvoiceTransition (not payable); MoreThanDue.
    """
    if invoice.status not in PAYABLE:
        raise _not_allowed(invoice, "credit")
    if amount > invoice.amount_due:
        raise MoreThanDue(
            invoice_id=invoice.id,
            amount_due=plain(invoice.amount_due),
            currency=invoice.currency,
        )
    after = replace(touched(invoice, at=at), amount_credited=invoice.amount_credited + amount)
    return after if after.amount_due else transition(after, Action.PAY_WHOLE, at=at)


def uncredited(invoice: Invoice, amount: Decimal, *, at: datetime) -> Invoice:
    """Return the invoice after a credit note that had lowered it was voided; it is due again."""
    if invoice.status is InvoiceStatus.PAID:
        invoice = replace(transition(invoice, Action.REVERSE_PAYMENT, at=at), past_due_at=None)
    return replace(touched(invoice, at=at), amount_credited=invoice.amount_credited - amount)


def reversed_payment(invoice: Invoice, amount: Decimal, *, at: datetime) -> Invoice:
    """Return the invoice after a payment came back (not a refund: that leaves it paid).

    Errors: IllegalInvoiceTransition; NotAnAmount; MoreThanDue (more than was paid).
    """
    if invoice.status not in (*PAYABLE, InvoiceStatus.PAID):
        raise _not_allowed(invoice, Action.REVERSE_PAYMENT.value)
    amount = _positive(amount, invoice.currency)
    if amount > invoice.amount_paid:
        raise MoreThanDue(
            invoice_id=invoice.id,
            amount_due=plain(invoice.amount_paid),
            currency=invoice.currency,
        )
    if invoice.status is InvoiceStatus.PAID:
        invoice = replace(transition(invoice, Action.REVERSE_PAYMENT, at=at), past_due_at=None)
    return replace(touched(invoice, at=at), amount_paid=invoice.amount_paid - amount)


def _positive(amount: Decimal, currency: str) -> Decimal:
    if amount <= 0:
        raise NotAnAmount()
    return require_minor_units(amount, currency)


def _not_allowed(invoice: Invoice, action: str) -> IllegalInvoiceTransition:
    return IllegalInvoiceTransition(
        invoice_id=invoice.id, current_state=invoice.status.value, action=action
    )
