"""The seller: what a business says of itself on its documents."""

from typing import Annotated

from pydantic import Field, StringConstraints

from .absent import absent
from .base import Instant, Name, Request, Response, TaxId, Text
from .customers import Email

AddressLine = Annotated[
    Text, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\r\n]+$")
]
AddressLines = Annotated[list[AddressLine], Field(max_length=6)]
Place = Annotated[Text, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\r\n]+$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
PaymentInstructions = Annotated[Text, StringConstraints(min_length=1, max_length=2_000)]
Footer = Annotated[Text, StringConstraints(min_length=1, max_length=1_000)]


class SellerUpdate(Request):
    """The fields to change (`model_fields_set`); null clears."""

    legal_name: Name | None = absent()
    address_lines: AddressLines | None = absent()
    city: Place | None = absent()
    postal_code: Place | None = absent()
    country: Country | None = absent()
    tax_id: TaxId | None = absent()
    email: Email | None = absent()
    payment_instructions: PaymentInstructions | None = absent()
    footer: Footer | None = absent()


class Logo(Response):
    """An image on documents; `GET /seller/logo` has its bytes."""

    content_type: str
    """`image/png` or `image/jpeg`."""
    width: int
    """In pixels, as `height`."""
    height: int
    size: int
    """In bytes."""
    sha256: str


class Seller(Response):
    """Who sells, as it stands on invoices, credit notes and mails."""

    legal_name: str | None = None
    """Without it, the project's name stands there."""
    address_lines: list[str] = Field(default_factory=list)
    """Street and number, without city and postal code."""
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None
    """ISO 3166-1, two letters; written out in the customer's language."""
    tax_id: str | None = None
    email: str | None = None
    payment_instructions: str | None = None
    """How to pay what is due: a bank account, for one."""
    footer: str | None = None
    """What stands below: a register, the managers."""
    logo: Logo | None = None
    updated_at: Instant | None = None
