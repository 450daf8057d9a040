"""What the demo makes, through the API alone: a business that sells the work of AI agents."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from tallybook import Tallybook
from tallybook.client.types.costs import CostInput
from tallybook.client.types.plans import Tier
from tallybook.client.types.usage import UsageInput
from tallybook.wire.base import format_instant

BATCH: Final = 500
GRACE: Final = timedelta(hours=2)  # after a period's end its invoice waits an hour for late usage
DEPOSITS: Final = (100, 250, 500)
PAID_BY_TRANSFER: Final = 3  # every third customer has no wallet and pays its invoices itself
PLAN: Final = "team"
NAMES: Final = (
    *("Acme Robotics", "Blue Fjord", "Cedar Health", "Delta Freight", "Ember Studio"),
    *("Falcon Legal", "Greenhouse", "Harbor Bank", "Iris Optics", "Juniper Travel"),
    *("Kestrel Energy", "Lumen Press", "Maple Foods", "Northwind", "Orchid Hotels"),
)
AGENTS: Final = ("researcher", "coder", "supporter")
MODELS: Final = {"small": Decimal("0.000002"), "large": Decimal("0.000009")}  # USD a token
TIERS: Final[tuple[Tier, ...]] = (
    {"start_unit": "0", "end_unit": "1000000", "unit_price": "0.00001"},
    {"start_unit": "1000000", "end_unit": "5000000", "unit_price": "0.000008"},
    {"start_unit": "5000000", "end_unit": None, "unit_price": "0.000005"},
)


@dataclass(frozen=True, slots=True)
class Month:
    """A stretch of usage, ending where the clock is set next."""

    start: datetime
    end: datetime


class Story:
    """Fills a test space; `moved` is told how many of `steps` are done."""

    def __init__(
        self,
        client: Tallybook,
        *,
        customers: int,
        events: int,
        now: datetime,
        moved: Callable[[int, str], None],
    ) -> None:
        self._client = client
        self._events = events
        self._moved = moved
        self._done = 0
        self._random = random.Random(7)  # noqa: S311 - the same story each time
        self._months = months(now)
        self._customers = [
            (f"customer-{number + 1}", _name(number)) for number in range(max(customers, 1))
        ]

    @property
    def steps(self) -> int:
        return self._events + len(self._customers)

    def tell(self) -> dict[str, Any]:
        """Make everything; return what there is to see."""
        self._client.test_clock.advance(self._months[0].start)
        self._sell()
        self._win_customers()
        share, rest = divmod(self._events, len(self._months))
        for index, month in enumerate(self._months):
            is_last = index == len(self._months) - 1
            self._live_through(month, share + (rest if is_last else 0), is_last=is_last)
        return self._seen()

    def _sell(self) -> None:
        """Two meters, three agents, a plan of 20 a month with prices per token and per task."""
        client = self._client
        client.meters.create(name="Tokens", key="tokens", aggregation="sum", unit_label="token")
        client.meters.create(name="Tasks", key="tasks", aggregation="count", unit_label="task")
        for name in AGENTS:
            client.agents.create(name=name.title(), external_id=name, status="active")
        client.plans.create(name="Team", key=PLAN, features=["audit_log"])
        client.pricing.add_price_to_plan(
            PLAN, market="global", base_price=20, billing_period="monthly"
        )
        prices = client.plans.meter_prices
        prices.create(
            PLAN, meter="tokens", pricing_model="graduated", tiers=TIERS, included_units=100_000
        )
        prices.create(
            PLAN, meter="tasks", pricing_model="per_unit", unit_price="0.05", included_units=50
        )

    def _win_customers(self) -> None:
        for number, (external_id, name) in enumerate(self._customers):
            customer = self._client.customers.create(name=name, external_id=external_id)
            if number % PAID_BY_TRANSFER:
                wallet = self._client.wallets.get_or_create(customer.id, "USD")
                wallet.top_up(
                    amount=self._random.choice(DEPOSITS), idempotency_key=f"deposit-{external_id}"
                )
            customer.subscribe(plan=PLAN)
            self._step(1, "customers")

    def _live_through(self, month: Month, events: int, *, is_last: bool) -> None:
        """A month of usage; then its end, with the invoices of the next."""
        at = month.end if is_last else month.end - timedelta(minutes=1)
        self._client.test_clock.advance(at)
        for batch in _batches(self._usage(month, events), BATCH):
            self._client.usage.create_batch(batch)
            self._client.costs.create_batch([_cost(event) for event in batch if _is_call(event)])
            self._step(len(batch), f"usage of {month.start:%B %Y}")
        if not is_last:
            self._pay_what_is_open()
            self._client.test_clock.advance(month.end + GRACE)

    def _usage(self, month: Month, events: int) -> Iterator[UsageInput]:
        pick, span = self._random, (month.end - month.start) - timedelta(minutes=5)
        weights = [1 / (1 + index) for index in range(len(self._customers))]
        for number in range(events):
            (customer,) = pick.choices(self._customers, weights)
            at = month.start + span * pick.random()
            is_task = number % 4 == 0
            yield {
                "customer_external_id": customer[0],
                "meter": "tasks" if is_task else "tokens",
                "quantity": "1" if is_task else str(pick.randint(200, 20_000)),
                "agent": pick.choice(AGENTS),
                "timestamp": format_instant(at.replace(microsecond=0)),
                "attributes": {"model": pick.choice(list(MODELS))},
                "idempotency_key": f"demo-{month.start:%Y%m}-{number}",
            }

    def _pay_what_is_open(self) -> None:
        """Bank transfers of those without a wallet; one of them always forgets."""
        for invoice in self._client.invoices.list(status="open", limit=100):
            if invoice.customer_id == self._forgetful:
                continue
            self._client.payments.create(
                customer_id=invoice.customer_id,
                invoice_id=invoice.id,
                amount=invoice.amount_due,
                payment_method="bank_transfer",
                status="completed",
            )

    @cached_property
    def _forgetful(self) -> str:
        return self._client.customers.get(external_id=self._customers[0][0]).id

    def _seen(self) -> dict[str, Any]:
        names = {it.id: it.name for it in self._client.customers.list(limit=100)}
        found = list(self._client.invoices.list(limit=100))
        invoices = [
            {
                "number": it.number,
                "customer": names[it.customer_id],
                "period_start": None if it.period_start is None else f"{it.period_start:%Y-%m-%d}",
                "total": str(it.total),
                "amount_due": str(it.amount_due),
                "currency": it.currency,
                "status": "past_due" if it.past_due else it.status,
            }
            for it in found
        ]
        largest = max(found, key=lambda it: it.total)
        now = self._client.test_clock.get().now
        margins = self._client.margins.report(
            group_by="agent", start=self._months[0].start, end=self._months[-1].end
        )
        return {
            "now": format_instant(now),
            "customers": len(names),
            "invoices": invoices,
            "margins": [
                {
                    "agent": line.group.get("name") or "(fees)" if line.group else "total",
                    "revenue": _cents(line.revenue),
                    "cost": _cents(line.cost),
                    "margin": _cents(line.margin),
                    "percent": None if line.margin_percent is None else str(line.margin_percent),
                    "currency": line.currency,
                }
                for line in (*margins.lines, *margins.totals)
            ],
            "explained": {
                "number": largest.number,
                "customer": names[largest.customer_id],
                "total": str(largest.total),
                "lines": [
                    {
                        "description": line.description,
                        "quantity": str(line.quantity),
                        "included": str(line.included_units_used or 0),
                        "billable": str(line.billable_units or line.quantity),
                        "total": str(line.total),
                    }
                    for line in largest.line_items
                ],
            },
        }

    def _step(self, count: int, what: str) -> None:
        self._done += count
        self._moved(self._done, what)


def months(now: datetime) -> list[Month]:
    """Return the two whole months before `now`, and the one that runs."""
    this = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = _month_before(this)
    end = max(now.replace(microsecond=0), this + timedelta(hours=3))
    return [Month(_month_before(before), before), Month(before, this), Month(this, end)]


def _is_call(event: UsageInput) -> bool:
    return event["meter"] == "tokens"


def _cost(event: UsageInput) -> CostInput:
    """What the tokens of an event cost: they come from models."""
    price = MODELS[str(event["attributes"]["model"])]
    return {
        "customer_external_id": event["customer_external_id"],
        "agent": event["agent"],
        "category": "llm",
        "amount": price * Decimal(str(event["quantity"])),
        "timestamp": event["timestamp"],
        "idempotency_key": f"cost-{event['idempotency_key']}",
    }


def _cents(amount: Decimal) -> str:
    return str(amount.quantize(Decimal("0.01")))


def _month_before(first: datetime) -> datetime:
    return (first - timedelta(days=1)).replace(day=1)


def _name(number: int) -> str:
    round_of, index = divmod(number, len(NAMES))
    return NAMES[index] if not round_of else f"{NAMES[index]} {round_of + 1}"


def _batches(events: Iterator[UsageInput], size: int) -> Iterator[Sequence[UsageInput]]:
    batch: list[UsageInput] = []
    for event in events:
        batch.append(event)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
