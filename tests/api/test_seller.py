"""The seller over HTTP, and what documents keep of it; on both databases."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

ALL = {
    "legal_name": "Bücher & Söhne GmbH",
    "address_lines": ["Hinterhof", "Hauptstraße 1"],
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
    "tax_id": "DE123456789",
    "email": "rechnung@buecher.example",
    "payment_instructions": "IBAN DE02 1203 0000 0000 2020 51\nBIC BYLADEM1001",
    "footer": "Amtsgericht Berlin, HRB 1",
}


def test_what_is_set_is_shown_and_null_clears(api: TestClient) -> None:
    empty = api.get("/seller").json()
    assert empty == {**dict.fromkeys([*ALL, "logo", "updated_at"]), "address_lines": []}
    made = api.patch("/seller", json=ALL).json()
    assert made == api.get("/seller").json()
    assert {name: made[name] for name in ALL} == ALL
    changed = api.patch("/seller", json={"city": None, "address_lines": None}).json()
    assert {**ALL, "city": None, "address_lines": []}.items() <= changed.items()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("legal_name", ""),
        ("legal_name", " "),
        ("address_lines", ["a\nb"]),
        ("address_lines", ["x"] * 7),
        ("city", "a\r\nBcc: x"),
        ("country", "Germany"),
        ("country", "de"),
        ("email", "nobody"),
        ("footer", "x" * 1_001),
        ("logo_url", "http://169.254.169.254/"),
    ],
)
def test_what_makes_no_sense_changes_nothing(api: TestClient, field: str, value: Any) -> None:
    refused = api.patch("/seller", json={field: value})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith(f"/{field}")
    assert api.get("/seller").json()["updated_at"] is None


@pytest.mark.parametrize("country", ["QQ", "EU", "ZZ"])
def test_a_country_that_is_none_is_refused(api: TestClient, country: str) -> None:
    refused = api.patch("/seller", json={"country": country})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_country")


def sent(api: TestClient, **more: Any) -> str:
    lines = [{"description": "Work", "quantity": "2", "unit_price": "3"}]
    body = {"customer_external_id": "acme", "line_items": lines, **more}
    return str(api.post("/invoices", json=body).json()["id"])


def html(api: TestClient, invoice: str) -> str:
    return api.get(f"/invoices/{invoice}/html").text


def test_a_finalized_invoice_keeps_who_sold_to_whom(api: TestClient) -> None:
    customer = {"name": "Acme", "external_id": "acme", "address": "Old Road 1", "locale": "de-DE"}
    api.post("/customers", json=customer)
    api.patch("/seller", json=ALL)
    kept, draft = sent(api, status="open"), sent(api)
    for invoice in (kept, draft):
        page = html(api, invoice)
        for text in ("Bücher &amp; Söhne GmbH", "Hinterhof", "10115 Berlin", "Deutschland"):
            assert text in page
        for text in ("USt-IdNr. DE123456789", "BIC BYLADEM1001", "HRB 1", "Old Road 1"):
            assert text in page
    before = html(api, kept), api.get(f"/invoices/{kept}/pdf").content
    api.patch("/seller", json={"legal_name": "New Owner AG", "payment_instructions": None})
    api.patch("/customers/external/acme", json={"name": "Acme Neu", "address": "New Road 2"})
    assert (html(api, kept), api.get(f"/invoices/{kept}/pdf").content) == before
    page = html(api, draft)
    assert "New Owner AG" in page
    assert "New Road 2" in page
    assert "IBAN" not in page


def test_what_is_paid_asks_for_no_payment(api: TestClient) -> None:
    api.post("/customers", json={"name": "Acme", "external_id": "acme"})
    api.patch("/seller", json=ALL)
    invoice = sent(api, status="open")
    assert "IBAN" in html(api, invoice)
    customer = api.get("/customers/external/acme").json()["id"]
    wallet = api.put(f"/customers/{customer}/wallets/USD").json()["id"]
    key = {"Idempotency-Key": "1"}
    api.post(f"/wallets/{wallet}/top-ups", json={"amount": "6"}, headers=key)
    assert api.post(f"/invoices/{invoice}/pay", headers=key).json()["status"] == "paid"
    page = html(api, invoice)
    assert "IBAN" not in page
    assert "HRB 1" in page
