"""The facts of the catalog: what is sold, where, and at what price."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from json import dumps, loads
from typing import Any, Final, NewType, Self

from tallybook.server.kernel.money import plain
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering.models import Aggregation, Meter, MeterId
from tallybook.server.rating.models import PriceShape

PlanId = NewType("PlanId", str)
PlanPriceId = NewType("PlanPriceId", str)
MeterPriceId = NewType("MeterPriceId", str)
ChargeId = NewType("ChargeId", str)

MARKET_PREFIX: Final = "mkt"
BALANCE_PREFIX: Final = "bal"
PLAN_PREFIX: Final = "pln"
VERSION_PREFIX: Final = "plv"
PRICE_PREFIX: Final = "prc"
METER_PRICE_PREFIX: Final = "mpr"
TIER_PREFIX: Final = "tir"
CHARGE_PREFIX: Final = "chg"
GLOBAL_MARKET: Final = "global"


class Audience(StrEnum):
    HUMAN = "human"
    AGENT = "agent"
    BOTH = "both"


class PlanCategory(StrEnum):
    PLAN = "plan"
    ADDON = "addon"  # adds to the plan it is an addon of


class PlanType(StrEnum):
    STANDARD = "standard"
    ENTERPRISE = "enterprise"
    TRIAL = "trial"
    FREEMIUM = "freemium"
    USAGE_BASED = "usage_based"
    HYBRID = "hybrid"


class PlanStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"  # the only one in which it can be subscribed to
    INACTIVE = "inactive"
    ARCHIVED = "archived"


class ChargeType(StrEnum):
    RECURRING = "recurring"  # in advance, with the base fee
    ONE_TIME = "one_time"  # on the first invoice
    USAGE_BASED = "usage_based"  # amount × its meter's quantity, in arrears
    SEAT_BASED = "seat_based"  # amount × the most seats held, in arrears

    @property
    def is_metered(self) -> bool:
        return self in (ChargeType.USAGE_BASED, ChargeType.SEAT_BASED)


@dataclass(frozen=True, slots=True)
class Market:
    """Where prices hold; it has one currency. Our users choose it, nothing is inferred."""

    id: str
    key: str
    name: str
    currency: str
    is_default: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """A currency that is in use."""

    id: str
    currency: str
    is_default: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What is subscribed to. Every edit of it or its prices gives it the next version."""

    id: PlanId
    key: str
    name: str
    description: str | None
    target_audience: Audience
    currency: str  # of its default price, when that is made for it
    category: PlanCategory
    plan_type: PlanType
    billing_period: BillingPeriod
    trial_available: bool
    trial_days: int | None
    status: PlanStatus
    parent_plan_id: PlanId | None  # of an addon
    parent_plan_key: str | None
    features: tuple[str, ...]  # boolean ones: a subscriber has them or has not
    metadata: Mapping[str, Any]
    version: int
    version_id: str
    default_price_id: PlanPriceId | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """A plan in one market and billing period. The currency is the market's."""

    id: PlanPriceId
    plan_id: PlanId
    market_id: str
    market_key: str
    currency: str
    base_price: Decimal  # major currency units per period
    billing_period: BillingPeriod
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TierRow:
    """What a tier has besides its terms, which stand at the same place of the shape."""

    id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MeterPrice:
    """How one meter is priced in one plan price. `tiers` is as long as `shape.tiers`."""

    id: MeterPriceId
    plan_id: PlanId
    plan_price_id: PlanPriceId
    market_key: str
    billing_period: BillingPeriod
    meter: Meter
    agent_action_id: str | None
    shape: PriceShape
    tiers: tuple[TierRow, ...]
    metadata: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PlanCharge:
    """Another fee of a plan. Without a market it holds wherever the default currency does."""

    id: ChargeId
    plan_id: PlanId
    key: str
    name: str
    description: str | None
    charge_type: ChargeType
    amount: Decimal  # major currency units; of metered charges per unit
    billing_period: BillingPeriod | None  # None: the price's
    meter: Meter | None  # of metered charges
    market_id: str | None
    market_key: str | None
    market_currency: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """A plan as it is sold in one market and billing period."""

    plan: Plan
    price: PlanPrice | None  # None: not chosen, or not configured
    meter_prices: tuple[MeterPrice, ...]
    charges: tuple[PlanCharge, ...]
    default_currency: str  # of charges without a market


class AgentStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    INACTIVE = "inactive"
    ARCHIVED = "archived"


class ActionType(StrEnum):
    TASK = "task"
    WORKFLOW = "workflow"
    OUTCOME = "outcome"


AGENT_PREFIX: Final = "agt"
ACTION_PREFIX: Final = "act"


@dataclass(frozen=True, slots=True)
class Agent:
    """A piece of software that does work for customers."""

    id: str
    external_id: str | None
    name: str
    description: str | None
    status: AgentStatus
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ActionValue:
    """What one unit of an action is worth to whom it is done for; for reports only."""

    fte_equivalent: Decimal | None = None
    revenue_per_unit: Decimal | None = None
    default_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AgentAction:
    """One kind of work of an agent, what measures it and what it costs us."""

    id: str
    agent_id: str
    name: str
    action_type: ActionType
    description: str | None
    billable_meter: Meter
    cost_meters: tuple[Meter, ...]
    value: ActionValue
    created_at: datetime
    updated_at: datetime


class TermsSource(StrEnum):
    PLAN = "plan"
    CONTRACT = "contract"  # negotiated


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """How a subscription pays for one meter. No meter price id: only the contract prices it."""

    meter_id: MeterId
    meter_key: str
    meter_price_id: MeterPriceId | None
    agent_action_id: str | None
    aggregation: Aggregation
    value_field: str | None
    unit_label: str | None
    shape: PriceShape
    source: TermsSource = TermsSource.PLAN

    def to_json(self) -> dict[str, Any]:
        plain_fields = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "shape"}
        return {**plain_fields, "shape": self.shape.to_json()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        read = {
            "aggregation": Aggregation(stored["aggregation"]),
            "shape": PriceShape.from_json(stored["shape"]),
            "source": TermsSource(stored["source"]),
        }
        return cls(**{**stored, **read})


@dataclass(frozen=True, slots=True)
class ChargeTerms:
    """A fee of a subscription besides its base price."""

    id: ChargeId
    key: str
    name: str
    charge_type: ChargeType
    amount: Decimal  # major currency units; of metered charges per unit
    billing_period: BillingPeriod | None  # None: the subscription's
    meter_id: MeterId | None  # of metered charges
    meter_key: str | None
    meter_aggregation: Aggregation | None

    def to_json(self) -> dict[str, Any]:
        return {
            **{f.name: getattr(self, f.name) for f in fields(self)},
            "amount": plain(self.amount),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        period, aggregation = stored["billing_period"], stored["meter_aggregation"]
        read = {
            "charge_type": ChargeType(stored["charge_type"]),
            "amount": Decimal(stored["amount"]),
            "billing_period": None if period is None else BillingPeriod(period),
            "meter_aggregation": None if aggregation is None else Aggregation(aggregation),
        }
        return cls(**{**stored, **read})


@dataclass(frozen=True, slots=True)
class Terms:
    """What a subscription is signed on: copied from a plan version, never edited by the catalog."""

    plan_id: PlanId
    plan_key: str
    plan_name: str
    plan_version_id: str
    plan_version: int
    parent_plan_id: PlanId | None  # of an addon
    category: PlanCategory
    market_id: str
    market_key: str
    plan_price_id: PlanPriceId
    currency: str
    billing_period: BillingPeriod
    base_price: Decimal  # major currency units per period
    features: tuple[str, ...]
    trial_days: int  # 0: no trial
    meters: tuple[MeterTerms, ...]
    charges: tuple[ChargeTerms, ...]
    base_price_source: TermsSource = TermsSource.PLAN

    def find_meter(self, meter_id: str) -> MeterTerms | None:
        for meter in self.meters:
            if meter.meter_id == meter_id:
                return meter
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the terms for storage: decimals are strings."""
        return {
            **{f.name: getattr(self, f.name) for f in fields(self)},
            "base_price": plain(self.base_price),
            "features": list(self.features),
            "meters": [meter.to_json() for meter in self.meters],
            "charges": [charge.to_json() for charge in self.charges],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the terms that `to_json` wrote."""
        read = {
            "category": PlanCategory(stored["category"]),
            "billing_period": BillingPeriod(stored["billing_period"]),
            "base_price": Decimal(stored["base_price"]),
            "features": tuple(stored["features"]),
            "meters": tuple(MeterTerms.from_json(meter) for meter in stored["meters"]),
            "charges": tuple(ChargeTerms.from_json(charge) for charge in stored["charges"]),
            "base_price_source": TermsSource(stored["base_price_source"]),
        }
        return cls(**{**stored, **read})


@lru_cache(maxsize=1024)
def _terms_in(text: str) -> Terms:
    return Terms.from_json(loads(text))


def terms_from_json(stored: Mapping[str, Any]) -> Terms:
    """Return stored terms; whoever is on the same ones shares them, for they never change."""
    return _terms_in(dumps(stored))


@dataclass(frozen=True, slots=True)
class MeterOverride:
    """What a contract changes about the price of one meter: price terms by their public names."""

    meter: str  # id or key
    changes: Mapping[str, Any]  # a term of None goes back to its default
