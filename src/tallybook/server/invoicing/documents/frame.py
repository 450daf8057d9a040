"""What stands on every document: language, seller, buyer, and what is below."""

from collections.abc import Mapping
from typing import Any

from babel import Locale

from tallybook.server.invoicing.models import Parties, Party
from tallybook.server.kernel.locales import is_rtl, write_country

from .labels import labels_of


def frame_of(parties: Parties, locale: Locale) -> dict[str, Any]:
    """Return the texts that do not depend on what the document is about."""
    words = labels_of(locale)
    return {
        "language": locale.language,
        "direction": "rtl" if is_rtl(locale) else "ltr",
        "sold_by": words["from"],
        "bill_to": words["bill_to"],
        "seller": _party(parties.seller, locale, words),
        "buyer": _party(parties.buyer, locale, words),
        "footer": parties.footer or "",
    }


def _party(party: Party, locale: Locale, words: Mapping[str, str]) -> Mapping[str, Any]:
    lines = [line.strip() for line in (party.address or "").splitlines() if line.strip()]
    if party.country:
        lines.append(write_country(party.country, locale))
    if party.tax_id:
        lines.append(words["tax_id"].format(party.tax_id))
    if party.email:
        lines.append(party.email)
    return {"name": party.name, "lines": lines}
