"""Which fields of a meter fit together, and what an edit does to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tallybook.server.kernel.errors import FieldError
from tallybook.server.metering.errors import MeterHasEvents, MeterInvalid
from tallybook.server.metering.models import CostType, EarlierCost, Meter, MeterKind

FROZEN: Final = ("kind", "aggregation", "key")  # once events exist
DEFINITION: Final = ("name", "aggregation", "unit_label", "value_field", "description")
_COST_FIELDS: Final = ("cost_type", "cost_per_unit", "category")


def check_meter(meter: Meter, *, pointer: str = "") -> None:
    """Raise MeterInvalid unless the fields fit together.

    A variable cost reads an attribute, so it names one; a cost per unit says how it is meant.
    """
    wrong: list[tuple[str, str]] = []
    if meter.kind is MeterKind.BILLABLE:
        given = [name for name in _COST_FIELDS if getattr(meter, name) is not None]
        wrong += [(name, "only cost meters have it") for name in given]
    else:
        if meter.cost_type is CostType.VARIABLE and meter.value_field is None:
            wrong.append(("value_field", "a variable cost needs the attribute it reads"))
        if meter.cost_type is not None and meter.cost_per_unit is None:
            wrong.append(("cost_per_unit", f"a {meter.cost_type} cost needs it"))
        if meter.cost_per_unit is not None and meter.cost_type is None:
            wrong.append(("cost_type", "say whether the cost is fixed or variable"))
    if wrong:
        errors = [FieldError(f"{pointer}/{name}", "does_not_fit", why) for name, why in wrong]
        raise MeterInvalid(errors=errors)


def changed(meter: Meter, changes: Mapping[str, Any], at: datetime) -> Meter:
    """Return the meter with the changes, or the same object when nothing differs.

    `metadata` is merged; a null in it deletes its key.
    Errors: MeterHasEvents (a frozen field); MeterInvalid.
    """
    fields = dict(changes)
    if "metadata" in fields:
        merged = {**meter.metadata, **fields["metadata"]}
        fields["metadata"] = {key: value for key, value in merged.items() if value is not None}
    after = replace(meter, **fields)
    if after == meter:
        return meter
    frozen = [name for name in FROZEN if getattr(after, name) != getattr(meter, name)]
    if meter.events_seen and frozen:
        raise MeterHasEvents(
            meter_id=meter.id,
            errors=[FieldError(f"/{name}", "frozen", "events were counted") for name in frozen],
        )
    check_meter(after)
    return replace(_keeping_costs(meter, after, at), updated_at=at)


def _keeping_costs(before: Meter, after: Meter, at: datetime) -> Meter:
    """Return a changed meter that knows what its events cost until now."""
    if after.kind is not MeterKind.COST or _cost(before) == _cost(after):
        return after
    known = after.earlier_costs
    if known and known[-1].until >= at:  # in between, it was in force for no time
        return after
    return replace(after, earlier_costs=(*known, EarlierCost(at, *_cost(before))))


def _cost(meter: Meter) -> tuple[CostType | None, Decimal | None, str | None]:
    return meter.cost_type, meter.cost_per_unit, meter.value_field


def cost_as_of(meter: Meter, at: datetime) -> Meter:
    """Return a cost meter as it was in force at a time; before the first change, as it was made.

    Source: semantics, Costs; docs/costs.md#costs-of-events.
    """
    earlier = next((one for one in meter.earlier_costs if at < one.until), None)
    if earlier is None:
        return meter
    return replace(
        meter,
        cost_type=earlier.cost_type,
        cost_per_unit=earlier.cost_per_unit,
        value_field=earlier.value_field,
    )


def is_same_definition(meter: Meter, definition: Mapping[str, Any]) -> bool:
    """Tell whether a meter measures what a definition says; absent fields are not compared."""
    return all(getattr(meter, name) == value for name, value in definition.items())
