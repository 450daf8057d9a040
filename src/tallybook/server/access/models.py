"""The facts of access: what a customer is entitled to, what was decided, what is held."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from tallybook.server.customers.models import Customer
from tallybook.server.ingest.models import Quota
from tallybook.server.kernel.money import ZERO
from tallybook.server.metering.models import Aggregation, CounterKey
from tallybook.server.rating.models import LimitType, Overage, QuotaWindow
from tallybook.server.subscriptions.models import (
    PeriodUsage,
    Subscription,
    Timeline,
    TimelinePeriod,
)
from tallybook.server.wallets.models import Balance

HOLD_PREFIX: Final = "hld"


class Reason(StrEnum):
    """Why access is given or not. The values are public and permanent."""

    OK = "ok"
    OVERAGE = "overage"  # past the included units, which is billed
    FREE_OVERAGE = "free_overage"
    NO_SUBSCRIPTION = "no_subscription"
    SUBSCRIPTION_PAST_DUE = "subscription_past_due"
    SUBSCRIPTION_SUSPENDED = "subscription_suspended"
    SUBSCRIPTION_CANCELED = "subscription_canceled"  # or ended
    NOT_STARTED = "not_started"
    FEATURE_NOT_IN_PLAN = "feature_not_in_plan"
    LIMIT_REACHED = "limit_reached"
    INSUFFICIENT_WALLET_BALANCE = "insufficient_wallet_balance"
    BUDGET_EXCEEDED = "budget_exceeded"  # a hard stop, until its period ends
    CUSTOMER_SUSPENDED = "customer_suspended"


ALLOWED: Final = frozenset({Reason.OK, Reason.OVERAGE, Reason.FREE_OVERAGE})


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What a customer has of one feature, and where its usage counts."""

    feature: str
    timeline: Timeline  # of the subscription that gives it
    period: TimelinePeriod
    meter_id: str | None = None  # None: a boolean feature
    aggregation: Aggregation = Aggregation.COUNT
    value_field: str | None = None
    included_units: Decimal = ZERO
    overage: Overage | None = None  # None: nothing is priced past anything
    counter: CounterKey | None = None  # of the whole period
    quota: Quota | None = None

    @property
    def limit(self) -> Decimal | None:
        return None if self.quota is None else self.quota.limit

    @property
    def limit_type(self) -> LimitType:
        return LimitType.NONE if self.quota is None else LimitType.EVENT_QUOTA

    @property
    def window(self) -> QuotaWindow | None:
        return None if self.quota is None else self.quota.terms.shape.event_quota_window

    @property
    def used_counter(self) -> CounterKey | None:
        """The counter that tells what is used of it now."""
        return self.counter if self.quota is None else self.quota.counter

    @property
    def counters(self) -> Collection[CounterKey]:
        """All counters that its usage touches."""
        keys = (self.counter, self.used_counter)
        return {key for key in keys if key is not None}


@dataclass(frozen=True, slots=True)
class WalletGate:
    """What the wallet gate weighs, in major units of the price's currency."""

    price: Decimal  # of the quantity asked for and of the usage not yet invoiced
    available: Decimal  # in the wallets


@dataclass(frozen=True, slots=True)
class Unbilled:
    """A subscription's period whose usage is not invoiced yet."""

    subscription_id: str
    currency: str
    usage: PeriodUsage


@dataclass(frozen=True, slots=True)
class Ask:
    """What a meter's figure would be with the quantity asked for, in its quota window now."""

    subscription_id: str
    period_start: datetime
    meter_id: str
    figure: Decimal
    included_units: Decimal
    is_begun: bool  # whether the window has usage already

    def is_in(self, part: Unbilled) -> bool:
        is_its = self.subscription_id == part.subscription_id
        return is_its and self.period_start == part.usage.start


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a customer may use a quantity of a feature now. `used` includes what is held."""

    reason: Reason
    feature: str
    entitlement: Entitlement | None
    used: Decimal
    reset_at: datetime | None
    checked_at: datetime

    @property
    def is_allowed(self) -> bool:
        return self.reason in ALLOWED

    @property
    def limit(self) -> Decimal | None:
        return None if self.entitlement is None else self.entitlement.limit

    @property
    def remaining(self) -> Decimal | None:
        return None if self.limit is None else max(ZERO, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class CustomerState:
    """A customer, what runs for it, what it has in wallets, and what it may use."""

    customer: Customer
    subscriptions: tuple[Subscription, ...]
    wallets: tuple[Balance, ...]
    entitlements: tuple[Decision, ...]  # on one more unit of each feature


class HoldStatus(StrEnum):
    """`expired` is not stored: a hold that is still held has expired when its time is over."""

    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Hold:
    """Units set aside for work that is under way. They count as used while it is held."""

    id: str
    customer_id: str
    feature: str
    meter_id: str
    subscription_id: str
    quantity: Decimal
    status: HoldStatus  # as stored
    settled_quantity: Decimal | None
    event_id: str | None  # the usage it was settled with
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
