"""Facts about customers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class CustomerType(StrEnum):
    AGENT = "agent"
    INDIVIDUAL = "individual"
    COMPANY = "company"


class CustomerStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class CustomerTax:
    name: str
    rate: Decimal  # 0.15 is 15 %


@dataclass(frozen=True, slots=True)
class PaymentAccount:
    """Where a payment provider keeps the customer's means of payment, in its own ids."""

    provider: str
    customer_id: str
    payment_method_id: str


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str
    type: CustomerType
    status: CustomerStatus
    email: str | None
    phone: str | None
    external_id: str | None
    currency: str | None
    taxes: tuple[CustomerTax, ...] | None  # None: the project's own apply
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    address: str | None = None  # lines, without the name
    tax_id: str | None = None
    locale: str | None = None  # None: the seller's
    payment_account: PaymentAccount | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
