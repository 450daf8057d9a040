"""Single tiers of a meter price."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.catalog.models import TIER_PREFIX, MeterPrice, TierRow
from tallybook.server.catalog.rules import tiers as rules
from tallybook.server.catalog.rules.tiers import PlacedTier
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import ZERO
from tallybook.server.rating.rules.shape import revise_shape
from tallybook.server.storage import Tx

from .meter_prices import get_meter_price, save_meter_price
from .plans import get_plan


def add_tier(
    tx: Tx,
    space: SpaceId,
    plan: str,
    price_id: str,
    *,
    order: int | None = None,
    start_unit: Decimal,
    end_unit: Decimal | None = None,
    unit_price: Decimal,
    flat_fee: Decimal = ZERO,
    rejoin: bool = False,
    at: datetime,
) -> tuple[MeterPrice, str]:
    """Add a tier; return the meter price after it, and the tier's id.

    Errors: PlanNotFound, MeterPriceNotFound; TiersNotContiguous, PriceShapeInvalid.
    """
    row = TierRow(new_id(TIER_PREFIX), at, at)
    new = PlacedTier(row, start_unit, end_unit, unit_price, flat_fee)

    def edit(tiers: Sequence[PlacedTier]) -> list[PlacedTier]:
        return rules.insert_tier(tiers, new, order=order, rejoin=rejoin)

    return _edit(tx, space, plan, price_id, edit, at=at), row.id


def update_tier(
    tx: Tx,
    space: SpaceId,
    plan: str,
    price_id: str,
    tier_id: str,
    changes: Mapping[str, Any],
    *,
    rejoin: bool = False,
    at: datetime,
) -> MeterPrice:
    """Change a tier's order, bounds or prices; return the meter price after it.

    Errors: PlanNotFound, MeterPriceNotFound, TierNotFound; TiersNotContiguous,
        PriceShapeInvalid.
    """

    def edit(tiers: Sequence[PlacedTier]) -> list[PlacedTier]:
        return rules.change_tier(tiers, tier_id, changes, rejoin=rejoin, at=at)

    return _edit(tx, space, plan, price_id, edit, at=at)


def remove_tier(
    tx: Tx,
    space: SpaceId,
    plan: str,
    price_id: str,
    tier_id: str,
    *,
    rejoin: bool = False,
    at: datetime,
) -> None:
    """Remove a tier.

    Errors: PlanNotFound, MeterPriceNotFound, TierNotFound; TiersNotContiguous;
        PriceShapeInvalid (the only one).
    """
    _edit(
        tx,
        space,
        plan,
        price_id,
        lambda tiers: rules.remove_tier(tiers, tier_id, rejoin=rejoin),
        at=at,
    )


def _edit(
    tx: Tx,
    space: SpaceId,
    plan: str,
    price_id: str,
    edit: Callable[[Sequence[PlacedTier]], list[PlacedTier]],
    *,
    at: datetime,
) -> MeterPrice:
    edited = get_plan(tx, space, plan, lock="update")
    before = get_meter_price(tx, space, edited.id, price_id)
    tiers = edit(rules.tiers_of(before))
    shape = revise_shape(before.shape, tiers=tiers)
    after = replace(before, shape=shape, tiers=tuple(tier.row for tier in tiers))
    return save_meter_price(tx, space, edited, before, after, at=at)
