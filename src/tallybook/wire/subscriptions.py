"""Subscriptions: a customer on a plan."""

from typing import Any, Literal, TypeAlias

from pydantic import Field

from .base import (
    Amount,
    Currency,
    CustomerChoice,
    DayOrInstant,
    Dec,
    Instant,
    Metadata,
    Ref,
    Request,
    Response,
)
from .contracts import CancelRefund, CollectionMethod, ContractTerms, PaymentTerms, TermsSource
from .periods import BillingPeriod, BillingPeriodInput
from .prices import PriceShapeView

SubscriptionStatus: TypeAlias = Literal[
    "draft", "scheduled", "trialing", "active", "past_due", "suspended", "canceled", "ended"
]


class SubscriptionCreate(CustomerChoice):
    """A new subscription. Without market and billing period: on the plan's default price."""

    plan: Ref
    market: Ref | None = None
    billing_period: BillingPeriodInput | None = None
    currency: Currency | None = None
    status: Literal["draft", "active", "trialing"] | None = None
    """`draft` waits for its contract's activation; `active` starts without a trial; `trialing`
    is refused where there is none."""
    start_date: DayOrInstant | None = None
    """When it starts; inside of given period bounds, the first fees are for the rest of them."""
    current_period_start: DayOrInstant | None = None
    """Without it, `start_date` or now."""
    current_period_end: DayOrInstant | None = None
    """Of the first period, charged whole; a day is inclusive. A trial has its own end instead."""
    trial_end: DayOrInstant | None = None
    """A day is inclusive."""
    contract: ContractTerms | None = None
    collection_method: CollectionMethod = "charge_automatically"
    payment_terms: PaymentTerms = 30
    metadata: Metadata = Field(default_factory=dict)


class PlanChangeRequest(Request):
    """Another plan, or another price of the same one."""

    new_plan: Ref
    billing_period: BillingPeriodInput | None = None
    market: Ref | None = None
    timing: Literal["immediate", "period_end"] = "immediate"
    preview: bool = False
    """Only work out what it would cost; nothing is changed."""


class ScheduledChange(Response):
    """The change of plan that the next period begins with."""

    reason: Literal["billing_period_change", "requested"] | str
    effective_at: Instant
    plan_id: str
    plan: str
    market: str
    billing_period: BillingPeriod | str


class Subscription(Response):
    """A customer on a plan. Plan, price and currency are those of its current period."""

    id: str
    customer_id: str
    plan: str
    plan_id: str
    plan_version_id: str
    market: str
    market_id: str
    currency: str
    billing_period: BillingPeriod | str
    status: SubscriptionStatus | str
    contract_id: str
    contract_version: int
    start_date: Instant | None = None
    started_at: Instant | None = None
    current_period_start: Instant | None = None
    current_period_end: Instant | None = None
    trial_end: Instant | None = None
    end_date: Instant | None = None
    """By its contract, it ends then."""
    cancel_at: Instant | None = None
    """A cancel that has not taken effect yet."""
    canceled_at: Instant | None = None
    cancel_reason: str | None = None
    ended_at: Instant | None = None
    past_due_at: Instant | None = None
    suspended_at: Instant | None = None
    suspend_reason: str | None = None
    resume_date: Instant | None = None
    collection_method: CollectionMethod | str
    payment_terms: int
    scheduled_change: ScheduledChange | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant


class Cancellation(Response):
    """The subscription after a cancel."""

    subscription: Subscription
    refund: CancelRefund
    final_invoice_id: str | None = None


class Proration(Response):
    """What changing the plan at once costs, net of tax: new charge + usage - refund."""

    net_adjustment: Amount
    prepaid_refund: Amount
    new_plan_charge: Amount
    usage_charges: Amount
    currency: str


class PlanChange(Response):
    """The subscription after a change of plan; a scheduled one has no proration yet."""

    subscription: Subscription
    proration: Proration | None = None
    scheduled_change: ScheduledChange | None = None


class ResolvedPrice(Response):
    """A price, and where it is from."""

    amount: Dec
    currency: str
    source: TermsSource | str


class ResolvedMeter(PriceShapeView):
    """How the subscription pays for one meter."""

    meter: str
    meter_id: str
    aggregation: str
    unit_label: str | None = None
    source: TermsSource | str


class ResolvedCharge(Response):
    """A fee besides the base price."""

    id: str
    key: str
    name: str
    charge_type: Literal["recurring", "one_time", "usage_based", "seat_based"] | str
    amount: Dec
    billing_period: BillingPeriod | str
    meter: str | None = None


class ResolvedTerms(Response):
    """The terms that hold now, each value with its source."""

    subscription_id: str
    contract_id: str
    contract_version: int
    plan: str
    plan_id: str
    plan_version_id: str
    market: str
    billing_period: BillingPeriod | str
    base_price: ResolvedPrice
    meters: list[ResolvedMeter]
    charges: list[ResolvedCharge] = Field(default_factory=list)
    features: list[str] = Field(default_factory=list)


class SubscriptionEventData(Response):
    """The data of every `subscription.…` event; some have further fields."""

    customer_id: str
    customer_external_id: str | None = None
    subscription_id: str
    status: SubscriptionStatus | str
    previous_status: SubscriptionStatus | str | None = None
    subscription: Subscription
