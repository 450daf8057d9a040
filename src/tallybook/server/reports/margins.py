"""Revenue against cost: per customer, agent, action, meter or day.

Accrued: what the span's work and time brought, invoiced or not yet. A line of a period that lies
only partly in the span counts by its usage there, or by time where it bills no additive usage.
Invoiced: the lines of invoices issued in the span. Both are net of tax; void invoices are none,
and credit notes count on their day.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Final, Literal

from tallybook.server.billing.preview import owed
from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.models import AgentAction
from tallybook.server.costs import lookup as costs
from tallybook.server.costs.models import Cost, Status
from tallybook.server.costs.rules.derive import to_places
from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.invoicing import service as invoicing
from tallybook.server.invoicing.models import CreditLine, Invoice, InvoiceStatus, Line
from tallybook.server.kernel import clock
from tallybook.server.kernel.errors import Refusal
from tallybook.server.kernel.periods import Span
from tallybook.server.metering import meters
from tallybook.server.metering.models import Meter
from tallybook.server.metering.service import events
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.models import Status as SubscriptionStatus

Group = Literal["customer", "agent", "action", "meter", "day"]
Basis = Literal["accrued", "invoiced"]
Key = str | None
_PAGE: Final = 100
_LIVE: Final = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
_COUNTED: Final = frozenset(set(InvoiceStatus) - {InvoiceStatus.VOID})
DAYS_MAX: Final = 366
_DIVISION: Final = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(slots=True)
class Sums:
    """Of one group, in one currency, exactly."""

    revenue: Fraction = Fraction(0)
    cost: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    unpriced: int = 0

    def join(self, other: "Sums") -> None:
        self.revenue += other.revenue
        self.unpriced += other.unpriced
        for category, amount in other.cost.items():
            self.cost[category] += amount


@dataclass(frozen=True, slots=True)
class Report:
    """By (currency, group); a group of None is what belongs to none."""

    groups: Mapping[tuple[str, Key], Sums]
    totals: Mapping[str, Sums]
    unattributed: Mapping[str, Fraction]
    unpriced: int
    names: Mapping[str, str]  # of the groups, to show
    quantities: Mapping[str, Decimal]  # of actions: how much work was done
    actions: Mapping[str, AgentAction]


def report(tx: Tx, space: Space, span: Span, group_by: Group, basis: Basis) -> Report:
    """Add a span up. Errors: none of its own; what no tier covers brings nothing."""
    actions = catalog.list_actions(tx, space.id)
    book = _Book(tx, space, span, group_by, actions)
    for customer_id, line, currency, at in _lines(tx, space, basis):
        book.add_line(customer_id, line, currency, at, basis)
    for cost in costs.scan(tx, space.id, span):
        book.add_cost(cost)
    totals: dict[str, Sums] = defaultdict(Sums)
    for (currency, _), sums in book.groups.items():
        totals[currency].join(sums)
    return Report(
        groups=book.groups,
        totals=totals,
        unattributed=book.unattributed,
        unpriced=book.unpriced,
        names=_names(tx, space, group_by, book, actions),
        quantities=_quantities(tx, space, span, actions) if group_by == "action" else {},
        actions={action.id: action for action in actions},
    )


def _lines(tx: Tx, space: Space, basis: Basis) -> Iterator[tuple[str, Line, str, datetime]]:
    """Return (customer, line, currency, when it was issued) of all that may fall in the span."""
    for invoice in _invoices(tx, space):
        is_draft = invoice.status is InvoiceStatus.DRAFT
        if invoice.status not in _COUNTED or (basis == "invoiced" and is_draft):
            continue
        issued = space.midnight(invoice.issue_date)
        for line in invoice.lines:
            yield invoice.customer_id, line, invoice.currency, issued
    yield from _credited(tx, space)
    if basis == "accrued":
        yield from _unbilled(tx, space)


def _invoices(tx: Tx, space: Space) -> Iterator[Invoice]:
    page = PageRequest(limit=_PAGE, order="asc")
    while True:
        rows, found = invoicing.list_page(tx, space.id, page, now=space.now(clock.now()))
        yield from found
        if rows.last is None:
            return
        page = PageRequest(limit=_PAGE, order="asc", after=rows.last)


def _credited(tx: Tx, space: Space) -> Iterator[tuple[str, Line, str, datetime]]:
    """Return what credit notes took back, on the day of each, as lines below zero."""
    page = PageRequest(limit=_PAGE, order="asc")
    while True:
        rows, found = invoicing.list_credit_notes(tx, space.id, page, status="issued")
        for note in found:
            of_invoice = invoicing.get(tx, space.id, note.invoice_id).lines
            billed = {line.id: line for line in of_invoice}
            for part in note.figures.lines:
                line = billed.get(part.line_id or "", of_invoice[0] if len(billed) == 1 else None)
                yield note.customer_id, _taken_back(part, line), note.currency, note.created_at
        if rows.last is None:
            return
        page = PageRequest(limit=_PAGE, order="asc", after=rows.last)


def _taken_back(part: CreditLine, of: Line | None) -> Line:
    """Return a credit note's line as an invoice's, of the same meter and agent, with no period."""
    less = -part.amount
    return Line(
        id=part.id,
        sort_order=0,
        description=part.description,
        meter_id=None if of is None else of.meter_id,
        agent_id=None if of is None else of.agent_id,
        subtotal=less,
        discount=less - less,
        total=less,
        tax=-part.tax,
    )


def _unbilled(tx: Tx, space: Space) -> Iterator[tuple[str, Line, str, datetime]]:
    """Return what periods that are running have used so far."""
    for status in _LIVE:
        page = PageRequest(limit=_PAGE, order="asc")
        while True:
            found = subscriptions.list_page(tx, space.id, page, status=status.value)
            for sub in found.facts.values():
                customer = customers.get(tx, space.id, sub.customer_id)
                try:
                    now = owed(tx, space, customer, contract_id=sub.contract_id)
                except Refusal:  # a price that does not cover the usage: its invoice will be held
                    continue
                at = now.period_start or sub.created_at
                for line in now.figures.lines:
                    yield sub.customer_id, line, now.currency, at
            if found.rows.last is None:
                break
            page = PageRequest(limit=_PAGE, order="asc", after=found.rows.last)


class _Book:
    """Sums as they are added up."""

    def __init__(
        self,
        tx: Tx,
        space: Space,
        span: Span,
        group_by: Group,
        actions: Sequence[AgentAction],
    ) -> None:
        self.groups: dict[tuple[str, Key], Sums] = defaultdict(Sums)
        self.unattributed: dict[str, Fraction] = defaultdict(Fraction)
        self.unpriced = 0
        self._tx, self._space, self._span, self._by = tx, space, span, group_by
        self._by_meter: dict[str, AgentAction] = {a.billable_meter.id: a for a in actions}
        self._by_id = {action.id: action for action in actions}
        self._meters: dict[str, Meter] = {}

    def add_cost(self, cost: Cost) -> None:
        if cost.status is Status.VOIDED:
            return
        sums = self.groups[cost.currency, self._group_of_cost(cost)]
        if cost.status is Status.UNPRICED:
            self.unpriced += 1
            sums.unpriced += 1
        if cost.amount is None:
            return
        amount = Fraction(cost.amount)
        sums.cost[cost.category.value] += amount
        if cost.customer_id is None:
            self.unattributed[cost.currency] += amount

    def _group_of_cost(self, cost: Cost) -> Key:
        match self._by:
            case "customer":
                return cost.customer_id
            case "agent":
                return cost.agent_id
            case "action":
                return cost.action_id
            case "meter":
                action = self._by_id.get(cost.action_id or "")
                return cost.meter_id if action is None else action.billable_meter.id
            case "day":
                return self._day(cost.at)

    def add_line(
        self, customer_id: str, line: Line, currency: str, issued: datetime, basis: Basis
    ) -> None:
        for start, share in self._shares(customer_id, line, issued, basis):
            amount = Fraction(line.total) * share
            if not amount:
                continue
            if self._by == "day":
                self.groups[currency, self._day(start)].revenue += amount
                continue
            if self._by == "customer":
                self.groups[currency, customer_id].revenue += amount
                continue
            for key, part in self._owners(customer_id, line):
                self.groups[currency, key].revenue += amount * part

    def _owners(self, customer_id: str, line: Line) -> list[tuple[Key, Fraction]]:
        """Return whose work a line bills, with each one's share."""
        action = self._by_meter.get(line.meter_id or "")
        match self._by:
            case "meter":
                return [(line.meter_id, Fraction(1))]
            case "action":
                return [(None if action is None else action.id, Fraction(1))]
            case _:
                if action is not None:
                    return [(action.agent_id, Fraction(1))]
                return self._agents(customer_id, line)

    def _agents(self, customer_id: str, line: Line) -> list[tuple[Key, Fraction]]:
        whole: list[tuple[Key, Fraction]] = [(line.agent_id, Fraction(1))]
        meter = self._meter(line.meter_id)
        if meter is None or line.period_start is None or line.period_end is None:
            return whole
        if line.agent_id is not None or not meter.aggregation.is_additive:
            return whole
        span = Span(line.period_start, line.period_end)
        found = events.sum_by_meter(
            self._tx, self._space.id, customer_id, span, meter_id=meter.id, by=["agent"]
        )
        total = sum((Fraction(value) for *_, value in found), Fraction(0))
        if not total:
            return whole
        return [(group["agent"], Fraction(value) / total) for _, group, _, value in found]

    def _shares(
        self, customer_id: str, line: Line, issued: datetime, basis: Basis
    ) -> list[tuple[datetime, Fraction]]:
        """Return when, within the span, which share of a line was earned."""
        start, end = line.period_start, line.period_end
        if basis == "invoiced" or start is None or end is None or end <= start:
            at = issued if basis == "invoiced" or start is None else start
            return [(at, Fraction(1))] if self._span.start <= at < self._span.end else []
        period, inside = Span(start, end), self._inside(start, end)
        if inside is None:
            return []
        parts = self._days(inside) if self._by == "day" else [inside]
        if parts == [period]:
            return [(start, Fraction(1))]
        by_usage = self._by_usage(customer_id, line, period, parts)
        if by_usage is not None:
            return by_usage
        whole = Fraction((end - start) // timedelta(microseconds=1))
        return [
            (part.start, Fraction((part.end - part.start) // timedelta(microseconds=1)) / whole)
            for part in parts
        ]

    def _by_usage(
        self, customer_id: str, line: Line, period: Span, parts: Sequence[Span]
    ) -> list[tuple[datetime, Fraction]] | None:
        meter = self._meter(line.meter_id)
        if meter is None or not meter.aggregation.is_additive:
            return None
        total = self._used(customer_id, meter, period)
        if not total:
            return None
        return [(part.start, self._used(customer_id, meter, part) / total) for part in parts]

    def _used(self, customer_id: str, meter: Meter, span: Span) -> Fraction:
        found = events.sum_by_meter(
            self._tx, self._space.id, customer_id, span, meter_id=meter.id, by=[]
        )
        return sum((Fraction(value) for *_, value in found), Fraction(0))

    def _meter(self, meter_id: str | None) -> Meter | None:
        if meter_id is None:
            return None
        if meter_id not in self._meters:
            found = meters.find_meters(self._tx, self._space.id, {meter_id})
            self._meters.update({meter.id: meter for meter in found.values()})
        return self._meters.get(meter_id)

    def _inside(self, start: datetime, end: datetime) -> Span | None:
        first, last = max(start, self._span.start), min(end, self._span.end)
        return Span(first, last) if first < last else None

    def _days(self, span: Span) -> list[Span]:
        parts, at = [], span.start
        while at < span.end:
            day = at.astimezone(self._space.zone).date()
            ends = min(self._space.midnight(day + timedelta(days=1)), span.end)
            parts.append(Span(at, ends))
            at = ends
        return parts

    def _day(self, at: datetime) -> str:
        day: date = at.astimezone(self._space.zone).date()
        return day.isoformat()


def _names(
    tx: Tx, space: Space, by: Group, book: _Book, actions: Sequence[AgentAction]
) -> dict[str, str]:
    keys = {key for _, key in book.groups if key is not None}
    match by:
        case "customer":
            return {key: customers.get(tx, space.id, key).name for key in keys}
        case "agent":
            return {key: catalog.get_agent(tx, space.id, key).name for key in keys}
        case "action":
            return {action.id: action.name for action in actions}
        case "meter":
            found = meters.find_meters(tx, space.id, keys)
            return {meter.id: meter.key for meter in found.values()}
        case "day":
            return {key: key for key in keys}


def _quantities(
    tx: Tx, space: Space, span: Span, actions: Sequence[AgentAction]
) -> dict[str, Decimal]:
    """Return how much of each action was done, by everybody."""
    found = events.sum_of_space(tx, space.id, span, {a.billable_meter.id for a in actions})
    return {
        action.id: found[action.billable_meter.id]
        for action in actions
        if action.billable_meter.id in found and action.billable_meter.aggregation.is_additive
    }


def to_amount(exact: Fraction) -> Decimal:
    """Return a sum at the 12 places that costs have, half up."""
    ratio = _DIVISION.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return to_places(ratio)
