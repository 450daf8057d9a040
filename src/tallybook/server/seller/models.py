"""Facts about who sells."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self


@dataclass(frozen=True, slots=True)
class Logo:
    """Facts of an image; its bytes are kept by their hash."""

    sha256: str  # in hex
    content_type: str
    width: int  # pixels
    height: int
    size: int  # bytes

    @classmethod
    def of(cls, content: bytes, content_type: str, width: int, height: int) -> Self:
        return cls(sha256(content).hexdigest(), content_type, width, height, len(content))


@dataclass(frozen=True, slots=True)
class LogoImage:
    """A logo with its bytes."""

    logo: Logo
    content: bytes


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
    logo: Logo | None = None
    updated_at: datetime | None = None
