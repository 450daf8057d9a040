"""Budgets of revenue: what usage brings, as it is counted; on a set clock, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from starlette.testclient import TestClient

from tallybook.server.costs import budgets
from tallybook.server.storage import Database
from tests.billing.conftest import Books
from tests.conftest import Home
from tests.ingest.desk import Desk

from .test_budgets import made, reason, told

START = "2026-01-10T00:00:00Z"


@pytest.fixture
def desk(books: Books, db: Database, home: Home) -> Any:
    books.advance(START)
    books.customer()
    books.customer("other")
    books.meter("runs")
    books.plan("pro", features=["sso"])
    tiers = [{"start_unit": "0", "end_unit": "10", "unit_price": "1"}]
    books.price(
        "pro",
        "runs",
        pricing_model="graduated",
        tiers=[*tiers, {"start_unit": "10", "unit_price": "0.5"}],
        included_units="5",
    )
    books.subscribe()
    books.subscribe("other")
    yield books
    assert db.read(lambda tx: budgets.verify(tx, home.test)) == []


def spent(books: Books, budget: Any) -> str:
    return str(books.get(f"/budgets/{budget['id']}")["spent"])


def test_revenue_is_the_charge_for_what_was_used(desk: Books) -> None:
    desk.use("runs", "7", START)
    mine = made(desk, kind="revenue", customer_external_id="acme", hard_stop=True)
    every = made(desk, "100", kind="revenue")
    assert spent(desk, mine) == "0", "it counts from now on"
    desk.use("runs", "4", START)
    assert spent(desk, mine) == "4"
    event = desk.use("runs", "8", START)
    assert spent(desk, mine) == "10", "4 of the first tier, 4 of the second, half price"
    assert [row["threshold"] for row in told(desk)] == ["0.5", "0.8", "1"]
    assert told(desk)[0]["kind"] == "revenue"
    assert reason(desk) == "budget_exceeded"
    desk.use("runs", "6", START, customer="other")
    assert (spent(desk, mine), spent(desk, every)) == ("10", "11")
    desk.post(f"/events/{event['id']}/void")
    assert (spent(desk, mine), spent(desk, every)) == ("4", "5")
    assert reason(desk) == "overage"
    desk.post("/costs", {"customer_external_id": "acme", "amount": "50"})
    assert spent(desk, mine) == "4", "costs are no revenue"
    desk.advance("2026-02-02T00:00:00Z")
    assert spent(desk, mine) == "0"
    desk.use("runs", "1", "2026-01-31T00:00:00Z")
    assert spent(desk, mine) == "1", "it counts when it comes"
    gone = desk.http.delete(f"/budgets/{mine['id']}")
    assert gone.status_code == 204


def test_revenue_of_an_agent_is_not_known(desk: Books) -> None:
    desk.post("/agents", {"name": "Bot", "external_id": "bot"})
    body = {"name": "Cap", "amount": "1", "kind": "revenue", "agent": "bot"}
    assert desk.http.post("/budgets", json=body).status_code == 422


def test_a_checked_record_and_a_settled_hold_bring_too(desk: Books) -> None:
    budget = made(desk, kind="revenue")
    desk.use("runs", "5", START)
    assert reason(desk, quantity="2", record=True) in ("ok", "overage")
    body = {"customer_external_id": "acme", "feature": "runs", "quantity": "4"}
    held = desk.post("/holds", body)
    desk.post(f"/holds/{held['id']}/settle", {"quantity": "3"})
    assert spent(desk, budget) == "5"


def test_much_usage_at_once_is_charged_once(api: TestClient, db: Database, home: Home) -> None:
    desk = Desk(api, db, home.live)
    desk.sell(included_units="0", overage="bill")
    body = {"name": "Cap", "amount": "1", "kind": "revenue"}
    budget = api.post("/budgets", json=body).json()
    barrier = Barrier(16)

    def act(_: int) -> int:
        barrier.wait()
        return int(desk.batch(*[{"quantity": "2"}] * 5)["accepted"])

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(act, range(16))) == 80
    assert api.get(f"/budgets/{budget['id']}").json()["spent"] == "1.6"
    assert db.read(lambda tx: budgets.verify(tx, home.live)) == []
