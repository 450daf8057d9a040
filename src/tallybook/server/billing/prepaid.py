"""What was charged in advance, and giving it back."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tallybook.server.catalog.models import ChargeType, Terms
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import (
    PAYABLE,
    SOURCE_CHARGE,
    CreditNote,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Line,
    LineKind,
)
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.ledger.models import AccountKind
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Period, Subscription
from tallybook.server.wallets import service as wallets

from .credit_note import issue
from .refund import Destination, paid_for
from .standing import hold_with_subscriptions


@dataclass(frozen=True, slots=True)
class Prepaid:
    """What was charged in advance for a period, and the invoices that it was paid with."""

    lines: tuple[Line, ...]
    invoices: tuple[Invoice, ...]  # of the whole cycle, the newest first

    def covers(self, invoice: Invoice) -> bool:
        """Tell whether an invoice has nothing else on it."""
        mine = {line.id for line in self.lines}
        return all(line.id in mine for line in invoice.lines)


def prepaid(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    period: Period,
    terms: Terms,
    *,
    with_drafts: bool = False,
) -> Prepaid:
    """Return what invoices charged in advance for a period; void ones waived it."""
    invoices = [
        invoice
        for invoice in _of_cycle(tx, space, sub, period)
        if invoice.status is not InvoiceStatus.VOID
        and (with_drafts or invoice.status is not InvoiceStatus.DRAFT)
    ]
    lines = [
        line
        for invoice in invoices
        for line in invoice.lines
        if line.period_number == period.number and _is_in_advance(line, terms)
    ]
    return Prepaid(tuple(lines), tuple(invoices))


def _of_cycle(tx: Tx, space: SpaceId, sub: Subscription, period: Period) -> list[Invoice]:
    found = []
    for one in subscriptions.list_periods(tx, space, sub.id):
        if one.cycle != period.cycle:
            break
        for kind in (InvoiceType.CHANGE, InvoiceType.CYCLE):
            invoice = invoicing.find_generated(
                tx, space, subscription_id=sub.id, period_number=one.number, kind=kind
            )
            if invoice is not None:
                found.append(invoice)
    return found


def _is_in_advance(line: Line, terms: Terms) -> bool:
    """Base fee and recurring charges of the billing period; longer ones were for a longer time."""
    if line.kind is LineKind.BASE_FEE:
        return True
    if line.kind is not LineKind.CHARGE or line.source_type != SOURCE_CHARGE:
        return False
    charge = next((one for one in terms.charges if one.id == line.source_id), None)
    return (
        charge is not None
        and charge.charge_type is ChargeType.RECURRING
        and charge.billing_period in (None, terms.billing_period)
    )


def give_back(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    amount: Decimal,
    source: Prepaid,
    *,
    to: Destination = Destination.WALLET,
    may_void: bool = False,
    key: str,
    reason: str,
    at: datetime,
) -> Destination:
    """Give back an amount, net of tax, of what was charged; tell where it went.

    Credit notes do it, unpaid invoices first; where the refund takes all that an invoice says,
    with `may_void`, it is voided instead. Source: semantics, choices 8 and 10.
    """
    left, went = amount, set[Destination]()
    for found in sorted(source.invoices, key=lambda invoice: invoice.status not in PAYABLE):
        if not left:
            break
        invoice = hold_with_subscriptions(tx, space, [found])[found.id]
        if may_void and _is_all_of(invoice, left, source):
            invoicing.void(tx, space, invoice.id, reason=reason, at=at)
            left -= invoice.subtotal
            went.add(Destination.INVOICE)
            continue
        at_most = invoice.amount_due + paid_for(tx, space, invoice.id)
        part = min(left, invoicing.creditable(tx, space, invoice, at_most=at_most))
        if part > 0:
            note = issue(tx, space, invoice.id, amount=part, reason=reason, to=to, at=at)
            left -= part
            went |= _reached(note)
    if left:  # charged on no invoice that is left: nothing to correct, and owed all the same
        _credit(tx, space, sub, left, key=key, reason=reason, at=at)
        went.add(Destination.WALLET)
    by_precedence = (Destination.PAYMENT, Destination.WALLET, Destination.INVOICE)
    return next((one for one in by_precedence if one in went), to)


def _is_all_of(invoice: Invoice, amount: Decimal, source: Prepaid) -> bool:
    """Tell whether an amount takes all that an invoice says, and nothing was paid of it."""
    is_open = invoice.status is InvoiceStatus.OPEN
    is_untouched = not invoice.amount_paid and not invoice.amount_credited
    return is_open and is_untouched and amount >= invoice.subtotal and source.covers(invoice)


def _reached(note: CreditNote) -> set[Destination]:
    parts = {
        Destination.INVOICE: note.to_invoice,
        Destination.WALLET: note.to_wallet,
        Destination.PAYMENT: note.to_payments,
    }
    return {destination for destination, part in parts.items() if part}


def _credit(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    amount: Decimal,
    *,
    key: str,
    reason: str,
    at: datetime,
) -> None:
    wallets.give_back(
        tx,
        space,
        sub.customer_id,
        sub.currency,
        free=amount,
        key=key,
        at=at,
        instead_of=AccountKind.REVENUE,
        description=reason,
    )
