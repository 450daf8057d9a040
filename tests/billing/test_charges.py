"""Fees besides the base price: in advance, once, by usage, by seats."""

from typing import Any

from .conftest import Books


def charge(books: Books, key: str, charge_type: str, amount: str, **fields: Any) -> None:
    body = {"name": key, "key": key, "charge_type": charge_type, "amount": amount, **fields}
    books.post("/plans/pro/charges", body)


def totals(invoice: Any) -> dict[str, str]:
    return {line["description"]: line["total"] for line in invoice["line_items"]}


def test_each_kind_has_its_time(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    books.customer()
    books.plan("pro", "100")
    books.meter("calls", "count")
    charge(books, "platform", "recurring", "10")
    charge(books, "support", "recurring", "120", billing_period="quarterly")
    charge(books, "setup", "one_time", "50")
    charge(books, "call", "usage_based", "0.5", meter="calls")
    books.subscribe(collection_method="send_invoice")
    books.advance("2026-01-20T00:00:00Z")
    books.use("calls", "8", "2026-01-10T00:00:00Z")
    books.advance("2026-04-02T00:00:00Z")
    fees = {"Pro": "100.00", "platform": "10.00"}
    assert [totals(invoice) for invoice in books.invoices()] == [
        {**fees, "support": "120.00", "setup": "50.00"},
        {**fees, "call": "4.00"},
        fees,
        {**fees, "support": "120.00"},
    ]


def test_seats_are_the_most_held_and_carried_into_the_next_period(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    books.customer()
    books.plan("pro", "100")
    books.meter("seats", "max")
    charge(books, "seat", "seat_based", "7", meter="seats")
    books.subscribe(collection_method="send_invoice")
    books.advance("2026-01-20T00:00:00Z")
    books.use("seats", "3", "2026-01-10T00:00:00Z")
    books.use("seats", "2", "2026-01-20T00:00:00Z")
    books.advance("2026-03-02T00:00:00Z")
    books.use("seats", "1", "2026-03-01T12:00:00Z")
    books.use("seats", "5", "2026-03-01T13:00:00Z")
    books.advance("2026-04-02T00:00:00Z")
    seats = [totals(invoice).get("seat") for invoice in books.invoices()]
    assert seats == [None, "21.00", "14.00", "35.00"], "3 held at most; 2 carried; 5 at most"


def test_a_recurring_fee_is_prorated_and_a_one_time_fee_is_not(books: Books) -> None:
    books.advance("2026-03-16T00:00:00Z")
    books.customer()
    books.plan("pro", "31")
    charge(books, "platform", "recurring", "62")
    charge(books, "setup", "one_time", "50")
    books.subscribe(
        current_period_start="2026-03-01T00:00:00Z",
        current_period_end="2026-03-31",
        start_date="2026-03-16",
    )
    (invoice,) = books.invoices()
    assert totals(invoice) == {"Pro": "16.00", "platform": "32.00", "setup": "50.00"}
