"""Budgets over HTTP on a set clock, on both databases."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tallybook.server.costs import budgets
from tallybook.server.storage import Database
from tests.billing.conftest import Books
from tests.conftest import Home

START = "2026-01-10T00:00:00Z"


@pytest.fixture
def desk(books: Books, db: Database, home: Home) -> Any:
    """Customer `acme` on a plan with `runs`, which agent `bot` brings; sums hold at the end."""
    books.advance(START)
    books.customer()
    books.post("/agents", {"name": "Bot", "external_id": "bot"})
    books.post(
        "/agents/bot/actions",
        {
            "name": "Run",
            "action_type": "task",
            "billable_meter": {"name": "Runs", "key": "runs"},
        },
    )
    books.plan("pro", features=["sso"])
    books.price("pro", "runs", pricing_model="per_unit", unit_price="1")
    books.subscribe()
    yield books
    assert db.read(lambda tx: budgets.verify(tx, home.test)) == []


def spend(books: Books, amount: str, **fields: Any) -> Any:
    body = {"customer_external_id": "acme", "agent": "bot", "amount": amount, **fields}
    return books.post("/costs", body)


def made(books: Books, amount: str = "10", **fields: Any) -> Any:
    return books.post("/budgets", {"name": "Cap", "amount": amount, **fields})


def told(books: Books, event: str = "budget.threshold_reached") -> list[Any]:
    feed = books.get("/webhook-events", limit=100)["data"]
    return [row["data"] for row in feed if row["event"] == event]


def access(books: Books) -> list[tuple[str, str]]:
    changes = told(books, "customer.access_changed")
    return [
        (row["reason"], row["customer_external_id"])
        for row in changes
        if row["caused_by"] == "budget.threshold_reached"
    ]


def reason(books: Books, feature: str = "runs", **fields: Any) -> str:
    body = {"customer_external_id": "acme", "feature": feature, **fields}
    decision = books.post("/access/check", body, status=200)
    assert decision["allowed"] == (decision["reason"] in ("ok", "overage"))
    return str(decision["reason"])


def test_each_threshold_is_told_once_with_its_figures(desk: Books) -> None:
    budget = made(desk, customer_external_id="acme")
    assert (budget["thresholds"], budget["currency"]) == (["0.5", "0.8", "1"], "USD")
    assert (budget["period"], budget["kind"], budget["spent"]) == ("monthly", "cost", "0")
    spend(desk, "4.999999999999")
    assert told(desk) == []
    spend(desk, "0.000000000001")
    (data,) = told(desk)
    assert data == {
        "budget_id": budget["id"],
        "name": "Cap",
        "customer_id": budget["customer_id"],
        "customer_external_id": "acme",
        "agent_id": None,
        "kind": "cost",
        "threshold": "0.5",
        "amount": "10",
        "spent": "5",
        "remaining": "5",
        "currency": "USD",
        "period": "monthly",
        "period_start": "2026-01-01T00:00:00Z",
        "period_end": "2026-02-01T00:00:00Z",
        "hard_stop": False,
        "is_stopped": False,
    }
    spend(desk, "10")
    assert [row["threshold"] for row in told(desk)] == ["0.5", "0.8", "1"]
    assert reason(desk) == "ok", "without a hard stop it only tells"
    now = desk.get(f"/budgets/{budget['id']}")
    assert (now["spent"], now["remaining"]) == ("15", "0")
    assert now["thresholds_reached"] == ["0.5", "0.8", "1"]
    desk.advance("2026-02-01T00:00:00Z")
    assert desk.get(f"/budgets/{budget['id']}")["spent"] == "0"
    spend(desk, "6")
    assert len(told(desk)) == 4
    spend(desk, "100", timestamp="2026-01-31T23:59:59Z")
    assert len(told(desk)) == 4, "a period that is over is not told"
    assert desk.get(f"/budgets/{budget['id']}")["spent"] == "6"


def test_what_was_spent_before_counts_too(desk: Books) -> None:
    spend(desk, "3", timestamp="2026-01-02T00:00:00Z")
    spend(desk, "4", timestamp="2025-12-31T23:59:59Z")
    spend(desk, "5", customer_external_id=None, agent=None)
    assert made(desk, customer_external_id="acme")["spent"] == "3"
    assert made(desk, agent="bot", period="lifetime")["spent"] == "7"
    assert made(desk, period="annual")["spent"] == "8"
    assert [row["threshold"] for row in told(desk)] == ["0.5", "0.5", "0.8"]


def test_corrections_and_voids_lower_the_spend(desk: Books) -> None:
    budget = made(desk, hard_stop=True)
    cost = spend(desk, "8")
    event = desk.use("runs", "1", START, attributes={"cost_usd": "4"})
    assert reason(desk) == "budget_exceeded"
    desk.post("/costs", {"adjusts": cost["id"], "amount": "-7.5"})
    assert desk.get(f"/budgets/{budget['id']}")["spent"] == "4.5"
    assert reason(desk) == "ok"
    desk.post(f"/events/{event['id']}/void")
    assert desk.get(f"/budgets/{budget['id']}")["spent"] == "0.5"


def test_a_voided_cost_takes_its_corrections_along(desk: Books) -> None:
    budget = made(desk)
    event = desk.use("runs", "1", START, attributes={"cost_usd": "4"})
    (cost,) = desk.get("/costs", event_id=event["id"])["data"]
    desk.post("/costs", {"adjusts": cost["id"], "amount": "-1"})
    assert desk.get(f"/budgets/{budget['id']}")["spent"] == "3"
    desk.post(f"/events/{event['id']}/void")
    assert desk.get(f"/budgets/{budget['id']}")["spent"] == "0"
    assert {row["status"] for row in desk.get("/costs")["data"]} == {"voided"}


def test_a_price_that_comes_late_is_spent_when_it_comes(desk: Books) -> None:
    budget = made(desk)
    call = {"provider": "self", "model": "ours", "tokens": {"input": 1_000_000}}
    desk.post("/costs", {"customer_external_id": "acme", **call})
    assert desk.get(f"/budgets/{budget['id']}")["spent"] == "0"
    price = {"input": "6", "output": "1"}
    put = desk.http.put(
        "/model-prices",
        json={
            "provider": "self",
            "model": "ours",
            "prices": price,
            "effective_from": "2026-01-01T00:00:00Z",
        },
    )
    assert put.status_code == 200, put.text
    desk.post("/costs/reprice", {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"})
    assert desk.get(f"/budgets/{budget['id']}")["spent"] == "6"
    assert [row["threshold"] for row in told(desk)] == ["0.5"]


def test_a_cost_goes_with_its_customer_when_that_is_known(desk: Books) -> None:
    desk.customer("later-too")
    whole = made(desk)
    event = {"customer_external_id": "later", "meter": "runs", "attributes": {"cost_usd": "2"}}
    desk.post("/events/batch", {"events": [event]})
    assert desk.get(f"/budgets/{whole['id']}")["spent"] == "2"
    desk.customer("later")
    mine = made(desk, customer_external_id="later")
    assert mine["spent"] == "0"
    desk.post("/events/replay", {})
    assert desk.get(f"/budgets/{mine['id']}")["spent"] == "2"
    assert desk.get(f"/budgets/{whole['id']}")["spent"] == "2"


def test_a_hard_stop_denies_all_of_a_customer_until_the_period_ends(desk: Books) -> None:
    desk.customer("other")
    desk.subscribe("other")
    budget = made(desk, customer_external_id="acme", hard_stop=True, period="daily")
    spend(desk, "9.99")
    assert reason(desk) == "ok"
    spend(desk, "0.01")
    assert reason(desk) == reason(desk, "sso") == "budget_exceeded"
    assert reason(desk, customer_external_id="other") == "ok"
    assert told(desk)[-1]["is_stopped"] is True
    held = {"customer_external_id": "acme", "feature": "runs", "quantity": "1"}
    refused = desk.post("/holds", held, status=409)
    assert (refused["code"], refused["reason"]) == ("access_denied", "budget_exceeded")
    assert reason(desk, record=True) == "budget_exceeded"
    state = desk.get("/customers/external/acme/state")
    assert {one["reason"] for one in state["entitlements"]} == {"budget_exceeded"}
    assert desk.use("runs", "1", START)["status"] == "accepted", "usage is never lost"
    assert access(desk) == [("budget_exceeded", "acme")]
    desk.advance("2026-01-11T00:00:00Z")
    assert reason(desk) == "ok"
    assert access(desk) == [("budget_exceeded", "acme"), ("ok", "acme")]
    assert desk.get(f"/budgets/{budget['id']}")["is_stopped"] is False


def test_a_hard_stop_is_over_when_it_is_raised_or_gone(desk: Books) -> None:
    budget = made(desk, customer_external_id="acme", hard_stop=True)
    spend(desk, "10")
    path = f"/budgets/{budget['id']}"
    raised = desk.http.patch(path, json={"amount": "12"}).json()
    assert (raised["is_stopped"], raised["remaining"], reason(desk)) == (False, "2", "ok")
    assert raised["thresholds_reached"] == ["0.5", "0.8"]
    spend(desk, "2")
    assert reason(desk) == "budget_exceeded"
    assert [row["threshold"] for row in told(desk)] == ["0.5", "0.8", "1", "1"]
    assert desk.http.patch(path, json={"hard_stop": False}).json()["is_stopped"] is False
    assert reason(desk) == "ok"
    desk.http.patch(path, json={"hard_stop": True, "name": "New", "metadata": {"a": 1}})
    assert reason(desk) == "budget_exceeded"
    assert desk.http.delete(path).status_code == 204
    assert reason(desk) == "ok"
    assert [why for why, _ in access(desk)] == ["budget_exceeded", "ok"] * 3
    assert desk.http.get(path).json()["code"] == "budget_not_found"
    assert desk.http.delete(path).status_code == 404
    desk.advance("2026-02-02T00:00:00Z")
    assert len(access(desk)) == 6


def test_an_agents_hard_stop_denies_its_work(desk: Books) -> None:
    desk.post("/agents", {"name": "Cat", "external_id": "cat"})
    made(desk, agent="bot", hard_stop=True)
    spend(desk, "10", customer_external_id=None)
    assert reason(desk) == "budget_exceeded", "only this agent brings runs"
    assert reason(desk, agent="cat") == "ok"
    assert reason(desk, "sso") == "ok"
    assert reason(desk, "sso", agent="bot") == "budget_exceeded"
    assert reason(desk, "sso", agent="nobody") == "ok"
    hold = {"customer_external_id": "acme", "feature": "runs", "quantity": "1", "agent": "bot"}
    assert desk.post("/holds", hold, status=409)["reason"] == "budget_exceeded"
    assert desk.post("/holds", {**hold, "agent": "cat"}, status=201)["status"] == "held"
    desk.advance("2026-01-10T00:00:01Z")
    assert access(desk) == [("budget_exceeded", "acme")]


def test_a_projects_hard_stop_is_told_to_all(desk: Books) -> None:
    for number in range(102):
        desk.customer(f"c{number:03}")
    budget = made(desk, hard_stop=True, period="weekly")
    spend(desk, "10")
    assert reason(desk) == "budget_exceeded"
    assert access(desk) == [], "so many are told afterwards"
    desk.advance("2026-01-10T00:00:01Z")
    rows = desk.get("/webhook-events", limit=100)
    seen: list[Any] = list(rows["data"])
    while rows["has_more"]:
        rows = desk.get("/webhook-events", limit=100, after=seen[-1]["id"])
        seen += rows["data"]
    names = [
        row["data"]["customer_external_id"]
        for row in seen
        if row["event"] == "customer.access_changed" and row["data"]["reason"] == "budget_exceeded"
    ]
    assert sorted(names) == sorted(["acme", *(f"c{number:03}" for number in range(102))])
    assert desk.http.delete(f"/budgets/{budget['id']}").status_code == 204
    assert reason(desk) == "ok"


BAD: list[tuple[dict[str, Any], int, str | None]] = [
    ({"amount": "0"}, 422, "/amount"),
    ({"amount": "-1"}, 422, "/amount"),
    ({"thresholds": []}, 422, "/thresholds"),
    ({"thresholds": ["0"]}, 422, "/thresholds/0"),
    ({"thresholds": ["10.1"]}, 422, "/thresholds/0"),
    ({"thresholds": ["0.5", "0.50"]}, 422, "/thresholds"),
    ({"period": "hourly"}, 422, "/period"),
    ({"kind": "profit"}, 422, "/kind"),
    ({"currency": "XYZ"}, 422, None),
    ({"customer_external_id": "nobody"}, 404, None),
    ({"agent": "nobody"}, 404, None),
    ({"customer_external_id": "acme", "agent": "bot"}, 422, ""),
    ({"spent": "1"}, 422, "/spent"),
]


def test_bad_budgets_are_refused(desk: Books) -> None:
    for body, status, where in BAD:
        answer = desk.http.post("/budgets", json={"name": "Cap", "amount": "10", **body})
        assert answer.status_code == status, (body, answer.text)
        pointers = [field["pointer"] for field in answer.json().get("errors", [])]
        assert where is None or where in pointers, (body, answer.text)
    assert desk.get("/budgets")["data"] == []


def test_budgets_are_listed_by_whose_they_are(desk: Books) -> None:
    mine, bots, all_of_it = (
        made(desk, customer_external_id="acme"),
        made(desk, agent="bot", thresholds=[1]),
        made(desk, currency="EUR"),
    )
    assert {row["id"] for row in desk.get("/budgets")["data"]} == {
        mine["id"],
        bots["id"],
        all_of_it["id"],
    }
    assert desk.get("/budgets", customer_external_id="acme")["data"] == [mine]
    assert desk.get("/budgets", agent="bot")["data"] == [bots]


def test_many_costs_at_once_are_all_counted_and_told_once(
    api: TestClient, db: Database, home: Home
) -> None:
    api.post("/customers", json={"name": "Acme", "external_id": "acme"})
    body = {"name": "Cap", "customer_external_id": "acme", "amount": "24", "hard_stop": True}
    first = api.post("/budgets", json=body).json()
    barrier = Barrier(16)

    def act(number: int) -> int:
        barrier.wait()
        if number == 7:  # one that is set while costs come in misses none and counts none twice
            return api.post("/budgets", json={**body, "name": "New"}).status_code
        cost = {"customer_external_id": "acme", "amount": "0.5"}
        return api.post("/costs/batch", json={"costs": [cost] * 4}).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(act, range(16))) == {200, 201}
    for row in api.get("/budgets").json()["data"]:
        assert (row["spent"], row["is_stopped"]) == ("30", True)
    feed = api.get("/webhook-events", params={"limit": 100}).json()["data"]
    reached = Counter(
        (row["data"]["budget_id"] == first["id"], row["data"]["threshold"])
        for row in feed
        if row["event"] == "budget.threshold_reached"
    )
    assert reached == {(mine, share): 1 for mine in (True, False) for share in ("0.5", "0.8", "1")}
    assert db.read(lambda tx: budgets.verify(tx, home.live)) == []


def test_verify_says_what_is_not_as_its_rows_say(api: TestClient, db: Database, home: Home) -> None:
    made_budget = api.post("/budgets", json={"name": "Cap", "amount": "10"}).json()
    api.post("/costs", json={"amount": "3"})
    db.write_now(
        lambda tx: tx.connection.exec_driver_sql("UPDATE budget_windows SET spent = '4'").rowcount
    )
    ((budget_id, _, stored, recounted),) = db.read(lambda tx: budgets.verify(tx, home.live))
    assert (budget_id, str(stored), str(recounted)) == (made_budget["id"], "4", "3")
