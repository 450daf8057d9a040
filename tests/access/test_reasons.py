"""Every reason of access, reached from outside, and the switches that give two of them."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from tallybook.server.access.models import ALLOWED, Reason
from tallybook.wire.access import AccessReason
from tests.billing.conftest import Books
from tests.conftest import Home

from .test_stories import START, check, opened, reason


@pytest.fixture
def switch(books: Books, home: Home) -> Callable[..., Any]:
    def set_switches(**switches: Any) -> Any:
        path = f"/projects/{home.project_id}/settings"
        operator = {"Authorization": "Bearer tb_op_for_tests"}
        answer = books.http.patch(path, json=switches, headers=operator)
        assert answer.status_code == 200, answer.text
        return answer.json()["settings"]

    return set_switches


def over_budget(books: Books) -> None:
    books.post("/budgets", {"name": "Cap", "amount": "1", "hard_stop": True})
    books.post("/costs", {"customer_external_id": "acme", "amount": "1"})


def past_due(books: Books) -> None:
    opened(books, subscribe=False)
    books.plan("dear", base="10")
    books.price("dear", "calls", pricing_model="per_unit", unit_price="1")
    books.wallet(books.get("/customers/external/acme")["id"])
    books.subscribe(plan="dear")


def set_status(books: Books, status: str) -> None:
    customer = opened(books)
    books.http.patch(f"/customers/{customer}", json={"status": status})


def acted(books: Books, action: str) -> None:
    opened(books, subscribe=False)
    sub = books.subscribe()
    books.post(
        f"/subscriptions/{sub['id']}/{action}", {"when": "immediate"} if action == "cancel" else {}
    )


def used(books: Books, quantity: str, **shape: Any) -> None:
    opened(books, **shape)
    books.use("calls", quantity, START)


def gated(books: Books, switch: Callable[..., Any]) -> None:
    opened(books, included="0", limit_type="none")
    switch(wallet_gate=True)


STORIES: dict[Reason, Callable[[Books, Any], object]] = {
    Reason.OK: lambda books, _: opened(books),
    Reason.OVERAGE: lambda books, _: used(books, "100"),
    Reason.FREE_OVERAGE: lambda books, _: used(books, "100", overage="free"),
    Reason.NO_SUBSCRIPTION: lambda books, _: opened(books, subscribe=False),
    Reason.SUBSCRIPTION_PAST_DUE: lambda books, _: past_due(books),
    Reason.SUBSCRIPTION_SUSPENDED: lambda books, _: acted(books, "suspend"),
    Reason.SUBSCRIPTION_CANCELED: lambda books, _: acted(books, "cancel"),
    Reason.NOT_STARTED: lambda books, _: (
        opened(books, subscribe=False),
        books.subscribe(start_date="2026-02-01"),
    ),
    Reason.FEATURE_NOT_IN_PLAN: lambda books, _: (
        opened(books, subscribe=False),
        books.plan("empty"),
        books.subscribe(plan="empty"),
    ),
    Reason.LIMIT_REACHED: lambda books, _: used(books, "100", overage="deny"),
    Reason.INSUFFICIENT_WALLET_BALANCE: gated,
    Reason.BUDGET_EXCEEDED: lambda books, _: (opened(books), over_budget(books)),
    Reason.CUSTOMER_SUSPENDED: lambda books, _: set_status(books, "suspended"),
}


@pytest.mark.parametrize("wanted", Reason)
@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_every_reason_is_reached_from_outside(
    books: Books, switch: Callable[..., Any], wanted: Reason
) -> None:
    STORIES[wanted](books, switch)
    decision = check(books)
    assert (decision["reason"], decision["allowed"]) == (wanted, wanted in ALLOWED)


def test_the_reasons_are_those_that_answers_name() -> None:
    assert set(get_args(AccessReason)) == {reason.value for reason in Reason}


def test_switches_are_off_until_they_are_set(books: Books, switch: Callable[..., Any]) -> None:
    opened(books, included="0", limit_type="none")
    assert reason(books, quantity="1000000") == "ok"
    shown = switch()
    assert (shown["wallet_gate"], shown["enforce_at_ingest"]) == (False, False)
    path = "/projects/prj_none/settings"
    operator = {"Authorization": "Bearer tb_op_for_tests"}
    bad = books.http.patch(path, json={"wallet_gate": "yes"}, headers=operator)
    assert bad.status_code == 422


def test_the_wallet_gate_weighs_what_was_used_and_is_asked_for(
    books: Books, switch: Callable[..., Any]
) -> None:
    customer = opened(books, included="10", limit_type="none")
    wallet = books.wallet(customer, "5")["id"]
    switch(wallet_gate=True)
    assert reason(books, quantity="15") == "overage"
    assert reason(books, quantity="15.000000000001") == "insufficient_wallet_balance"
    books.use("calls", "12", START)
    assert reason(books, quantity="3") == "overage"
    denied = check(books, quantity="3.1")
    assert (denied["reason"], denied["used"]) == ("insufficient_wallet_balance", "12")
    hold = {"customer_external_id": "acme", "feature": "calls", "quantity": "4"}
    refused = books.post("/holds", hold, status=409)
    assert refused["reason"] == "insufficient_wallet_balance"
    held = books.post("/holds", {**hold, "quantity": "2"})
    assert reason(books, quantity="1.5") == "insufficient_wallet_balance", "held units count"
    books.post(f"/holds/{held['id']}/release")
    assert reason(books, "sso") == "ok"
    assert reason(books, quantity="3", record=True) == "overage"
    assert reason(books, record=True) == "insufficient_wallet_balance"
    books.post(f"/wallets/{wallet}/top-ups", {"amount": "1"})
    assert reason(books) == "overage"
    state = books.get("/customers/external/acme/state")["entitlements"]
    assert [one["reason"] for one in state] == ["overage", "ok"]
    switch(wallet_gate=False)
    assert reason(books, quantity="100") == "overage"


def test_the_wallet_gate_goes_by_the_window_and_the_period(
    books: Books, switch: Callable[..., Any]
) -> None:
    customer = opened(books, included="10", event_quota_window="day", overage="bill")
    books.wallet(customer, "5")
    switch(wallet_gate=True)
    books.use("calls", "13", START)
    assert reason(books, quantity="2") == "overage"
    assert reason(books, quantity="3") == "insufficient_wallet_balance"
    books.advance("2026-01-02T00:00:00Z")
    assert reason(books, quantity="12") == "overage", "a new day has units of its own"
    assert reason(books, quantity="13") == "insufficient_wallet_balance"
    books.use("calls", "11", "2026-01-02T00:00:00Z")
    assert reason(books, quantity="1") == "overage"
    assert reason(books, quantity="2") == "insufficient_wallet_balance"
    books.advance("2026-02-01T00:30:00Z")
    assert reason(books, quantity="11") == "overage", "the invoice of January waits still"
    assert reason(books, quantity="12") == "insufficient_wallet_balance"


@pytest.fixture
def enforced(books: Books, switch: Callable[..., Any]) -> Books:
    opened(books, overage="deny")
    switch(enforce_at_ingest=True)
    books.use("calls", "90", START)
    return books


def send(books: Books, *events: tuple[str, str], **fields: Any) -> list[tuple[str, Any]]:
    body = [
        {
            "customer_external_id": "acme",
            "meter": "calls",
            "quantity": quantity,
            "idempotency_key": key,
            **fields,
        }
        for key, quantity in events
    ]
    answer = books.post("/events/batch", {"events": body}, status=200)
    counted = [item["status"] for item in answer["results"]]
    for status, name in (("accepted", "accepted"), ("rejected", "rejected")):
        assert answer[name] == counted.count(status)
    return [(item["status"], item["code"]) for item in answer["results"]]


def test_an_event_past_an_enforced_limit_is_refused_and_its_key_free(enforced: Books) -> None:
    past = ("rejected", "limit_reached")
    assert send(enforced, ("a", "11"), ("b", "6"), ("c", "5"), ("d", "4"), ("a", "11")) == [
        past,
        ("accepted", None),
        past,
        ("accepted", None),
        past,
    ]
    event = {"customer_external_id": "acme", "meter": "calls", "quantity": "1"}
    refused = enforced.post("/events", {**event, "idempotency_key": "a"}, status=422)
    assert refused["code"] == "limit_reached"
    assert refused["errors"][0]["pointer"] == "/quantity"
    assert reason(enforced) == "limit_reached"
    assert send(enforced, ("b", "6")) == [("duplicate", None)]
    assert send(enforced, ("e", "0")) == [("accepted", None)]
    told = enforced.get("/webhook-events", limit=100)["data"]
    assert [row["event"] for row in told].count("usage.limit_reached") == 1
    enforced.advance("2026-02-01T00:00:00Z")
    assert send(enforced, ("a", "11")) == [("accepted", None)]


def test_refused_events_cost_nothing_and_leave_nothing(enforced: Books) -> None:
    costly = {"attributes": {"cost_usd": "3"}}
    assert send(enforced, ("a", "11"), **costly) == [("rejected", "limit_reached")]
    assert enforced.get("/costs")["data"] == []
    usage = enforced.get("/customers/external/acme/usage")["data"]
    assert [row["quantity"] for row in usage] == ["90"]


def test_what_was_held_and_what_is_history_is_taken(enforced: Books) -> None:
    hold = {"customer_external_id": "acme", "feature": "calls", "quantity": "10"}
    held = enforced.post("/holds", hold)
    settled = enforced.post(f"/holds/{held['id']}/settle", {"quantity": "12"})
    assert settled["event_id"] is not None, "it has been used"
    assert reason(enforced, record=True) == "limit_reached"
    old = {"customer_external_id": "acme", "meter": "calls", "quantity": "5", "timestamp": START}
    batch = {"events": [{**old, "idempotency_key": "old"}], "backfill": True}
    assert enforced.post("/events/batch", batch, status=200)["accepted"] == 1


@pytest.mark.parametrize("overage", ["bill", "free"])
def test_other_overage_is_taken_as_ever(
    books: Books, switch: Callable[..., Any], overage: str
) -> None:
    opened(books, overage=overage)
    switch(enforce_at_ingest=True)
    assert send(books, ("a", "101")) == [("accepted", None)]


def test_a_set_takes_known_members_past_its_limit(books: Books, switch: Callable[..., Any]) -> None:
    books.advance(START)
    books.customer()
    books.meter("seats", "unique_count", value_field="user")
    books.plan("pro")
    books.price(
        "pro",
        "seats",
        pricing_model="per_unit",
        unit_price="1",
        included_units="2",
        overage="deny",
        limit_type="event_quota",
    )
    books.subscribe()
    switch(enforce_at_ingest=True)
    users = ["ann", "bob", "cyd", "ann", "cyd"]
    body = [
        {"customer_external_id": "acme", "meter": "seats", "attributes": {"user": user}}
        for user in users
    ]
    for _ in range(2):
        results = books.post("/events/batch", {"events": body}, status=200)["results"]
        assert [item["status"] for item in results] == [
            "accepted",
            "accepted",
            "rejected",
            "accepted",
            "rejected",
        ]
    assert check(books, "seats")["used"] == "2"
