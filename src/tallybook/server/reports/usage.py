"""A customer's usage, added up over a span."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tallybook.server.identity.models import Space
from tallybook.server.kernel.errors import FieldError, InvalidInput
from tallybook.server.kernel.money import plain
from tallybook.server.kernel.periods import Span
from tallybook.server.metering import meters
from tallybook.server.metering.models import Aggregation, Event, Meter, Tally
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx
from tallybook.wire.events import UsageItem

from .amounts import price

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
    space: Space,
    customer_id: str,
    *,
    start: datetime,
    end: datetime,
    meter: Meter | None,
    group_by: Sequence[str],
) -> list[UsageItem]:
    """Return the usage of [start, end) by meter, and by what else is asked for.

    Days are local days of the project. Voided and unmatched events do not count. Amounts are
    told where the span is a billing period: see `amounts.price`.
    """
    span = Span(start, end)
    only = None if meter is None else meter.id
    groups = list(dict.fromkeys(name for name in group_by if name != "meter"))
    sums: Sequence[Row] = ()
    if set(groups) <= {"agent"}:  # the database can add these up itself, in one pass
        sums = events.sum_by_meter(tx, space.id, customer_id, span, meter_id=only, by=groups)
        found = {meter_id for meter_id, *_ in sums}
    else:
        found = set(events.count_by_meter(tx, space.id, customer_id, span, meter_id=only))
    known: dict[str, Meter] = {m.id: m for m in meters.find_meters(tx, space.id, found).values()}
    if sums and all(known[meter_id].aggregation.is_additive for meter_id in found):
        rows: Iterable[Row] = sums
    else:
        scan = events.scan_customer(tx, space.id, customer_id, span, meter_id=only)
        rows = _count(scan, known, groups, space.zone)
    items = _items(known, rows)
    if groups:
        return items
    return price(tx, space, customer_id, items, start=start, end=end)


Row = tuple[str, dict[str, Any], int, Decimal]


def _count(
    scanned: Iterable[Event], known: Mapping[str, Meter], groups: Sequence[str], zone: ZoneInfo
) -> Iterable[Row]:
    counted: dict[tuple[str, tuple[Any, ...]], Tally] = {}
    members: dict[tuple[str, tuple[Any, ...]], set[str]] = {}
    for event in scanned:
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
    attributes = json.loads(event.attributes, parse_float=Decimal) if event.attributes else {}
    value = attributes.get(name.removeprefix(ATTRIBUTE_PREFIX))
    if value is None or isinstance(value, str | bool):
        return value
    return plain(value) if isinstance(value, Decimal) else json.dumps(value, default=str)


def _items(known: Mapping[str, Meter], rows: Iterable[Row]) -> list[UsageItem]:
    items = [
        UsageItem(
            meter=known[meter_id].key,
            meter_id=meter_id,
            aggregation=known[meter_id].aggregation.value,
            group=group,
            events=count,
            quantity=figure,
        )
        for meter_id, group, count, figure in rows
    ]
    return sorted(items, key=lambda item: (item.meter, [str(v) for v in item.group.values()]))
