"""Invoices, as answers and webhooks show them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.customers.models import Customer
from tallybook.wire import credit_notes as credits
from tallybook.wire import invoices as wire
from tallybook.wire.writing import write

from .models import CreditNote, Figures, Invoice, Line, Tax
from .rules.explain import explain_line, explain_total, terms_of


def to_wire(invoice: Invoice, *, now: datetime) -> wire.Invoice:
    return wire.Invoice(
        **_facts(invoice, now=now),
        line_items=[line_to_wire(line) for line in invoice.lines],
        taxes=[tax_to_wire(tax) for tax in invoice.taxes],
    )


def line_to_wire(line: Line) -> wire.LineItem:
    return wire.LineItem(**_line_facts(line))


def tax_to_wire(tax: Tax) -> wire.Tax:
    return wire.Tax(**_tax_facts(tax))


def _facts(invoice: Invoice, *, now: datetime) -> dict[str, Any]:
    """What an invoice shows, without its parts."""
    return {
        "id": invoice.id,
        "number": invoice.number,
        "customer_id": invoice.customer_id,
        "subscription_id": invoice.subscription_id,
        "contract_id": invoice.contract_id,
        "type": invoice.type.value,
        "status": invoice.status.value,
        "past_due": invoice.is_past_due(now),
        "currency": invoice.currency,
        "issue_date": invoice.issue_date,
        "due_date": invoice.due_date,
        "period_start": invoice.period_start,
        "period_end": invoice.period_end,
        "tax_rate": _only_rate(invoice.taxes),
        "tax_rounding": invoice.tax_rounding.value,
        "subtotal": invoice.subtotal,
        "tax_total": invoice.tax_total,
        "total": invoice.total,
        "amount_paid": invoice.amount_paid,
        "amount_credited": invoice.amount_credited,
        "amount_due": invoice.amount_due,
        "collection_method": invoice.collection_method.value,
        "payment_terms": invoice.payment_terms,
        "held_reason": invoice.held_reason,
        "notes": invoice.notes,
        "metadata": dict(invoice.metadata),
        "void_reason": invoice.void_reason,
        "sent_at": invoice.sent_at,
        "finalized_at": invoice.finalized_at,
        "paid_at": invoice.paid_at,
        "voided_at": invoice.voided_at,
        "uncollectible_at": invoice.uncollectible_at,
        "created_at": invoice.created_at,
        "updated_at": invoice.updated_at,
        "version": invoice.version,
    }


def _line_facts(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "kind": line.kind.value,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "subtotal": line.subtotal,
        "discount": line.discount,
        "tax": line.tax,
        "total": line.total,
        "contract_id": line.contract_id,
        "subscription_id": line.subscription_id,
        "source_type": line.source_type,
        "source_id": line.source_id,
        "agent_id": line.agent_id,
        "feature_id": line.feature_id,
        "meter_id": line.meter_id,
        "pricing_model": line.pricing_model,
        "period_start": line.period_start,
        "period_end": line.period_end,
        "included_units_used": line.included_units_used,
        "billable_units": line.billable_units,
        "tier_number": line.tier_number,
        "sort_order": line.sort_order,
        "late": line.late,
        "corrects_invoice_id": line.corrects_invoice_id,
    }


def _tax_facts(tax: Tax) -> dict[str, Any]:
    return {
        "name": tax.name,
        "rate": tax.rate,
        "taxable_amount": tax.taxable_amount,
        "amount": tax.amount,
    }


def preview(
    figures: Figures,
    *,
    currency: str,
    period_start: datetime | None,
    period_end: datetime | None,
) -> wire.InvoicePreview:
    """What would be billed now, from figures that were worked out and not stored."""
    return wire.InvoicePreview(
        amount=_money(figures.total),
        currency=currency,
        line_items=[line_to_wire(line) for line in figures.lines],
        taxes=[tax_to_wire(tax) for tax in figures.taxes],
        period_start=period_start,
        period_end=period_end,
    )


def announced(
    invoice: Invoice,
    customer: Customer,
    *,
    now: datetime,
    attempt: int | None = None,
    next_attempt_at: datetime | None = None,
) -> dict[str, Any]:
    """The data of every `invoice.…` event; the attempts are of `invoice.past_due`."""
    parts = {
        "line_items": [write(wire.LineItem, _line_facts(line)) for line in invoice.lines],
        "taxes": [write(wire.Tax, _tax_facts(tax)) for tax in invoice.taxes],
    }
    return write(
        wire.InvoiceEvent,
        {
            "invoice_id": invoice.id,
            "customer_id": invoice.customer_id,
            "customer_external_id": customer.external_id,
            "subscription_id": invoice.subscription_id,
            "invoice": write(wire.Invoice, {**_facts(invoice, now=now), **parts}),
            "attempt": attempt,
            "next_attempt_at": next_attempt_at,
        },
    )


def _money(amount: Decimal) -> Any:
    """Write an amount as digits: a wire model that is given a Decimal drops its last zeros."""
    return format(amount, "f")


def _only_rate(taxes: Sequence[Tax]) -> Decimal | None:
    return taxes[0].rate if len(taxes) == 1 and taxes[0].covers_all else None


def explanation(invoice: Invoice, lines: Sequence[Line]) -> wire.InvoiceExplanation:
    """Why an invoice, and these lines of it, have their amounts."""
    return wire.InvoiceExplanation(
        invoice_id=invoice.id,
        currency=invoice.currency,
        total=_money(invoice.total),
        lines=[
            wire.LineExplanation(
                line_id=line.id,
                description=line.description,
                kind=line.kind.value,
                amount=_money(line.total),
                terms=terms_of(line),
                steps=explain_line(line, invoice.currency),
                events=_events_path(invoice, line),
            )
            for line in lines
        ],
        steps=explain_total(invoice),
    )


def _events_path(invoice: Invoice, line: Line) -> str | None:
    if line.meter_id is None or line.subscription_id is None:
        return None
    return f"/invoices/{invoice.id}/lines/{line.id}/events"


def credit_to_wire(note: CreditNote) -> credits.CreditNote:
    figures = note.figures
    destination = "payment" if note.to_payments else "wallet" if note.to_wallet else "invoice"
    return credits.CreditNote(
        id=note.id,
        number=note.number,
        invoice_id=note.invoice_id,
        customer_id=note.customer_id,
        currency=note.currency,
        status=note.status.value,
        reason=note.reason,
        memo=note.memo,
        lines=[
            credits.CreditNoteLine(
                id=line.id,
                line_id=line.line_id,
                description=line.description,
                amount=_money(line.amount),
                tax=_money(line.tax),
                total=_money(line.amount + line.tax),
            )
            for line in figures.lines
        ],
        taxes=[
            credits.CreditNoteTax(name=tax.name, rate=tax.rate, amount=_money(tax.amount))
            for tax in figures.taxes
        ],
        subtotal=_money(figures.subtotal),
        tax_total=_money(figures.tax_total),
        total=_money(figures.total),
        amount_to_invoice=_money(note.to_invoice),
        amount_to_wallet=_money(note.to_wallet),
        amount_refunded=_money(note.to_payments),
        destination=destination,
        metadata=dict(note.metadata),
        void_reason=note.void_reason,
        voided_at=note.voided_at,
        created_at=note.created_at,
        updated_at=note.updated_at,
    )


def announced_credit(note: CreditNote, customer: Customer) -> dict[str, Any]:
    """The data of `credit_note.created`."""
    return {
        "credit_note_id": note.id,
        "invoice_id": note.invoice_id,
        "customer_id": note.customer_id,
        "customer_external_id": customer.external_id,
        "credit_note": credit_to_wire(note).model_dump(mode="json"),
    }
