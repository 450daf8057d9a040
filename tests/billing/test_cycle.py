"""Billing stories of one subscription, on a set clock, on both databases."""

from decimal import Decimal

from tests.billing.conftest import Books


def lines(invoice: dict) -> list[tuple[str, str]]:
    return [(line["kind"], line["total"]) for line in invoice["line_items"]]


def test_fees_come_in_advance_and_usage_in_arrears(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.meter("calls")
    books.plan("pro", base="20")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="0.01")
    books.wallet(customer, "100")
    books.subscribe()
    (first,) = books.invoices()
    assert (first["status"], first["total"], first["number"]) == ("paid", "20.00", first["number"])
    assert first["number"]
    assert lines(first) == [("base_fee", "20.00")]
    books.advance("2026-01-15T00:00:00Z")
    books.use("calls", "1234", "2026-01-10T00:00:00Z")
    preview = books.post("/invoices/preview", {"customer_external_id": "acme"})
    assert preview["amount"] == "12.34"
    assert len(books.invoices()) == 1, "a preview writes nothing"
    books.advance("2026-02-01T00:00:00Z")
    draft = books.invoices()[1]
    assert (draft["status"], draft["number"]) == ("draft", None)
    books.use("calls", "66", "2026-01-31T23:59:59.999999Z")
    books.use("calls", "500", "2026-02-01T00:00:00Z")
    books.advance("2026-02-01T01:00:00Z")
    second = books.invoices()[1]
    assert second["id"] == draft["id"]
    assert lines(second) == [("base_fee", "20.00"), ("usage", "13.00")]
    assert (second["status"], second["total"]) == ("paid", "33.00")
    wallet = books.wallet(customer)
    assert wallet["balance"] == "47.00"
    assert books.post("/invoices/preview", {"customer_external_id": "acme"})["amount"] == "5.00"


def test_usage_that_comes_late_is_adjusted_on_the_next_invoice(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.meter("calls")
    books.plan("pro")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="0.01", included_units="100")
    books.wallet(customer, "100")
    books.subscribe()
    books.advance("2026-01-20T00:00:00Z")
    books.use("calls", "200", "2026-01-10T00:00:00Z")
    books.advance("2026-02-05T00:00:00Z")
    (first,) = books.invoices()
    assert lines(first) == [("usage", "1.00")]
    books.use("calls", "50", "2026-01-11T00:00:00Z")
    assert books.post("/invoices/preview", {"customer_external_id": "acme"})["amount"] == "0.50"
    books.advance("2026-03-01T02:00:00Z")
    second = books.invoices()[1]
    assert lines(second) == [("adjustment", "0.50")]
    line = second["line_items"][0]
    assert line["late"] is True
    assert line["corrects_invoice_id"] == first["id"]
    books.advance("2026-04-01T02:00:00Z")
    assert len(books.invoices()) == 2, "what was adjusted is not adjusted again"


def test_month_ends_come_from_the_anchor(books: Books) -> None:
    books.advance("2026-01-31T00:00:00Z")
    books.customer()
    books.plan("pro", base="10")
    sub = books.subscribe()
    books.advance("2026-04-15T00:00:00Z")
    assert [i["period_start"] for i in books.invoices()] == [
        "2026-01-31T00:00:00Z",
        "2026-01-31T00:00:00Z",
        "2026-02-28T00:00:00Z",
    ]
    now = books.get(f"/subscriptions/{sub['id']}")
    assert now["current_period_start"] == "2026-03-31T00:00:00Z"
    assert now["current_period_end"] == "2026-04-30T00:00:00Z"


def test_a_wallet_that_is_too_low_makes_past_due_and_new_credit_recovers(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="20")
    books.wallet(customer, "5")
    sub = books.subscribe()
    (invoice,) = books.invoices()
    assert invoice["status"] == "open"
    assert books.get(f"/subscriptions/{sub['id']}")["status"] == "past_due"
    assert books.wallet(customer)["balance"] == "5.00", "all or nothing"
    books.wallet(customer, "15")
    assert books.invoices()[0]["status"] == "paid"
    assert books.get(f"/subscriptions/{sub['id']}")["status"] == "active"
    assert books.wallet(customer)["balance"] == "0.00"


def test_a_trial_bills_nothing_and_its_end_is_the_anchor(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.meter("calls")
    books.plan("pro", base="20", trial_available=True, trial_days=14)
    books.price("pro", "calls", pricing_model="per_unit", unit_price="1")
    books.wallet(customer, "100")
    sub = books.subscribe()
    assert sub["status"] == "trialing"
    assert books.invoices() == []
    books.advance("2026-01-10T00:00:00Z")
    books.use("calls", "7", "2026-01-09T00:00:00Z")
    books.advance("2026-01-16T00:00:00Z")
    (invoice,) = books.invoices()
    assert lines(invoice) == [("base_fee", "20.00")]
    now = books.get(f"/subscriptions/{sub['id']}")
    assert (now["status"], now["current_period_end"]) == ("active", "2026-02-15T00:00:00Z")


def test_a_year_in_one_advance_bills_each_month_once(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="10")
    books.wallet(customer, "1000")
    books.subscribe()
    books.advance("2027-01-01T00:00:00Z")
    made = books.invoices(limit=100)
    assert len(made) == 13
    assert {i["status"] for i in made} == {"paid"}
    numbers = [i["number"] for i in made]
    assert len(set(numbers)) == 13
    assert sum(Decimal(i["total"]) for i in made) == 130
    books.advance("2027-01-01T00:00:00Z")
    assert len(books.invoices(limit=100)) == 13


def test_windows_grant_their_units_anew(books: Books) -> None:
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
        limit_type="event_quota",
        event_quota_window="day",
    )
    books.subscribe()
    books.advance("2026-01-05T00:00:00Z")
    for day, quantity in (("01", "4"), ("02", "13"), ("03", "12")):
        result = books.use("calls", quantity, f"2026-01-{day}T10:00:00Z")
        assert result["over_limit"] is (Decimal(quantity) > 10)
    assert books.post("/invoices/preview", {"customer_external_id": "acme"})["amount"] == "5.00"


def test_a_price_that_does_not_cover_the_usage_holds_its_invoice_alone(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    books.meter("calls")
    books.plan("pro")
    tiers = [{"start_unit": "0", "end_unit": "10", "unit_price": "1"}]
    books.price("pro", "calls", pricing_model="graduated", tiers=tiers)
    for name in ("acme", "other"):
        books.customer(name)
        books.subscribe(name)
    books.advance("2026-01-05T00:00:00Z")
    books.use("calls", "11", "2026-01-02T00:00:00Z", "acme")
    books.use("calls", "9", "2026-01-02T00:00:00Z", "other")
    books.advance("2026-02-02T00:00:00Z")
    held, billed = books.invoices()
    assert (held["status"], billed["status"]) == ("draft", "open")
    assert held["held_reason"]
    assert billed["total"] == "9.00"


def test_usage_taxes_and_currencies_add_up(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    books.customer(taxes=[{"name": "VAT", "rate": "0.15"}])
    books.plan("pro", base="19.99")
    books.subscribe()
    (invoice,) = books.invoices()
    assert (invoice["subtotal"], invoice["tax_total"], invoice["total"]) == (
        "19.99",
        "3.00",
        "22.99",
    )


def test_what_was_billed_too_much_becomes_credit_not_a_negative_invoice(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.meter("seats", "min")
    books.plan("pro")
    books.price("pro", "seats", pricing_model="per_unit", unit_price="1")
    books.wallet(customer, "50")
    books.subscribe()
    books.advance("2026-01-20T00:00:00Z")
    books.use("seats", "9", "2026-01-10T00:00:00Z")
    books.advance("2026-02-05T00:00:00Z")
    assert books.wallet(customer)["balance"] == "41.00"
    books.use("seats", "2", "2026-01-11T00:00:00Z")
    preview = books.post("/invoices/preview", {"customer_external_id": "acme"})
    assert preview["amount"] == "0.00"
    books.advance("2026-03-01T02:00:00Z")
    second = books.invoices()[1]
    assert (second["status"], second["total"]) == ("paid", "0.00")
    assert lines(second) == [("adjustment", "-7.00"), ("adjustment", "7.00")]
    assert books.wallet(customer)["balance"] == "48.00"
    books.advance("2026-04-01T02:00:00Z")
    assert books.wallet(customer)["balance"] == "48.00"
