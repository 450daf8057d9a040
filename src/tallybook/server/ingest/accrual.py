"""What usage brings, as it is counted: for budgets of revenue, where a space has one."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tallybook.server.costs import spending
from tallybook.server.identity.models import Space
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.metering.models import PERIOD_WINDOW, CounterKey
from tallybook.server.metering.service import counters
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Timeline
from tallybook.server.subscriptions.rules.charges import charge_of

from .rules.enrich import Placed


@dataclass(frozen=True, slots=True)
class Touched:
    """A meter in a period of a subscription, whose usage is about to change."""

    customer_id: str
    subscription_id: str
    meter_id: str
    start: datetime  # of the period

    @property
    def counter(self) -> CounterKey:
        return CounterKey(self.subscription_id, self.meter_id, PERIOD_WINDOW, self.start)


def touched_by(placed: Sequence[Placed]) -> set[Touched]:
    return {
        Touched(lane.customer_id, counter.subscription_id, counter.meter_id, counter.start)
        for lane, counter in {(one.lane, one.spot.counter) for one in placed}
        if counter is not None and lane.customer_id is not None
    }


def touched_since(lines: Sequence[Timeline], starts: Mapping[str, datetime]) -> set[Touched]:
    """Return all that is counted anew, where each subscription is from `starts` on."""
    found = set()
    for line in lines:
        for period in line.periods:
            if line.id not in starts or period.start < starts[line.id]:
                continue
            metered = {meter.meter_id for meter in period.terms.meters}
            charged = {c.meter_id for c in period.terms.charges if c.meter_id is not None}
            for meter_id in metered | charged:
                found.add(Touched(line.customer_id, line.id, meter_id, period.start))
    return found


@contextmanager
def booked(
    tx: Tx,
    space: Space,
    timelines: Mapping[str, Sequence[Timeline]],
    touched: Collection[Touched],
    now: datetime,
) -> Iterator[None]:
    """Count what the usage that changes inside brings into the budgets of revenue.

    Nobody else changes these counters before the commit, so no charge is taken twice.
    """
    if not space.watches_revenue or not touched:
        yield
        return
    counters.lock(tx, space.id, {one.counter for one in touched})
    before = _charges(tx, space, timelines, touched)
    yield
    after = _charges(tx, space, timelines, touched)
    changes = {key: EXACT.subtract(amount, before.get(key, ZERO)) for key, amount in after.items()}
    spending.count_revenue(tx, space, changes, now)


def _charges(
    tx: Tx,
    space: Space,
    timelines: Mapping[str, Sequence[Timeline]],
    touched: Collection[Touched],
) -> dict[tuple[str, str], Decimal]:
    """Return what the usage of these meters comes to, by customer and currency."""
    meters: dict[tuple[str, str, datetime], set[str]] = {}
    for one in touched:
        key = (one.customer_id, one.subscription_id, one.start)
        meters.setdefault(key, set()).add(one.meter_id)
    charges: dict[tuple[str, str], Decimal] = {}
    for (customer_id, subscription_id, start), wanted in sorted(meters.items()):
        lines = timelines[customer_id]
        line = next(line for line in lines if line.id == subscription_id)
        period = next(period for period in line.periods if period.start == start)
        if period.is_trial:
            continue
        sub = subscriptions.get(tx, space.id, subscription_id)
        stored = subscriptions.get_period(tx, space.id, subscription_id, period.number)
        usage = subscriptions.read_usage(tx, space, sub, stored, period.terms, lines)
        whose = (customer_id, period.terms.currency)
        charges[whose] = EXACT.add(charges.get(whose, ZERO), charge_of(usage, wanted))
    return charges
