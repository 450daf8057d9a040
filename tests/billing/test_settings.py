"""The switches of a project: grace of who is past due, and when a limit is near."""

from typing import Any

import pytest
from sqlalchemy import select

from tallybook.server.storage import Database
from tallybook.server.storage.tables import outbox
from tests.conftest import Home

from .conftest import Books


@pytest.fixture
def switch(books: Books, home: Home) -> Any:
    def send(status: int = 200, **switches: Any) -> Any:
        path = f"/projects/{home.project_id}/settings"
        headers = {"Authorization": "Bearer tb_op_for_tests"}
        answer = books.http.patch(path, json=switches, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


def told(db: Database, *events: str) -> list[dict[str, Any]]:
    query = select(outbox).where(outbox.c.event.in_(events)).order_by(outbox.c.position)
    rows = db.read(lambda tx: tx.execute(query).mappings().all())
    return [{"event": row["event"], **row["data"]} for row in rows]


def allowed(books: Books, feature: str = "calls") -> tuple[bool, str]:
    body = {"customer_external_id": "acme", "feature": feature}
    answer = books.post("/access/check", body)
    return answer["allowed"], answer["reason"]


def test_who_is_past_due_has_access_until_the_grace_is_over(
    books: Books, db: Database, switch: Any
) -> None:
    assert switch(grace_days=3)["settings"]["grace_days"] == 3
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.meter("calls")
    books.plan("pro", base="20")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="1")
    books.wallet(customer, "5")
    sub = books.subscribe()
    shown = books.get(f"/subscriptions/{sub['id']}")
    assert (shown["status"], shown["past_due_at"]) == ("past_due", "2026-01-01T00:00:00Z")
    assert allowed(books) == (True, "ok")
    books.advance("2026-01-03T23:59:59Z")
    assert allowed(books) == (True, "ok")
    assert [one["access_blocked"] for one in told(db, "subscription.past_due")] == [False]
    books.advance("2026-01-04T00:00:00Z")
    assert allowed(books) == (False, "subscription_past_due")
    assert [one["access_blocked"] for one in told(db, "subscription.past_due")] == [False, True]
    books.wallet(customer, "15")
    assert allowed(books) == (True, "ok")
    assert books.get(f"/subscriptions/{sub['id']}")["past_due_at"] is None
    changes = told(db, "customer.access_changed")
    assert [(one["caused_by"], one["reason"]) for one in changes[-2:]] == [
        ("subscription.past_due", "subscription_past_due"),
        ("subscription.recovered", "ok"),
    ]


def test_who_pays_within_the_grace_is_never_blocked(
    books: Books, db: Database, switch: Any
) -> None:
    switch(grace_days=3)
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="20")
    books.wallet(customer, "5")
    books.subscribe()
    books.wallet(customer, "15")
    books.advance("2026-01-20T00:00:00Z")
    assert [one["access_blocked"] for one in told(db, "subscription.past_due")] == [False]


def test_a_limit_is_near_at_the_share_that_is_set(books: Books, db: Database, switch: Any) -> None:
    assert switch(limit_approaching="0.5")["settings"]["limit_approaching"] == "0.5"
    books.advance("2026-01-01T00:00:00Z")
    books.customer()
    books.meter("calls")
    books.plan("pro")
    books.price(
        "pro",
        "calls",
        pricing_model="per_unit",
        unit_price="1",
        included_units="10",
        overage="deny",
    )
    books.subscribe()
    books.advance("2026-01-05T00:00:00Z")
    near, reached = "usage.limit_approaching", "usage.limit_reached"
    books.use("calls", "4", "2026-01-02T00:00:00Z")
    assert told(db, near, reached) == []
    books.use("calls", "1", "2026-01-02T00:00:01Z")
    assert [(one["event"], one["used"]) for one in told(db, near, reached)] == [(near, "5")]
    books.use("calls", "5", "2026-01-02T00:00:02Z")
    assert [one["event"] for one in told(db, near, reached)] == [near, reached]
    (change,) = [one for one in told(db, "customer.access_changed") if one["feature"] == "calls"]
    assert (change["reason"], change["caused_by"]) == ("limit_reached", reached)


def test_a_switch_that_makes_no_sense_changes_nothing(
    books: Books, home: Home, switch: Any
) -> None:
    for switches in (
        {"grace_days": -1},
        {"grace_days": "3"},
        {"grace_days": None},
        {"limit_approaching": "1"},
        {"limit_approaching": "0"},
        {"limit_approaching": "NaN"},
        {"unheard_of": 1},
    ):
        problem = switch(422, **switches)
        assert problem["errors"][0]["pointer"] == f"/{next(iter(switches))}"
    headers = {"Authorization": "Bearer tb_op_for_tests"}
    shown = books.http.get(f"/projects/{home.project_id}", headers=headers).json()
    assert shown["settings"] == {
        "grace_days": 0,
        "limit_approaching": "0.8",
        "dunning_days": [1, 3, 5, 7],
        "wallet_gate": False,
        "enforce_at_ingest": False,
    }
    assert books.http.get("/projects/prj_none", headers=headers).status_code == 404
