"""Money comes in for an invoice, and sometimes goes out again."""

from datetime import datetime
from decimal import Decimal

from tallybook.server.invoicing.models import WORK_DUE, Invoice, InvoiceStatus
from tallybook.server.invoicing.rules import payments
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx, due

from .saving import announce, hold, save, stop_chasing


def apply_payment(
    tx: Tx, space: SpaceId, invoice_id: str, amount: Decimal, *, at: datetime
) -> Invoice:
    """Count an amount as paid; the invoice is paid when nothing is due any more.

    The ledger's side (the receivable's credit) is posted by whoever knows where the money
    came from, in the same transaction.
    Errors: InvoiceNotFound; IllegalInvoiceTransition; NotAnAmount; MoreThanDue.
    """
    before = hold(tx, space, invoice_id)
    after = save(tx, space, before, payments.paid(before, amount, at=at))
    if after.status is InvoiceStatus.PAID:
        stop_chasing(tx, space, after.id)
        announce(tx, space, "invoice.paid", after, at=at)
    return after


def reverse_payment(
    tx: Tx, space: SpaceId, invoice_id: str, amount: Decimal, *, at: datetime
) -> Invoice:
    """Take a payment back that did not hold; a paid invoice is open again.

    A refund is something else: it leaves the invoice paid.
    Errors: InvoiceNotFound; IllegalInvoiceTransition; NotAnAmount; MoreThanDue.
    """
    before = hold(tx, space, invoice_id)
    after = save(tx, space, before, payments.reversed_payment(before, amount, at=at))
    if before.status is InvoiceStatus.PAID and after.due_at is not None:
        due.schedule(tx, space, kind=WORK_DUE, subject_id=after.id, due_at=after.due_at)
    return after
