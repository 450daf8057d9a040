"""Rehearsals: what a price would have billed."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from .base import Amount, DayOrInstant, Instant, NonNegative, Ref, Request, Response
from .contracts import MeterOverrides
from .periods import BillingPeriodInput

JobStatus = Literal["queued", "running", "completed", "failed"]


class RehearsalCreate(Request):
    """Which price to rehearse on which past usage; without a price, the plan's default one."""

    plan_price_id: Ref | None = None
    market: Ref | None = None
    billing_period: BillingPeriodInput | None = None
    start: DayOrInstant
    end: DayOrInstant
    """The billing periods that began in this span; as a date it is inclusive."""
    base_price: NonNegative | None = None
    """Instead of the price's own."""
    meter_overrides: MeterOverrides = Field(default_factory=list)
    """Terms that no plan has yet, for one meter each."""
    customers_of: Ref | None = None
    """The plan whose customers are asked; without it this plan's, and where it has none, all."""


class RehearsedCustomer(Response):
    """What one customer was billed, and would have been, net of tax."""

    customer_id: str
    customer_external_id: str | None = None
    name: str
    periods: int
    billed: Amount
    would_be: Amount
    difference: Amount
    """would_be − billed."""


class UnratedCustomer(Response):
    """A customer whom the price does not fit."""

    customer_id: str
    customer_external_id: str | None = None
    name: str
    periods: int
    reason: str


class RehearsalTotals(Response):
    """Over all customers that were rated."""

    customers: int
    billed: Amount = Decimal(0)
    would_be: Amount = Decimal(0)
    difference: Amount = Decimal(0)


class RehearsalResult(Response):
    """Customer by customer, and in all."""

    currency: str
    customers: list[RehearsedCustomer]
    unrated: list[UnratedCustomer]
    totals: RehearsalTotals


class Rehearsal(Response):
    """A job that rehearses a price; `progress` goes from 0 to 1."""

    id: str
    plan_id: str
    plan_price_id: str
    start: Instant
    end: Instant
    """Exclusive."""
    status: JobStatus | str
    progress: float
    done: int
    """Customers looked at."""
    total: int
    result: RehearsalResult | None = None
    error: str | None = None
    created_at: Instant
    finished_at: Instant | None = None
