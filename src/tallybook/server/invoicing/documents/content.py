"""What stands on an invoice, every figure and day written out. Both forms show the same."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from tallybook.server.invoicing.models import Invoice, InvoiceStatus, Line, Parties
from tallybook.server.kernel.locales import (
    parse_locale,
    write_day,
    write_money,
    write_number,
    write_percent,
    write_price,
    write_short_day,
)

from .frame import frame_of
from .labels import labels_of


def content_of(
    invoice: Invoice, parties: Parties, *, locale: str, zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    """Return texts, in the order in which they stand. Errors: UnknownLocale."""
    language, currency = parse_locale(locale), invoice.currency
    words = labels_of(language)

    def money(amount: Decimal) -> str:
        return write_money(amount, currency, language)

    figures = [[words["subtotal"], money(invoice.subtotal)]]
    figures += [
        [tax_name(tax.name, tax.rate, language), money(tax.amount)] for tax in invoice.taxes
    ]
    figures.append([words["total"], money(invoice.total)])
    if invoice.amount_paid:
        figures.append([words["paid"], money(-invoice.amount_paid)])
    if invoice.amount_credited:
        figures.append([words["credited"], money(-invoice.amount_credited)])
    is_draft = invoice.status is InvoiceStatus.DRAFT
    due = invoice.total if is_draft else invoice.amount_due
    columns = ("description", "quantity", "unit_price", "amount")
    return {
        **frame_of(parties, language),
        "title": words["invoice"],
        "number": invoice.number or words["draft"],
        "stamp": _stamp(invoice, now, words),
        "facts": _facts(invoice, language, zone, words),
        "columns": [words[name] for name in columns],
        "lines": [_line(line, currency, language, zone, words) for line in invoice.lines],
        "figures": figures,
        "result": [words["amount_due"], money(due)],
        "after": [],
        "payment": _payment(parties, words) if due else [],
        "notes": invoice.notes or "",
    }


def _payment(parties: Parties, words: Mapping[str, str]) -> list[str]:
    how = parties.payment_instructions
    return [] if how is None else [words["how_to_pay"], how]


def _stamp(invoice: Invoice, now: datetime, words: Mapping[str, str]) -> str:
    late = invoice.due_at is not None and invoice.due_at <= now
    if invoice.status is InvoiceStatus.OPEN:
        return words["past_due"] if late else ""
    names = {
        InvoiceStatus.DRAFT: "draft",
        InvoiceStatus.PAID: "paid_stamp",
        InvoiceStatus.VOID: "void",
        InvoiceStatus.UNCOLLECTIBLE: "unpaid",
    }
    return words[names[invoice.status]]


def _facts(
    invoice: Invoice, locale: Locale, zone: ZoneInfo, words: Mapping[str, str]
) -> list[list[str]]:
    facts = [[words["issued"], write_day(invoice.issue_date, locale)]]
    if invoice.due_date is not None:
        facts.append([words["due"], write_day(invoice.due_date, locale)])
    if invoice.period_start is not None and invoice.period_end is not None:
        span = _span(invoice.period_start, invoice.period_end, locale, zone)
        facts.append([words["period"], span])
    return facts


def _span(start: datetime, end: datetime, locale: Locale, zone: ZoneInfo) -> str:
    """Write a period by its first and its last day: the end is exclusive."""
    first = start.astimezone(zone).date()
    last = max(first, (end.astimezone(zone) - timedelta(microseconds=1)).date())
    return f"{write_short_day(first, locale)} – {write_short_day(last, locale)}"


def _line(
    line: Line, currency: str, locale: Locale, zone: ZoneInfo, words: Mapping[str, str]
) -> dict[str, Any]:
    details = []
    if line.period_start is not None and line.period_end is not None:
        details.append(_span(line.period_start, line.period_end, locale, zone))
    if line.included_units_used:
        details.append(words["included"].format(write_number(line.included_units_used, locale)))
    if line.discount:
        details.append(words["discount"].format(write_money(line.discount, currency, locale)))
    price = "" if line.unit_price is None else write_price(line.unit_price, currency, locale)
    amount = write_money(line.total, currency, locale)
    return {
        "description": line.description,
        "details": " · ".join(details),
        "figures": [write_number(line.quantity, locale), price, amount],
    }


def tax_name(name: str, rate: Decimal | None, locale: Locale) -> str:
    return name if rate is None else f"{name} ({write_percent(rate, locale)})"
