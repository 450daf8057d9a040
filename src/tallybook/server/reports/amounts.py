"""What usage comes to, where the span that is asked for is a billing period."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from tallybook.server.identity.models import Space
from tallybook.server.kernel.money import quantize_money
from tallybook.server.metering.models import PERIOD_WINDOW, CounterKey, Tally
from tallybook.server.metering.service import counters
from tallybook.server.rating.errors import UncoveredQuantity
from tallybook.server.rating.models import WindowUsage
from tallybook.server.rating.rules.pipeline import rate_usage
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Timeline
from tallybook.server.subscriptions.rules.resolve import Paying, find_paying
from tallybook.wire.events import UsageItem


def price(
    tx: Tx,
    space: Space,
    customer_id: str,
    items: Sequence[UsageItem],
    *,
    start: datetime,
    end: datetime,
) -> list[UsageItem]:
    """Return the items, with what their meters' usage comes to where that can be told.

    It can when [start, end) is exactly one period of the subscription that pays for the meter,
    and all of the meter's usage in it counts for that subscription. The amount is the usage
    charge on the period's terms, rounded as an invoice line; 0 in a trial; without minimum,
    plan charges and tax.
    """
    lines = subscriptions.timelines(tx, space.id, {customer_id}, since=start)[customer_id]
    return [_priced(tx, space, item, lines, start=start, end=end) for item in items]


def _priced(
    tx: Tx,
    space: Space,
    item: UsageItem,
    lines: Sequence[Timeline],
    *,
    start: datetime,
    end: datetime,
) -> UsageItem:
    paying = find_paying(lines, meter_id=item.meter_id, at=start)
    if paying is None or (paying.period.start, paying.period.end) != (start, end):
        return item
    if not _counts_all(tx, space, item, paying):
        return item
    windows = _windows(tx, space, paying, lines)
    currency = paying.period.terms.currency
    try:
        rated = rate_usage(paying.meter.shape, windows)
    except UncoveredQuantity:  # it is not for us to guess what is past the last tier
        return item
    amount = Decimal(0) if paying.period.is_trial else rated.amount
    return item.model_copy(
        update={
            "billable_quantity": rated.billable_units,
            "included_units": paying.included_units,
            "amount": quantize_money(amount, currency),
            "currency": currency,
        }
    )


def _counts_all(tx: Tx, space: Space, item: UsageItem, paying: Paying) -> bool:
    """Tell whether the span's usage is what the period has counted: an event may name another."""
    key = CounterKey(paying.timeline.id, item.meter_id, PERIOD_WINDOW, paying.period.start)
    tally = counters.read(tx, space.id, [key]).get(key, Tally())
    figure = tally.figure(paying.meter.aggregation)
    return (tally.events, figure) == (item.events, item.quantity)


def _windows(
    tx: Tx, space: Space, paying: Paying, lines: Sequence[Timeline]
) -> tuple[WindowUsage, ...]:
    sub = subscriptions.get(tx, space.id, paying.timeline.id)
    period = subscriptions.get_period(tx, space.id, sub.id, paying.period.number)
    used = subscriptions.read_usage(tx, space, sub, period, paying.period.terms, lines)
    return next(
        meter.windows for meter in used.meters if meter.terms.meter_id == paying.meter.meter_id
    )
