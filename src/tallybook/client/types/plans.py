"""The dicts of plans and prices, and what comes back."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Required, TypedDict

from tallybook.client.encoding import DecimalInput, decimal, decimals
from tallybook.client.options import CallOptions, WriteOptions
from tallybook.client.responses import Result
from tallybook.wire import plans as wire
from tallybook.wire import prices, pricing


class Tier(TypedDict, total=False):
    """A tier of a graduated or volume price: above the one before, to `end_unit`."""

    order: int
    start_unit: Required[DecimalInput]
    end_unit: DecimalInput | None
    unit_price: Required[DecimalInput]
    flat_fee: DecimalInput


class PriceTerms(TypedDict, total=False):
    """The terms of a meter's price, beside its pricing model."""

    unit_price: DecimalInput | None
    package_size: DecimalInput | None
    package_price: DecimalInput | None
    tiers: Sequence[Tier] | None
    included_units: DecimalInput | None
    flat_fee: DecimalInput | None
    rate: DecimalInput | None
    flat_fee_at_zero: bool | None
    minimum_commitment: DecimalInput | None
    overage: prices.Overage | None
    limit_type: prices.LimitType | None
    event_quota_window: prices.QuotaWindow | None


class PriceOptions(PriceTerms, WriteOptions, total=False):
    """Price terms, and what every call that changes something accepts."""


class EstimateOptions(PriceTerms, CallOptions, total=False):
    """Price terms, and what every call accepts."""


_TIER_DECIMALS: Final = ("start_unit", "end_unit", "unit_price", "flat_fee")
_DECIMALS: Final = (
    "unit_price",
    "package_size",
    "package_price",
    "included_units",
    "flat_fee",
    "rate",
    "minimum_commitment",
)


def split_terms(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the price terms, decimals written out, and the other options."""
    terms = {name: value for name, value in given.items() if name in PriceTerms.__annotations__}
    rest = {name: value for name, value in given.items() if name not in terms}
    if "tiers" in terms:
        terms["tiers"] = decimals(terms["tiers"], *_TIER_DECIMALS)
    for name in _DECIMALS:
        if name in terms:
            terms[name] = decimal(terms[name])
    return terms, rest


class Plan(Result, wire.Plan):
    """What is subscribed to."""


class PlanPrice(Result, wire.PlanPrice):
    """A plan in one market and billing period."""


class MeterPrice(Result, wire.MeterPrice):
    """How one meter is priced in one plan price."""


class PriceTier(Result, wire.PriceTier):
    """A tier of a meter price."""


class PlanCharge(Result, wire.PlanCharge):
    """A fee besides the base price."""


class PlanCatalog(Result, pricing.PlanCatalog):
    """A plan in one market, ready for a checkout."""


class UnavailablePlan(Result, pricing.UnavailablePlan):
    """An active plan that cannot be had as asked, and why."""


class Estimate(Result, prices.Estimate):
    """What a quantity costs."""
