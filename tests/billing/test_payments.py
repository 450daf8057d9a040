"""Money for invoices: from wallets, from outside, in parts, too much; on both databases."""

from tests.billing.conftest import Books


def owe(books: Books, amount: str = "10") -> tuple[str, str]:
    """A customer with one open invoice by hand; return both ids."""
    customer = books.customer()
    body = {
        "customer_id": customer,
        "line_items": [{"description": "work", "unit_price": amount}],
        "auto_finalize": True,
    }
    invoice = books.post("/invoices", body)
    assert (invoice["status"], invoice["amount_due"]) == ("open", f"{amount}.00")
    return customer, invoice["id"]


def test_an_invoice_is_paid_whole_from_the_wallet_or_not_at_all(books: Books) -> None:
    customer, invoice = owe(books)
    books.wallet(customer, "9.99")
    refused = books.post(f"/invoices/{invoice}/pay", status=402)
    assert refused["code"] == "insufficient_wallet_balance"
    assert (refused["required"], refused["available"]) == ("10", "9.99")
    assert books.wallet(customer)["balance"] == "9.99"
    books.wallet(customer, "1")
    headers = {"Idempotency-Key": "pay-1"}
    paid = books.http.post(f"/invoices/{invoice}/pay", headers=headers)
    assert (paid.status_code, paid.json()["status"]) == (200, "paid")
    again = books.http.post(f"/invoices/{invoice}/pay", headers=headers)
    assert again.content == paid.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert books.wallet(customer)["balance"] == "0.99"
    assert books.post(f"/invoices/{invoice}/pay", status=409)["current_state"] == "paid"
    without_key = books.http.post(f"/invoices/{invoice}/pay")
    assert without_key.json()["code"] == "idempotency_key_missing"
    (payment,) = books.get("/payments", invoice_id=invoice)["data"]
    assert (payment["payment_method"], payment["status"]) == ("wallet", "completed")


def test_a_payment_from_outside_pays_its_invoice_and_the_rest_is_credit(books: Books) -> None:
    customer, invoice = owe(books)
    part = {"customer_id": customer, "invoice_id": invoice, "amount": "4", "status": "completed"}
    books.post("/payments", part)
    shown = books.get(f"/invoices/{invoice}")
    assert (shown["status"], shown["amount_paid"], shown["amount_due"]) == ("open", "4.00", "6.00")
    pending = books.post("/payments", {**part, "amount": "10", "status": "pending"})
    assert books.get(f"/invoices/{invoice}")["amount_due"] == "6.00"
    done = books.http.patch(
        f"/payments/{pending['id']}", json={"status": "completed"}, headers={"Idempotency-Key": "c"}
    )
    assert done.json()["status"] == "completed"
    assert books.get(f"/invoices/{invoice}")["status"] == "paid"
    assert books.wallet(customer)["balance"] == "4.00"
    refused = books.post("/payments", {**part, "amount": "1"}, status=409)
    assert refused["current_state"] == "paid"


def test_a_payment_from_the_wallet_pays_a_part(books: Books) -> None:
    customer, invoice = owe(books)
    books.wallet(customer, "20")
    part = {
        "customer_id": customer,
        "invoice_id": invoice,
        "amount": "3",
        "payment_method": "wallet",
    }
    first = books.http.post("/payments", json=part, headers={"Idempotency-Key": "part"})
    assert (first.status_code, first.json()["amount"]) == (201, "3.00")
    again = books.http.post("/payments", json=part, headers={"Idempotency-Key": "part"})
    assert again.json()["id"] == first.json()["id"]
    assert books.get(f"/invoices/{invoice}")["amount_due"] == "7.00"
    assert books.wallet(customer)["balance"] == "17.00"


def test_a_customer_who_owes_or_runs_is_not_deleted(books: Books) -> None:
    customer, invoice = owe(books)
    refused = books.http.delete(f"/customers/{customer}")
    assert (refused.status_code, refused.json()["code"]) == (409, "customer_in_use")
    books.post(f"/invoices/{invoice}/void", {"reason": "a mistake"})
    books.plan("pro", base="0")
    books.subscribe()
    assert books.http.delete("/customers/external/acme").status_code == 409
    other = books.customer("other")
    assert books.http.delete(f"/customers/{other}").status_code == 204
    assert books.http.get("/customers/external/other").status_code == 404
    assert books.customer("other") != other, "its external id is free again"


def test_the_foreign_invoice_and_the_wrong_currency_are_refused(books: Books) -> None:
    _, invoice = owe(books)
    other = books.customer("other")
    body = {"customer_id": other, "invoice_id": invoice, "amount": "1", "status": "completed"}
    assert books.post("/payments", body, status=422)["code"] == "invoice_of_another_customer"
    mine = {**body, "customer_id": None, "customer_external_id": "acme", "currency": "EUR"}
    assert books.post("/payments", mine, status=422)["code"] == "currency_mismatch"
    assert books.get("/payments")["data"] == []
