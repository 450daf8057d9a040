"""Giving back what was charged in advance: from what is unpaid first, then as credit or money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from tallybook.server.catalog.models import ChargeType, Terms
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import (
    PAYABLE,
    SOURCE_CHARGE,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    Line,
    LineKind,
)
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import ZERO
from tallybook.server.ledger import service as ledger
from tallybook.server.ledger.models import Account, AccountKind
from tallybook.server.ledger.rules.postings import move, to_ledger
from tallybook.server.payments import service as payments
from tallybook.server.payments.models import Payment, PaymentMethod
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Period, Subscription
from tallybook.server.wallets import service as wallets

from .rules.refunds import Paid, split
from .take_payment import pay_invoice


class Destination(StrEnum):
    """Where a refund went."""

    WALLET = "wallet"
    PAYMENT = "payment"  # by the way that the money came
    INVOICE = "invoice"  # it lowered what was not paid yet


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
    """Give back an amount of what was charged; tell where it went (the last that it reached).

    What is unpaid is lowered first: by a credit that pays it at once, or where the refund takes
    all that an invoice says, with `may_void`, by voiding it. Source: semantics, choices 8 and 10.
    """
    left, went = amount, to
    for invoice in source.invoices:
        if left and invoice.status in PAYABLE:
            lowered = _lower(tx, space, invoice, left, source, may_void, key, reason, at)
            went = Destination.INVOICE if lowered else went
            left -= lowered
    if not left:
        return went
    went = Destination.WALLET
    found = _paid(tx, space, source.invoices)
    if to is Destination.PAYMENT:
        for payment, part in _outside(found.outside, left):
            _pay_out(tx, space, payment, part, key=key, reason=reason, at=at)
            went, left = Destination.PAYMENT, left - part
    if left:
        back = split(left, found.paid, with_outside=to is Destination.WALLET, currency=sub.currency)
        wallets.give_back(
            tx,
            space,
            sub.customer_id,
            sub.currency,
            purchased=back.purchased,
            free=back.free,
            key=key,
            at=at,
            payment_id=found.only_payment if back.purchased and not back.free else None,
            instead_of=AccountKind.REVENUE,
            description=reason,
        )
    return went


def _lower(
    tx: Tx,
    space: SpaceId,
    invoice: Invoice,
    at_most: Decimal,
    source: Prepaid,
    may_void: bool,
    key: str,
    reason: str,
    at: datetime,
) -> Decimal:
    """Lower what is unpaid of an invoice; return by how much of the refund."""
    is_whole = at_most >= invoice.subtotal and source.covers(invoice)
    is_open = invoice.status is InvoiceStatus.OPEN and not invoice.amount_paid
    if may_void and is_whole and is_open:
        invoicing.void(tx, space, invoice.id, reason=reason, at=at)
        return invoice.subtotal
    part = min(at_most, invoice.amount_due)
    if not part:
        return ZERO
    key = f"{key}:{invoice.id}"
    wallets.give_back(
        tx,
        space,
        invoice.customer_id,
        invoice.currency,
        free=part,
        key=key,
        at=at,
        instead_of=AccountKind.REVENUE,
        reference=invoice.number,
        description=reason,
    )
    there = wallets.available(tx, space, invoice.customer_id, invoice.currency, at=at)
    if there >= part:  # an overdraft takes it first
        pay_invoice(tx, space, invoice.id, amount=part, key=key, at=at)
    return part


@dataclass(frozen=True, slots=True)
class _Found:
    paid: Paid
    outside: tuple[Payment, ...]
    only_payment: str | None  # where one payment from outside is all that was paid


def _paid(tx: Tx, space: SpaceId, invoices: Sequence[Invoice]) -> _Found:
    """Return how the invoices were paid, and the payments from outside, the newest first."""
    outside: list[Payment] = []
    from_outside = purchased = free = ZERO
    for invoice in invoices:
        through_wallets, wallet_ids = ZERO, set()
        for payment in reversed(payments.list_for_invoice(tx, space, invoice.id)):
            if not payments.is_refundable(payment):
                continue
            if payment.payment_method is PaymentMethod.WALLET:
                through_wallets += payment.amount
                wallet_ids.add(payment.wallet_id or "")
            else:
                outside.append(payment)
        bought = wallets.purchased_in_payments(tx, space, invoice.id, wallet_ids)
        from_outside += max(invoice.amount_paid - through_wallets, ZERO)
        purchased += bought
        free += max(through_wallets - bought, ZERO)
    is_only = len(outside) == 1 and not purchased and not free
    only = outside[0].id if is_only else None
    return _Found(Paid(from_outside, purchased, free), tuple(outside), only)


def _outside(found: Sequence[Payment], amount: Decimal) -> list[tuple[Payment, Decimal]]:
    parts, left = [], amount
    for payment in found:
        if part := min(left, payment.refundable):
            parts.append((payment, part))
            left -= part
    return parts


def _pay_out(
    tx: Tx,
    space: SpaceId,
    payment: Payment,
    amount: Decimal,
    *,
    key: str,
    reason: str,
    at: datetime,
) -> None:
    """Refund a part of a payment that an invoice took: less revenue, less cash."""
    payments.lock(tx, space, payment.id)
    ledger.post(
        tx,
        space,
        key=f"{key}:{payment.id}",
        kind="payment.unearned",
        reference=payment.id,
        at=at,
        postings=move(
            to_ledger(amount),
            debit=Account(AccountKind.REVENUE, payment.currency, payment.customer_id),
            credit=Account(AccountKind.UNAPPLIED, payment.currency, payment.customer_id),
        ),
    )
    payments.refund(tx, space, payment.id, amount=amount, reason=reason, at=at)
