"""What a period has used, read from its counters: as many reads as meters, not as events."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from tallybook.server.catalog.models import ChargeTerms, ChargeType, MeterTerms, Terms
from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.kernel.periods import calendar_window
from tallybook.server.metering.models import PERIOD_WINDOW, CounterKey, Tally
from tallybook.server.metering.service import counters
from tallybook.server.rating.models import (
    RECURRING_WINDOWS,
    LimitType,
    QuotaWindow,
    WindowUsage,
)
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.models import (
    ChargeUsage,
    MeterUsage,
    Period,
    PeriodUsage,
    Subscription,
    Timeline,
)
from tallybook.server.subscriptions.rules.proration import prorate_units
from tallybook.server.subscriptions.rules.resolve import paying_of, running_at

_INSTANT = timedelta(microseconds=1)


def read_usage(
    tx: Tx,
    space: Space,
    sub: Subscription,
    period: Period,
    terms: Terms,
    timelines: Sequence[Timeline],
) -> PeriodUsage:
    """Return the usage of a period by everything its terms price. `timelines`: the customer's."""
    keys = {
        meter_id: CounterKey(sub.id, meter_id, PERIOD_WINDOW, period.start)
        for meter_id in _metered_ids(terms)
    }
    found = counters.read(tx, space.id, list(keys.values()))
    tallies = {meter_id: found.get(key, Tally()) for meter_id, key in keys.items()}
    restarts = _restarts(timelines, sub, period)
    running = running_at(timelines, period.end - _INSTANT)
    metered = []
    for meter in terms.meters:
        tally = tallies[meter.meter_id]
        paying = paying_of(running, meter_id=meter.meter_id)
        is_addition = paying is not None and paying.timeline.id != sub.id
        if is_addition and not tally.version:
            continue  # its units are used through the subscription that it adds to
        included = None
        if paying is not None and paying.timeline.id == sub.id:
            included = paying.included_units
        windows = _windows(tx, space, sub, period, meter, tally, included, restarts)
        quantity = tally.figure(meter.aggregation)
        metered.append(MeterUsage(meter, windows, quantity, tally.version))
    charges = [
        ChargeUsage(charge, *_charged(tx, space.id, sub, period, charge, tallies))
        for charge in terms.charges
        if charge.charge_type.is_metered and charge.meter_id is not None
    ]
    return PeriodUsage(period.number, period.start, period.end, tuple(metered), tuple(charges))


def counter_versions(
    tx: Tx, space: SpaceId, sub: Subscription, periods: Mapping[int, tuple[Period, Terms]]
) -> dict[int, dict[str, int]]:
    """Return, by period and priced meter, the version of its counter; 0: nothing was counted."""
    keys = {
        (number, meter_id): CounterKey(sub.id, meter_id, PERIOD_WINDOW, period.start)
        for number, (period, terms) in periods.items()
        for meter_id in _metered_ids(terms)
    }
    found = counters.read(tx, space, list(keys.values())) if keys else {}
    versions: dict[int, dict[str, int]] = {number: {} for number in periods}
    for (number, meter_id), key in keys.items():
        versions[number][meter_id] = found.get(key, Tally()).version
    return versions


def _metered_ids(terms: Terms) -> list[str]:
    charged = {charge.meter_id for charge in terms.charges if charge.meter_id is not None}
    return sorted({meter.meter_id for meter in terms.meters} | charged)


def _windows(
    tx: Tx,
    space: Space,
    sub: Subscription,
    period: Period,
    meter: MeterTerms,
    tally: Tally,
    included: Decimal | None,
    restarts: bool,
) -> tuple[WindowUsage, ...]:
    """Return the usage by quota window (semantics, choices 3 and 7)."""
    shape, window = meter.shape, meter.shape.event_quota_window
    whole = tally.figure(meter.aggregation)
    if shape.limit_type is not LimitType.EVENT_QUOTA or window is QuotaWindow.BILLING_PERIOD:
        return (WindowUsage(whole, included_units=included),)
    assert sub.started_at is not None
    start = sub.started_at
    if window in RECURRING_WINDOWS:
        start = calendar_window(window.value, period.start, space.zone).start
    parts = counters.list_windows(
        tx,
        space.id,
        subscription_id=sub.id,
        meter_id=meter.meter_id,
        window=window.value,
        start=min(start, period.start),
        end=period.end,
    )
    before = ZERO
    for at, part in parts:
        if at < period.start:
            before = EXACT.add(before, part.figure(meter.aggregation))
    if window is QuotaWindow.LIFETIME:
        return (WindowUsage(whole, used_before=before, included_units=included),)
    inside: list[tuple[datetime, Tally]] = [part for part in parts if part[0] >= period.start]
    return tuple(
        WindowUsage(
            part.figure(meter.aggregation),
            used_before=before if at == period.start and not restarts else ZERO,
            included_units=_left_of(meter, period, at, included, space),
        )
        for at, part in inside
    )


def _restarts(timelines: Sequence[Timeline], sub: Subscription, period: Period) -> bool:
    """Tell whether other terms began with a period: its windows count from 0 then."""
    return any(
        before.number == period.number - 1 and before.contract_version != period.contract_version
        for timeline in timelines
        if timeline.id == sub.id
        for before in timeline.periods
    )


def _left_of(
    meter: MeterTerms, period: Period, at: datetime, included: Decimal | None, space: Space
) -> Decimal | None:
    """Return the units of a window; of the one that a change of terms cut, what is left of them.

    None: those of the price. Source: semantics, choice 8.
    """
    if at != period.start or period.unit_share == 1:
        return included
    window = calendar_window(meter.shape.event_quota_window.value, at, space.zone)
    units = meter.shape.included_units if included is None else included
    return prorate_units(units, window.share_after(at))


def _charged(
    tx: Tx,
    space: SpaceId,
    sub: Subscription,
    period: Period,
    charge: ChargeTerms,
    tallies: dict[str, Tally],
) -> tuple[Decimal, int]:
    """Return what a metered charge goes by, and the counter's version.

    A seat_based charge goes by the most seats held: the highest value, or the one carried in.
    """
    assert charge.meter_id is not None
    assert charge.meter_aggregation is not None
    tally = tallies[charge.meter_id]
    if charge.charge_type is ChargeType.USAGE_BASED:
        return tally.figure(charge.meter_aggregation), tally.version
    assert sub.started_at is not None
    earlier = counters.list_windows(
        tx,
        space,
        subscription_id=sub.id,
        meter_id=charge.meter_id,
        window=PERIOD_WINDOW,
        start=sub.started_at,
        end=period.start,
    )
    carried = next((part.latest for _, part in reversed(earlier) if part.latest), ZERO)
    return max(tally.highest or ZERO, carried or ZERO), tally.version
