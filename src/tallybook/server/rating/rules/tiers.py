"""Whether tiers follow each other, and what they mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final, Protocol

from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.money import EXACT, ZERO, plain
from tallybook.server.rating.errors import TiersNotContiguous
from tallybook.server.rating.models import Tier


class TierTerms(Protocol):
    """A tier as a caller writes it, with both bounds; wire models and rows look so."""

    @property
    def order(self) -> int | None: ...
    @property
    def start_unit(self) -> Decimal: ...
    @property
    def end_unit(self) -> Decimal | None: ...
    @property
    def unit_price(self) -> Decimal: ...
    @property
    def flat_fee(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class TierBounds:
    """A tier with both its bounds, as `TierTerms` has them."""

    order: int | None
    start_unit: Decimal
    end_unit: Decimal | None
    unit_price: Decimal
    flat_fee: Decimal


def read_tiers(given: Sequence[TierTerms], *, pointer: str = "") -> tuple[Tier, ...]:
    """Return the tiers by rising units; `order`, where given, says how they follow.

    Each tier is (end of the one before, its own end]; the first begins above 0. `start_unit`
    equals the end of the one before, or that + 1, and never prices.

    Holds: every quantity up to the last end lies in exactly one tier.
    Errors: TiersNotContiguous, with a pointer to each field that is wrong.
    Source: semantics, choice 1; docs/pricing.md#tiers.
    """
    places, errors = _in_order(given, pointer)
    end = ZERO
    for place, position in enumerate(places):
        tier, at = given[position], f"{pointer}/tiers/{position}"
        if not _continues(tier.start_unit, end):
            errors.append(_wrong(f"{at}/start_unit", "not_contiguous", _expected_start(end)))
        if tier.end_unit is None:
            if place < len(places) - 1:
                errors.append(_wrong(f"{at}/end_unit", "open_before_last", _ONLY_LAST_OPEN))
                break
        elif tier.end_unit <= end or tier.end_unit < tier.start_unit:
            errors.append(_wrong(f"{at}/end_unit", "not_rising", "must lie past the start"))
            break
        else:
            end = tier.end_unit
    if errors:
        raise TiersNotContiguous(errors=errors)
    return tuple(_tier(given[position]) for position in places)


def bounds_of(tiers: Sequence[Tier]) -> list[TierBounds]:
    """Return the tiers as a caller writes them: numbered from 1, with both bounds.

    Holds: read_tiers(bounds_of(tiers)) means the same as tiers.
    """
    bounds: list[TierBounds] = []
    end = ZERO
    for order, tier in enumerate(tiers, start=1):
        start = end if tier.start_unit is None else tier.start_unit
        bounds.append(TierBounds(order, start, tier.up_to, tier.unit_price, tier.flat_fee))
        end = end if tier.up_to is None else tier.up_to
    return bounds


_ONLY_LAST_OPEN: Final = "only the last tier may have no end"


def _in_order(given: Sequence[TierTerms], pointer: str) -> tuple[list[int], list[FieldError]]:
    """Return the positions of the tiers as they follow each other."""
    orders = [tier.order for tier in given]
    if all(order is None for order in orders):
        return list(range(len(given))), []
    errors: list[FieldError] = []
    seen: set[int] = set()
    for position, order in enumerate(orders):
        at = f"{pointer}/tiers/{position}/order"
        if order is None:
            errors.append(_wrong(at, "required", "give the order of all tiers, or of none"))
        elif order in seen:
            errors.append(_wrong(at, "duplicate", f"another tier has the order {order}"))
        else:
            seen.add(order)
    return sorted(range(len(given)), key=lambda position: orders[position] or 0), errors


def _continues(start: Decimal, end: Decimal) -> bool:
    with localcontext(EXACT):
        return start in (end, end + 1)


def _expected_start(end: Decimal) -> str:
    return f"must be {plain(end)} or {plain(EXACT.add(end, Decimal(1)))}: no gap, no overlap"


def _wrong(pointer: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, detail=detail)


def _tier(given: TierTerms) -> Tier:
    return Tier(
        unit_price=given.unit_price,
        up_to=given.end_unit,
        flat_fee=given.flat_fee,
        start_unit=given.start_unit,
    )
