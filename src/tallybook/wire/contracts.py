"""Contracts: the negotiated terms of a subscription, in versions."""

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints

from .absent import absent
from .base import (
    Amount,
    Currency,
    CustomerChoice,
    Day,
    DayOrInstant,
    Dec,
    Instant,
    Metadata,
    Name,
    NonNegative,
    Ref,
    Request,
    Response,
    Text,
)
from .limits import METER_OVERRIDES_MAX, PAYMENT_TERMS_DAYS_MAX
from .periods import BillingPeriod, BillingPeriodInput
from .prices import PriceShapeChanges

ContractStatus: TypeAlias = Literal[
    "draft",
    "scheduled",
    "trialing",
    "active",
    "past_due",
    "suspended",
    "canceled",
    "ended",
    "superseded",
]
CollectionMethod: TypeAlias = Literal["charge_automatically", "send_invoice"]
PaymentTerms: TypeAlias = Annotated[int, Field(ge=0, le=PAYMENT_TERMS_DAYS_MAX)]
"""Days from an invoice's issue to its due date."""
Reason: TypeAlias = Annotated[Text, StringConstraints(max_length=1_000)]
TermsSource: TypeAlias = Literal["plan", "contract"]


class MeterOverride(PriceShapeChanges):
    """Other terms for one meter; what is not given stays as the plan has it."""

    meter: Ref


MeterOverrides: TypeAlias = Annotated[list[MeterOverride], Field(max_length=METER_OVERRIDES_MAX)]


class ContractTerms(Request):
    """What is negotiated when subscribing, besides the plan's own terms."""

    base_price: NonNegative | None = None
    notes: Text | None = None
    meter_overrides: MeterOverrides = Field(default_factory=list)
    name: Name | None = None
    description: Text | None = None
    end_date: Day | None = None
    """The subscription ends as this local day begins."""


class ContractCreate(CustomerChoice, ContractTerms):
    """A contract in draft: its prices are copied from the plan now; activating it starts it."""

    plan: Ref
    name: Name
    start_date: Day
    market: Ref | None = None
    billing_period: BillingPeriodInput | None = None
    """One that the plan has no price for takes its default price; then give `base_price`."""
    currency: Currency | None = None
    collection_method: CollectionMethod = "charge_automatically"
    payment_terms: PaymentTerms = 30
    metadata: Metadata = Field(default_factory=dict)


class ContractUpdate(Request):
    """The fields to change (`model_fields_set`); null clears where null is allowed.

    Prices of a contract that has started are changed from the next period on. `meter_overrides`
    are replaced whole; `metadata` is merged, and a null in it deletes the key.
    """

    name: Name = absent()
    description: Text | None = absent()
    start_date: Day = absent()
    """Of a draft only."""
    end_date: Day | None = absent()
    billing_period: BillingPeriodInput = absent()
    currency: Currency = absent()
    """Of a draft only."""
    collection_method: CollectionMethod = absent()
    payment_terms: PaymentTerms = absent()
    base_price: NonNegative | None = absent()
    """null: the plan's."""
    notes: Text | None = absent()
    meter_overrides: MeterOverrides | None = absent()
    metadata: Metadata = absent()


class ContractActivate(Request):
    """When the first period begins, and whether warnings matter."""

    activation_date: Day | None = None
    """A local day, in the past (it is caught up) or ahead; without it `start_date`."""
    skip_validation: bool = False
    """Passes over warnings, never over what would make wrong invoices."""


class Suspend(Request):
    """Why, and until when: on `resume_date` it resumes on its own."""

    reason: Reason | None = None
    resume_date: DayOrInstant | None = None
    """A day means its start."""


class Resume(Request):
    """Why; with a `resume_date` ahead it resumes then, without one now."""

    reason: Reason | None = None
    resume_date: DayOrInstant | None = None
    """A day means its start."""


class Cancel(Request):
    """When the subscription is canceled, and what is given back."""

    when: Literal["period_end", "immediate"] = "period_end"
    refund: Literal["none", "prorated", "full"] = "none"
    refund_to: Literal["wallet", "payment"] = "wallet"
    reason: Reason | None = None
    cancellation_date: DayOrInstant | None = None
    """`immediate`: that day's start; `period_end`: the end of the period it falls in."""


class CancelRefund(Response):
    """What a cancel gives back; 0 for nothing."""

    amount: Amount = Decimal(0)
    currency: str
    destination: Literal["wallet", "payment", "invoice"] | str


class Contract(Response):
    """Terms of one subscription. The id stays when `version` rises."""

    id: str
    version: int
    status: ContractStatus | str
    """The subscription's; `superseded` of a version that another has followed."""
    subscription_id: str
    customer_id: str
    plan: str
    plan_id: str
    plan_version_id: str
    market: str
    name: str
    description: str | None = None
    notes: str | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    billing_period: BillingPeriod | str
    currency: str
    base_price: Dec
    source: TermsSource | str
    """`contract` where anything was negotiated."""
    meter_overrides: list[dict[str, Any]] = Field(default_factory=list)
    """As they were given."""
    collection_method: CollectionMethod | str
    payment_terms: int
    version_reason: Literal["signed", "edited", "plan_changed"] | str
    """Why this version was written."""
    signed_at: Instant
    """When this version was written."""
    effective_at: Instant | None = None
    """When the version's first period began; none until then."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: Instant
    updated_at: Instant


class ContractCancellation(Response):
    """The contract after a cancel."""

    contract: Contract
    refund: CancelRefund
    final_invoice_id: str | None = None
