"""Which subscription of a customer pays for a meter at a time.

Source: semantics, choice 31; docs/subscriptions.md#several-subscriptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tallybook.server.catalog.models import MeterTerms
from tallybook.server.kernel.money import EXACT
from tallybook.server.rating.models import QuotaWindow
from tallybook.server.subscriptions.models import Timeline, TimelinePeriod

from .proration import prorate_units


@dataclass(frozen=True, slots=True)
class Paying:
    """The subscription that a meter's usage counts for, and on which terms."""

    timeline: Timeline
    period: TimelinePeriod
    meter: MeterTerms
    included_units: Decimal  # its own, and those that its addons add
    addons: tuple[Timeline, ...]  # that add some


def find_paying(
    timelines: Sequence[Timeline],
    *,
    meter_id: str,
    at: datetime,
    subscription_id: str | None = None,
) -> Paying | None:
    """Return the subscription that usage of a meter counts for; None: nobody pays for it.

    The earliest started wins. An addon gives way to its parent plan where both price the meter,
    and adds its included units to the parent's. A subscription that is named is the only choice.
    Holds: usage counts for one subscription at most.
    """
    return paying_of(running_at(timelines, at), meter_id=meter_id, subscription_id=subscription_id)


Running = Sequence[tuple[Timeline, TimelinePeriod]]


def running_at(timelines: Sequence[Timeline], at: datetime) -> Running:
    """Return what runs at a time, the earliest started first."""
    found = [(line, period) for line in timelines if (period := line.find_period(at)) is not None]
    return sorted(found, key=lambda one: (one[0].started_at, one[0].id))


def paying_of(
    at_once: Running, *, meter_id: str, subscription_id: str | None = None
) -> Paying | None:
    """Return which of some that run at once usage of a meter counts for, as `find_paying` does."""
    running = [
        (timeline, period, meter)
        for timeline, period in at_once
        if (meter := period.terms.find_meter(meter_id)) is not None
    ]
    plans = {period.terms.plan_id for _, period, _ in running}
    for timeline, period, meter in running:
        is_addition = period.terms.parent_plan_id in plans
        wanted = not is_addition if subscription_id is None else timeline.id == subscription_id
        if wanted:
            adding = [a for a in running if a[1].terms.parent_plan_id == period.terms.plan_id]
            included = _included(period, meter)
            for _, added_period, added in adding:
                included = EXACT.add(included, _included(added_period, added))
            return Paying(timeline, period, meter, included, tuple(a[0] for a in adding))
    return None


def _included(period: TimelinePeriod, meter: MeterTerms) -> Decimal:
    """Return the units that a window of the period grants (semantics, choice 8)."""
    units, share = meter.shape.included_units, period.unit_share
    if share == 1 or meter.shape.event_quota_window is not QuotaWindow.BILLING_PERIOD:
        return units
    return prorate_units(units, share)
