"""Whatever comes in, in whatever order: counters say what the raw events amount to."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from starlette.testclient import TestClient

from tallybook.server.metering.service import counters
from tallybook.server.reports.verify import verify_counters
from tallybook.server.storage import Database
from tests.billing.conftest import Books
from tests.conftest import application, open_project

from .truth import METERS, Figures, Line, Place, Sent, Truth

pytestmark = pytest.mark.slow
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
BACKFILL = timedelta(days=35)
DAYS_MAX = 130
EXAMPLES = {"sqlite": 12, "postgresql": 2}
GROUPS = [
    ("count", "answers"),
    ("sum", "free", "ever"),
    ("latest", "average"),
    ("max", "min", "weekly"),
    ("unique_count", "people"),
    ("hourly", "daily"),
    ("daily", "monthly"),
]
_numbers = count(1)

ages = st.one_of(
    st.integers(0, 2).map(lambda hours: timedelta(hours=hours)),  # often at one time
    st.integers(0, 45).map(lambda days: timedelta(days=days)),  # on the bounds of windows
    st.timedeltas(-timedelta(minutes=4), timedelta(days=45)),
)
quantities = (st.integers(0, 5) | st.decimals(0, 10**6, places=6)).map(Decimal)
items = st.fixed_dictionaries(
    {
        "customer": st.sampled_from(["acme", "acme", "beta", "gamma"]),
        "meter": st.integers(0, 5),
        "quantity": quantities,
        "age": ages,
        "named": st.sampled_from([None, None, None, 0, 1]),
        "by_agent": st.booleans(),
        "user": st.sampled_from(["ann", "bob", "cem"]),
        "repeats": st.sampled_from([True, False, False, False]),
        "which": st.integers(0, 99),
    }
)


def z(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


class Usage(RuleBasedStateMachine):
    """A project on a set clock: acme has two plans, beta and gamma come later."""

    def __init__(self, db: Database, http: TestClient, meters: Sequence[str]) -> None:
        super().__init__()
        home = open_project(db, f"P{next(_numbers)}")
        http.headers["Authorization"] = f"Bearer {home.test_key}"
        self.db, self.space, self.books = db, home.test.id, Books(http)
        self.truth, self.now, self.keys = Truth(), BEGIN, count(1)
        self.known = {"acme", "beta"}
        self.meters = meters
        self.sold = frozenset(meters) - {"free"}

    @initialize(batch=st.lists(items, min_size=10, max_size=20))
    def open(self, batch: list[dict[str, Any]]) -> None:
        self.books.advance(z(BEGIN))
        self.books.post("/agents", {"name": "Bot", "external_id": "bot"})
        for key in self.meters:
            meter = {"name": key, "key": key, "aggregation": METERS[key][0]}
            if key == "people":
                meter["value_field"] = "user"
            if key == "answers":
                action = {"name": key, "action_type": "task", "billable_meter": meter}
                self.books.post("/agents/bot/actions", action)
            else:
                self.books.post("/meters", meter)
        found = self.books.get("/meters", limit=100)["data"]
        self.meter_keys = {meter["id"]: meter["key"] for meter in found}
        for plan in ("pro", "more"):
            self.sell(plan)
        for name in sorted(self.known):
            self.books.customer(name)
        self.subscribe("acme", "pro", days=0)
        self.wait(days=40, hours=0)
        self.subscribe("acme", "more", days=10)
        self.send(batch)

    def sell(self, plan: str) -> None:
        self.books.plan(plan)
        for meter in sorted(self.sold):
            shape: dict[str, Any] = {"pricing_model": "per_unit", "unit_price": "0"}
            if window := METERS[meter][1]:
                quota = {"limit_type": "event_quota", "event_quota_window": window}
                shape |= {"included_units": "7", **quota}
            self.books.price(plan, meter, **shape)

    def subscribe(self, customer: str, plan: str, *, days: int) -> None:
        start = (self.now - timedelta(days=days)).date().isoformat()
        made = self.books.subscribe(customer, plan, start_date=start)
        start_at, end = (
            datetime.fromisoformat(made[f"current_period_{name}"]) for name in ("start", "end")
        )
        self.truth.lines[customer].append(Line(made["id"], self.sold, start_at, end))

    @rule(batch=st.lists(items, min_size=1, max_size=10))
    def send(self, batch: list[dict[str, Any]]) -> None:
        """Events of any time, some of them repeats, of what came before or of this batch."""
        sent, expected = [], []
        for item in batch:
            event = self._event(item)
            first = self.truth.sent.setdefault((event.customer, event.key), event)
            sent.append(event)
            expected.append(event.status if first is event else "duplicate")
        is_old = any(event.at < self.now - BACKFILL for event in sent)
        body = {"events": [self._body(event) for event in sent], "backfill": is_old}
        results = self.books.post("/events/batch", body)["results"]
        assert [result["status"] for result in results] == expected
        for event, result in zip(sent, results, strict=True):
            event.id = result["id"]
            assert self.truth.sent[event.customer, event.key].id == event.id

    def _event(self, item: dict[str, Any]) -> Sent:
        customer, key = item["customer"], f"k{next(self.keys)}"
        earlier = list(self.truth.sent)
        if item["repeats"] and earlier:
            customer, key = earlier[item["which"] % len(earlier)]
        lines = self.truth.lines[customer]
        meter = self.meters[item["meter"] % len(self.meters)]
        named = item["named"]
        return Sent(
            customer=customer,
            key=key,
            meter=meter,
            quantity=item["quantity"],
            at=self.now - item["age"],
            agent="bot" if item["by_agent"] else None,
            user=item["user"] if meter == "people" else None,
            subscription=None if named is None or named >= len(lines) else lines[named].id,
            status="accepted" if customer in self.known else "unmatched",
        )

    def _body(self, event: Sent) -> dict[str, Any]:
        body: dict[str, Any] = {
            "customer_external_id": event.customer,
            "idempotency_key": event.key,
            "quantity": f"{event.quantity:f}",
            "timestamp": z(event.at),
        }
        if event.agent is None or event.meter != "answers":
            body["meter"] = event.meter
        if event.agent is not None:
            body |= {"agent": event.agent, "action_type": "task"}
        if event.user is not None:
            body["attributes"] = {"user": event.user}
        if event.subscription is not None:
            body["subscription_id"] = event.subscription
        return body

    @precondition(lambda self: self.truth.sent)
    @rule(which=st.integers(0, 99))
    def void(self, which: int) -> None:
        sent = list(self.truth.sent.values())
        event = sent[which % len(sent)]
        assert self.books.post(f"/events/{event.id}/void")["status"] == "voided"
        event.status = "voided"

    @precondition(lambda self: self.now < BEGIN + timedelta(days=DAYS_MAX))
    @rule(days=st.integers(1, 25), hours=st.sampled_from([0, 0, 7]))
    def wait(self, days: int, hours: int) -> None:
        """Time goes on, and periods with it; what comes later may belong to closed ones."""
        self.now += timedelta(days=days, hours=hours)
        self.books.advance(z(self.now))
        for lines in self.truth.lines.values():
            for line in lines:
                now = self.books.get(f"/subscriptions/{line.id}")
                line.end = datetime.fromisoformat(now["current_period_end"])

    @precondition(lambda self: not self.truth.lines["beta"])
    @rule(days=st.integers(0, 28))
    def subscribe_the_one_who_has_used(self, days: int) -> None:
        self.subscribe("beta", "pro", days=days)

    @precondition(lambda self: "gamma" not in self.known)
    @rule(days=st.integers(0, 28), is_replayed=st.sampled_from([True, True, False]))
    def make_the_customer_who_has_used(self, days: int, is_replayed: bool) -> None:
        self.books.customer("gamma")
        self.known.add("gamma")
        self.subscribe("gamma", "pro", days=days)
        if is_replayed:
            self.replay()

    @precondition(lambda self: any(one.status == "unmatched" for one in self.truth.sent.values()))
    @rule()
    def replay(self) -> None:
        waiting = [one for one in self.truth.sent.values() if one.status == "unmatched"]
        matched = [one for one in waiting if one.customer in self.known]
        made = self.books.post("/events/replay", {})
        assert (made["matched"], made["duplicates"]) == (len(matched), 0)
        for event in matched:
            event.status = "accepted"

    @invariant()
    def counters_are_what_was_sent(self) -> None:
        found = self.db.read(lambda tx: list(counters.scan(tx, self.space)))
        stored: dict[Place, Figures] = {
            (key.subscription_id, self.meter_keys[key.meter_id], key.window, key.start): (
                it.events,
                it.total,
                it.highest,
                it.lowest,
                it.latest,
                it.members,
            )
            for key, it in found
            if it.events
        }
        assert stored == self.truth.counters()
        assert self.db.read(lambda tx: list(verify_counters(tx, self.space))) == []

    def teardown(self) -> None:
        for customer in sorted(self.known):
            items = self.books.get(
                f"/customers/external/{customer}/usage/aggregate",
                start_date=z(BEGIN - timedelta(days=100)),
                end_date=z(self.now + timedelta(days=1)),
                group_by="agent",
            )["items"]
            assert {
                (item["meter"], item["group"]["agent"] is not None): (
                    item["events"],
                    Decimal(item["quantity"]),
                )
                for item in items
            } == self.truth.by_agent(customer)


@pytest.mark.parametrize("meters", GROUPS, ids="-".join)
def test_counters_are_what_the_events_amount_to(
    db: Database, engine_name: str, meters: Sequence[str]
) -> None:
    with TestClient(application(db), base_url="http://testserver/api/v1") as http:
        run_state_machine_as_test(
            lambda: Usage(db, http, meters),
            settings=settings(
                max_examples=EXAMPLES[engine_name],
                stateful_step_count=15,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
