"""What an edit of one tier does to the others.

A list of tiers is edited here as it was asked; whether it is then contiguous is for
`rating.rules.shape` to say. With `rejoin` the neighbours' bounds follow first.
Source: docs/catalog.md#tiers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

from tallybook.server.catalog.errors import TierNotFound
from tallybook.server.catalog.models import MeterPrice, TierRow
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.money import EXACT
from tallybook.server.rating.errors import TiersNotContiguous
from tallybook.server.rating.rules.tiers import bounds_of


@dataclass(frozen=True, slots=True)
class PlacedTier:
    """A tier with its id; it looks as rating's `TierTerms` do, in the order of its list."""

    row: TierRow
    start_unit: Decimal
    end_unit: Decimal | None
    unit_price: Decimal
    flat_fee: Decimal

    @property
    def order(self) -> int | None:
        return None


def tiers_of(price: MeterPrice) -> list[PlacedTier]:
    """Return the tiers of a meter price with their ids and both bounds."""
    return [
        PlacedTier(row, b.start_unit, b.end_unit, b.unit_price, b.flat_fee)
        for row, b in zip(price.tiers, bounds_of(price.shape.tiers), strict=True)
    ]


def find_tier(tiers: Sequence[PlacedTier], tier_id: str) -> int:
    """Return the place of a tier, from 0. Errors: TierNotFound."""
    for place, tier in enumerate(tiers):
        if tier.row.id == tier_id:
            return place
    raise TierNotFound(tier_id=tier_id)


def insert_tier(
    tiers: Sequence[PlacedTier], new: PlacedTier, *, order: int | None, rejoin: bool
) -> list[PlacedTier]:
    """Return the tiers with a new one in its place: at `order`, else where its start says.

    A tier after an open last one closes that one; so does `rejoin` with its neighbours' bounds.
    Errors: TiersNotContiguous (an order past the end).
    """
    place = sum(tier.start_unit < new.start_unit for tier in tiers) if order is None else order - 1
    if not 0 <= place <= len(tiers):
        detail = f"must be 1 to {len(tiers) + 1}"
        raise TiersNotContiguous(errors=[FieldError("/order", "out_of_range", detail)])
    after = [*tiers[:place], new, *tiers[place:]]
    follows_open = place == len(tiers) > 0 and tiers[-1].end_unit is None
    if rejoin or follows_open:
        after = _join_around(after, place, by_one=_steps_by_one(tiers))
    return after


def change_tier(
    tiers: Sequence[PlacedTier],
    tier_id: str,
    changes: Mapping[str, Any],
    *,
    rejoin: bool,
    at: datetime,
) -> list[PlacedTier]:
    """Return the tiers with one changed: `order`, bounds or prices. Errors: TierNotFound."""
    place = find_tier(tiers, tier_id)
    fields = {name: value for name, value in changes.items() if name != "order"}
    changed = replace(tiers[place], **fields)
    order = changes.get("order")
    if changed != tiers[place] or order not in (None, place + 1):
        changed = replace(changed, row=replace(changed.row, updated_at=at))
    rest = [*tiers[:place], *tiers[place + 1 :]]
    target = place if order is None else order - 1
    if not 0 <= target <= len(rest):
        detail = f"must be 1 to {len(tiers)}"
        raise TiersNotContiguous(errors=[FieldError("/order", "out_of_range", detail)])
    after = [*rest[:target], changed, *rest[target:]]
    if rejoin:
        after = _join_around(after, target, by_one=_steps_by_one(tiers))
    return after


def remove_tier(tiers: Sequence[PlacedTier], tier_id: str, *, rejoin: bool) -> list[PlacedTier]:
    """Return the tiers without one. With `rejoin` the tier before it reaches to its end; the
    second begins where the first did. Errors: TierNotFound."""
    place = find_tier(tiers, tier_id)
    gone = tiers[place]
    after = [*tiers[:place], *tiers[place + 1 :]]
    if rejoin and after:
        if place > 0:
            after[place - 1] = replace(after[place - 1], end_unit=gone.end_unit)
        else:
            after[0] = replace(after[0], start_unit=gone.start_unit)
    return after


def _join_around(tiers: list[PlacedTier], place: int, *, by_one: bool) -> list[PlacedTier]:
    """Move the end before the tier at `place`, and the start after it, to its bounds."""
    joined, tier = list(tiers), tiers[place]
    with localcontext(EXACT):
        if place > 0 and not _meet(joined[place - 1].end_unit, tier.start_unit):
            end = tier.start_unit - 1 if by_one and _is_whole(tier.start_unit) else tier.start_unit
            joined[place - 1] = replace(joined[place - 1], end_unit=end)
        if place + 1 < len(joined) and tier.end_unit is not None:
            after = joined[place + 1]
            if not _meet(tier.end_unit, after.start_unit):
                start = tier.end_unit + 1 if by_one and _is_whole(tier.end_unit) else tier.end_unit
                joined[place + 1] = replace(after, start_unit=start)
    return joined


def _meet(end: Decimal | None, start: Decimal) -> bool:
    return end is not None and start in (end, end + 1)


def _steps_by_one(tiers: Sequence[PlacedTier]) -> bool:
    """Tell how the caller writes bounds: 0–100, 101–1000 (also when nothing shows it), or
    0–100, 100–1000."""
    return all(
        before.end_unit is None or after.start_unit != before.end_unit
        for before, after in pairwise(tiers)
    )


def _is_whole(value: Decimal) -> bool:
    return value == value.to_integral_value()
