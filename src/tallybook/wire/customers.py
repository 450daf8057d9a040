"""Customers: whom a project bills."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from .base import (
    Address,
    Currency,
    Dec,
    ExternalId,
    Instant,
    LocaleTag,
    Metadata,
    Name,
    NonNegative,
    Ref,
    Request,
    Response,
    TaxId,
    Text,
)

CustomerType = Literal["agent", "individual", "company"]
PaymentProvider = Literal["stripe"]
CustomerStatus = Literal["active", "inactive", "suspended"]

Email = Annotated[Text, StringConstraints(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]
Phone = Annotated[Text, StringConstraints(min_length=1, max_length=64)]


def _absent() -> Any:
    return None


def _leave() -> Any:
    """Return the default of a field that may be absent, and may not be null."""
    return Field(default_factory=_absent)


class CustomerTaxInput(Request):
    """A tax that the customer's invoices bear."""

    name: Name
    rate: NonNegative


class PaymentAccountInput(Request):
    """Where a payment provider keeps the customer's means of payment, in the provider's ids."""

    provider: PaymentProvider
    customer_id: Ref
    payment_method_id: Ref


class CustomerUpsert(Request):
    """A customer's fields where the path names the external id."""

    name: Name
    type: CustomerType = "company"
    status: CustomerStatus = "active"
    email: Email | None = None
    phone: Phone | None = None
    currency: Currency | None = None
    taxes: list[CustomerTaxInput] | None = None
    address: Address | None = None
    tax_id: TaxId | None = None
    locale: LocaleTag | None = None
    """How documents for the customer are written; without it, as the seller's are."""
    payment_account: PaymentAccountInput | None = None
    """What invoices are charged to that no wallet pays, where the server has the provider's key."""
    metadata: Metadata = Field(default_factory=dict)


class CustomerCreate(CustomerUpsert):
    """A new customer."""

    external_id: ExternalId | None = None


class CustomerUpdate(Request):
    """The fields to change (`model_fields_set`); null clears where null is allowed.

    `metadata` is merged, and a null in it deletes the key.
    """

    name: Name = _leave()
    type: CustomerType = _leave()
    status: CustomerStatus = _leave()
    email: Email | None = _leave()
    phone: Phone | None = _leave()
    external_id: ExternalId | None = _leave()
    currency: Currency | None = _leave()
    taxes: list[CustomerTaxInput] | None = _leave()
    address: Address | None = _leave()
    tax_id: TaxId | None = _leave()
    locale: LocaleTag | None = _leave()
    payment_account: PaymentAccountInput | None = _leave()
    metadata: Metadata = _leave()


class CustomerTax(Response):
    """A tax that the customer's invoices bear."""

    name: str
    rate: Dec


class PaymentAccount(Response):
    """Where a payment provider keeps the customer's means of payment, in the provider's ids."""

    provider: PaymentProvider | str
    customer_id: str
    payment_method_id: str


class Customer(Response):
    """Whom a project bills. `taxes` of None means the project's own."""

    id: str
    external_id: str | None = None
    name: str
    type: CustomerType | str
    status: CustomerStatus | str
    email: str | None = None
    phone: str | None = None
    currency: str | None = None
    taxes: list[CustomerTax] | None = None
    address: str | None = None
    tax_id: str | None = None
    locale: str | None = None
    payment_account: PaymentAccount | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant
