"""Every event has a producer: what is done, and what is told of it, in one story."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tallybook import webhooks
from tallybook.server.storage import Database
from tallybook.wire.webhooks import SCHEMAS, WEBHOOK_EVENTS
from tests.billing.conftest import Books
from tests.billing.conftest import books as books  # noqa: PLC0414 - a fixture
from tests.conftest import Home

from .conftest import Desk
from .receiver import LOOPBACK, Receiver, answering

E = WEBHOOK_EVENTS


class Story:
    """A project whose feed is read after each act."""

    def __init__(self, books: Books, desk: Desk, receiver: Receiver) -> None:
        self.books, self.desk, self.receiver = books, desk, receiver
        self.kept: dict[str, Any] = {}
        self._after = ""

    def heard(self) -> list[dict[str, Any]]:
        """Return what was told since this was asked last."""
        found: list[dict[str, Any]] = []
        while page := self.books.get("/webhook-events", after=self._after, limit=100)["data"]:
            found += page
            self._after = page[-1]["id"]
        return found

    def sub(self, name: str) -> str:
        return f"/subscriptions/{self.kept[name]['id']}"


def sells(story: Story) -> None:
    books = story.books
    books.advance("2026-01-01T00:00:00Z")
    books.meter("calls")
    quota = {"included_units": "10", "overage": "deny", "unit_price": "1"}
    for plan, base in (("pro", "20"), ("max", "30")):
        books.plan(plan, base=base)
        books.price(plan, "calls", pricing_model="per_unit", **quota)
    books.plan("try", base="20", trial_available=True, trial_days=14)
    story.kept["acme"] = books.customer()
    story.kept["poor"] = books.customer("poor")


def changes_customer(story: Story) -> None:
    story.books.http.patch(f"/customers/{story.kept['acme']}", json={"name": "Acme Corp"})


def suspends_customer(story: Story) -> None:
    for status in ("suspended", "active"):
        story.books.http.patch(f"/customers/{story.kept['acme']}", json={"status": status})


def fills_wallet(story: Story) -> None:
    wallet = story.kept["wallet"] = story.books.wallet(story.kept["acme"])
    story.books.post(f"/wallets/{wallet['id']}/top-ups", {"amount": "500"})


def grants(story: Story) -> None:
    story.books.post(f"/wallets/{story.kept['wallet']['id']}/grants", {"amount": "5"})


def deducts(story: Story) -> None:
    story.books.post(f"/wallets/{story.kept['wallet']['id']}/deductions", {"amount": "1"})


def runs_low(story: Story) -> None:
    made = story.books.post(
        "/wallets",
        {
            "customer_id": story.kept["acme"],
            "name": "second",
            "currency": "USD",
            "initial_credits": "10",
            "auto_recharge_enabled": True,
            "auto_recharge_threshold": "5",
            "auto_recharge_amount": "20",
        },
    )
    story.books.post(f"/wallets/{made['id']}/deductions", {"amount": "6"})


def pays(story: Story) -> None:
    body = {"customer_id": story.kept["acme"], "amount": "9", "status": "completed"}
    story.kept["payment"] = story.books.post("/payments", body)


def fails_to_pay(story: Story) -> None:
    body = {"customer_id": story.kept["acme"], "amount": "9", "status": "failed"}
    story.books.post("/payments", body)


def refunds(story: Story) -> None:
    story.books.post(f"/payments/{story.kept['payment']['id']}/refunds", {"amount": "4"})


def subscribes(story: Story) -> None:
    story.kept["sub"] = story.books.subscribe()


def ends_trial(story: Story) -> None:
    story.books.subscribe(plan="try")
    story.books.advance("2026-01-12T00:00:00Z")


def uses(story: Story, quantity: str) -> None:
    story.books.use("calls", quantity, "2026-01-12T00:00:00Z")


def window_ends(story: Story) -> None:
    story.books.advance("2026-02-01T02:00:00Z")


def describes_subscription(story: Story) -> None:
    contract = f"/contracts/{story.kept['sub']['contract_id']}"
    assert story.books.http.patch(contract, json={"name": "Ours"}).status_code == 200


def changes_plan(story: Story) -> None:
    body = {"new_plan": "max"}
    story.books.post(f"{story.sub('sub')}/change-plan", body)


def suspends(story: Story) -> None:
    story.books.post(f"{story.sub('sub')}/suspend", {})


def resumes(story: Story) -> None:
    story.books.post(f"{story.sub('sub')}/resume", {})


def cancels(story: Story) -> None:
    story.books.post(f"{story.sub('sub')}/cancel", {"when": "immediate"})


def ends(story: Story) -> None:
    contract = story.books.subscribe()["contract_id"]
    changed = story.books.http.patch(f"/contracts/{contract}", json={"end_date": "2026-02-10"})
    assert changed.status_code == 200, changed.text
    story.books.advance("2026-02-11T00:00:00Z")


def cannot_pay(story: Story) -> None:
    story.books.wallet(story.kept["poor"])
    story.kept["debt"] = story.books.subscribe("poor")


def pays_at_last(story: Story) -> None:
    wallet = story.books.wallet(story.kept["poor"])
    story.books.post(f"/wallets/{wallet['id']}/top-ups", {"amount": "20"})


def never_pays(story: Story) -> None:
    story.books.advance("2026-04-01T00:00:00Z")


def bills(story: Story) -> None:
    line = {"description": "Work", "quantity": "2", "unit_price": "3"}
    body = {"customer_id": story.kept["acme"], "line_items": [line]}
    story.kept["invoice"] = story.books.post("/invoices", body)


def of_invoice(verb: str, body: dict[str, Any] | None = None) -> Callable[[Story], None]:
    def act(story: Story) -> None:
        story.books.post(f"/invoices/{story.kept['invoice']['id']}/{verb}", body or {})

    return act


def credits(story: Story) -> None:
    body = {"invoice_id": story.kept["invoice"]["id"], "amount": "2", "reason": "broken"}
    story.books.post("/credit-notes", body)


def bills_and_voids(story: Story) -> None:
    bills(story)
    of_invoice("finalize")(story)
    of_invoice("void", {"reason": "a mistake"})(story)


def overspends(story: Story) -> None:
    body = {"name": "Cap", "customer_id": story.kept["acme"], "amount": "1", "hard_stop": True}
    story.books.post("/budgets", body)
    story.books.post("/costs", {"customer_id": story.kept["acme"], "amount": "2"})


def endpoint_is_gone(story: Story) -> None:
    story.receiver.answer = answering(410)
    story.desk.endpoint(story.receiver.url)
    changes = {"name": "Acme Inc"}
    story.books.http.patch(f"/customers/{story.kept['acme']}", json=changes)
    assert story.desk.deliver() == 1


ACTS: list[tuple[Callable[[Story], None], set[str]]] = [
    (sells, {E.CUSTOMER_CREATED}),
    (changes_customer, {E.CUSTOMER_UPDATED}),
    (suspends_customer, {E.CUSTOMER_ACCESS_CHANGED}),
    (fills_wallet, {E.WALLET_TOPPED_UP}),
    (grants, {E.WALLET_CREDITED}),
    (deducts, {E.WALLET_DEDUCTED}),
    (runs_low, {E.WALLET_LOW_BALANCE, E.WALLET_RECHARGE_REQUIRED}),
    (pays, {E.PAYMENT_COMPLETED}),
    (fails_to_pay, {E.PAYMENT_FAILED}),
    (refunds, {E.PAYMENT_REFUNDED}),
    (subscribes, {E.SUBSCRIPTION_CREATED, E.SUBSCRIPTION_ACTIVATED, E.INVOICE_PAID}),
    (ends_trial, {E.SUBSCRIPTION_TRIAL_ENDING}),
    (lambda story: uses(story, "9"), {E.USAGE_LIMIT_APPROACHING}),
    (lambda story: uses(story, "1"), {E.USAGE_LIMIT_REACHED}),
    (window_ends, {E.USAGE_LIMIT_RESET}),
    (describes_subscription, {E.SUBSCRIPTION_UPDATED}),
    (changes_plan, {E.SUBSCRIPTION_PLAN_CHANGED}),
    (suspends, {E.SUBSCRIPTION_SUSPENDED}),
    (resumes, {E.SUBSCRIPTION_RESUMED}),
    (cancels, {E.SUBSCRIPTION_CANCELED}),
    (ends, {E.SUBSCRIPTION_ENDED}),
    (cannot_pay, {E.SUBSCRIPTION_PAST_DUE, E.INVOICE_PAST_DUE}),
    (pays_at_last, {E.SUBSCRIPTION_RECOVERED}),
    (never_pays, {E.INVOICE_UNCOLLECTIBLE}),
    (bills, {E.INVOICE_CREATED}),
    (of_invoice("finalize"), {E.INVOICE_FINALIZED}),
    (of_invoice("send"), {E.INVOICE_SENT}),
    (credits, {E.CREDIT_NOTE_CREATED}),
    (bills_and_voids, {E.INVOICE_VOIDED}),
    (overspends, {E.BUDGET_THRESHOLD_REACHED, E.CUSTOMER_ACCESS_CHANGED}),
    (endpoint_is_gone, {E.WEBHOOK_ENDPOINT_DISABLED}),
]


@pytest.fixture
def story(books: Books, db: Database, home: Home, receiver: Receiver) -> Iterator[Story]:
    from tallybook.server.webhooks.posting import Poster

    desk = Desk(db, home.test.id, home.project_id, Poster(LOOPBACK, timeout_s=2.0))
    return Story(books, desk, receiver)


def check(event: dict[str, Any]) -> None:
    """Its data is what its model says, no field less and none more."""
    typed = webhooks.validate_webhook_payload(event)
    assert type(typed) is SCHEMAS[event["event"]]
    assert (typed.data.model_extra or {}) == {}, f"{event['event']} has fields without a model"
    webhooks.to_webhook_update(event)


def test_every_event_has_a_producer_and_the_payload_that_its_schema_says(story: Story) -> None:
    produced: set[str] = set()
    for number, (act, names) in enumerate(ACTS):
        act(story)
        told = story.heard()
        for event in told:
            check(event)
        missing = names - {event["event"] for event in told}
        assert not missing, f"act {number} did not tell {missing}"
        produced |= names
    produced.add(the_test_event(story))
    assert produced == set(WEBHOOK_EVENTS) == set(SCHEMAS)


def the_test_event(story: Story) -> str:
    """It goes to its endpoint alone, and is in no feed."""
    endpoint = story.desk.endpoint(story.receiver.url)
    sent = story.books.post(f"/webhook-endpoints/{endpoint.id}/test")
    assert sent["event"] == E.WEBHOOK_ENDPOINT_TEST
    (work,) = story.desk.claim()
    assert work.envelope is not None
    check({**work.envelope})
    return str(work.envelope["event"])
