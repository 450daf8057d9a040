"""The facts of rating: price shapes, usage by quota window, rated slices."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, Self, TypeVar

from tallybook.server.kernel.money import ZERO, plain

from .errors import UnreadableShape


class PricingModel(StrEnum):
    PER_UNIT = "per_unit"
    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGE = "package"
    FLAT = "flat"
    PERCENTAGE = "percentage"


class Overage(StrEnum):
    """What happens to units past the included ones."""

    BILL = "bill"
    DENY = "deny"  # access is denied; what was used all the same costs nothing
    FREE = "free"


class LimitType(StrEnum):
    NONE = "none"
    EVENT_QUOTA = "event_quota"  # the included units are a quota, granted anew in each window


class QuotaWindow(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    BILLING_PERIOD = "billing_period"
    LIFETIME = "lifetime"


RECURRING_WINDOWS: Final = frozenset(
    {QuotaWindow.HOUR, QuotaWindow.DAY, QuotaWindow.WEEK, QuotaWindow.MONTH}
)
"""Windows of which one billing period may touch several."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a graduated or volume price: (the previous tier's `up_to`, its own `up_to`]."""

    unit_price: Decimal  # major currency units per metered unit
    up_to: Decimal | None = None  # metered units, inclusive; None on an open-ended last tier
    flat_fee: Decimal = ZERO  # major currency units, once when the tier is entered
    start_unit: Decimal | None = None  # as the caller wrote it: checked, shown, never prices

    def to_json(self) -> dict[str, Any]:
        return _to_object(self)

    @classmethod
    def from_json(cls, stored: object) -> Self:
        return _read(cls, _TIER, stored)


@dataclass(frozen=True, slots=True)
class PriceShape:
    """All terms on which one meter is priced. `rules.shape.build_shape` makes valid ones."""

    pricing_model: PricingModel
    unit_price: Decimal | None = None  # per_unit
    package_size: Decimal | None = None  # package; metered units
    package_price: Decimal | None = None  # package
    tiers: tuple[Tier, ...] = ()  # graduated, volume
    included_units: Decimal = ZERO
    flat_fee: Decimal | None = None  # flat; money per period
    rate: Decimal | None = None  # percentage; 0.029 is 2.9 %
    flat_fee_at_zero: bool = True  # graduated, volume, flat
    minimum_commitment: Decimal | None = None  # money per period
    overage: Overage = Overage.BILL
    limit_type: LimitType = LimitType.NONE
    event_quota_window: QuotaWindow = QuotaWindow.BILLING_PERIOD

    @property
    def needs_additive_meter(self) -> bool:
        """Whether only count and sum meters fit: other figures do not add up over windows."""
        return self.event_quota_window is not QuotaWindow.BILLING_PERIOD

    def to_json(self) -> dict[str, Any]:
        """Return the terms for storage: decimals are strings, absent terms are left out.

        Many invoice lines share it: not to be changed.
        """
        return _shape_to_json(self)

    @classmethod
    def from_json(cls, stored: object) -> Self:
        """Return the terms that `to_json` wrote.

        Errors: UnreadableShape (a term unknown to this release is never ignored).
        """
        return _read(cls, _SHAPE, stored)


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """The part of one quota window's usage that falls into the period being rated."""

    quantity: Decimal
    used_before: Decimal = ZERO  # in the same window, rated with an earlier period
    included_units: Decimal | None = None  # None: the shape's; a plan change may grant fewer


@dataclass(frozen=True, slots=True)
class UnitSplit:
    """Where the units went: quantity = included + billable + uncharged."""

    quantity: Decimal
    included: Decimal
    billable: Decimal
    uncharged: Decimal  # past the included units, and not billed: overage `deny` or `free`


@dataclass(frozen=True, slots=True)
class RatedSlice:
    """One multiplication: amount = quantity × unit_price + flat_fee, not rounded."""

    quantity: Decimal  # metered units; of a package price the number of packages
    unit_price: Decimal  # of a percentage price its rate
    flat_fee: Decimal
    amount: Decimal
    tier: int | None = None  # counted from 1, as `order` is; None in models without tiers

    def to_json(self) -> dict[str, Any]:
        written: dict[str, Any] = {
            "quantity": plain(self.quantity),
            "unit_price": plain(self.unit_price),
            "flat_fee": plain(self.flat_fee),
            "amount": plain(self.amount),
        }
        return written if self.tier is None else {**written, "tier": self.tier}

    @classmethod
    def from_json(cls, stored: object) -> Self:
        return _read(cls, _SLICE, stored)


@dataclass(frozen=True, slots=True)
class RatedUsage:
    """What one meter's usage of one period costs, and all figures that explain it."""

    quantity: Decimal
    included_units_used: Decimal
    billable_units: Decimal
    uncharged_units: Decimal  # overage that is not billed
    slices: tuple[RatedSlice, ...]
    amount: Decimal  # the sum of the slices, not rounded
    minimum: Fraction  # the commitment for this period, prorated, not rounded
    true_up: Fraction  # what is missing to the minimum, before rounding

    def to_json(self) -> dict[str, Any]:
        """Return the figures for storage on an invoice line."""
        return {
            "quantity": plain(self.quantity),
            "included_units_used": plain(self.included_units_used),
            "billable_units": plain(self.billable_units),
            "uncharged_units": plain(self.uncharged_units),
            "slices": [piece.to_json() for piece in self.slices],
            "amount": plain(self.amount),
            "minimum": str(self.minimum),
            "true_up": str(self.true_up),
        }

    @classmethod
    def from_json(cls, stored: object) -> Self:
        return _read(cls, _USAGE, stored)


_T = TypeVar("_T")
_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _decimal(stored: object) -> Decimal:
    if not isinstance(stored, str) or not _PLAIN.fullmatch(stored):
        raise ValueError("not a decimal in a string")
    return Decimal(stored)


def _fraction(stored: object) -> Fraction:
    if not isinstance(stored, str):
        raise ValueError("not a fraction in a string")
    return Fraction(stored)


def _exactly(kind: type) -> Callable[[object], Any]:
    def read(stored: object) -> Any:
        if type(stored) is not kind:
            raise ValueError(f"not of type {kind.__name__}")
        return stored

    return read


def _tuple_of(item: Callable[[object], Any]) -> Callable[[object], tuple[Any, ...]]:
    def read(stored: object) -> tuple[Any, ...]:
        if not isinstance(stored, list | tuple):
            raise ValueError("not a list")
        return tuple(item(part) for part in stored)

    return read


_Readers = Mapping[str, Callable[[Any], Any]]

_TIER: Final[_Readers] = dict.fromkeys(("unit_price", "up_to", "flat_fee", "start_unit"), _decimal)
_SHAPE: Final[_Readers] = {
    "pricing_model": PricingModel,
    "unit_price": _decimal,
    "package_size": _decimal,
    "package_price": _decimal,
    "tiers": _tuple_of(Tier.from_json),
    "included_units": _decimal,
    "flat_fee": _decimal,
    "rate": _decimal,
    "flat_fee_at_zero": _exactly(bool),
    "minimum_commitment": _decimal,
    "overage": Overage,
    "limit_type": LimitType,
    "event_quota_window": QuotaWindow,
}
_SLICE: Final[_Readers] = {
    "tier": _exactly(int),
    "quantity": _decimal,
    "unit_price": _decimal,
    "flat_fee": _decimal,
    "amount": _decimal,
}
_USAGE: Final[_Readers] = {
    "quantity": _decimal,
    "included_units_used": _decimal,
    "billable_units": _decimal,
    "uncharged_units": _decimal,
    "slices": _tuple_of(RatedSlice.from_json),
    "amount": _decimal,
    "minimum": _fraction,
    "true_up": _fraction,
}


def _read(kind: type[_T], readers: _Readers, stored: object) -> _T:
    if not isinstance(stored, Mapping):
        raise UnreadableShape(kind=kind.__name__, reason="not an object")
    if unknown := sorted(map(str, stored.keys() - readers.keys())):
        raise UnreadableShape(kind=kind.__name__, reason=f"unknown: {', '.join(unknown)}")
    try:
        return kind(**{name: readers[name](value) for name, value in stored.items()})
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise UnreadableShape(kind=kind.__name__, reason=str(error)) from error


def _to_json(fact: Any) -> Any:
    if isinstance(fact, Decimal):
        return plain(fact)
    if isinstance(fact, tuple):
        return [_to_json(item) for item in fact]
    if isinstance(fact, StrEnum):
        return fact.value
    if isinstance(fact, bool | int):
        return fact
    return _to_object(fact)


def _to_object(fact: Any) -> dict[str, Any]:
    values = {field.name: getattr(fact, field.name) for field in fields(fact)}
    return {name: _to_json(value) for name, value in values.items() if value is not None}


@lru_cache(maxsize=1_024)
def _shape_to_json(shape: PriceShape) -> dict[str, Any]:
    return _to_object(shape)
