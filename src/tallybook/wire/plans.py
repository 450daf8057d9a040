"""Plans, what they cost, and their other fees."""

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from .absent import absent
from .base import (
    Currency,
    Dec,
    Instant,
    Key,
    Metadata,
    Name,
    NonNegative,
    Positive,
    Ref,
    Request,
    Response,
    Text,
)
from .periods import BillingPeriod, BillingPeriodInput
from .prices import PriceShapeChanges, PriceShapeFields, PriceShapeView, TierView

Audience: TypeAlias = Literal["both", "human", "agent"]
PlanCategory: TypeAlias = Literal["plan", "addon"]
PlanType: TypeAlias = Literal[
    "standard", "enterprise", "trial", "freemium", "usage_based", "hybrid"
]
PlanStatus: TypeAlias = Literal["draft", "active", "inactive", "archived"]
ChargeType: TypeAlias = Literal["recurring", "one_time", "usage_based", "seat_based"]
Feature = Annotated[Text, StringConstraints(min_length=1, max_length=255, pattern=r"^\S+$")]
Features: TypeAlias = Annotated[list[Feature], Field(max_length=500)]
TrialDays: TypeAlias = Annotated[int, Field(ge=0, le=3650)]


class PlanCreate(Request):
    """A new plan."""

    name: Name
    key: Key
    description: Text | None = None
    target_audience: Audience = "both"
    currency: Currency | None = None
    """Of the default price, where the plan is given no other; without it the project's."""
    category: PlanCategory = "plan"
    plan_type: PlanType = "standard"
    billing_period: BillingPeriodInput = "monthly"
    trial_available: bool = False
    trial_days: TrialDays | None = None
    status: PlanStatus = "active"
    """Only an active plan can be subscribed to."""
    parent_plan: Ref | None = None
    """Of an addon: the plan that it adds to."""
    features: Features = Field(default_factory=list)
    """Boolean features: who subscribes has them."""
    metadata: Metadata = Field(default_factory=dict)


class PlanUpdate(Request):
    """The fields to change; null clears where null is allowed. `metadata` is merged."""

    name: Name = absent()
    key: Key = absent()
    description: Text | None = absent()
    target_audience: Audience = absent()
    currency: Currency = absent()
    category: PlanCategory = absent()
    plan_type: PlanType = absent()
    billing_period: BillingPeriodInput = absent()
    trial_available: bool = absent()
    trial_days: TrialDays | None = absent()
    status: PlanStatus = absent()
    parent_plan: Ref | None = absent()
    features: Features = absent()
    metadata: Metadata = absent()


class Plan(Response):
    """What is subscribed to. `version` counts its edits; subscriptions keep the one they signed."""

    id: str
    key: str
    name: str
    description: str | None = None
    target_audience: Audience | str
    currency: str
    category: PlanCategory | str
    plan_type: PlanType | str
    billing_period: BillingPeriod | str
    trial_available: bool
    trial_days: int | None = None
    status: PlanStatus | str
    parent_plan: str | None = None
    """The key of the plan that it adds to."""
    parent_plan_id: str | None = None
    features: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    version: int
    version_id: str
    default_price_id: str | None = None
    created_at: Instant
    updated_at: Instant


class PlanPriceCreate(Request):
    """The price of a plan in a market and billing period."""

    market: Ref
    base_price: NonNegative
    billing_period: BillingPeriodInput
    copy_meter_pricing_from: Ref | None = None
    """The id of a plan price whose meter prices are copied, numbers as they are."""


class PlanPriceUpdate(Request):
    """The new base price."""

    base_price: NonNegative


class Warning(Response):
    """What was done as asked, and may not be what was meant."""

    code: str
    detail: str


class PlanPrice(Response):
    """A plan in one market and billing period."""

    id: str
    plan_id: str
    market: str
    market_id: str
    currency: str
    base_price: Dec
    billing_period: BillingPeriod | str
    warnings: list[Warning] = Field(default_factory=list)
    created_at: Instant
    updated_at: Instant


class MeterPriceCreate(PriceShapeFields):
    """How a meter is priced in a plan price: the one named, else of the market and period
    named, else the plan's default."""

    meter: Ref | None = None
    """The meter to price; without it, the agent action's."""
    agent_action_id: Ref | None = None
    plan_price_id: Ref | None = None
    market: Ref | None = None
    billing_period: BillingPeriodInput | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _named(self) -> "MeterPriceCreate":
        if self.meter is None and self.agent_action_id is None:
            raise ValueError("give meter or agent_action_id")
        if self.plan_price_id is not None and (self.market or self.billing_period):
            raise ValueError("give plan_price_id, or market and billing_period")
        return self


class MeterPriceUpdate(PriceShapeChanges):
    """The price terms to change; `tiers` replace all tiers."""

    metadata: Metadata = absent()


class PriceTier(TierView):
    """A tier of a plan's meter price."""

    id: str
    created_at: Instant
    updated_at: Instant


class MeterPrice(PriceShapeView):
    """How one meter is priced in one plan price."""

    id: str
    plan_id: str
    plan_price_id: str
    market: str
    billing_period: BillingPeriod | str
    meter: str
    """The meter's key."""
    meter_id: str
    meter_key: str
    agent_action_id: str | None = None
    tiers: list[PriceTier] = Field(default_factory=list)  # type: ignore[assignment]
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant


class TierCreate(Request):
    """A new tier. `rejoin` moves its neighbours' bounds; after an open tier it closes that one."""

    order: Annotated[int, Field(ge=1)] | None = None
    """Its place, from 1; without it, where `start_unit` puts it."""
    start_unit: NonNegative
    end_unit: Positive | None = None
    unit_price: NonNegative
    flat_fee: NonNegative = Decimal(0)
    rejoin: bool = False


class TierUpdate(Request):
    """The fields to change. `end_unit` of null opens the last tier."""

    order: Annotated[int, Field(ge=1)] = absent()
    start_unit: NonNegative = absent()
    end_unit: Positive | None = absent()
    unit_price: NonNegative = absent()
    flat_fee: NonNegative = absent()
    rejoin: bool = False


class PlanChargeCreate(Request):
    """A fee besides the base price."""

    name: Name
    key: Key
    charge_type: ChargeType
    amount: NonNegative
    """Major currency units; of usage_based and seat_based charges for one unit."""
    description: Text | None = None
    billing_period: BillingPeriodInput | None = None
    """Of a recurring charge: the price's, or a longer one; without it the price's."""
    meter: Ref | None = None
    """What usage_based and seat_based charges count; the others have none."""
    market: Ref | None = None
    """Where it holds; without it, in all prices in the default price's currency."""


class PlanChargeUpdate(Request):
    """The fields to change; null clears where null is allowed."""

    name: Name = absent()
    key: Key = absent()
    charge_type: ChargeType = absent()
    amount: NonNegative = absent()
    description: Text | None = absent()
    billing_period: BillingPeriodInput | None = absent()
    meter: Ref | None = absent()
    market: Ref | None = absent()


class PlanCharge(Response):
    """A fee besides the base price."""

    id: str
    plan_id: str
    key: str
    name: str
    description: str | None = None
    charge_type: ChargeType | str
    amount: Dec
    currency: str
    billing_period: BillingPeriod | str | None = None
    meter: str | None = None
    meter_id: str | None = None
    market: str | None = None
    market_id: str | None = None
    created_at: Instant
    updated_at: Instant
