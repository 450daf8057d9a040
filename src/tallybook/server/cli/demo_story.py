"""What the demo makes, through the API alone: a business that sells the work of AI agents."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tallybook import Tallybook
from tallybook.client.calls import prepare
from tallybook.wire.base import format_instant

BATCH: Final = 500
GRACE: Final = timedelta(hours=2)  # after a period's end its invoice waits an hour for late usage
PAID_BY_TRANSFER: Final = 3  # every third customer has no wallet and pays its invoices itself
PLAN: Final = "team"
NAMES: Final = (
    *("Acme Robotics", "Blue Fjord", "Cedar Health", "Delta Freight", "Ember Studio"),
    *("Falcon Legal", "Greenhouse", "Harbor Bank", "Iris Optics", "Juniper Travel"),
    *("Kestrel Energy", "Lumen Press", "Maple Foods", "Northwind", "Orchid Hotels"),
)
AGENTS: Final = ("researcher", "coder", "supporter")
MODELS: Final = ("small", "large")
TIERS: Final = (
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
        self._post("/test-clock/advance", {"to": format_instant(self._months[0].start)})
        self._sell()
        self._win_customers()
        share, rest = divmod(self._events, len(self._months))
        for index, month in enumerate(self._months):
            is_last = index == len(self._months) - 1
            self._live_through(month, share + (rest if is_last else 0), is_last=is_last)
        return self._seen()

    def _sell(self) -> None:
        """Two meters, three agents, a plan of 20 a month with prices per token and per task."""
        token = {"name": "Tokens", "key": "tokens", "aggregation": "sum", "unit_label": "token"}
        task = {"name": "Tasks", "key": "tasks", "aggregation": "count", "unit_label": "task"}
        self._post("/meters", token)
        self._post("/meters", task)
        for name in AGENTS:
            self._post("/agents", {"name": name.title(), "external_id": name, "status": "active"})
        self._post("/plans", {"name": "Team", "key": PLAN, "features": ["audit_log"]})
        price = {"market": "global", "base_price": "20", "billing_period": "monthly"}
        self._post(f"/plans/{PLAN}/prices", price)
        tokens = {"meter": "tokens", "pricing_model": "graduated", "tiers": list(TIERS)}
        tasks = {"meter": "tasks", "pricing_model": "per_unit", "unit_price": "0.05"}
        for shape, included in ((tokens, "100000"), (tasks, "50")):
            self._post(f"/plans/{PLAN}/meter-prices", {**shape, "included_units": included})

    def _win_customers(self) -> None:
        for number, (external_id, name) in enumerate(self._customers):
            made = self._post("/customers", {"name": name, "external_id": external_id})
            if number % PAID_BY_TRANSFER:
                wallet = self._call("PUT", f"/customers/{made['id']}/wallets/USD", {})
                amount = str(self._random.choice((50, 100, 250)))
                self._post(f"/wallets/{wallet['id']}/top-ups", {"amount": amount})
            self._post("/subscriptions", {"customer_id": made["id"], "plan": PLAN})
            self._step(1, "customers")

    def _live_through(self, month: Month, events: int, *, is_last: bool) -> None:
        """A month of usage; then its end, with the invoices of the next."""
        at = month.end if is_last else month.end - timedelta(minutes=1)
        self._post("/test-clock/advance", {"to": format_instant(at)})
        for batch in _batches(self._usage(month, events), BATCH):
            self._post("/events/batch", {"events": batch})
            self._step(len(batch), f"usage of {month.start:%B %Y}")
        if not is_last:
            self._pay_what_is_open()
            self._post("/test-clock/advance", {"to": format_instant(month.end + GRACE)})

    def _usage(self, month: Month, events: int) -> Iterator[dict[str, Any]]:
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
                "attributes": {"model": pick.choice(MODELS)},
                "idempotency_key": f"demo-{month.start:%Y%m}-{number}",
            }

    def _pay_what_is_open(self) -> None:
        """Bank transfers of those without a wallet; one of them always forgets."""
        for invoice in self._list("/invoices?status=open&limit=100"):
            customer = self._call("GET", f"/customers/{invoice['customer_id']}")
            if customer["external_id"] == self._customers[0][0]:
                continue
            body = {
                "customer_id": invoice["customer_id"],
                "invoice_id": invoice["id"],
                "amount": invoice["amount_due"],
                "payment_method": "bank_transfer",
                "status": "completed",
            }
            self._post("/payments", body)

    def _seen(self) -> dict[str, Any]:
        names = dict(self._customers)
        by_id = {it["id"]: it["external_id"] for it in self._list("/customers?limit=100")}
        invoices = [
            {
                "number": it["number"],
                "customer": names.get(by_id.get(it["customer_id"], ""), it["customer_id"]),
                "period_start": it["period_start"],
                "total": it["total"],
                "amount_due": it["amount_due"],
                "currency": it["currency"],
                "status": "past_due" if it["past_due"] else it["status"],
            }
            for it in self._list("/invoices?limit=100")
        ]
        now = self._call("GET", "/test-clock")["now"]
        return {"now": now, "customers": len(names), "invoices": invoices}

    def _step(self, count: int, what: str) -> None:
        self._done += count
        self._moved(self._done, what)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, body)

    def _list(self, path: str) -> list[Any]:
        found: list[Any] = []
        page = self._call("GET", path)
        found.extend(page["data"])
        while page["has_more"]:
            page = self._call("GET", f"{path}&cursor={page['next_cursor']}")
            found.extend(page["data"])
        return found

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        client = self._client
        call = prepare(client.options, method, path, body=body, options={})
        return client.transport.send(call, client.options).json()


def months(now: datetime) -> list[Month]:
    """Return the two whole months before `now`, and the one that runs."""
    this = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = _month_before(this)
    end = max(now.replace(microsecond=0), this + timedelta(hours=3))
    return [Month(_month_before(before), before), Month(before, this), Month(this, end)]


def _month_before(first: datetime) -> datetime:
    return (first - timedelta(days=1)).replace(day=1)


def _name(number: int) -> str:
    round_of, index = divmod(number, len(NAMES))
    return NAMES[index] if not round_of else f"{NAMES[index]} {round_of + 1}"


def _batches(events: Iterator[dict[str, Any]], size: int) -> Iterator[Sequence[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for event in events:
        batch.append(event)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
