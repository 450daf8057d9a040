"""Which price terms fit together. Every shape that is stored has passed here."""

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final, TypedDict, Unpack

from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.money import ZERO, parse_decimal, plain
from tallybook.server.rating.errors import PriceShapeInvalid
from tallybook.server.rating.models import LimitType, Overage, PriceShape, PricingModel, QuotaWindow

from .tiers import TierTerms, bounds_of, read_tiers


class ShapeTerms(TypedDict, total=False):
    """Price terms by their public names; None means not given."""

    pricing_model: str
    unit_price: Decimal | None
    package_size: Decimal | None
    package_price: Decimal | None
    tiers: Sequence[TierTerms] | None
    included_units: Decimal | None
    flat_fee: Decimal | None
    rate: Decimal | None
    flat_fee_at_zero: bool | None
    minimum_commitment: Decimal | None
    overage: str | None
    limit_type: str | None
    event_quota_window: str | None


PRICE_TERMS: Final = {  # each is required by its model, and refused by all others
    PricingModel.PER_UNIT: frozenset({"unit_price"}),
    PricingModel.GRADUATED: frozenset({"tiers"}),
    PricingModel.VOLUME: frozenset({"tiers"}),
    PricingModel.PACKAGE: frozenset({"package_size", "package_price"}),
    PricingModel.FLAT: frozenset({"flat_fee"}),
    PricingModel.PERCENTAGE: frozenset({"rate"}),
}
_ALL_PRICE_TERMS: Final = frozenset().union(*PRICE_TERMS.values())
_WITH_FEE_AT_ZERO: Final = {PricingModel.GRADUATED, PricingModel.VOLUME, PricingModel.FLAT}
_CHOICES: Final = {
    "pricing_model": PricingModel,
    "overage": Overage,
    "limit_type": LimitType,
    "event_quota_window": QuotaWindow,
}


def build_shape(*, pointer: str = "", **terms: Unpack[ShapeTerms]) -> PriceShape:
    """Return the price shape that the terms describe, defaults filled in.

    `tiered` means graduated. `limit_type` is `event_quota` where overage is denied, else
    `none`. `pointer` stands before the field pointers: where the terms are in the body.

    Errors: PriceShapeInvalid, TiersNotContiguous, with a pointer to each field that is wrong.
    Source: semantics, choices 1 to 5; docs/pricing.md.
    """
    given: dict[str, Any] = {name: term for name, term in terms.items() if term is not None}
    tier_terms: Sequence[TierTerms] = given.pop("tiers", ())
    errors = _read_choices(given, pointer)
    if errors:
        raise PriceShapeInvalid(errors=errors)
    if "limit_type" not in given:
        denied = given.get("overage") is Overage.DENY
        given["limit_type"] = LimitType.EVENT_QUOTA if denied else LimitType.NONE
    errors = [
        *_check_fit(given, has_tiers=bool(tier_terms), pointer=pointer),
        *_check_limits(given, pointer),
        *_check_numbers(given, pointer),
        *_check_tier_numbers(tier_terms, pointer),
    ]
    if errors:
        raise PriceShapeInvalid(errors=errors)
    return PriceShape(**given, tiers=read_tiers(tier_terms, pointer=pointer))


def revise_shape(
    shape: PriceShape, *, pointer: str = "", **changes: Unpack[ShapeTerms]
) -> PriceShape:
    """Return the shape with the changed terms; a term changed to None goes back to its default.

    A change of model drops the terms that do not fit the new one. Overage changed to `deny`
    makes the included units a quota, unless the change names a `limit_type`.

    Errors: as build_shape.
    """
    terms: dict[str, Any] = {field.name: getattr(shape, field.name) for field in fields(shape)}
    terms["tiers"] = bounds_of(shape.tiers)
    model = changes.get("pricing_model")
    if model is not None and (target := _find_model(model)) is not None:
        terms.update(dict.fromkeys(_ALL_PRICE_TERMS - PRICE_TERMS[target]))
        if target not in _WITH_FEE_AT_ZERO:
            terms["flat_fee_at_zero"] = None
    if changes.get("overage") == Overage.DENY:
        terms["limit_type"] = None
    terms.update({name: term for name, term in changes.items() if name != "pricing_model"})
    terms["pricing_model"] = shape.pricing_model if model is None else model
    return build_shape(pointer=pointer, **terms)


def terms_of(shape: PriceShape) -> dict[str, Any]:
    """Return the terms by their public names, tiers with both bounds: what a view shows."""
    terms: dict[str, Any] = {field.name: getattr(shape, field.name) for field in fields(shape)}
    terms["tiers"] = [
        {
            "order": tier.order,
            "start_unit": tier.start_unit,
            "end_unit": tier.end_unit,
            "unit_price": tier.unit_price,
            "flat_fee": tier.flat_fee,
        }
        for tier in bounds_of(shape.tiers)
    ]
    return terms


def _find_model(name: str) -> PricingModel | None:
    try:
        return PricingModel.GRADUATED if name == "tiered" else PricingModel(name)
    except ValueError:
        return None


def _read_choices(given: dict[str, Any], pointer: str) -> list[FieldError]:
    """Put the enums in place of their names."""
    errors: list[FieldError] = []
    if "pricing_model" not in given:
        errors.append(_wrong(pointer, "pricing_model", "required", "say how units are priced"))
    elif (model := _find_model(given["pricing_model"])) is not None:
        given["pricing_model"] = model
    for name, choice in _CHOICES.items():
        if name in given:
            try:
                given[name] = choice(given[name])
            except ValueError:
                known = ", ".join(choice)
                errors.append(_wrong(pointer, name, "unknown", f"must be one of {known}"))
    return errors


def _check_fit(given: dict[str, Any], *, has_tiers: bool, pointer: str) -> list[FieldError]:
    """Find the prices that the model lacks, and those it has no use for."""
    model: PricingModel = given["pricing_model"]
    present = _ALL_PRICE_TERMS & ({*given, "tiers"} if has_tiers else {*given})
    errors = [
        _wrong(pointer, name, "required", f"a {model} price needs it")
        for name in sorted(PRICE_TERMS[model] - present)
    ]
    errors += [
        _wrong(pointer, name, "does_not_fit", f"a {model} price has no use for it")
        for name in sorted(present - PRICE_TERMS[model])
    ]
    if not given.get("flat_fee_at_zero", True) and model not in _WITH_FEE_AT_ZERO:
        detail = f"a {model} price has no flat fee"
        errors.append(_wrong(pointer, "flat_fee_at_zero", "does_not_fit", detail))
    return errors


def _check_limits(given: dict[str, Any], pointer: str) -> list[FieldError]:
    if given["limit_type"] is LimitType.EVENT_QUOTA:
        return []
    errors: list[FieldError] = []
    if given.get("overage") is Overage.DENY:
        detail = "overage `deny` needs a limit: event_quota"
        errors.append(_wrong(pointer, "limit_type", "does_not_fit", detail))
    window = given.get("event_quota_window", QuotaWindow.BILLING_PERIOD)
    if window is not QuotaWindow.BILLING_PERIOD:
        detail = "only limit_type `event_quota` has windows other than billing_period"
        errors.append(_wrong(pointer, "event_quota_window", "does_not_fit", detail))
    return errors


def _check_numbers(given: dict[str, Any], pointer: str) -> list[FieldError]:
    errors = [
        _wrong(pointer, name, "out_of_range", detail)
        for name, term in given.items()
        if isinstance(term, Decimal) and (detail := _find_fault(term))
    ]
    if not errors and given.get("package_size") == ZERO:
        errors.append(_wrong(pointer, "package_size", "out_of_range", "must be above zero"))
    return errors


def _check_tier_numbers(tiers: Sequence[TierTerms], pointer: str) -> list[FieldError]:
    return [
        _wrong(f"{pointer}/tiers/{position}", name, "out_of_range", detail)
        for position, tier in enumerate(tiers)
        for name in ("start_unit", "end_unit", "unit_price", "flat_fee")
        if (term := getattr(tier, name)) is not None and (detail := _find_fault(term))
    ]


def _find_fault(number: Decimal) -> str | None:
    """Say what is wrong with a price or a bound: the limits of the wire hold inside, too."""
    if not number.is_finite() or number < 0:
        return "must be finite and not negative"
    if abs(number.adjusted()) > _DIGITS_WORTH_READING:
        return "has too many digits"
    try:
        parse_decimal(plain(number))
    except ValueError as error:
        return str(error)
    return None


_DIGITS_WORTH_READING: Final = 40  # so that 1E+999999 is refused before it is written out


def _wrong(pointer: str, name: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=f"{pointer}/{name}", code=code, detail=detail)
