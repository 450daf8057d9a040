"""The facts of costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.kernel.periods import Span
from tallybook.server.metering.models import CostCategory

COST_PREFIX: Final = "cst"
BUDGET_PREFIX: Final = "bud"
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


class BudgetKind(StrEnum):
    COST = "cost"
    REVENUE = "revenue"  # usage charges, as they are counted


class BudgetPeriod(StrEnum):
    """Calendar periods in the project's time zone; a lifetime is all time."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    SEMI_ANNUAL = "semi_annual"
    ANNUAL = "annual"
    LIFETIME = "lifetime"


ALL_TIME: Final = Span(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
BUDGET_ACCESS: Final = "budget.access"
"""Due work, of a budget: tell whose access it denies, or gives back."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What work may come to in a period: a customer's, an agent's, or the whole project's."""

    id: str
    name: str
    customer_id: str | None
    agent_id: str | None
    kind: BudgetKind
    amount: Decimal  # major units of `currency`
    currency: str
    period: BudgetPeriod
    thresholds: tuple[Decimal, ...]  # shares of the amount, rising
    hard_stop: bool
    counts_from: datetime  # the start of the period in which it was made
    created_at: datetime
    updated_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BudgetWindow:
    """One period of a budget: what was spent, and which thresholds were told."""

    budget_id: str
    start: datetime
    end: datetime
    spent: Decimal = ZERO
    told: tuple[Decimal, ...] = ()
    is_stopped: bool = False  # a hard stop, and the amount is reached

    def remaining(self, amount: Decimal) -> Decimal:
        return max(ZERO, EXACT.subtract(amount, self.spent))
