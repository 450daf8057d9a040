"""A quota window whose limit was reached is over: its units are granted anew."""

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from tallybook.server.access.models import Entitlement
from tallybook.server.access.rules.entitle import find_entitlement, list_entitlements, reset_of
from tallybook.server.access.rules.standing import OPEN_END
from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.ingest import counting
from tallybook.server.ingest.models import NO_END, WINDOW_END, Crossing, CrossingKind
from tallybook.server.rating.models import QuotaWindow
from tallybook.server.storage import Tx, due
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Subscription
from tallybook.server.subscriptions.rules.next_period import next_period

from .standing import load_lines, load_usage


def tell_limits(tx: Tx, space: Space, customer_id: str, now: datetime) -> None:
    """Tell which limits new terms have lifted above what is used, or lowered to it.

    Call it in the transaction in which a customer's terms changed, after the usage was placed.
    """
    lines = load_lines(tx, space, customer_id, now)
    running = [(line.id, period) for line in lines if (period := line.find_period(now))]
    limited = [f"{line_id} {meter.meter_id}" for line_id, p in running for meter in p.terms.meters]
    reached = due.find_subjects(tx, space.id, kind=WINDOW_END, subject_ids=limited)
    for subject_id in reached:
        end_window(tx, space, subject_id, now, now)
    given = list_entitlements(lines, now, space.zone)
    others = [one for one in given if one.quota and _subject_id(one) not in reached]
    usage = load_usage(tx, space.id, others, now)
    for one in others:
        used = usage[one.feature].counted(one.aggregation)
        if one.quota is not None and 0 < one.quota.limit <= used:
            quota = replace(one.quota, reset_at=reset_of(one))
            crossing = Crossing(CrossingKind.REACHED, customer_id, one.timeline.id, quota, used)
            counting.announce(tx, space.id, crossing, now)


def _subject_id(entitlement: Entitlement) -> str:
    return f"{entitlement.timeline.id} {entitlement.meter_id}"


def end_window(tx: Tx, space: Space, subject_id: str, _due_at: datetime, now: datetime) -> None:
    """Tell `usage.limit_reset`, or wait for the end of the window now if that is used up too.

    `subject_id` is a subscription's id, a space, and a meter's. Where the subscription gives
    the meter no longer, there is no limit to be below.
    """
    subscription_id, _, meter_id = subject_id.partition(" ")
    sub = subscriptions.get(tx, space.id, subscription_id)
    customer = customers.get(tx, space.id, sub.customer_id)
    lines = load_lines(tx, space, customer.id, now)
    entitlement = find_entitlement(
        lines, meter_id, now, space.zone, subscription_id=subscription_id
    )
    if entitlement is None or entitlement.quota is None:
        return
    ends = _end_of(entitlement, sub, space.zone)
    if _is_over(sub, now):
        return
    usage = load_usage(tx, space.id, [entitlement], now)[entitlement.feature]
    used = usage.counted(entitlement.aggregation)
    if used < entitlement.quota.limit:
        quota = replace(entitlement.quota, reset_at=ends)
        crossing = Crossing(CrossingKind.RESET, customer.id, subscription_id, quota, used)
        counting.announce(tx, space.id, crossing, now)
    else:
        due_at = ends or NO_END
        due.schedule(tx, space.id, kind=WINDOW_END, subject_id=subject_id, due_at=due_at)


def _is_over(sub: Subscription, now: datetime) -> bool:
    """Tell whether a subscription ends now, whether that work has been done or not."""
    ends = [at for at in (sub.ended_at, sub.cancel_at, sub.end_date) if at is not None]
    return any(at <= now for at in ends)


def _end_of(entitlement: Entitlement, sub: Subscription, zone: ZoneInfo) -> datetime | None:
    """Return when the window now ends, also where the renewal, due at the same time, is not done.

    Workers may run the two in either order.
    """
    ends = reset_of(entitlement)
    is_ahead = entitlement.period.end == OPEN_END and sub.anchor is not None
    if ends is not None or not is_ahead or entitlement.window is not QuotaWindow.BILLING_PERIOD:
        return ends
    assert sub.anchor is not None
    following = next_period(
        anchor=sub.anchor,
        billing_period=sub.billing_period,
        previous_end=entitlement.period.start,
        end_date=sub.end_date,
        zone=zone,
    )
    return None if following is None else following.end
