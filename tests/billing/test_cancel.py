"""Cancels: when they take effect, what is billed last, what comes back; on both databases."""

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.conftest import Books
from tests.billing.test_cycle import lines


def begin(books: Books, *, credit: str | None = "100", **fields: Any) -> tuple[str, Any]:
    """A customer on 30.00 a month and 0.01 a call, since the first of April (30 days)."""
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.meter("calls")
    books.plan("pro", base="30")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="0.01")
    if credit is not None:
        books.wallet(customer, credit)
    return customer, books.subscribe(**fields)


def cancel(books: Books, sub: Any, **body: Any) -> Any:
    return books.post(f"/subscriptions/{sub['id']}/cancel", body)


def status(books: Books, sub: Any) -> str:
    return str(books.get(f"/subscriptions/{sub['id']}")["status"])


def by_type(books: Books, wallet_id: str) -> dict[str, Decimal]:
    found = books.get(f"/wallets/{wallet_id}/balance")["by_credit_type"]
    return {kind: Decimal(held) for kind, held in found.items() if Decimal(held)}


def test_by_default_it_ends_with_the_period_and_usage_is_billed_after_the_grace(
    books: Books,
) -> None:
    customer, sub = begin(books)
    books.advance("2026-04-11T00:00:00Z")
    books.use("calls", "500", "2026-04-10T00:00:00Z")
    done = cancel(books, sub, reason="too dear", refund="prorated")
    assert done["refund"] == {"amount": "0.00", "currency": "USD", "destination": "wallet"}
    assert done["subscription"]["cancel_at"] == "2026-05-01T00:00:00Z"
    assert done["subscription"]["status"] == "active"
    books.advance("2026-05-01T00:00:00Z")
    assert status(books, sub) == "canceled"
    assert books.invoices()[1]["status"] == "draft"
    books.advance("2026-06-15T00:00:00Z")
    _, final = books.invoices()
    assert (final["type"], final["status"], lines(final)) == ("final", "paid", [("usage", "5.00")])
    assert books.wallet(customer)["balance"] == "65.00"
    assert books.get(f"/subscriptions/{sub['id']}")["cancel_reason"] == "too dear"


@pytest.mark.parametrize(
    ("refund", "amount", "balance"),
    [("none", "0.00", "65.00"), ("prorated", "20.00", "85.00"), ("full", "30.00", "95.00")],
)
def test_at_once_usage_is_billed_at_once_and_what_was_prepaid_comes_back(
    books: Books, refund: str, amount: str, balance: str
) -> None:
    customer, sub = begin(books)
    books.advance("2026-04-11T00:00:00Z")
    books.use("calls", "500", "2026-04-10T00:00:00Z")
    done = cancel(books, sub, when="immediate", refund=refund)
    assert done["refund"] == {"amount": amount, "currency": "USD", "destination": "wallet"}
    assert done["subscription"]["status"] == "canceled"
    final = books.get(f"/invoices/{done['final_invoice_id']}")
    assert (final["status"], lines(final)) == ("paid", [("usage", "5.00")])
    wallet = books.wallet(customer)
    assert wallet["balance"] == balance
    assert by_type(books, wallet["id"]) == {"purchased": Decimal(balance)}
    again = books.post(f"/subscriptions/{sub['id']}/cancel", {}, status=409)
    assert again["current_state"] == "canceled"
    books.advance("2026-08-01T00:00:00Z")
    assert len(books.invoices()) == 2, "nothing is billed any more"


def test_what_was_paid_with_free_credit_comes_back_as_free(books: Books) -> None:
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="30")
    wallet = books.wallet(customer, "100")
    books.post(f"/wallets/{wallet['id']}/grants", {"amount": "10"})
    sub = books.subscribe()
    cancel(books, sub, when="immediate", refund="full")
    assert by_type(books, wallet["id"]) == {"free": Decimal(10), "purchased": Decimal(100)}


def test_an_unpaid_invoice_is_lowered_first(books: Books) -> None:
    customer, sub = begin(books, credit=None, collection_method="send_invoice")
    books.advance("2026-04-11T00:00:00Z")
    done = cancel(books, sub, when="immediate", refund="prorated")
    assert done["refund"] == {"amount": "20.00", "currency": "USD", "destination": "invoice"}
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["amount_due"]) == ("open", "10.00")
    assert books.wallet(customer)["balance"] == "0.00"


def test_a_full_refund_of_an_unpaid_invoice_voids_it(books: Books) -> None:
    _, sub = begin(books, credit=None, collection_method="send_invoice")
    done = cancel(books, sub, when="immediate", refund="full")
    assert done["refund"]["destination"] == "invoice"
    (invoice,) = books.invoices()
    assert invoice["status"] == "void"


def test_a_refund_can_go_back_the_way_the_money_came(books: Books) -> None:
    customer, sub = begin(books, credit=None, collection_method="send_invoice")
    (invoice,) = books.invoices()
    paid = books.post(
        "/payments",
        {
            "customer_id": customer,
            "invoice_id": invoice["id"],
            "amount": "30",
            "payment_method": "credit_card",
            "status": "completed",
        },
    )
    books.advance("2026-04-11T00:00:00Z")
    done = cancel(books, sub, when="immediate", refund="prorated", refund_to="payment")
    assert done["refund"] == {"amount": "20.00", "currency": "USD", "destination": "payment"}
    payment = books.get(f"/payments/{paid['id']}")
    assert (payment["status"], payment["amount_refunded"]) == ("partially_refunded", "20.00")
    assert books.invoices()[0]["status"] == "paid"


def test_a_cancel_that_waits_is_replaced_or_withdrawn(books: Books) -> None:
    customer, sub = begin(books)
    cancel(books, sub, refund="full")
    replaced = cancel(books, sub, cancellation_date="2026-06-10")["subscription"]
    assert replaced["cancel_at"] == "2026-07-01T00:00:00Z"
    books.advance("2026-05-20T00:00:00Z")
    assert status(books, sub) == "active"
    later = cancel(books, sub, when="immediate", cancellation_date="2026-05-25", refund="prorated")
    assert later["subscription"]["cancel_at"] == "2026-05-25T00:00:00Z"
    kept = books.post(f"/subscriptions/{sub['id']}/resume")
    assert (kept["status"], kept["cancel_at"]) == ("active", None)
    books.advance("2026-06-20T00:00:00Z")
    assert status(books, sub) == "active"
    assert books.wallet(customer)["balance"] == "10.00", "three months were paid, none came back"
    past = {"when": "immediate", "cancellation_date": "2026-06-19"}
    refused = books.post(f"/subscriptions/{sub['id']}/cancel", past, status=422)
    assert refused["errors"][0]["pointer"] == "/cancellation_date"


def test_a_day_ahead_cancels_as_it_begins_with_its_refund(books: Books) -> None:
    customer, sub = begin(books)
    later = cancel(books, sub, when="immediate", cancellation_date="2026-04-11", refund="prorated")
    assert later["refund"]["amount"] == "20.00"
    assert books.wallet(customer)["balance"] == "70.00"
    books.advance("2026-04-20T00:00:00Z")
    now = books.get(f"/subscriptions/{sub['id']}")
    assert (now["status"], now["canceled_at"]) == ("canceled", "2026-04-11T00:00:00Z")
    assert books.wallet(customer)["balance"] == "90.00"


def test_within_the_grace_the_waiting_invoice_is_issued_before_the_refund(books: Books) -> None:
    customer, sub = begin(books)
    books.use("calls", "100", "2026-04-01T00:00:00Z")
    books.advance("2026-05-01T00:00:00Z")
    done = cancel(books, sub, when="immediate", refund="full")
    assert done["refund"]["amount"] == "30.00"
    cycle = books.invoices()[1]
    assert (cycle["status"], cycle["total"]) == ("paid", "31.00")
    assert books.wallet(customer)["balance"] == "69.00"


def test_what_has_not_begun_or_is_a_trial_costs_nothing(books: Books) -> None:
    customer, _ = begin(books)
    books.plan("try", base="50", trial_available=True, trial_days=14)
    trial = books.subscribe(plan="try")
    done = cancel(books, trial, when="immediate", refund="full")
    assert (done["refund"]["amount"], done["final_invoice_id"]) == ("0.00", None)
    books.plan("later", base="50")
    ahead = books.subscribe(plan="later", start_date="2026-06-01")
    assert cancel(books, ahead)["subscription"]["status"] == "canceled"
    books.advance("2026-06-15T00:00:00Z")
    assert books.wallet(customer)["balance"] == "10.00"


def test_as_a_period_begins_nothing_of_it_is_billed(books: Books) -> None:
    books.advance("2026-04-01T00:00:00Z")
    books.customer()
    books.meter("seats")
    books.plan("flat")
    books.price("flat", "seats", pricing_model="flat", flat_fee="5")
    sub = books.subscribe(plan="flat")
    books.advance("2026-05-01T00:00:00Z")
    cancel(books, sub, when="immediate")
    books.advance("2026-06-15T00:00:00Z")
    assert status(books, sub) == "canceled"
    found = books.invoices(subscription_id=sub["id"])
    assert [line["total"] for one in found for line in one["line_items"]] == ["5.00"]


def test_a_contract_is_canceled_by_the_same_rules(books: Books) -> None:
    customer, sub = begin(books)
    books.advance("2026-04-16T00:00:00Z")
    body = {"when": "immediate", "refund": "prorated"}
    done = books.post(f"/contracts/{sub['contract_id']}/cancel", body)
    assert done["contract"]["status"] == "canceled"
    assert done["refund"]["amount"] == "15.00"
    assert books.wallet(customer)["balance"] == "85.00"


def test_late_usage_of_what_has_ended_gathers_for_a_day(books: Books) -> None:
    customer, sub = begin(books)
    books.advance("2026-04-05T12:00:00Z")
    cancel(books, sub, when="immediate")
    for quantity in ("300", "200"):
        assert books.use("calls", quantity, "2026-04-02T00:00:00Z")["status"] == "accepted"
    books.advance("2026-04-06T12:00:00Z")
    made = books.invoices()[1]
    assert (made["type"], made["status"], lines(made)) == (
        "adjustment",
        "paid",
        [("adjustment", "5.00")],
    )
    assert made["line_items"][0]["late"] is True
    books.use("calls", "100", "2026-04-03T00:00:00Z")
    books.advance("2026-07-30T00:00:00Z")
    assert [invoice["total"] for invoice in books.invoices()] == ["30.00", "5.00", "1.00"]
    assert books.wallet(customer)["balance"] == "64.00"
