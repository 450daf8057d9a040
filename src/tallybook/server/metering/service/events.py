"""Event rows, for those who take them in and those who look at them."""

from tallybook.server.metering.rules.packed import pack_owner
from tallybook.server.metering.store.events import (
    count_by_meter,
    find_by_keys,
    find_by_position,
    find_waiting,
    from_row,
    hold_customers,
    list_events,
    list_unmatched,
    list_usage,
    mark_over_limit,
    remove,
    rewrite,
    save_places,
    scan_customer,
    scan_subscribed,
    share_customers,
    sum_by_meter,
    sum_of_space,
)
from tallybook.server.metering.store.inserts import (
    find_firsts,
    insert_new,
    reserve_positions,
)

__all__ = [
    "count_by_meter",
    "find_by_keys",
    "find_by_position",
    "find_firsts",
    "find_waiting",
    "from_row",
    "hold_customers",
    "insert_new",
    "list_events",
    "list_unmatched",
    "list_usage",
    "mark_over_limit",
    "pack_owner",
    "remove",
    "reserve_positions",
    "rewrite",
    "save_places",
    "scan_customer",
    "scan_subscribed",
    "share_customers",
    "sum_by_meter",
    "sum_of_space",
]
