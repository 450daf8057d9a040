"""Changes of plan: what they cost at once, when they wait, when nothing changes."""

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.conftest import Books
from tests.billing.test_cycle import lines


def begin(
    books: Books,
    *,
    start: str = "2026-04-01T00:00:00Z",
    old: str = "700",
    new: str = "1000",
    credit: str | None = "10000",
    **fields: Any,
) -> tuple[str, Any]:
    books.advance(start)
    customer = books.customer()
    books.meter("calls")
    books.plan("pro", base=old)
    books.plan("big", base=new)
    if credit is not None:
        books.wallet(customer, credit)
    return customer, books.subscribe(**fields)


def change(books: Books, sub: Any, *, status: int | None = None, **body: Any) -> Any:
    body = {"new_plan": "big", **body}
    return books.post(f"/subscriptions/{sub['id']}/change-plan", body, status=status)


PUBLISHED = [
    ("2026-04-01T00:00:00Z", "2026-04-11T00:00:00Z", "700", "1000", "466.67", "666.67", "200.00"),
    ("2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z", "99", "199", "67.06", "134.81", "67.75"),
]


@pytest.mark.parametrize(("start", "at", "old", "new", "back", "charge", "net"), PUBLISHED)
def test_the_published_figures(
    books: Books, start: str, at: str, old: str, new: str, back: str, charge: str, net: str
) -> None:
    customer, sub = begin(books, start=start, old=old, new=new)
    before = Decimal(books.wallet(customer)["balance"])
    books.advance(at)
    shown = change(books, sub, preview=True)
    figures = {
        "net_adjustment": net,
        "prepaid_refund": back,
        "new_plan_charge": charge,
        "usage_charges": "0.00",
        "currency": "USD",
    }
    assert shown["proration"] == figures
    assert (shown["subscription"]["plan"], len(books.invoices())) == ("pro", 1)
    done = change(books, sub)
    assert done["proration"] == figures
    assert (done["subscription"]["plan"], done["scheduled_change"]) == ("big", None)
    made = books.invoices()[1]
    assert (made["type"], made["status"], made["total"]) == ("change", "paid", net)
    assert lines(made) == [("adjustment", f"-{back}"), ("base_fee", charge)]
    after = Decimal(books.wallet(customer)["balance"])
    assert before - after == Decimal(net)


def test_the_next_period_costs_the_new_plan_whole(books: Books) -> None:
    _, sub = begin(books)
    books.advance("2026-04-11T00:00:00Z")
    change(books, sub)
    books.advance("2026-05-02T00:00:00Z")
    assert lines(books.invoices()[2]) == [("base_fee", "1000.00")]
    books.advance("2026-06-02T00:00:00Z")
    assert [i["total"] for i in books.invoices()] == ["700.00", "200.00", "1000.00", "1000.00"]


def test_a_wallet_that_is_too_low_changes_nothing(books: Books) -> None:
    customer, sub = begin(books, credit="899.99")
    books.advance("2026-04-11T00:00:00Z")
    before = books.get(f"/subscriptions/{sub['id']}")
    refused = change(books, sub, status=402)
    assert refused["code"] == "insufficient_wallet_balance"
    assert (Decimal(refused["required"]), refused["available"]) == (200, "199.99")
    assert books.get(f"/subscriptions/{sub['id']}") == before
    assert len(books.invoices()) == 1
    assert len(books.get(f"/subscriptions/{sub['id']}/contracts")["data"]) == 1
    books.wallet(customer, "0.01")
    assert change(books, sub)["subscription"]["plan"] == "big"
    assert books.wallet(customer)["balance"] == "0.00"


def test_an_invoice_that_is_sent_stays_open(books: Books) -> None:
    _, sub = begin(books, credit=None, collection_method="send_invoice")
    books.advance("2026-04-11T00:00:00Z")
    change(books, sub)
    assert [(i["status"], i["total"]) for i in books.invoices()] == [
        ("open", "700.00"),
        ("open", "200.00"),
    ]


def test_usage_of_the_old_plan_is_billed_with_the_change(books: Books) -> None:
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.meter("calls")
    shape = {"pricing_model": "per_unit", "unit_price": "0.10", "included_units": "100"}
    for key, base in (("pro", "30"), ("big", "60")):
        books.plan(key, base=base)
        books.price(key, "calls", **shape)
    books.wallet(customer, "1000")
    sub = books.subscribe()
    books.advance("2026-04-16T00:00:00Z")
    books.use("calls", "120", "2026-04-10T00:00:00Z")
    done = change(books, sub)
    assert done["proration"]["usage_charges"] == "2.00", "120 - 100 included"
    assert done["proration"]["net_adjustment"] == "17.00"
    books.advance("2026-04-21T00:00:00Z")
    books.use("calls", "60", "2026-04-20T00:00:00Z")
    books.use("calls", "10", "2026-04-12T00:00:00Z")  # late, for the part before the change
    books.advance("2026-05-01T02:00:00Z")
    renewal = books.invoices()[2]
    assert lines(renewal) == [("base_fee", "60.00"), ("usage", "1.00"), ("adjustment", "1.00")]
    used = renewal["line_items"][1]
    assert (used["included_units_used"], used["billable_units"]) == ("50", "10")
    books.advance("2026-05-03T00:00:00Z")
    books.use("calls", "120", "2026-05-02T00:00:00Z")
    books.advance("2026-06-01T02:00:00Z")
    assert lines(books.invoices()[3]) == [("base_fee", "60.00"), ("usage", "2.00")]


def test_a_downgrade_gives_credit_of_the_kind_that_paid(books: Books) -> None:
    customer, sub = begin(books, old="1000", new="700", credit="1000")
    books.advance("2026-04-11T00:00:00Z")
    done = change(books, sub)
    assert done["proration"]["net_adjustment"] == "-200.00"
    wallet = books.wallet(customer)
    assert wallet["balance"] == "200.00"
    held = books.get(f"/wallets/{wallet['id']}/balance")["by_credit_type"]
    assert {k: Decimal(v) for k, v in held.items()}["purchased"] == 200
    assert books.invoices()[1]["total"] == "0.00"
    books.advance("2026-04-21T00:00:00Z")
    body = {"when": "immediate", "refund": "prorated"}
    refund = books.post(f"/subscriptions/{sub['id']}/cancel", body)["refund"]
    assert refund["amount"] == "233.33", "a third of 700 is left"


def test_a_third_change_refunds_no_more_than_was_charged(books: Books) -> None:
    _, sub = begin(books)
    books.advance("2026-04-11T00:00:00Z")
    change(books, sub)
    again = change(books, sub, new_plan="pro")["proration"]
    assert (again["prepaid_refund"], again["new_plan_charge"]) == ("666.67", "466.67")
    books.advance("2026-04-21T00:00:00Z")
    done = change(books, sub)["proration"]
    assert (done["prepaid_refund"], done["new_plan_charge"]) == ("233.33", "333.33")


def test_a_trial_changes_for_nothing(books: Books) -> None:
    books.advance("2026-04-01T00:00:00Z")
    books.customer()
    books.plan("pro", base="700", trial_available=True, trial_days=14)
    books.plan("big", base="1000")
    sub = books.subscribe()
    books.advance("2026-04-08T00:00:00Z")
    done = change(books, sub)
    assert done["proration"] == {
        "net_adjustment": "0.00",
        "prepaid_refund": "0.00",
        "new_plan_charge": "0.00",
        "usage_charges": "0.00",
        "currency": "USD",
    }
    assert done["subscription"]["status"] == "trialing"
    books.advance("2026-04-15T00:00:00Z")
    (first,) = books.invoices()
    line = first["line_items"][0]
    assert (first["total"], line["period_start"]) == ("1000.00", "2026-04-15T00:00:00Z")


def test_another_billing_period_waits_and_a_second_change_replaces_it(books: Books) -> None:
    _, sub = begin(books)
    books.post(
        "/plans/big/prices",
        {"market": "global", "base_price": "9000", "billing_period": "annual"},
    )
    shown = change(books, sub, billing_period="yearly", preview=True)
    assert shown["subscription"]["scheduled_change"] is None
    assert shown["scheduled_change"]["reason"] == "billing_period_change"
    done = change(books, sub, billing_period="annual")
    waits = done["scheduled_change"]
    assert (waits["reason"], waits["effective_at"]) == (
        "billing_period_change",
        "2026-05-01T00:00:00Z",
    )
    assert done["proration"] is None
    replaced = change(books, sub, timing="period_end")
    assert replaced["scheduled_change"]["reason"] == "requested"
    books.advance("2026-05-01T00:00:00Z")
    now = books.get(f"/subscriptions/{sub['id']}")
    assert (now["plan"], now["billing_period"], now["scheduled_change"]) == ("big", "monthly", None)
    assert books.invoices()[1]["total"] == "1000.00"
    change(books, sub, billing_period="annual")
    books.advance("2026-06-01T00:00:00Z")
    now = books.get(f"/subscriptions/{sub['id']}")
    assert (now["billing_period"], now["current_period_end"]) == ("annual", "2027-06-01T00:00:00Z")
    assert books.invoices()[2]["total"] == "9000.00"


def test_what_is_past_due_or_suspended_cannot_change_at_once(books: Books) -> None:
    customer, sub = begin(books, credit="1")
    refused = change(books, sub, status=409)
    assert (refused["code"], refused["current_state"]) == ("invalid_state_transition", "past_due")
    assert change(books, sub, preview=True, status=409)["current_state"] == "past_due"
    books.wallet(customer, "5000")
    books.post(f"/subscriptions/{sub['id']}/suspend")
    assert change(books, sub, status=409)["current_state"] == "suspended"


def test_a_price_that_is_not_configured_is_refused(books: Books) -> None:
    _, sub = begin(books)
    refused = change(books, sub, billing_period="weekly", status=422)
    assert refused["code"] == "price_not_configured"
    change(books, sub, new_plan="nope", status=404)


def test_a_window_that_the_change_cuts_grants_what_is_left_of_it(books: Books) -> None:
    books.advance("2026-04-01T00:00:00Z")
    books.customer()
    books.meter("calls")
    shape = {
        "pricing_model": "per_unit",
        "unit_price": "1",
        "included_units": "10",
        "limit_type": "event_quota",
        "event_quota_window": "day",
    }
    for key in ("pro", "big"):
        books.plan(key)
        books.price(key, "calls", **shape)
    sub = books.subscribe()
    books.advance("2026-04-10T12:00:00Z")
    books.use("calls", "10", "2026-04-10T06:00:00Z")
    assert change(books, sub)["proration"]["usage_charges"] == "0.00"
    books.advance("2026-04-12T00:00:00Z")
    books.use("calls", "10", "2026-04-10T18:00:00Z")
    books.use("calls", "10", "2026-04-11T18:00:00Z")
    preview = books.post("/invoices/preview", {"customer_external_id": "acme"})
    assert preview["amount"] == "5.00", "half of the day's ten units are left at noon"
