"""Budgets: thresholds of what work may cost, or of what usage comes to."""

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, StrictBool, model_validator

from .base import (
    Currency,
    Dec,
    ExternalId,
    Instant,
    Metadata,
    Name,
    Positive,
    Ref,
    Request,
    Response,
)

BudgetKind: TypeAlias = Literal["cost", "revenue"]
BudgetPeriod: TypeAlias = Literal[
    "daily", "weekly", "monthly", "quarterly", "semi_annual", "annual", "lifetime"
]
THRESHOLDS_MAX = 20


def _share(value: Decimal) -> Decimal:
    if not 0 < value <= 10:
        raise ValueError("must be more than 0 and at most 10")
    return value


def _rising(values: list[Decimal]) -> list[Decimal]:
    if len(set(values)) < len(values):
        raise ValueError("must not name a share twice")
    return sorted(values)


Thresholds = Annotated[
    list[Annotated[Dec, AfterValidator(_share)]],
    Field(min_length=1, max_length=THRESHOLDS_MAX),
    AfterValidator(_rising),
]
_DEFAULT = ["0.5", "0.8", "1"]


class BudgetCreate(Request):
    """An amount that a customer's, an agent's, or with neither the project's work may come to.

    `cost` counts costs in its currency by their time, from the period on in which it is made;
    `revenue` the charges for usage of a customer or of all, as it is counted from now on.
    """

    name: Name
    customer_id: Ref | None = None
    customer_external_id: ExternalId | None = None
    agent: Ref | None = None
    kind: BudgetKind = "cost"
    amount: Positive
    currency: Currency | None = None
    """The customer's, else the project's, unless given; other currencies are not in it."""
    period: BudgetPeriod = "monthly"
    """A calendar period in the project's time zone, or all time."""
    thresholds: Thresholds = Field(default=_DEFAULT, validate_default=True)
    """Shares of the amount: at each, `budget.threshold_reached` comes once a period."""
    hard_stop: StrictBool = False
    """At the amount, access is denied until the next period."""
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> "BudgetCreate":
        if self.customer_id is not None and self.customer_external_id is not None:
            raise ValueError("give customer_id or customer_external_id, not both")
        of_customer = self.customer_id is not None or self.customer_external_id is not None
        if of_customer and self.agent is not None:
            raise ValueError("a budget is of a customer, of an agent, or of the project")
        if self.kind == "revenue" and self.agent is not None:
            raise ValueError("revenue is of a customer or of the project, not of an agent")
        return self


def _absent() -> Any:
    return None


def _leave() -> Any:
    """Return the default of a field that may be absent, and may not be null."""
    return Field(default_factory=_absent)


class BudgetUpdate(Request):
    """The fields to change. What a budget counts stays; make another for that."""

    name: Name = _leave()
    amount: Positive = _leave()
    thresholds: Thresholds = _leave()
    hard_stop: StrictBool = _leave()
    metadata: Metadata = _leave()


class Budget(Response):
    """A budget, and how much of it is spent in the period now."""

    id: str
    name: str
    customer_id: str | None = None
    customer_external_id: str | None = None
    agent_id: str | None = None
    kind: BudgetKind | str
    amount: Dec
    currency: str
    period: BudgetPeriod | str
    thresholds: list[Dec]
    hard_stop: bool
    spent: Dec
    remaining: Dec
    """Never below 0."""
    is_stopped: bool
    """Whether it denies access now."""
    thresholds_reached: list[Dec]
    """That were told in this period."""
    period_start: Instant | None = None
    """Null, as the end: all time."""
    period_end: Instant | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant
