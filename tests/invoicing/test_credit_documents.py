"""Credit notes as documents: over HTTP, with the parties of the invoice that they correct."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tallybook.server.invoicing.documents import labels


def note_of(api: TestClient, **body: Any) -> Any:
    customer = {"name": "Acme", "external_id": "acme", "address": "Old Road 1", "locale": "de-DE"}
    assert api.post("/customers", json=customer).status_code == 201
    api.patch("/seller", json={"legal_name": "Tally GmbH", "payment_instructions": "IBAN"})
    lines = [{"description": "Work <b>", "quantity": "2", "unit_price": "30"}]
    invoice = api.post(
        "/invoices",
        json={
            "customer_external_id": "acme",
            "currency": "EUR",
            "status": "open",
            "issue_date": "2026-03-01",
            "line_items": lines,
            "taxes": [{"name": "USt", "rate": "0.19"}],
        },
    ).json()
    body = {"invoice_id": invoice["id"], "reason": "Ausfall", "memo": "Ticket 7", **body}
    made = api.post("/credit-notes", json=body, headers={"Idempotency-Key": "1"})
    assert made.status_code == 201, made.text
    return made.json()


def test_a_credit_note_over_http(api: TestClient) -> None:
    note = note_of(api, amount="10")
    api.patch("/customers/external/acme", json={"address": "New Road 2"})
    path = f"/credit-notes/{note['id']}"
    pdf = api.get(f"{path}/pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-disposition"] == 'inline; filename="CN-000001.pdf"'
    page = api.get(f"{path}/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for text in ("Gutschrift", "CN-000001", "INV-000001", "1. März 2026", "Ausfall", "Ticket 7"):
        assert text in page.text
    for text in ("Tally GmbH", "Old Road 1", "USt (19\N{NO-BREAK SPACE}%)"):
        assert text in page.text
    for amount in ("10,00", "1,90", "11,90"):
        assert f"{amount}\N{NO-BREAK SPACE}€" in page.text
    assert "Mit der Rechnung verrechnet" in page.text
    assert "IBAN" not in page.text, "nothing is to be paid"
    assert api.post(f"{path}/void", headers={"Idempotency-Key": "2"}).status_code == 200
    assert "Storniert" in api.get(f"{path}/html").text


@pytest.mark.parametrize("kind", ["pdf", "html"])
def test_what_is_not_there_is_not_shown(api: TestClient, kind: str) -> None:
    assert api.get(f"/credit-notes/cn_none/{kind}").json()["code"] == "credit_note_not_found"


def test_a_line_is_no_markup(api: TestClient) -> None:
    note = note_of(api)
    page = api.get(f"/credit-notes/{note['id']}/html").text
    assert "<b>" not in page.split("<table>")[1]
    assert "71,40" in page


def test_every_language_has_every_word() -> None:
    words = labels._all()
    assert len(words) > 4
    for language, known in words.items():
        assert set(known) == set(words["en"]), language
        for name, word in known.items():
            assert word.count("{") == words["en"][name].count("{"), (language, name)
