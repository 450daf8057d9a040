"""How a seller's address is written, a line each."""

from typing import Final

from tallybook.server.seller.models import Seller

_CITY_FIRST: Final = frozenset(
    {"AE", "AU", "BH", "CA", "GB", "HK", "IE", "IN", "KW", "NZ", "OM", "QA", "SA", "SG", "US", "ZA"}
)


def lines_of(seller: Seller) -> list[str]:
    """Return the lines of an address without its country: there the code stands behind the city,
    elsewhere before it."""
    place = [part for part in (seller.postal_code, seller.city) if part]
    if seller.country in _CITY_FIRST:
        place.reverse()
    return [*seller.address_lines, *([" ".join(place)] if place else [])]
