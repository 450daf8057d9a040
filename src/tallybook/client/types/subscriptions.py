"""The dicts of subscriptions and contracts, and results without methods."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, Required, TypedDict

from tallybook.client.encoding import DecimalInput, Json, decimal
from tallybook.client.not_given import NotGiven
from tallybook.client.options import WriteOptions
from tallybook.client.responses import Result
from tallybook.wire import contracts, prices
from tallybook.wire import subscriptions as wire

from .plans import PriceTerms, split_terms

Day = date | str
DayOrInstant = date | datetime | str
When = Literal["period_end", "immediate"]
RefundKind = Literal["none", "prorated", "full"]
RefundTo = Literal["wallet", "payment"]
BillingPeriod = Literal[
    "daily", "weekly", "monthly", "quarterly", "semi_annual", "annual", "yearly"
]


class MeterOverride(PriceTerms, total=False):
    """Other terms for one meter; what is left out stays as the plan has it."""

    meter: Required[str]
    pricing_model: prices.PricingModel | Literal["tiered"]


class ContractTerms(TypedDict, total=False):
    """What is negotiated when subscribing, besides the plan's own terms."""

    base_price: DecimalInput | None
    notes: str | None
    meter_overrides: Sequence[MeterOverride]
    name: str | None
    description: str | None
    end_date: Day | None


class SubscribeOptions(WriteOptions, total=False):
    """What a new subscription may be given beside its customer and plan."""

    market: str | None
    billing_period: BillingPeriod | None
    currency: str | None
    status: Literal["draft", "active", "trialing"] | None
    start_date: DayOrInstant | None
    current_period_start: DayOrInstant | None
    current_period_end: DayOrInstant | None
    trial_end: DayOrInstant | None
    contract: ContractTerms | None
    collection_method: contracts.CollectionMethod
    payment_terms: int
    metadata: Mapping[str, Json]


class CancelOptions(WriteOptions, total=False):
    """When a cancel takes effect, and what it gives back."""

    when: When
    refund: RefundKind
    refund_to: RefundTo
    reason: str | None
    cancellation_date: DayOrInstant | None


class PauseOptions(WriteOptions, total=False):
    """Why, and on which day it resumes."""

    reason: str | None
    resume_date: DayOrInstant | None


class Contract(Result, contracts.Contract):
    """Terms of one subscription. The id stays when `version` rises."""


class ContractCancellation(Result, contracts.ContractCancellation):
    """The contract after a cancel, and what was given back."""


class ResolvedTerms(Result, wire.ResolvedTerms):
    """The terms that hold now, each value with its source."""


def contract_terms(
    terms: ContractTerms | NotGiven | None,
) -> dict[str, Any] | NotGiven | None:
    """Write negotiated terms, decimals as strings."""
    if terms is None or isinstance(terms, NotGiven):
        return terms
    written: dict[str, Any] = dict(terms)
    if "base_price" in written:
        written["base_price"] = decimal(written["base_price"])
    if "meter_overrides" in written:
        written["meter_overrides"] = meter_overrides(written["meter_overrides"])
    return written


def meter_overrides(
    overrides: Sequence[MeterOverride] | NotGiven | None,
) -> list[dict[str, Any]] | NotGiven | None:
    """Write other terms of meters, decimals as strings."""
    if overrides is None or isinstance(overrides, NotGiven):
        return overrides
    split = [split_terms(override) for override in overrides]
    return [{**rest, **terms} for terms, rest in split]


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of a body, and the options of the call."""
    named = WriteOptions.__annotations__
    body = {name: value for name, value in options.items() if name not in named}
    return body, {name: value for name, value in options.items() if name in named}
