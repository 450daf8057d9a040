"""Meters, as answers show them."""

from tallybook.wire import meters as wire

from .models import Meter


def meter_to_wire(meter: Meter) -> wire.Meter:
    return wire.Meter(
        id=meter.id,
        key=meter.key,
        name=meter.name,
        kind=meter.kind.value,
        aggregation=meter.aggregation.value,
        unit_label=meter.unit_label,
        value_field=meter.value_field,
        description=meter.description,
        status=meter.status.value,
        cost_type=None if meter.cost_type is None else meter.cost_type.value,
        cost_per_unit=meter.cost_per_unit,
        category=None if meter.category is None else meter.category.value,
        earlier_costs=[
            wire.EarlierCost(
                until=one.until,
                cost_type=None if one.cost_type is None else one.cost_type.value,
                cost_per_unit=one.cost_per_unit,
                value_field=one.value_field,
            )
            for one in meter.earlier_costs
        ],
        metadata=dict(meter.metadata),
        created_at=meter.created_at,
        updated_at=meter.updated_at,
    )
