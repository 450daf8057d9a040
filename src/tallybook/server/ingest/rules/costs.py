"""What an event costs, from the event as it was sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tallybook.server.costs.rules.derive import Draft, costs_of
from tallybook.server.ingest.models import Incoming

from .lanes import Names


def brings_cost(item: Incoming) -> bool:
    """Tell whether an event says its cost itself."""
    given: Mapping[str, Any] = item.attributes or {}
    return given.get("cost_usd") is not None or isinstance(given.get("cost"), dict)


def drafts_of(
    item: Incoming, names: Names, currency: str, *, agent_id: str | None, at: datetime
) -> list[Draft]:
    """Return the costs that an event brings: its own, or those of its agent's cost meters."""
    named = item.named
    if named.meter_ref is not None and not brings_cost(item):
        return []
    return costs_of(
        attributes=item.attributes,
        quantity=item.quantity,
        meter=None if named.meter_ref is None else names.meters.get(named.meter_ref),
        is_meter_named=named.meter_ref is not None,
        works=names.works.get(agent_id or "", ()),
        action_type=named.action_type,
        currency=currency,
        at=at,
    )
