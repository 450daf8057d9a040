"""The facts of costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from tallybook.server.metering.models import CostCategory

COST_PREFIX: Final = "cst"
USD: Final = "USD"
BUCKETS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
"""Token buckets; no token is in two of them. Reasoning is part of output."""


class Source(StrEnum):
    """Where an amount comes from, the most trusted first."""

    DIRECT = "direct"  # the caller said it
    SPAN = "span"  # the provider said it, in a trace
    PRICE_BOOK = "price_book"
    DERIVED = "derived"  # from the cost meters of the agent's action
    ADJUSTMENT = "adjustment"  # of an earlier row


class Status(StrEnum):
    PRICED = "priced"
    UNPRICED = "unpriced"  # with the reason; never a silent zero
    REPRICED = "repriced"  # was unpriced; an adjustment row has its amount
    VOIDED = "voided"


class Attribution(StrEnum):
    EXPLICIT = "explicit"
    INFERRED = "inferred"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One call of a model: who sold it, what it was, how many tokens. None: not told."""

    provider: str
    model: str
    tokens: Mapping[str, int] | None  # by bucket
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """One cost. `amount` is in major units of `currency`, up to 12 places; None: unpriced."""

    id: str
    key: str
    response_key: str | None
    at: datetime
    received_at: datetime
    customer_id: str | None
    customer_external_id: str | None  # as it was given, while no customer has it
    agent_id: str | None
    action_id: str | None
    meter_id: str | None  # the cost meter
    event_id: str | None
    amount: Decimal | None
    currency: str
    category: CostCategory
    source: Source
    status: Status
    reason: str | None
    attribution: Attribution
    provider: str | None = None
    model: str | None = None
    response_id: str | None = None
    adjusts: str | None = None
    parent_key: str | None = None  # of the span that encloses the call
    tokens: Mapping[str, int] | None = None
    price: Mapping[str, Any] | None = None  # what the amount was worked out with
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Priced:
    amount: Decimal
    price: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """A price of our own for a model, in USD per million tokens, on [effective_from, _to)."""

    id: str
    provider: str
    model: str
    prices: Mapping[str, Decimal]  # by bucket; a bucket without a price costs as input
    alias_of: str | None  # "provider/model" whose price it has instead
    effective_from: datetime
    effective_to: datetime | None
    created_at: datetime
    updated_at: datetime

    def covers(self, at: datetime) -> bool:
        return self.effective_from <= at and (self.effective_to is None or at < self.effective_to)
