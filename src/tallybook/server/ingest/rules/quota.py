"""Which window an event counts in, and how much of it is granted.

Source: semantics, choices 3, 5 and 7; docs/events.md#limits.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from tallybook.server.ingest.models import Quota
from tallybook.server.kernel.periods import calendar_window
from tallybook.server.metering.models import CounterKey
from tallybook.server.rating.models import RECURRING_WINDOWS, LimitType, QuotaWindow
from tallybook.server.subscriptions.models import Timeline, TimelinePeriod
from tallybook.server.subscriptions.rules.resolve import Paying


def quota_of(paying: Paying, counter: CounterKey, at: datetime, zone: ZoneInfo) -> Quota | None:
    """Return the quota window that an event falls in; None where the meter has no quota.

    `counter` is the meter's counter of the whole period. A window over two periods has a counter
    in each, so that the earlier period is billed without the later one.
    """
    terms, period = paying.meter, paying.period
    if terms.shape.limit_type is not LimitType.EVENT_QUOTA:
        return None
    limit, window = paying.included_units, terms.shape.event_quota_window
    name = (counter.subscription_id, counter.meter_id, window.value)
    if window in RECURRING_WINDOWS:
        span = calendar_window(window.value, at, zone)
        part = CounterKey(*name, max(span.start, period.start))
        since = max(span.start, counting_since(paying.timeline, period))
        return Quota(part, limit, terms, span.end, since)
    if window is QuotaWindow.LIFETIME:
        part = CounterKey(*name, period.start)
        return Quota(part, limit, terms, None, paying.timeline.started_at)
    return Quota(counter, limit, terms, period.end, period.start)


def counting_since(timeline: Timeline, period: TimelinePeriod) -> datetime:
    """Return when the windows of a period began to count: a change of terms starts at 0."""
    start = period.start
    for before in reversed(timeline.periods):
        if before.number >= period.number:
            continue
        if before.contract_version != period.contract_version or before.end != start:
            break
        start = before.start
    return start
