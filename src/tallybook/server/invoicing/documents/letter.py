"""What is written to a customer about an invoice, beside the invoice itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from babel import Locale

from tallybook.server.invoicing.models import Invoice, Parties
from tallybook.server.kernel.locales import parse_locale, write_day, write_money

from .labels import labels_of

_PAGE: Final = """<!doctype html>
<html lang="{language}" dir="{direction}"><head><meta charset="utf-8"></head>
<body style="font:15px/1.5 system-ui,sans-serif;color:#1a1a1a">{paragraphs}</body></html>
"""


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str
    html: str


def letter_of(
    invoice: Invoice,
    parties: Parties,
    *,
    locale: str,
    is_reminder: bool,
    content: Mapping[str, Any],
) -> Letter:
    """Return a letter in the customer's language; `content` is what the document says."""
    language = parse_locale(locale)
    words = labels_of(language)
    facts = _facts(invoice, parties, language)
    paragraphs = [words["greeting"], words["reminder" if is_reminder else "letter"]]
    if is_reminder:
        subject = words["reminder_subject"]
        paragraphs.append(words["closing"])
    else:
        subject = f"{words['invoice']} {{number}} – {{seller}}"
        if invoice.amount_due and invoice.due_date is not None:
            paragraphs.append(words["letter_due"])
    written = [paragraph.format(**facts) for paragraph in paragraphs]
    written += ["\n".join(part) for part in (content["payment"], _signed(parties)) if part]
    return Letter(
        subject=" ".join(subject.format(**facts).split()),  # no line break may come into a header
        text="\n\n".join(written) + "\n",
        html=_PAGE.format(
            language=content["language"],
            direction=content["direction"],
            paragraphs="".join(_paragraph(paragraph) for paragraph in written),
        ),
    )


def _signed(parties: Parties) -> list[str]:
    return [parties.seller.name, *([parties.footer] if parties.footer else [])]


def _paragraph(text: str) -> str:
    return "<p>" + escape(text).replace("\n", "<br>") + "</p>"


def _facts(invoice: Invoice, parties: Parties, locale: Locale) -> dict[str, str]:
    day = invoice.due_date or invoice.issue_date
    return {
        "name": parties.buyer.name,
        "seller": parties.seller.name,
        "number": invoice.number or "",
        "total": write_money(invoice.total, invoice.currency, locale),
        "due": write_money(invoice.amount_due, invoice.currency, locale),
        "day": write_day(day, locale),
    }
