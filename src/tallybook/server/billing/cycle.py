"""The invoice of a subscription at a boundary of its periods: what opens, and what has closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tallybook.server.catalog.models import Terms
from tallybook.server.customers import service as customers
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import (
    CollectionMethod,
    Invoice,
    InvoiceStatus,
    InvoiceType,
    LineKind,
    NewLine,
    TaxTerm,
)
from tallybook.server.kernel.money import EXACT, ZERO, plain, quantize_money
from tallybook.server.ledger.models import AccountKind
from tallybook.server.rating.errors import UncoveredQuantity
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Period, Subscription, Timeline
from tallybook.server.wallets import service as wallets

from .rules.lines import Subject, adjustment_lines, opening_lines, usage_lines


@dataclass(frozen=True, slots=True)
class Cycle:
    """One boundary: the period that opens there, the one that closed, and what it is called."""

    kind: InvoiceType
    number: int  # of the opening period; of a final invoice the closed one's; of adjustments free
    opening: Period | None
    closed: Period | None


@dataclass(frozen=True, slots=True)
class Bill:
    """What an invoice of a cycle would say now."""

    lines: tuple[NewLine, ...]
    held_reason: str | None = None  # why a person must look at it first
    credited: Decimal = ZERO  # adjustments below zero, which become credit instead


def terms_of(tx: Tx, space: Space, sub: Subscription, period: Period) -> Terms:
    """Return the terms that a period is billed on, read once a transaction: they never change."""
    key = f"terms:{space.id}:{sub.contract_id}:{period.contract_version}"
    if key not in tx.notes:
        version = subscriptions.get_version(tx, space.id, sub.contract_id, period.contract_version)
        tx.notes[key] = version.terms
    terms: Terms = tx.notes[key]
    return terms


def taxes_of(space: Space, customer: Customer) -> list[TaxTerm]:
    """Return the taxes of generated invoices: the customer's, else the project's."""
    own = customer.taxes
    taxes = space.settings.taxes if own is None else own
    return [TaxTerm(tax.name, tax.rate) for tax in taxes]


def work_out_bill(tx: Tx, space: Space, sub: Subscription, cycle: Cycle) -> Bill:
    """Return the lines of a cycle's invoice as of now; nothing is written.

    Usage past the last bound of a price is never free in silence: the bill is held.
    """
    lines: list[NewLine] = []
    held: str | None = None
    if cycle.opening is not None:
        terms = terms_of(tx, space, sub, cycle.opening)
        is_first = not _had_paid_period(tx, space, sub, cycle.opening)
        lines += opening_lines(sub, cycle.opening, terms, is_first=is_first, zone=space.zone)
    if cycle.closed is None and cycle.kind is not InvoiceType.ADJUSTMENT:
        return never_negative(sub, lines, held)
    customer_lines = subscriptions.timelines(tx, space.id, [sub.customer_id])
    timelines = customer_lines.get(sub.customer_id, [])
    before = cycle.number + 1
    if cycle.closed is not None:
        before = cycle.closed.number
        try:
            lines += _usage(tx, space, sub, cycle.closed, timelines)
        except UncoveredQuantity as error:
            held = error.message
    lines += adjustments(tx, space, sub, timelines, before=before)
    return never_negative(sub, lines, held)


def _usage(
    tx: Tx, space: Space, sub: Subscription, period: Period, timelines: Sequence[Timeline]
) -> list[NewLine]:
    usage = subscriptions.read_usage(
        tx, space, sub, period, terms_of(tx, space, sub, period), timelines
    )
    by_subject = usage_lines(sub, period, usage)
    return [line for lines in by_subject.values() for line in lines]


def adjustments(
    tx: Tx, space: Space, sub: Subscription, timelines: Sequence[Timeline], *, before: int
) -> list[NewLine]:
    """Return what late or voided usage changes about periods that were invoiced earlier."""
    lines: list[NewLine] = []
    periods = {
        period.number: (period, terms_of(tx, space, sub, period))
        for period in reversed(subscriptions.list_periods(tx, space.id, sub.id))
        if period.number < before and period.is_closed and not period.is_trial
    }
    counted = subscriptions.counter_versions(tx, space.id, sub, periods)
    if not any(counted.values()):
        return lines  # nothing is metered
    billed_on = invoicing.billed_versions(tx, space.id, subscription_id=sub.id)
    for number, (period, terms) in periods.items():
        billed = billed_on.get(number, {})
        if all(version == billed.get(meter, 0) for meter, version in counted[number].items()):
            continue
        invoice = _invoice_that_billed(tx, space, sub, period)
        if invoice is not None and invoice.status is InvoiceStatus.DRAFT:
            continue  # its own invoice is not final yet, and takes the usage in
        usage = subscriptions.read_usage(tx, space, sub, period, terms, timelines)
        subjects = [Subject(one.terms.meter_id) for one in usage.meters]
        subjects += [Subject(c.charge.meter_id or "", c.charge.id) for c in usage.charges]
        before_now = {
            subject: invoicing.billed_before(
                tx,
                space.id,
                subscription_id=sub.id,
                meter_id=subject.meter_id,
                period_number=period.number,
                charge_id=subject.charge_id,
            )
            for subject in subjects
        }
        lines += adjustment_lines(
            sub,
            period,
            usage,
            billed=before_now,
            currency=sub.currency,
            corrects_invoice_id=None if invoice is None else invoice.id,
        )
    return lines


def _invoice_that_billed(tx: Tx, space: Space, sub: Subscription, period: Period) -> Invoice | None:
    """The invoice on which a closed period's usage went: the next cycle's, or the final one."""
    for number, kind in (
        (period.number + 1, InvoiceType.CYCLE),
        (period.number + 1, InvoiceType.CHANGE),
        (period.number, InvoiceType.FINAL),
    ):
        found = invoicing.find_generated(
            tx, space.id, subscription_id=sub.id, period_number=number, kind=kind
        )
        if found is not None:
            return found
    return None


def _had_paid_period(tx: Tx, space: Space, sub: Subscription, period: Period) -> bool:
    if period.number == 0:
        return False
    before = subscriptions.get_period(tx, space.id, sub.id, period.number - 1)
    return not before.is_trial


def never_negative(sub: Subscription, lines: list[NewLine], held: str | None) -> Bill:
    """Carry what is below zero to the wallet: an invoice's total is never negative."""
    total = sum(
        (
            quantize_money(
                line.amount
                if line.amount is not None
                else EXACT.multiply(line.quantity, line.unit_price or ZERO),
                sub.currency,
            )
            for line in lines
        ),
        ZERO,
    )
    if total >= 0:
        return Bill(tuple(lines), held)
    carried = NewLine(
        description="Carried over to your credit",
        kind=LineKind.ADJUSTMENT,
        amount=-total,
        contract_id=sub.contract_id,
        subscription_id=sub.id,
        pricing={"credited": plain(-total)},
    )
    return Bill((*lines, carried), held, -total)


def _nothing(sub: Subscription) -> tuple[NewLine, ...]:
    """What is left of a draft when all of its usage was voided: it is paid with nothing."""
    line = NewLine(
        description="Nothing to bill",
        kind=LineKind.ADJUSTMENT,
        amount=ZERO,
        contract_id=sub.contract_id,
        subscription_id=sub.id,
    )
    return (line,)


def draft(
    tx: Tx, space: Space, sub: Subscription, cycle: Cycle, bill: Bill, *, at: datetime
) -> Invoice | None:
    """Create the cycle's draft, or bring it up to date; None where there is nothing to bill."""
    customer = customers.get(tx, space.id, sub.customer_id)
    taxes = taxes_of(space, customer)
    there = invoicing.find_generated(
        tx, space.id, subscription_id=sub.id, period_number=cycle.number, kind=cycle.kind
    )
    if there is not None:
        return invoicing.replace_lines(
            tx,
            space.id,
            there.id,
            bill.lines or _nothing(sub),
            at=at,
            taxes=taxes,
            held_reason=bill.held_reason,
        )
    spans = [period for period in (cycle.closed, cycle.opening) if period is not None]
    spans = spans or [subscriptions.get_current_period(tx, space.id, sub)]
    return invoicing.create_generated(
        tx,
        space.id,
        customer=customer,
        subscription_id=sub.id,
        contract_id=sub.contract_id,
        kind=cycle.kind,
        period_number=cycle.number,
        period_start=spans[0].start,
        period_end=spans[-1].end,
        currency=sub.currency,
        lines=bill.lines,
        taxes=taxes,
        collection_method=CollectionMethod(sub.collection_method.value),
        payment_terms=sub.payment_terms_days,
        at=at,
        held_reason=bill.held_reason,
    )


def credit_rest(
    tx: Tx, space: Space, sub: Subscription, invoice: Invoice, bill: Bill, *, at: datetime
) -> None:
    """Give what was billed too much as wallet credit, with the invoice that says so."""
    if bill.credited:
        wallets.give_back(
            tx,
            space.id,
            sub.customer_id,
            sub.currency,
            purchased=bill.credited,
            key=f"adjustment:{invoice.id}",
            at=at,
            instead_of=AccountKind.REVENUE,
            reference=invoice.number,
            description="Usage billed too much",
        )
