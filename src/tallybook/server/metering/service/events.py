"""Event rows, for those who take them in and those who look at them."""

from tallybook.server.metering.store.events import (
    any_for_meter,
    find_by_keys,
    find_by_position,
    from_row,
    insert_new,
    list_events,
    list_usage,
    mark_over_limit,
    pack_owner,
    reserve_positions,
    scan_accepted,
    scan_subscribed,
    sum_by_meter,
)

__all__ = [
    "any_for_meter",
    "find_by_keys",
    "find_by_position",
    "from_row",
    "insert_new",
    "list_events",
    "list_usage",
    "mark_over_limit",
    "pack_owner",
    "reserve_positions",
    "scan_accepted",
    "scan_subscribed",
    "sum_by_meter",
]
