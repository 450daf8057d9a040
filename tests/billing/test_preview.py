"""What would be billed now, and that nothing is written for it."""

from typing import Any

from .conftest import Books

START = "2026-01-01T00:00:00Z"


def draft(books: Books, **fields: Any) -> str:
    body = {"customer_external_id": "acme", "plan": "pro", "name": "Acme", **fields}
    return str(books.post("/contracts", body)["id"])


def preview(books: Books, contract_id: str) -> Any:
    return books.post(
        "/invoices/preview", {"customer_external_id": "acme", "contract_id": contract_id}
    )


def test_a_draft_shows_the_first_invoice_that_its_activation_brings(books: Books) -> None:
    books.advance(START)
    books.customer(taxes=[{"name": "VAT", "rate": "0.10"}])
    books.plan("pro", "100")
    fee = {"name": "Set-up", "key": "setup", "charge_type": "one_time", "amount": "50"}
    books.post("/plans/pro/charges", fee)
    contract = draft(books, start_date="2026-01-10", base_price="80")
    shown = preview(books, contract)
    assert [line["total"] for line in shown["line_items"]] == ["80.00", "50.00"]
    assert (shown["amount"], shown["currency"]) == ("143.00", "USD")
    assert (shown["period_start"], shown["period_end"]) == (
        "2026-01-10T00:00:00Z",
        "2026-02-10T00:00:00Z",
    )
    assert books.get(f"/contracts/{contract}")["status"] == "draft"
    assert books.invoices() == []
    books.post(f"/contracts/{contract}/activate")
    assert preview(books, contract)["amount"] == "0.00", "scheduled: nothing is owed yet"
    books.advance("2026-01-10T00:00:00Z")
    (invoice,) = books.invoices()
    assert invoice["total"] == shown["amount"]


def test_after_a_trial_it_is_the_first_that_is_paid_for(books: Books) -> None:
    books.advance(START)
    books.customer()
    books.plan("pro", "30", trial_available=True, trial_days=14)
    contract = draft(books, start_date="2026-01-01")
    shown = preview(books, contract)
    assert (shown["amount"], shown["period_start"]) == ("30.00", "2026-01-15T00:00:00Z")
    ending = draft(books, start_date="2026-01-01", end_date="2026-01-15")
    assert (preview(books, ending)["amount"], preview(books, ending)["period_start"]) == (
        "0.00",
        None,
    )


def test_a_contract_is_the_customers_own(books: Books) -> None:
    books.advance(START)
    books.customer()
    books.customer("other")
    books.plan("pro", "30")
    contract = draft(books, start_date="2026-01-01")
    body = {"customer_external_id": "other", "contract_id": contract}
    refused = books.post("/invoices/preview", body, status=422)
    assert [error["pointer"] for error in refused["errors"]] == ["/contract_id"]
    unknown = {**body, "contract_id": "ctr_none"}
    assert books.post("/invoices/preview", unknown, status=404)["code"] == "contract_not_found"
