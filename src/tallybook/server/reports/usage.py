"""A customer's usage, added up over a span."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import plain
from tallybook.server.metering import meters
from tallybook.server.metering.models import Aggregation, Event, Meter, Tally
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx
from tallybook.wire.events import UsageItem

GROUPS = ("meter", "agent", "day")
ATTRIBUTE_PREFIX = "attribute:"


def check_groups(group_by: Sequence[str]) -> None:
    """Errors: InvalidInput, for what usage cannot be grouped by."""
    for name in group_by:
        is_attribute = name.startswith(ATTRIBUTE_PREFIX) and len(name) > len(ATTRIBUTE_PREFIX)
        if name not in GROUPS and not is_attribute:
            detail = f"must be of {', '.join(GROUPS)}, {ATTRIBUTE_PREFIX}<name>"
            raise InvalidInput(errors=[FieldError("?group_by", "invalid", detail)])


def aggregate(
    tx: Tx,
    space: SpaceId,
    customer_id: str,
    *,
    start: datetime,
    end: datetime,
    meter: Meter | None,
    group_by: Sequence[str],
    zone: ZoneInfo,
) -> list[UsageItem]:
    """Return the usage of [start, end) by meter, and by what else is asked for.

    Days are local days in `zone`. Voided and unmatched events do not count.
    """
    known = {one.id: one for one in meters.list_meters(tx, space)}
    if meter is not None:
        known[meter.id] = meter
    meter_id = None if meter is None else meter.id
    groups = [name for name in group_by if name != "meter"]
    wanted = known.values() if meter is None else [meter]
    if all(one.aggregation.is_additive for one in wanted) and set(groups) <= {"agent"}:
        sums = events.sum_by_meter(
            tx, space, customer_id, start=start, end=end, meter_id=meter_id, by=groups
        )
        return _items(known, ((found, group, count, total) for found, group, count, total in sums))
    scan = events.scan_accepted(tx, space, customer_id, start=start, end=end, meter_id=meter_id)
    return _items(known, _count(scan, known, groups, zone))


Row = tuple[str, dict[str, Any], int, Decimal]


def _count(
    events: Iterable[Event], known: Mapping[str, Meter], groups: Sequence[str], zone: ZoneInfo
) -> Iterable[Row]:
    counted: dict[tuple[str, tuple[Any, ...]], Tally] = {}
    members: dict[tuple[str, tuple[Any, ...]], set[str]] = {}
    for event in events:
        if event.meter_id is None or event.meter_id not in known or event.value is None:
            continue
        key = (event.meter_id, tuple(_group(event, name, zone) for name in groups))
        counted[key] = tallies.add(counted.get(key, Tally()), event.value, event.at)
        if event.member is not None:
            members.setdefault(key, set()).add(event.member)
    for (meter_id, group), tally in counted.items():
        aggregation = known[meter_id].aggregation
        distinct = Decimal(len(members.get((meter_id, group), ())))
        is_set = aggregation is Aggregation.UNIQUE_COUNT
        figure = distinct if is_set else tally.figure(aggregation)
        yield meter_id, dict(zip(groups, group, strict=True)), tally.events, figure


def _group(event: Event, name: str, zone: ZoneInfo) -> Any:
    if name == "agent":
        return event.agent_id
    if name == "day":
        return event.at.astimezone(zone).date().isoformat()
    attributes = json.loads(event.attributes) if event.attributes else {}
    value = attributes.get(name.removeprefix(ATTRIBUTE_PREFIX))
    return value if value is None or isinstance(value, str | bool) else str(value)


def _items(known: Mapping[str, Meter], rows: Iterable[Row]) -> list[UsageItem]:
    items = [
        UsageItem(
            meter=known[meter_id].key,
            meter_id=meter_id,
            aggregation=known[meter_id].aggregation.value,
            group=group,
            events=events,
            quantity=Decimal(plain(figure)),
        )
        for meter_id, group, events, figure in rows
        if meter_id in known
    ]
    return sorted(items, key=lambda item: (item.meter, [str(v) for v in item.group.values()]))
