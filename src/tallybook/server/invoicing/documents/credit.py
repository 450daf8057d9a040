"""What stands on a credit note, every figure and day written out."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from tallybook.server.invoicing.models import CreditNote, CreditNoteStatus, Invoice, Parties
from tallybook.server.invoicing.rules.due import local_day
from tallybook.server.kernel.locales import parse_locale, write_day, write_money

from .content import tax_name
from .frame import frame_of
from .labels import labels_of


def credit_content_of(
    note: CreditNote, invoice: Invoice, parties: Parties, *, locale: str, zone: ZoneInfo
) -> dict[str, Any]:
    """Return texts, in the order in which they stand. Errors: UnknownLocale."""
    language, of = parse_locale(locale), note.figures
    words = labels_of(language)

    def money(amount: Decimal) -> str:
        return write_money(amount, note.currency, language)

    taxes = [[tax_name(tax.name, tax.rate, language), money(tax.amount)] for tax in of.taxes]
    parts = (
        ("to_invoice", note.to_invoice),
        ("to_balance", note.to_wallet),
        ("paid_back", note.to_payments),
    )
    return {
        **frame_of(parties, language),
        "title": words["credit_note"],
        "number": note.number,
        "stamp": words["void"] if note.status is CreditNoteStatus.VOID else "",
        "facts": _facts(note, invoice, language, zone, words),
        "columns": [words["description"], words["amount"]],
        "lines": [
            {"description": line.description, "details": "", "figures": [money(line.amount)]}
            for line in of.lines
        ],
        "figures": [[words["subtotal"], money(of.subtotal)], *taxes],
        "result": [words["total_credited"], money(of.total)],
        "after": [[words[name], money(amount)] for name, amount in parts if amount],
        "payment": [],
        "notes": "\n".join(filter(None, (f"{words['reason']}: {note.reason}", note.memo))),
    }


def _facts(
    note: CreditNote, invoice: Invoice, locale: Locale, zone: ZoneInfo, words: Mapping[str, str]
) -> list[list[str]]:
    return [
        [words["issued"], write_day(local_day(note.created_at, zone), locale)],
        [words["corrects"], invoice.number or invoice.id],
        [words["invoice_day"], write_day(invoice.issue_date, locale)],
    ]
