"""Usage that came before the subscription or the period it belongs to is billed, once."""

from tests.billing.conftest import Books


def metered(books: Books, at: str) -> None:
    books.advance(at)
    books.customer()
    books.meter("calls")
    books.plan("pro")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="1")


def owed(books: Books) -> str:
    preview = books.post("/invoices/preview", {"customer_external_id": "acme"})
    return str(preview["amount"])


def test_an_event_of_the_next_period_that_is_not_open_yet_is_billed_there(books: Books) -> None:
    metered(books, "2026-01-01T00:00:00Z")
    books.subscribe()
    books.advance("2026-01-31T23:58:00Z")
    books.use("calls", "3", "2026-01-31T23:57:00Z")
    events = [
        {
            "customer_external_id": "acme",
            "meter": "calls",
            "quantity": "5",
            "timestamp": "2026-02-01T00:01:00Z",
            "idempotency_key": "ahead",
        }
    ]
    books.post("/events/batch", {"events": events})
    books.advance("2026-02-01T02:00:00Z")
    (january,) = books.invoices()
    assert january["total"] == "3.00"
    assert owed(books) == "5.00"
    books.advance("2026-03-01T02:00:00Z")
    assert [invoice["total"] for invoice in books.invoices()] == ["3.00", "5.00"]


def test_a_backdated_subscription_picks_up_what_came_before_it(books: Books) -> None:
    metered(books, "2026-01-20T00:00:00Z")
    books.use("calls", "7", "2026-01-10T00:00:00Z")
    books.use("calls", "2", "2026-01-04T23:59:59Z")
    books.subscribe(start_date="2026-01-05")
    assert owed(books) == "7.00"
    books.advance("2026-02-06T00:00:00Z")
    assert [invoice["total"] for invoice in books.invoices()] == ["7.00"]


def test_a_subscription_backdated_over_several_periods_bills_each_once(books: Books) -> None:
    metered(books, "2026-04-20T00:00:00Z")
    for month, quantity in (("01", "1"), ("02", "2"), ("03", "4"), ("04", "8")):
        books.use("calls", quantity, f"2026-{month}-10T00:00:00Z")
    books.subscribe(start_date="2026-01-01")
    books.advance("2026-04-20T03:00:00Z")
    assert [invoice["total"] for invoice in books.invoices()] == ["1.00", "2.00", "4.00"]
    assert owed(books) == "8.00"
