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


@pytest.mark.parametrize(
    ("basis", "back", "charge"), [("second", "455.00", "650.00"), ("day", "466.67", "666.67")]
)
def test_a_change_at_noon_is_counted_in_seconds_or_in_days(
    books: Books, switch: Any, basis: str, back: str, charge: str
) -> None:
    """30 days of April: 19.5 are left of them; by days the day of change is the new plan's."""
    assert switch(proration_basis=basis)["settings"]["proration_basis"] == basis
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="700")
    books.plan("big", base="1000")
    books.wallet(customer, "10000")
    sub = books.subscribe()
    books.advance("2026-04-11T12:00:00Z")
    shown = books.post(
        f"/subscriptions/{sub['id']}/change-plan", {"new_plan": "big", "preview": True}
    )
    done = books.post(f"/subscriptions/{sub['id']}/change-plan", {"new_plan": "big"})
    assert done["proration"] == shown["proration"]
    assert (done["proration"]["prepaid_refund"], done["proration"]["new_plan_charge"]) == (
        back,
        charge,
    )
    again = books.post(
        f"/subscriptions/{sub['id']}/cancel", {"when": "immediate", "refund": "prorated"}
    )
    assert again["refund"]["amount"] == charge, "canceled at once, all of it comes back"


def test_customers_without_taxes_bear_the_projects(books: Books, switch: Any) -> None:
    answer = switch(taxes=[{"name": "VAT", "rate": "0.19"}, {"name": "City", "rate": 0.01}])
    assert answer["settings"]["taxes"] == [
        {"name": "VAT", "rate": "0.19"},
        {"name": "City", "rate": "0.01"},
    ]
    books.advance("2026-01-01T00:00:00Z")
    books.plan("pro", "100")
    totals = {}
    for name, fields in {
        "as the project": {},
        "own": {"taxes": [{"name": "GST", "rate": "0.05"}]},
        "untaxed": {"taxes": []},
    }.items():
        customer = books.customer(name, **fields)
        books.subscribe(name)
        (invoice,) = books.invoices(customer_id=customer)
        totals[name] = [(tax["name"], tax["amount"]) for tax in invoice["taxes"]]
    assert totals == {
        "as the project": [("VAT", "19.00"), ("City", "1.00")],
        "own": [("GST", "5.00")],
        "untaxed": [],
    }
    switch(422, taxes=[{"name": "VAT", "rate": "-1"}])
    assert switch(taxes=[])["settings"]["taxes"] == []


def test_a_start_within_the_month_is_charged_by_local_days(books: Books, switch: Any) -> None:
    switch(proration_basis="day")
    books.advance("2026-04-16T18:00:00Z")
    books.customer()
    books.plan("pro", base="30")
    bounds = {"start": "2026-04-01T00:00:00Z", "end": "2026-05-01T00:00:00Z"}
    books.subscribe(
        start_date="2026-04-16T18:00:00Z",
        current_period_start=bounds["start"],
        current_period_end=bounds["end"],
    )
    (made,) = books.invoices()
    assert made["total"] == "15.00", "the day it starts is charged whole"


def test_a_basis_set_within_a_period_holds_for_what_follows(books: Books, switch: Any) -> None:
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="700")
    books.plan("big", base="1000")
    books.wallet(customer, "10000")
    sub = books.subscribe()
    books.advance("2026-04-11T12:00:00Z")
    switch(proration_basis="day")
    done = books.post(f"/subscriptions/{sub['id']}/change-plan", {"new_plan": "big"})
    assert done["proration"]["net_adjustment"] == "200.00"


@pytest.mark.parametrize(
    ("rounding", "tax", "shown"),
    [("invoice", "0.01", ["0.01", "0.00", "0.00"]), ("line", "0.00", ["0.00", "0.00", "0.00"])],
)
def test_tax_is_rounded_on_the_invoice_or_on_each_line(
    books: Books, switch: Any, rounding: str, tax: str, shown: list[str]
) -> None:
    """Three lines of 0.06 at 8 %: 0.0048 each, 0.0144 together."""
    assert switch(tax_rounding=rounding)["settings"]["tax_rounding"] == rounding
    books.advance("2026-04-01T00:00:00Z")
    books.customer()
    lines = [{"description": "x", "quantity": "1", "unit_price": "0.06"}] * 3
    body = {"customer_external_id": "acme", "line_items": lines, "tax_rate": "0.08"}
    made = books.post("/invoices", body)
    assert (made["tax_total"], made["tax_rounding"]) == (tax, rounding)
    assert [line["tax"] for line in made["line_items"]] == shown
    switch(tax_rounding="line" if rounding == "invoice" else "invoice")
    edited = books.http.patch(
        f"/invoices/{made['id']}", json={"taxes": [{"name": "VAT", "rate": "0.08"}]}
    ).json()
    assert (edited["tax_total"], edited["tax_rounding"]) == (tax, rounding), "it keeps its own"


def test_tax_on_each_line_of_a_subscriptions_invoice(books: Books, switch: Any) -> None:
    switch(tax_rounding="line")
    books.advance("2026-04-01T00:00:00Z")
    books.customer(taxes=[{"name": "VAT", "rate": "0.125"}])
    books.meter("calls")
    books.plan("pro", base="0.04")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="0.04")
    books.subscribe(collection_method="send_invoice")
    books.advance("2026-04-20T00:00:00Z")
    books.use("calls", "1", "2026-04-10T00:00:00Z")
    preview = books.post("/invoices/preview", {"customer_external_id": "acme"})
    assert preview["taxes"][0]["amount"] == "0.01", "0.005, half up"
    books.advance("2026-05-03T00:00:00Z")
    last = books.invoices()[-1]
    assert (last["subtotal"], last["tax_total"]) == ("0.08", "0.02")
    assert [line["tax"] for line in last["line_items"]] == ["0.01", "0.01"]


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
        {"proration_basis": "hour"},
        {"proration_basis": None},
        {"tax_rounding": "total"},
        {"taxes": None},
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
        "proration_basis": "second",
        "tax_rounding": "invoice",
        "taxes": [],
    }
    assert books.http.get("/projects/prj_none", headers=headers).status_code == 404
