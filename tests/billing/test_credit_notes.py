"""Corrections of finalized invoices, and refunds of what paid them; on both databases."""

from typing import Any

import pytest

from tallybook.server.ledger import service as ledger
from tallybook.server.storage import Database
from tests.billing.conftest import Books


def bill(books: Books, *prices: str, **fields: Any) -> Any:
    lines = [{"description": f"line {price}", "unit_price": price} for price in prices]
    body = {"customer_external_id": "acme", "line_items": lines, "auto_finalize": True, **fields}
    return books.post("/invoices", body)


def credit(books: Books, invoice: Any, *, status: int | None = None, **fields: Any) -> Any:
    body = {"invoice_id": invoice["id"], "reason": "a mistake", **fields}
    return books.post("/credit-notes", body, status=status)


def pay(books: Books, invoice: Any, amount: str, **fields: Any) -> Any:
    body = {
        "customer_external_id": "acme",
        "invoice_id": invoice["id"],
        "amount": amount,
        "payment_method": "credit_card",
        "status": "completed",
        **fields,
    }
    return books.post("/payments", body)


def parts(note: Any) -> tuple[str, str, str]:
    return note["amount_to_invoice"], note["amount_to_wallet"], note["amount_refunded"]


def test_what_is_unpaid_is_lowered(books: Books, db: Database) -> None:
    customer = books.customer()
    invoice = bill(books, "100", tax_rate="0.1")
    note = credit(books, invoice, amount="30")
    assert (note["number"], note["status"], note["destination"]) == (
        "CN-000001",
        "issued",
        "invoice",
    )
    assert (note["subtotal"], note["tax_total"], note["total"]) == ("30.00", "3.00", "33.00")
    assert parts(note) == ("33.00", "0.00", "0.00")
    shown = books.get(f"/invoices/{invoice['id']}")
    assert (shown["status"], shown["total"], shown["amount_credited"], shown["amount_due"]) == (
        "open",
        "110.00",
        "33.00",
        "77.00",
    )
    assert books.post(f"/invoices/{invoice['id']}/void", {"reason": "x"}, status=409)["code"] == (
        "invoice_has_credit_notes"
    )
    rest = credit(books, invoice)
    assert (rest["number"], rest["subtotal"], rest["total"]) == ("CN-000002", "70.00", "77.00")
    shown = books.get(f"/invoices/{invoice['id']}")
    assert (shown["status"], shown["amount_paid"], shown["amount_due"]) == ("paid", "0.00", "0.00")
    assert credit(books, invoice, amount="0.01", status=422)["code"] == "credit_exceeds_invoice"
    assert books.wallet(customer)["balance"] == "0.00"
    assert db.read(ledger.verify) == []


def test_what_was_paid_goes_to_the_wallet_or_back_as_it_came(books: Books, db: Database) -> None:
    customer = books.customer()
    invoice = bill(books, "100")
    paid = pay(books, invoice, "80")
    note = credit(books, invoice, amount="50")
    assert (parts(note), note["destination"]) == (("20.00", "30.00", "0.00"), "wallet")
    assert books.get(f"/invoices/{invoice['id']}")["status"] == "paid"
    wallet = books.wallet(customer)
    assert wallet["balance"] == "30.00"
    balance = books.get(f"/wallets/{wallet['id']}/balance")
    assert balance["by_credit_type"]["purchased"] == "30"
    back = credit(books, invoice, amount="10", refund_to="payment")
    assert (parts(back), back["destination"]) == (("0.00", "0.00", "10.00"), "payment")
    shown = books.get(f"/payments/{paid['id']}")
    assert (shown["status"], shown["amount_refunded"]) == ("partially_refunded", "10.00")
    # 30 of purchased credit and 40 that still pay the invoice can be refunded, and no more
    path = f"/payments/{paid['id']}/refunds"
    assert books.post(path, {"amount": "70.01"}, status=422)["refundable"] == "70"
    assert books.post(path, {"amount": "70"})["amount"] == "70.00"
    assert books.wallet(customer)["balance"] == "0.00"
    refused = credit(books, invoice, amount="1", status=422)
    assert (refused["code"], refused["available"]) == ("credit_exceeds_invoice", "0")
    assert books.get(f"/invoices/{invoice['id']}")["status"] == "paid"
    assert db.read(ledger.verify) == []


def test_lines_are_credited_with_their_own_tax(books: Books) -> None:
    books.customer()
    invoice = bill(books, "0.06", "0.06", "0.06", tax_rate="0.08")
    first, second, third = invoice["line_items"]
    note = credit(books, invoice, lines=[{"line_id": first["id"]}])
    assert [(one["amount"], one["tax"]) for one in note["lines"]] == [("0.06", "0.01")]
    lines = [{"line_id": second["id"], "amount": "0.02"}, {"line_id": third["id"]}]
    note = credit(books, invoice, lines=lines)
    assert (note["subtotal"], note["tax_total"]) == ("0.08", "0.00")
    again = credit(books, invoice, lines=[{"line_id": first["id"]}], status=422)
    assert again["errors"][0]["pointer"] == "/lines/0/amount"
    unknown = credit(books, invoice, lines=[{"line_id": "ili_none"}], status=404)
    assert unknown["code"] == "invoice_line_not_found"
    both = {"lines": [{"line_id": second["id"]}], "amount": "0.01"}
    assert credit(books, invoice, **both, status=422)["code"] == "validation_failed"
    assert len(books.get("/credit-notes", invoice_id=invoice["id"])["data"]) == 2


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "100.01", "NaN", "1e400"])
def test_amounts_that_are_refused_write_nothing(books: Books, amount: str) -> None:
    books.customer()
    invoice = bill(books, "100")
    credit(books, invoice, amount=amount, status=422)
    assert books.get("/credit-notes")["data"] == []
    assert books.get(f"/invoices/{invoice['id']}")["amount_due"] == "100.00"


def test_drafts_and_void_invoices_are_not_credited(books: Books) -> None:
    books.customer()
    draft = bill(books, "1", auto_finalize=False)
    assert credit(books, draft, status=409)["current_state"] == "draft"
    void = bill(books, "1")
    books.post(f"/invoices/{void['id']}/void", {"reason": "x"})
    assert credit(books, void, status=409)["current_state"] == "void"
    assert credit(books, {"id": "inv_none"}, status=404)["code"] == "invoice_not_found"


def test_a_note_is_voided_while_nothing_was_given_back(books: Books, db: Database) -> None:
    books.customer()
    invoice = bill(books, "100")
    note = credit(books, invoice)
    assert books.get(f"/invoices/{invoice['id']}")["status"] == "paid"
    void = books.post(f"/credit-notes/{note['id']}/void", {"reason": "it was right"})
    assert (void["status"], void["void_reason"]) == ("void", "it was right")
    shown = books.get(f"/invoices/{invoice['id']}")
    assert (shown["status"], shown["amount_due"]) == ("open", "100.00")
    again = books.post(f"/credit-notes/{note['id']}/void", status=409)
    assert again["current_state"] == "void"
    pay(books, invoice, "100")
    given = credit(books, invoice, amount="1")
    kept = books.post(f"/credit-notes/{given['id']}/void", status=409)
    assert kept["code"] == "credit_given_back"
    assert db.read(ledger.verify) == []


def test_new_credit_pays_what_else_is_open(books: Books) -> None:
    customer = books.customer()
    books.plan("pro", base="30")
    invoice = bill(books, "50")
    pay(books, invoice, "50")
    books.subscribe()
    (open_one,) = [one for one in books.invoices() if one["status"] == "open"]
    credit(books, invoice, amount="40")
    assert books.get(f"/invoices/{open_one['id']}")["status"] == "paid"
    assert books.wallet(customer)["balance"] == "10.00"


def test_a_payment_is_refunded_and_its_invoice_stays_paid(books: Books, db: Database) -> None:
    customer = books.customer()
    invoice = bill(books, "100")
    paid = pay(books, invoice, "120")
    assert books.wallet(customer)["balance"] == "20.00"
    path = f"/payments/{paid['id']}/refunds"
    assert books.post(path, {"amount": "120.01"}, status=422)["code"] == "refund_exceeds_payment"
    books.post(path, {"amount": "50"})
    assert books.wallet(customer)["balance"] == "0.00"
    books.post(path)
    shown = books.get(f"/payments/{paid['id']}")
    assert (shown["status"], shown["amount_refunded"]) == ("refunded", "120.00")
    assert books.get(f"/invoices/{invoice['id']}")["status"] == "paid"
    assert books.post(path, {"amount": "1"}, status=422)["code"] == "refund_exceeds_payment"
    assert db.read(ledger.verify) == []


def test_what_a_wallet_paid_goes_back_there_as_it_was(books: Books, db: Database) -> None:
    customer = books.customer()
    wallet = books.wallet(customer, "60")
    books.post(f"/wallets/{wallet['id']}/grants", {"amount": "40"})
    invoice = bill(books, "100")
    books.post(f"/invoices/{invoice['id']}/pay")
    (paid,) = books.get("/payments", invoice_id=invoice["id"])["data"]
    books.post(f"/payments/{paid['id']}/refunds", {"amount": "50"})
    books.post(f"/payments/{paid['id']}/refunds")
    balance = books.get(f"/wallets/{wallet['id']}/balance")["by_credit_type"]
    assert (balance["purchased"], balance["free"]) == ("60", "40")
    assert books.get(f"/payments/{paid['id']}")["status"] == "refunded"
    assert db.read(ledger.verify) == []


def test_the_world_hears_of_it(books: Books) -> None:
    books.customer()
    invoice = bill(books, "100")
    note = credit(books, invoice)
    told = list(books.get("/webhook-events", limit=100)["data"])
    (created,) = [one for one in told if one["event"] == "credit_note.created"]
    assert created["data"]["credit_note_id"] == note["id"]
    assert created["data"]["credit_note"]["total"] == "100.00"
    assert created["data"]["customer_external_id"] == "acme"
    assert [one["event"] for one in told].count("invoice.paid") == 1


def test_a_credit_note_lowers_revenue_on_its_day(books: Books) -> None:
    books.customer()
    invoice = books.post(
        "/invoices",
        {
            "customer_external_id": "acme",
            "line_items": [{"description": "work", "unit_price": "100"}],
            "auto_finalize": True,
        },
    )
    books.post("/credit-notes", {"invoice_id": invoice["id"], "amount": "30", "reason": "x"})
    day = invoice["issue_date"]
    for basis in ("accrued", "invoiced"):
        report = books.get("/margins", group_by="customer", start=day, end=day, basis=basis)
        assert [total["revenue"] for total in report["totals"]] == ["70"], report
