"""The price of a meter: terms in plans, in contracts and in estimates."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from . import limits
from .base import Amount, Currency, Dec, NonNegative, Positive, Request, Response
from .decimals import plain

PricingModel: TypeAlias = Literal[
    "per_unit", "graduated", "volume", "package", "flat", "percentage"
]
Overage: TypeAlias = Literal["bill", "deny", "free"]
LimitType: TypeAlias = Literal["none", "event_quota"]
QuotaWindow: TypeAlias = Literal["hour", "day", "week", "month", "billing_period", "lifetime"]


def _not_tiered(model: str) -> str:
    return "graduated" if model == "tiered" else model


PricingModelInput: TypeAlias = Annotated[
    Literal["per_unit", "graduated", "volume", "package", "flat", "percentage", "tiered"],
    AfterValidator(_not_tiered),
]
"""A pricing model; `tiered` is another word for graduated."""


class Tier(Request):
    """One tier of a graduated or volume price: above the end of the one before, to `end_unit`."""

    order: Annotated[int, Field(ge=1)] | None = None
    """Where the tier stands, from 1; without it, tiers stand as they are given."""
    start_unit: NonNegative
    """The previous `end_unit`, or that + 1; of the first tier 0 or 1. It never prices."""
    end_unit: Positive | None = None
    """The last unit of the tier, inclusive; none on an open last tier."""
    unit_price: NonNegative
    flat_fee: NonNegative = Decimal(0)
    """Due once when the tier is entered; the first tier's at zero usage too."""


Tiers: TypeAlias = Annotated[list[Tier], Field(max_length=limits.TIERS_MAX)]


class PriceShapeChanges(Request):
    """Any of the terms of a price; null sets a term back to its default."""

    pricing_model: PricingModelInput | None = None
    unit_price: NonNegative | None = None
    """Of a per_unit price: money for one unit."""
    package_size: Positive | None = None
    """Of a package price: units in one package; a begun package is billed whole."""
    package_price: NonNegative | None = None
    tiers: Tiers | None = None
    """Of a graduated or volume price; they replace the earlier tiers whole."""
    included_units: NonNegative | None = None
    """Units removed before pricing; with `event_quota`, granted anew in each window."""
    flat_fee: NonNegative | None = None
    """Of a flat price: money for a period, whatever was used."""
    rate: NonNegative | None = None
    """Of a percentage price: 0.029 is 2.9 % of the quantity, an amount of money."""
    flat_fee_at_zero: bool | None = None
    """Whether a flat fee, of the first tier or a flat price, is due without billable usage."""
    minimum_commitment: NonNegative | None = None
    """Money due for a period at least; what is missing becomes a true-up line."""
    overage: Overage | None = None
    """What units past the included ones do: `bill`, `deny` access, or cost nothing (`free`)."""
    limit_type: LimitType | None = None
    """Whether the included units are a quota: `event_quota` with overage `deny`, else `none`."""
    event_quota_window: QuotaWindow | None = None

    def shape_terms(self) -> dict[str, Any]:
        """Return the terms that the caller gave, and only those."""
        given = self.model_fields_set & PriceShapeChanges.model_fields.keys()
        return {name: getattr(self, name) for name in sorted(given)}


class PriceShapeFields(PriceShapeChanges):
    """The terms of a price; which prices are needed depends on the model."""

    pricing_model: PricingModelInput
    included_units: NonNegative = Decimal(0)
    flat_fee_at_zero: bool = True
    overage: Overage = "bill"
    event_quota_window: QuotaWindow = "billing_period"


class TierView(Response):
    """A tier as it is stored."""

    id: str | None = None
    """Of a plan's tier; the tiers of contract terms have none."""
    order: int
    start_unit: Dec
    end_unit: Dec | None = None
    unit_price: Dec
    flat_fee: Dec


class PriceShapeView(Response):
    """The terms of a price as they hold, defaults filled in."""

    pricing_model: PricingModel | str
    unit_price: Dec | None = None
    package_size: Dec | None = None
    package_price: Dec | None = None
    tiers: list[TierView] = Field(default_factory=list)
    included_units: Dec
    flat_fee: Dec | None = None
    rate: Dec | None = None
    flat_fee_at_zero: bool
    minimum_commitment: Dec | None = None
    overage: Overage | str
    limit_type: LimitType | str
    event_quota_window: QuotaWindow | str


class EstimateRequest(PriceShapeFields):
    """A price and a quantity; nothing is stored."""

    quantity: NonNegative
    """Units used in one period, and in one quota window."""
    currency: Currency = "USD"


_EXACT = re.compile(r"-?[0-9]{1,120}(\.[0-9]{1,120})?")


def _read_exact(value: object) -> Decimal:
    text = plain(value) if isinstance(value, Decimal) and value.is_finite() else value
    if not isinstance(text, str) or not _EXACT.fullmatch(text):
        raise ValueError("must be a decimal in a string")
    return Decimal(text)


ExactDec = Annotated[
    Decimal,
    BeforeValidator(_read_exact),
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_EXACT.pattern}$", "examples": ["0.000128"]}),
]
"""A figure worked out and not rounded: a product has more digits than a price or a quantity."""


class EstimateSlice(Response):
    """One multiplication: amount = quantity × unit_price + flat_fee, not rounded."""

    tier: int | None = None
    """Counted from 1; none where the model has no tiers."""
    quantity: ExactDec
    """Units; of a package price the number of packages."""
    unit_price: ExactDec
    """Of a percentage price its rate."""
    flat_fee: ExactDec
    amount: ExactDec


class Estimate(Response):
    """What the quantity costs: `amount` is rounded as on an invoice, slices are not."""

    amount: Amount
    """The rounded sum of the slices, and the true-up."""
    currency: str
    slices: list[EstimateSlice]
    true_up: Amount
    """What was missing to the minimum commitment; a part of `amount`."""
