"""What an event costs, from the event as it was sent."""

from collections.abc import Mapping
from typing import Any

from tallybook.server.costs.rules.derive import Draft, costs_of
from tallybook.server.ingest.models import Incoming
from tallybook.server.metering.models import Event

from .lanes import Names


def brings_cost(item: Incoming) -> bool:
    """Tell whether an event says its cost itself."""
    given: Mapping[str, Any] = item.attributes or {}
    return given.get("cost_usd") is not None or isinstance(given.get("cost"), dict)


def drafts_of(item: Incoming, event: Event, names: Names, currency: str) -> list[Draft]:
    """Return the costs that an event brings: its own, or those of its agent's cost meters."""
    if item.meter_ref is not None and not brings_cost(item):
        return []
    works = names.works.get(event.agent_id or "", ())
    return costs_of(
        attributes=item.attributes,
        quantity=item.quantity,
        meter=None if item.meter_ref is None else names.meters.get(item.meter_ref),
        is_meter_named=item.meter_ref is not None,
        works=works,
        action_type=item.action_type,
        currency=currency,
        at=event.at,
    )
