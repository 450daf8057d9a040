"""Facts about subscriptions, their periods and their contracts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from tallybook.server.catalog.models import ChargeTerms, MeterOverride, MeterTerms, Terms
from tallybook.server.kernel.periods import BillingPeriod, Span
from tallybook.server.rating.models import WindowUsage

USAGE_GRACE: Final = timedelta(hours=1)
"""How long the invoice of a closed period waits for late usage (semantics, choice 13)."""

_WHOLE: Final = Fraction(1)
SUBSCRIPTION_PREFIX: Final = "sub"
CONTRACT_PREFIX: Final = "ctr"
PAYMENT_TERMS_DAYS: Final = 30


class Status(StrEnum):
    DRAFT = "draft"  # started by activating its contract
    SCHEDULED = "scheduled"  # starts at a later time, which is known
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"  # an invoice is unpaid after its due date
    SUSPENDED = "suspended"  # no access, no new charges; the period runs on
    CANCELED = "canceled"
    ENDED = "ended"  # at its end date


LIVE: Final = frozenset(
    {Status.SCHEDULED, Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.SUSPENDED}
)
"""Of these a customer has at most one on a plan."""
RUNNING: Final = LIVE - {Status.SCHEDULED}
"""These have begun and not come to their end."""
OVER: Final = frozenset({Status.CANCELED, Status.ENDED})


class Action(StrEnum):
    """What changes the status. Where dates decide on the new one, there is an action for each."""

    SCHEDULE = "schedule"  # a draft is activated for later
    START_TRIAL = "start_trial"
    START = "start"  # the first paid period begins, after a trial too
    FALL_DUE = "fall_due"  # an invoice is unpaid when it is due
    RECOVER = "recover"  # nothing unpaid is left
    SUSPEND = "suspend"
    RESUME = "resume"
    RESUME_IN_TRIAL = "resume_in_trial"
    RESUME_PAST_DUE = "resume_past_due"
    CANCEL = "cancel"  # takes effect now; a cancel at a later time is a date until then
    END = "end"


class CollectionMethod(StrEnum):
    CHARGE_AUTOMATICALLY = "charge_automatically"
    SEND_INVOICE = "send_invoice"


class ChangeReason(StrEnum):
    """Why a change of plan waits for the next period."""

    REQUESTED = "requested"
    BILLING_PERIOD_CHANGE = "billing_period_change"


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """The change of plan that the next period begins with."""

    reason: ChangeReason
    effective_at: datetime
    plan_id: str
    plan_key: str
    market_key: str
    billing_period: BillingPeriod


@dataclass(frozen=True, slots=True)
class Opening:
    """When a subscription is to start, as its caller wants it: instants, ends exclusive."""

    start: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    wants_trial: bool | None = None  # True: refused without one; False: never; None: if offered


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer on a plan. Plan, price and terms are those of its current period."""

    id: str
    customer_id: str
    contract_id: str
    contract_version: int  # in effect
    next_version: int | None  # takes effect with the next period
    plan_id: str
    plan_key: str
    parent_plan_id: str | None  # of an addon
    plan_version_id: str
    market_id: str
    market_key: str
    currency: str
    billing_period: BillingPeriod
    status: Status
    collection_method: CollectionMethod
    payment_terms_days: int  # from an invoice's issue to its due date
    opening: Opening  # as asked for; what a draft starts with
    started_at: datetime | None  # None: a draft
    anchor: datetime | None  # every boundary of periods is counted from here
    current_period: int | None  # the number of its newest period
    current_period_start: datetime | None
    current_period_end: datetime | None
    trial_end: datetime | None
    trial_plan_id: str | None  # the plan whose one trial this customer has had here
    end_date: datetime | None  # ends then, by its contract
    cancel_at: datetime | None  # a cancel that has not taken effect yet
    canceled_at: datetime | None  # when it took effect
    cancel_reason: str | None
    ended_at: datetime | None  # canceled or ended: nothing runs from here on
    past_due_at: datetime | None  # since when; kept while it is suspended
    suspended_at: datetime | None
    suspend_reason: str | None
    suspended_from: Status | None
    resume_at: datetime | None  # a suspended one resumes then on its own
    scheduled_change: ScheduledChange | None
    metadata: Mapping[str, Any]
    version: int  # rises with every change
    created_at: datetime
    updated_at: datetime

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_over(self) -> bool:
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class Period:
    """A span that is billed on one version of the contract: a billing cycle, or a part of one.

    A change of terms, a start or an end in mid-cycle make parts. Periods of a subscription
    tile: each starts where the one before ended.
    """

    subscription_id: str
    number: int  # 0, 1, 2, …
    start: datetime
    end: datetime
    cycle_start: datetime  # of the whole cycle that a base price pays for
    cycle_end: datetime
    is_trial: bool
    contract_version: int
    is_closed: bool
    day_zone: str | None = None  # whose local days its share of the cycle is counted in, or seconds

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)

    @property
    def cycle(self) -> Span:
        return Span(self.cycle_start, self.cycle_end)

    @property
    def share(self) -> Fraction:
        """How much of its cycle the period is: 1 when it is whole."""
        if (self.start, self.end) == (self.cycle_start, self.cycle_end):
            return _WHOLE
        return self.share_left(self.start) - self.share_left(self.end)

    @property
    def unit_share(self) -> Fraction:
        """The share of its included units that the period grants (semantics, choice 8).

        After a change of terms in mid-cycle they are those for the rest of the cycle; a start in
        mid-cycle grants them whole.
        """
        if self.number == 0 or self.start <= self.cycle_start:
            return _WHOLE
        return self.share_left(self.start)

    def share_left(self, at: datetime) -> Fraction:
        """Return the share of the whole cycle from a time to its end, as this period counts."""
        zone = None if self.day_zone is None else ZoneInfo(self.day_zone)
        return self.cycle.share_after(at, days_in=zone)


class VersionReason(StrEnum):
    """Why a version of a contract was written."""

    SIGNED = "signed"
    EDITED = "edited"
    PLAN_CHANGED = "plan_changed"


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """The terms of a subscription for a time: written once, followed by the next version."""

    contract_id: str
    version: int  # 1, 2, …
    reason: VersionReason
    terms: Terms  # what is billed
    plan_terms: Terms  # the plan's, before what was negotiated
    base_price: Decimal | None  # negotiated
    meter_overrides: tuple[MeterOverride, ...]  # negotiated
    notes: str | None
    effective_at: datetime | None  # when its first period began; None: not yet
    created_at: datetime

    @property
    def is_negotiated(self) -> bool:
        return self.base_price is not None or bool(self.meter_overrides)


@dataclass(frozen=True, slots=True)
class Contract:
    """The paper half of a subscription: what the parties call it. Its terms are versions."""

    id: str
    subscription_id: str
    customer_id: str
    version: int  # the newest
    name: str
    description: str | None
    start_date: date | None
    end_date: date | None  # the subscription ends as this local day begins
    metadata: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What a caller negotiated besides the plan's own terms."""

    base_price: Decimal | None = None
    meter_overrides: tuple[MeterOverride, ...] = ()
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """Terms as they are signed: a plan's, and what was negotiated on them."""

    terms: Terms
    plan_terms: Terms
    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class Agreement:
    """A contract whole: its paper, one version of its terms, and what runs on it."""

    contract: Contract
    version: ContractVersion
    subscription: Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for when subscribing. Instants; `start_date` and `end_date` are local days."""

    plan: str  # id or key
    market: str | None = None
    billing_period: BillingPeriod | None = None
    currency: str | None = None
    is_draft: bool = False
    opening: Opening = Opening()
    negotiated: Negotiated = Negotiated()
    name: str | None = None  # of the contract; None: the plan's
    description: str | None = None
    start_date: date | None = None  # on the contract
    end_date: date | None = None
    collection_method: CollectionMethod = CollectionMethod.CHARGE_AUTOMATICALLY
    payment_terms_days: int = PAYMENT_TERMS_DAYS
    metadata: Mapping[str, Any] = field(default_factory=dict)
    contract_metadata: Mapping[str, Any] = field(default_factory=dict)
    default_price_serves: bool = False  # where the plan has none for the billing period
    terms_at: str = ""  # the JSON pointer of the contract's terms in the request


@dataclass(frozen=True, slots=True)
class TimelinePeriod:
    """A period with its terms."""

    number: int
    start: datetime
    end: datetime
    is_trial: bool
    is_closed: bool
    contract_version: int
    terms: Terms
    unit_share: Fraction = Fraction(1)  # of the included units of its windows

    def contains(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Timeline:
    """What rating needs of one subscription: when it ran, and on which terms."""

    id: str
    customer_id: str
    plan_id: str  # now; a period's terms say what it was then
    parent_plan_id: str | None  # of an addon
    status: Status
    started_at: datetime
    ended_at: datetime | None
    trial_end: datetime | None
    periods: tuple[TimelinePeriod, ...]  # by number
    past_due_at: datetime | None = None

    def find_period(self, at: datetime) -> TimelinePeriod | None:
        return next((period for period in reversed(self.periods) if period.contains(at)), None)


@dataclass(frozen=True, slots=True)
class MeterUsage:
    """The usage of one priced meter in one period."""

    terms: MeterTerms
    windows: tuple[WindowUsage, ...]  # by quota window; one where the price has one a period
    quantity: Decimal
    counter_version: int  # of the period's counter; 0: nothing was counted


@dataclass(frozen=True, slots=True)
class ChargeUsage:
    """What a usage_based or seat_based charge goes by in one period."""

    charge: ChargeTerms
    quantity: Decimal
    counter_version: int


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """Everything that is owed in arrears for one period."""

    number: int
    start: datetime
    end: datetime
    meters: tuple[MeterUsage, ...]
    charges: tuple[ChargeUsage, ...]
