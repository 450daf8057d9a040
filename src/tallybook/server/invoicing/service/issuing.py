"""Issue invoices, and end them unpaid."""

from dataclasses import replace
from datetime import datetime

from tallybook.server.customers import service as customers
from tallybook.server.identity import service as identity
from tallybook.server.invoicing.errors import (
    IllegalInvoiceTransition,
    InvoicePartlyCredited,
    InvoicePartlyPaid,
    NothingToInvoice,
)
from tallybook.server.invoicing.models import WORK_DUE, WORK_DUN, Action, Invoice, InvoiceStatus
from tallybook.server.invoicing.rules import postings
from tallybook.server.invoicing.rules.due import issued, local_day
from tallybook.server.invoicing.rules.numbering import INVOICES
from tallybook.server.invoicing.rules.transitions import touched, transition
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import plain
from tallybook.server.ledger import service as ledger
from tallybook.server.mail import service as mail
from tallybook.server.mail.models import MailKind
from tallybook.server.storage import Tx, due

from .parties import parties_now
from .saving import announce, hold, next_number, save, stop_chasing


def finalize(
    tx: Tx, space: SpaceId, invoice_id: str, *, at: datetime, send_it: bool = False
) -> Invoice:
    """Freeze a draft: give it its number, post it, and set when it is due.

    Without anything to pay it is paid at once. `send_it` marks it as sent, too.
    Holds: numbers have no gap; the counter moves in the transaction of the finalized row.
    Errors: InvoiceNotFound; IllegalInvoiceTransition; NothingToInvoice.
    """
    before = hold(tx, space, invoice_id)
    opened = transition(before, Action.FINALIZE, at=at)
    if not before.lines:
        raise NothingToInvoice(invoice_id=invoice_id)
    zone = identity.get_space(tx, space).zone
    opened = replace(issued(opened, at=at, zone=zone), held_reason=None)
    opened = replace(
        opened,
        number=next_number(tx, space, INVOICES),
        parties=parties_now(tx, space, opened.customer_id),
    )
    after = opened if opened.total else transition(opened, Action.PAY_WHOLE, at=at)
    save(tx, space, before, after)
    announce(tx, space, "invoice.finalized", opened, at=at)
    if opened.total:
        ledger.post_new(
            tx,
            space,
            key=f"invoice.finalize:{after.id}",
            kind="invoice.finalize",
            postings=postings.of_finalized(after),
            reference=after.id,
            at=at,
        )
        assert after.due_at is not None
        due.schedule(tx, space, kind=WORK_DUE, subject_id=after.id, due_at=after.due_at)
    else:
        announce(tx, space, "invoice.paid", after, at=at)
    return send(tx, space, after.id, at=at) if send_it else after


def void(tx: Tx, space: SpaceId, invoice_id: str, *, reason: str, at: datetime) -> Invoice:
    """Waive an open invoice of which nothing is paid; nothing bills its lines again.

    Errors: InvoiceNotFound; IllegalInvoiceTransition; InvoicePartlyPaid; InvoicePartlyCredited.
    """
    before = hold(tx, space, invoice_id)
    after = replace(transition(before, Action.VOID, at=at), void_reason=reason)
    if before.amount_paid:
        raise InvoicePartlyPaid(
            invoice_id=before.id,
            current_state=before.status.value,
            amount_paid=plain(before.amount_paid),
            currency=before.currency,
        )
    if before.amount_credited:
        raise InvoicePartlyCredited(
            invoice_id=before.id,
            current_state=before.status.value,
            amount_credited=plain(before.amount_credited),
            currency=before.currency,
        )
    save(tx, space, before, after)
    ledger.post(
        tx,
        space,
        key=f"invoice.void:{after.id}",
        kind="invoice.void",
        postings=postings.of_voided(after),
        reference=after.id,
        at=at,
    )
    stop_chasing(tx, space, after.id)
    announce(tx, space, "invoice.voided", after, at=at)
    return after


def send(tx: Tx, space: SpaceId, invoice_id: str, *, at: datetime) -> Invoice:
    """Mark an invoice as sent, tell the world, and have it mailed to the customer's address.

    The mail goes out after the commit, where a mail server is set.

    Errors: InvoiceNotFound; IllegalInvoiceTransition (a draft or void one).
    """
    before = hold(tx, space, invoice_id)
    if before.status in (InvoiceStatus.DRAFT, InvoiceStatus.VOID):
        raise IllegalInvoiceTransition(
            invoice_id=before.id, current_state=before.status.value, action="send"
        )
    after = save(tx, space, before, replace(touched(before, at=at), sent_at=at))
    announce(tx, space, "invoice.sent", after, at=at)
    _write_to(tx, space, MailKind.INVOICE, after, at=at)
    return after


def fall_due(tx: Tx, space: SpaceId, invoice_id: str, *, at: datetime) -> Invoice:
    """Make an open invoice due now, if it is not yet: the wallets could not pay it.

    Errors: InvoiceNotFound; IllegalInvoiceTransition.
    """
    before = hold(tx, space, invoice_id)
    if before.status is not InvoiceStatus.OPEN:
        raise IllegalInvoiceTransition(
            invoice_id=before.id, current_state=before.status.value, action="fall_due"
        )
    if before.is_past_due(at):
        return before
    zone = identity.get_space(tx, space).zone
    after = replace(touched(before, at=at), due_at=at, due_date=local_day(at, zone))
    due.schedule(tx, space, kind=WORK_DUE, subject_id=after.id, due_at=at)
    return save(tx, space, before, after)


def mark_past_due(
    tx: Tx,
    space: SpaceId,
    invoice_id: str,
    *,
    next_attempt_at: datetime | None = None,
    at: datetime,
) -> Invoice | None:
    """Announce an invoice as past due, once; None where it is not or was announced before.

    `next_attempt_at` is when the due work `invoice.dun` comes to it, if it does.

    Errors: InvoiceNotFound.
    """
    before = hold(tx, space, invoice_id)
    if not before.is_past_due(at) or before.past_due_at is not None:
        return None
    after = save(tx, space, before, replace(touched(before, at=at), past_due_at=at))
    _past_due(tx, space, after, attempt=0, next_attempt_at=next_attempt_at, at=at)
    return after


def remind(
    tx: Tx,
    space: SpaceId,
    invoice_id: str,
    *,
    attempt: int,
    next_attempt_at: datetime,
    at: datetime,
) -> Invoice:
    """Announce again that an invoice is past due: it was tried once more, and will be again."""
    invoice = hold(tx, space, invoice_id)
    _past_due(tx, space, invoice, attempt=attempt, next_attempt_at=next_attempt_at, at=at)
    return invoice


def _past_due(
    tx: Tx,
    space: SpaceId,
    invoice: Invoice,
    *,
    attempt: int,
    next_attempt_at: datetime | None,
    at: datetime,
) -> None:
    if next_attempt_at is not None:
        due.schedule(tx, space, kind=WORK_DUN, subject_id=invoice.id, due_at=next_attempt_at)
    announce(
        tx,
        space,
        "invoice.past_due",
        invoice,
        at=at,
        attempt=attempt,
        next_attempt_at=next_attempt_at,
    )
    _write_to(tx, space, MailKind.REMINDER, invoice, at=at)


def _write_to(tx: Tx, space: SpaceId, kind: MailKind, invoice: Invoice, *, at: datetime) -> None:
    customer = customers.get(tx, space, invoice.customer_id)
    mail.queue(tx, space, kind, customer, invoice.id, at=at)


def mark_uncollectible(tx: Tx, space: SpaceId, invoice_id: str, *, at: datetime) -> Invoice:
    """Give up on an open invoice; it can still be paid.

    Errors: InvoiceNotFound; IllegalInvoiceTransition.
    """
    before = hold(tx, space, invoice_id)
    after = save(tx, space, before, transition(before, Action.MARK_UNCOLLECTIBLE, at=at))
    stop_chasing(tx, space, after.id)
    announce(tx, space, "invoice.uncollectible", after, at=at)
    return after
