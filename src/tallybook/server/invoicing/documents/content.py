"""What stands on an invoice, every figure and day written out. Both forms show the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from tallybook.server.invoicing.models import Invoice, InvoiceStatus, Line
from tallybook.server.kernel.locales import (
    is_rtl,
    parse_locale,
    write_day,
    write_money,
    write_number,
    write_percent,
    write_price,
    write_short_day,
)


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells or buys, as it is written on the document."""

    name: str
    address: str | None = None
    email: str | None = None
    tax_id: str | None = None


def content_of(
    invoice: Invoice, seller: Party, buyer: Party, *, locale: str, zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    """Return texts, in the order in which they stand. Errors: UnknownLocale."""
    language, currency = parse_locale(locale), invoice.currency

    def money(amount: Decimal) -> str:
        return write_money(amount, currency, language)

    figures = [("Subtotal", money(invoice.subtotal))]
    figures += [
        (_tax_name(tax.name, tax.rate, language), money(tax.amount)) for tax in invoice.taxes
    ]
    figures.append(("Total", money(invoice.total)))
    if invoice.amount_paid:
        figures.append(("Paid", money(-invoice.amount_paid)))
    if invoice.amount_credited:
        figures.append(("Credited", money(-invoice.amount_credited)))
    is_draft = invoice.status is InvoiceStatus.DRAFT
    due = invoice.total if is_draft else invoice.amount_due
    return {
        "language": language.language,
        "direction": "rtl" if is_rtl(language) else "ltr",
        "title": "Invoice",
        "number": invoice.number or "Draft",
        "stamp": _stamp(invoice, now),
        "facts": _facts(invoice, language, zone),
        "seller": _party(seller),
        "buyer": _party(buyer),
        "columns": ["Description", "Quantity", "Unit price", "Amount"],
        "lines": [_line(line, currency, language, zone) for line in invoice.lines],
        "figures": [list(figure) for figure in figures],
        "due": ["Amount due", money(due)],
        "notes": invoice.notes or "",
    }


def _stamp(invoice: Invoice, now: datetime) -> str:
    late = invoice.due_at is not None and invoice.due_at <= now
    if invoice.status is InvoiceStatus.OPEN:
        return "Past due" if late else ""
    names = {
        InvoiceStatus.DRAFT: "Draft",
        InvoiceStatus.PAID: "Paid",
        InvoiceStatus.VOID: "Void",
        InvoiceStatus.UNCOLLECTIBLE: "Unpaid",
    }
    return names[invoice.status]


def _facts(invoice: Invoice, locale: Locale, zone: ZoneInfo) -> list[list[str]]:
    facts = [["Issued", write_day(invoice.issue_date, locale)]]
    if invoice.due_date is not None:
        facts.append(["Due", write_day(invoice.due_date, locale)])
    if invoice.period_start is not None and invoice.period_end is not None:
        span = _span(invoice.period_start, invoice.period_end, locale, zone)
        facts.append(["Period", span])
    return facts


def _span(start: datetime, end: datetime, locale: Locale, zone: ZoneInfo) -> str:
    """Write a period by its first and its last day: the end is exclusive."""
    first = start.astimezone(zone).date()
    last = max(first, (end.astimezone(zone) - timedelta(microseconds=1)).date())
    return f"{write_short_day(first, locale)} – {write_short_day(last, locale)}"


def _line(line: Line, currency: str, locale: Locale, zone: ZoneInfo) -> dict[str, Any]:
    details = []
    if line.period_start is not None and line.period_end is not None:
        details.append(_span(line.period_start, line.period_end, locale, zone))
    if line.included_units_used:
        details.append(f"{write_number(line.included_units_used, locale)} included")
    if line.discount:
        details.append(f"discount {write_money(line.discount, currency, locale)}")
    price = "" if line.unit_price is None else write_price(line.unit_price, currency, locale)
    return {
        "description": line.description,
        "details": " · ".join(details),
        "quantity": write_number(line.quantity, locale),
        "unit_price": price,
        "amount": write_money(line.total, currency, locale),
    }


def _tax_name(name: str, rate: Decimal | None, locale: Locale) -> str:
    return name if rate is None else f"{name} ({write_percent(rate, locale)})"


def _party(party: Party) -> Mapping[str, Any]:
    lines = [line.strip() for line in (party.address or "").splitlines() if line.strip()]
    if party.tax_id:
        lines.append(f"Tax ID {party.tax_id}")
    if party.email:
        lines.append(party.email)
    return {"name": party.name, "lines": lines}
