"""What a price would have billed: the real usage of past periods, rated on other terms.

Whole billing periods are compared that began in the span and are closed and invoiced: what their
invoices say, net of tax, and what they would say on the rehearsed price. Nothing is written.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tallybook.server.billing.rules.lines import opening_lines, usage_lines
from tallybook.server.catalog.models import ChargeTerms, ChargeType, MeterTerms, Terms
from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import Refusal
from tallybook.server.kernel.money import ZERO, quantize_money
from tallybook.server.kernel.periods import Span, calendar_window
from tallybook.server.metering.models import Tally
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.metering.service import events
from tallybook.server.rating.models import LimitType, QuotaWindow, WindowUsage
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import (
    ChargeUsage,
    MeterUsage,
    Period,
    PeriodUsage,
    Subscription,
)
from tallybook.server.subscriptions.rules.proration import prorate_units

KIND: Final = "rehearsal"
_PAGE: Final = 100
_GRACE: Final = timedelta(hours=1)  # a period's usage is invoiced so long after its end


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is rehearsed. Without a plan everybody is asked who paid in the price's currency."""

    terms: Terms
    span: Span
    plan_id: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "terms": self.terms.to_json(),
            "start": self.span.start.isoformat(),
            "end": self.span.end.isoformat(),
            "plan_id": self.plan_id,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Rehearsal":
        start, end = (datetime.fromisoformat(stored[name]) for name in ("start", "end"))
        return cls(Terms.from_json(stored["terms"]), Span(start, end), stored["plan_id"])


def plan(tx: Tx, space: Space, params: Mapping[str, Any]) -> list[Any]:
    """Return the ids of the customers to look at."""
    asked = Rehearsal.from_json(params)
    found: dict[str, None] = {}
    page = PageRequest(limit=_PAGE, order="asc")
    while True:
        some = subscriptions.list_page(tx, space.id, page, plan=asked.plan_id)
        for sub in some.facts.values():
            if sub.started_at is not None and sub.started_at < asked.span.end:
                found[sub.customer_id] = None
        if some.rows.last is None:
            return list(found)
        page = PageRequest(limit=_PAGE, order="asc", after=some.rows.last)


def part(tx: Tx, space: Space, params: Mapping[str, Any], part: Any) -> dict[str, Any] | None:
    """Return what one customer was billed, and would have been; None for nobody's periods."""
    asked = Rehearsal.from_json(params)
    billed = would_be = quantize_money(ZERO, asked.terms.currency)
    count, reason = 0, None
    for sub in subscriptions.list_for_customer(tx, space.id, part):
        for period in _periods(tx, space, sub, asked):
            count += 1
            reason = reason or _misfit(sub, asked.terms)
            if reason is not None:
                break
            try:
                would_be += _rated(tx, space, sub, period, asked.terms)
            except Refusal as error:
                reason = error.message
                break
            billed += invoicing.billed_for_period(tx, space.id, sub.id, period.number)
    if not count:
        return None
    customer = customers.get(tx, space.id, part)
    about = {
        "customer_id": customer.id,
        "customer_external_id": customer.external_id,
        "name": customer.name,
        "periods": count,
    }
    if reason is not None:
        return {**about, "reason": reason}
    return {
        **about,
        "billed": format(billed, "f"),
        "would_be": format(would_be, "f"),
        "difference": format(would_be - billed, "f"),
    }


def result(params: Mapping[str, Any], found: list[Any]) -> dict[str, Any]:
    """Return all customers, and their sums."""
    asked = Rehearsal.from_json(params)
    rated = [one for one in found if one is not None and "reason" not in one]
    zero = quantize_money(ZERO, asked.terms.currency)
    sums = {
        name: format(sum((Decimal(one[name]) for one in rated), zero), "f")
        for name in ("billed", "would_be", "difference")
    }
    return {
        "currency": asked.terms.currency,
        "customers": rated,
        "unrated": [one for one in found if one is not None and "reason" in one],
        "totals": {**sums, "customers": len(rated)},
    }


def _periods(tx: Tx, space: Space, sub: Subscription, asked: Rehearsal) -> Iterator[Period]:
    """Return the closed and invoiced periods that began in the span, on the plan if one is set."""
    until = space.now(clock.now()) - _GRACE
    for period in subscriptions.list_periods(tx, space.id, sub.id):
        inside = asked.span.start <= period.start < asked.span.end
        if not inside or period.is_trial or not period.is_closed or period.end > until:
            continue
        version = subscriptions.get_version(tx, space.id, sub.contract_id, period.contract_version)
        if asked.plan_id in (None, version.terms.plan_id):
            yield period


def _misfit(sub: Subscription, terms: Terms) -> str | None:
    if sub.currency != terms.currency:
        return f"pays in {sub.currency}, the price is in {terms.currency}"
    if sub.billing_period is not terms.billing_period:
        return f"pays {sub.billing_period.value}, the price is {terms.billing_period.value}"
    return None


def _rated(tx: Tx, space: Space, sub: Subscription, period: Period, terms: Terms) -> Decimal:
    is_first = not any(
        one.number < period.number and not one.is_trial
        for one in subscriptions.list_periods(tx, space.id, sub.id)
    )
    lines = opening_lines(sub, period, terms, is_first=is_first, zone=space.zone)
    usage = _usage(tx, space, sub, period, terms)
    for some in usage_lines(sub, period, usage).values():
        lines += some
    zero = quantize_money(ZERO, sub.currency)
    return sum((quantize_money(line.amount or ZERO, sub.currency) for line in lines), zero)


@dataclass(slots=True)
class _Counted:
    """One meter's usage, by window: those of the period, and what came before in its window."""

    period: Tally = field(default_factory=Tally)
    before: Tally = field(default_factory=Tally)  # of the window that the period began in
    windows: dict[datetime, Tally] = field(default_factory=lambda: defaultdict(Tally))
    members: set[str] = field(default_factory=set)
    carried: Decimal = ZERO  # the last value before the period


def _usage(tx: Tx, space: Space, sub: Subscription, period: Period, terms: Terms) -> PeriodUsage:
    """Count a period's raw events by what the terms price; no counter knows other windows."""
    priced: dict[str, MeterTerms] = {meter.meter_id: meter for meter in terms.meters}
    metered_charges = [charge for charge in terms.charges if charge.meter_id is not None]
    charged: dict[str, ChargeTerms] = {c.meter_id or "": c for c in metered_charges}
    counted: dict[str, _Counted] = {key: _Counted() for key in {*priced, *charged}}
    span = Span(_since(space, sub, period, terms), period.end)
    for event in events.scan_customer(tx, space.id, sub.customer_id, span):
        mine = event.subscription_id in (sub.id, None)
        if not mine or event.meter_id not in counted:
            continue
        meter = priced.get(event.meter_id)
        _count(counted[event.meter_id], event.at, event.value, event.member, meter, period, space)
    metered = tuple(
        MeterUsage(
            meter,
            _windows(meter, counted[meter.meter_id], period),
            counted[meter.meter_id].period.figure(meter.aggregation),
            0,
        )
        for meter in terms.meters
    )
    charges = tuple(
        ChargeUsage(charge, _charged_by(charge.charge_type, counted[meter_id], charge), 0)
        for meter_id, charge in charged.items()
        if charge.charge_type.is_metered
    )
    return PeriodUsage(period.number, period.start, period.end, metered, charges)


def _since(space: Space, sub: Subscription, period: Period, terms: Terms) -> datetime:
    """Return from when on usage matters to a period: its windows may have begun before it."""
    assert sub.started_at is not None
    if any(charge.charge_type is ChargeType.SEAT_BASED for charge in terms.charges):
        return sub.started_at
    starts = [period.start]
    for meter in terms.meters:
        window = _window_of(meter)
        if window is QuotaWindow.LIFETIME:
            return sub.started_at
        if window is not None:
            starts.append(calendar_window(window.value, period.start, space.zone).start)
    return max(min(starts), sub.started_at)


def _window_of(meter: MeterTerms) -> QuotaWindow | None:
    """Return the window in which units are granted anew, None for the billing period."""
    shape = meter.shape
    if shape.limit_type is not LimitType.EVENT_QUOTA:
        return None
    window = shape.event_quota_window
    return None if window is QuotaWindow.BILLING_PERIOD else window


def _count(
    counted: _Counted,
    at: datetime,
    value: Decimal | None,
    member: str | None,
    meter: MeterTerms | None,
    period: Period,
    space: Space,
) -> None:
    inside = at >= period.start
    if member is not None:  # of a unique_count meter, whose only window is the period
        if inside:
            fresh = 0 if member in counted.members else 1
            counted.members.add(member)
            counted.period = tallies.add_members(counted.period, fresh, 1)
        return
    amount = value or ZERO
    if inside:
        counted.period = tallies.add(counted.period, amount, at)
    else:
        counted.carried = amount
    window = None if meter is None else _window_of(meter)
    if window is None:
        return
    if window is QuotaWindow.LIFETIME:
        start = None
    else:
        start = calendar_window(window.value, at, space.zone).start
        first = calendar_window(window.value, period.start, space.zone).start
        if not inside and start != first:
            return
    if not inside:
        counted.before = tallies.add(counted.before, amount, at)
    elif start is not None:
        counted.windows[start] = tallies.add(counted.windows[start], amount, at)


def _windows(meter: MeterTerms, counted: _Counted, period: Period) -> tuple[WindowUsage, ...]:
    whole = counted.period.figure(meter.aggregation)
    window = _window_of(meter)
    before = counted.before.figure(meter.aggregation)
    if window is None:
        included = None
        if period.unit_share != 1:
            included = prorate_units(meter.shape.included_units, period.unit_share)
        return (WindowUsage(whole, included_units=included),)
    if window is QuotaWindow.LIFETIME:
        return (WindowUsage(whole, used_before=before),)
    return tuple(
        WindowUsage(
            part.figure(meter.aggregation), used_before=before if at < period.start else ZERO
        )
        for at, part in sorted(counted.windows.items())
    )


def _charged_by(kind: ChargeType, counted: _Counted, charge: ChargeTerms) -> Decimal:
    if kind is ChargeType.SEAT_BASED:
        return max(counted.period.highest or ZERO, counted.carried)
    assert charge.meter_aggregation is not None
    return counted.period.figure(charge.meter_aggregation)
