"""The costs that an event of usage brings along.

Source: semantics, choice 19; docs/costs.md#costs-of-events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from tallybook.server.costs.models import USD, Source
from tallybook.server.kernel.money import EXACT, UnknownCurrency, minor_units
from tallybook.server.metering.models import CostCategory, CostType, Meter, MeterStatus
from tallybook.server.metering.rules.meters import cost_as_of
from tallybook.wire.decimals import to_decimal

_PLACES: Final = Decimal("1e-12")
_ROUNDING: Final = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Work:
    """An action of the agent that an event is of: its id, its billable meter, what it costs."""

    action_id: str
    action_type: str
    billable_key: str
    cost_meters: Sequence[Meter]


@dataclass(frozen=True, slots=True)
class Draft:
    """A cost without its place and time. `amount` of None: unpriced, for `reason`."""

    amount: Decimal | None
    currency: str
    category: CostCategory
    source: Source
    reason: str | None = None
    meter_id: str | None = None
    action_id: str | None = None
    price: Mapping[str, Any] | None = None


def to_places(amount: Decimal) -> Decimal:
    """Round a cost to 12 places, half up: the places that are kept."""
    rounded = amount.quantize(_PLACES, context=_ROUNDING)
    return rounded.normalize(_ROUNDING) if rounded else Decimal(0)


def read_direct(attributes: Mapping[str, Any] | None) -> tuple[Decimal, str] | None:
    """Return (amount, currency) that the caller gave, `cost_usd` or `cost`; None: neither.

    Errors: ValueError, that says what is wrong with it; the text begins with the field.
    """
    given = attributes or {}
    if given.get("cost_usd") is not None:
        return _amount("cost_usd", given["cost_usd"]), USD
    cost = given.get("cost")
    if not isinstance(cost, Mapping) or not {"amount", "currency"} <= set(cost):
        return None  # a word of the caller's own
    currency = cost["currency"]
    try:
        minor_units(str(currency))
    except UnknownCurrency:
        raise ValueError("cost/currency: is not an ISO 4217 currency") from None
    return _amount("cost/amount", cost["amount"]), str(currency)


def _amount(field: str, value: object) -> Decimal:
    try:
        amount = to_decimal(value)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None
    if amount < 0:
        raise ValueError(f"{field}: must not be negative")
    return amount


def costs_of(
    *,
    attributes: Mapping[str, Any] | None,
    quantity: Decimal,
    meter: Meter | None,
    is_meter_named: bool,
    works: Sequence[Work],
    action_type: str | None,
    currency: str,
    at: datetime,
) -> list[Draft]:
    """Return what an event costs at its time. `works` are the actions of its agent.

    A given amount is taken as it is; without one, and without a meter named, the cost meters of
    the agent's actions say it. `currency` is the project's, in which cost meters are set.
    """
    mine = matching(works, action_type, (attributes or {}).get("action"))
    direct = read_direct(attributes)
    if direct is not None:
        amount, its_currency = direct
        category = None if meter is None else meter.category
        return [
            Draft(
                amount,
                its_currency,
                category or CostCategory.OTHER,
                Source.DIRECT,
                meter_id=None if meter is None else meter.id,
                action_id=mine[0].action_id if len(mine) == 1 else None,
            )
        ]
    if is_meter_named:
        return []
    made: dict[str, Draft] = {}
    for work in mine:
        for cost_meter in work.cost_meters:
            if cost_meter.status is not MeterStatus.ARCHIVED:
                said = cost_as_of(cost_meter, at)
                draft = _derived(said, attributes, quantity, work.action_id, currency)
                made.setdefault(cost_meter.id, draft)
    return list(made.values())


def matching(works: Sequence[Work], action_type: str | None, named: object) -> list[Work]:
    """Return the actions that an event is of: those of its type, or the one that it names."""
    fitting = [work for work in works if action_type in (None, work.action_type)]
    one = [work for work in fitting if work.billable_key == named]
    return one or fitting


def _derived(
    meter: Meter,
    attributes: Mapping[str, Any] | None,
    quantity: Decimal,
    action_id: str,
    currency: str,
) -> Draft:
    category = meter.category or CostCategory.OTHER
    rate, reason, units = meter.cost_per_unit, None, quantity
    if rate is None:
        reason = "no_cost_per_unit"
    elif meter.cost_type is CostType.VARIABLE:
        try:
            units = to_decimal((attributes or {}).get(meter.value_field or ""))
            reason = "value_missing" if units < 0 else None
        except ValueError:
            reason = "value_missing"
    if reason is not None or rate is None:
        return Draft(None, currency, category, Source.DERIVED, reason, meter.id, action_id)
    price = {"cost_per_unit": format(rate, "f"), "units": format(units, "f")}
    amount = to_places(EXACT.multiply(rate, units))
    return Draft(amount, currency, category, Source.DERIVED, None, meter.id, action_id, price)
