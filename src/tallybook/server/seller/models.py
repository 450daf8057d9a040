"""Facts about who sells."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Seller:
    """What documents say of the seller; `updated_at` is None while nothing was ever set."""

    legal_name: str | None = None
    address_lines: tuple[str, ...] = ()
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None  # ISO 3166-1, two letters
    tax_id: str | None = None
    email: str | None = None
    payment_instructions: str | None = None
    footer: str | None = None
    updated_at: datetime | None = None
