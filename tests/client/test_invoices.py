"""What each verb of invoices sends and gives; then the client against the real application."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tallybook import (
    AsyncInvoice,
    ConflictError,
    Invoice,
    InvoicePreview,
    NotFoundError,
    Tallybook,
    UnprocessableEntityError,
)
from tests.conftest import Home

from .stand_in import Blocking, StandIn, customer

LINE = {
    "id": "ili_1",
    "kind": "manual",
    "description": "Pro",
    "quantity": "1",
    "unit_price": "99",
    "subtotal": "99.00",
    "discount": "0.00",
    "tax": "0.00",
    "total": "99.00",
    "sort_order": 0,
}
INVOICE = {
    "id": "inv_1",
    "customer_id": "cus_1",
    "type": "manual",
    "status": "open",
    "currency": "USD",
    "issue_date": "2026-03-01",
    "line_items": [LINE],
    "taxes": [],
    "subtotal": "99.00",
    "tax_total": "0.00",
    "total": "99.00",
    "amount_paid": "0.00",
    "amount_due": "99.00",
    "collection_method": "send_invoice",
    "payment_terms": 30,
    "created_at": "2026-03-01T12:00:00Z",
    "updated_at": "2026-03-01T12:00:00Z",
    "version": 1,
}


def invoice(**fields: Any) -> httpx2.Response:
    return httpx2.Response(200, json={**INVOICE, **fields})


def test_a_new_invoice_has_the_fields_that_were_given_and_no_others(form: Blocking) -> None:
    server = StandIn(invoice(status="novel", future_field=1))
    got = form.do(
        form.client(server).invoices.create(
            customer_external_id="acme",
            issue_date=date(2026, 3, 1),
            period_end=datetime(2026, 4, 1, tzinfo=UTC),
            line_items=[{"description": "Pro", "quantity": 2, "unit_price": 0.1, "sort_order": 3}],
            taxes=[{"name": "VAT", "rate": 0.15}],
            total=Decimal("0.23"),
            notes=None,
        )
    )
    assert server.line == "POST /invoices"
    assert server.body == {
        "customer_external_id": "acme",
        "issue_date": "2026-03-01",
        "period_end": "2026-04-01T00:00:00Z",
        "line_items": [
            {"description": "Pro", "quantity": "2", "unit_price": "0.1", "sort_order": 3}
        ],
        "taxes": [{"name": "VAT", "rate": "0.15"}],
        "total": "0.23",
        "notes": None,
    }
    assert isinstance(got, Invoice if form.name == "sync" else AsyncInvoice)
    assert (got.total, got.line_items[0].total, got.status) == (99, 99, "novel")


@pytest.mark.parametrize(
    ("verb", "given", "line", "body"),
    [
        ("get", {}, "GET /invoices/inv_1", None),
        (
            "update",
            {"notes": "x", "due_date": None, "line_items": [{"unit_price": 1.5}]},
            "PATCH /invoices/inv_1",
            {"notes": "x", "due_date": None, "line_items": [{"unit_price": "1.5"}]},
        ),
        (
            "add_line_item",
            {"description": "d", "unit_price": 0.5},
            "POST /invoices/inv_1/line-items",
            {"description": "d", "unit_price": "0.5"},
        ),
        ("finalize", {}, "POST /invoices/inv_1/finalize", {}),
        ("finalize", {"send_email": True}, "POST /invoices/inv_1/finalize", {"send_email": True}),
        ("void", {"reason": "r"}, "POST /invoices/inv_1/void", {"reason": "r"}),
        ("send", {}, "POST /invoices/inv_1/send", None),
        ("pay", {}, "POST /invoices/inv_1/pay", {}),
        ("pay", {"wallet_id": "wal_1"}, "POST /invoices/inv_1/pay", {"wallet_id": "wal_1"}),
    ],
)
def test_each_verb_has_its_address(
    form: Blocking, verb: str, given: dict[str, Any], line: str, body: Any
) -> None:
    server = StandIn(invoice())
    form.do(getattr(form.client(server).invoices, verb)("inv_1", **given))
    assert server.line == line
    assert (server.body if server.last.content else None) == body
    assert ("idempotency-key" in server.last.headers) is not line.startswith("GET")


def test_an_invoice_sends_pays_finalizes_and_voids_itself(form: Blocking) -> None:
    server = StandIn(invoice())
    mine = form.do(form.client(server).invoices.get("inv_1"))
    form.do(mine.send())
    assert server.line == "POST /invoices/inv_1/send"
    form.do(mine.pay(wallet_id="wal_1", idempotency_key="k"))
    assert (server.line, server.body) == ("POST /invoices/inv_1/pay", {"wallet_id": "wal_1"})
    assert server.last.headers["idempotency-key"] == "k"
    form.do(mine.finalize())
    assert server.line == "POST /invoices/inv_1/finalize"
    form.do(mine.void(reason="r"))
    assert server.line == "POST /invoices/inv_1/void"


def test_a_customers_invoices_are_listed(form: Blocking) -> None:
    page = httpx2.Response(200, json={"data": [INVOICE], "has_more": False, "limit": 10})
    server = StandIn(customer(), page)
    mine = form.do(form.client(server).customers.get("cus_1"))
    (one,) = form.collect(mine.get_invoices(limit=10, status="past_due"))
    assert server.line == "GET /invoices?customer_id=cus_1&status=past_due&limit=10"
    assert one.id == "inv_1"


def test_a_preview_has_lines_and_no_methods(form: Blocking) -> None:
    body = {"amount": "99.00", "currency": "USD", "line_items": [LINE], "taxes": []}
    server = StandIn(httpx2.Response(200, json=body))
    got = form.do(form.client(server).invoices.preview(customer_id="cus_1", contract_id="ctr_1"))
    assert (server.line, server.body) == (
        "POST /invoices/preview",
        {"customer_id": "cus_1", "contract_id": "ctr_1"},
    )
    assert isinstance(got, InvoicePreview)
    assert got.amount == 99


@pytest.fixture
def client(api: TestClient, home: Home) -> Tallybook:
    return Tallybook(home.live_key, base_url="http://testserver", http_client=api, max_retries=0)


def test_an_invoices_life(client: Tallybook) -> None:
    acme = client.customers.create(name="Acme")
    made = client.invoices.create(
        customer_id=acme.id,
        line_items=[{"description": "API", "quantity": 1000, "unit_price": 0.05}],
        tax_rate=0.08,
        metadata={"ratio": 0.5},
    )
    assert (made.total, made.tax_total, made.status) == (54, 4, "draft")
    assert client.invoices.get(made.id) == made
    grown = client.invoices.add_line_item(made.id, description="Fee", unit_price=99, discount=9)
    assert grown.subtotal == 140
    edited = client.invoices.update(made.id, notes="Hi", tax_rate=None)
    assert (edited.total, edited.notes) == (140, "Hi")
    done = client.invoices.finalize(made.id)
    assert done.number == "INV-000001"
    assert done.send().sent_at is not None
    with pytest.raises(ConflictError) as frozen:
        client.invoices.update(made.id, notes="x")
    assert frozen.value.current_state == "open"
    steps = client.invoices.explain(made.id).lines[1].steps
    assert steps == ["1 × 99 = 99", "99.00 − 9.00 discount = 90.00"]
    gone = client.invoices.void(made.id, reason="Issued in error")
    assert (gone.status, gone.amount_due) == ("void", 0)
    assert [one.id for one in acme.get_invoices()] == [made.id]
    assert [one.id for one in client.invoices.list(status="open")] == []


def test_an_invoice_made_from_a_total_is_itemized(client: Tallybook) -> None:
    acme = client.customers.create(name="Acme")
    made = client.invoices.create(
        customer_id=acme.id,
        period_start="2024-02-01",
        period_end="2024-02-29",
        subtotal=99,
        total=99,
        due_date="2024-02-15",
        status="open",
        type="manual",
    )
    whole = client.invoices.add_line_item(
        made.id, description="Pro Plan - Monthly", quantity=1, unit_price=99, total=99
    )
    assert [(line.description, line.total) for line in whole.line_items] == [
        ("Pro Plan - Monthly", 99)
    ]
    with pytest.raises(UnprocessableEntityError):
        client.invoices.add_line_item(made.id, description="more", unit_price=1)
    with pytest.raises(NotFoundError):
        client.invoices.get("inv_none")
    with pytest.raises(UnprocessableEntityError) as off:
        client.invoices.create(customer_id=acme.id, line_items=[], subtotal=1, total=2)
    assert off.value.code == "amount_mismatch"


def test_documents_are_bytes_and_text(form: Blocking) -> None:
    server = StandIn(httpx2.Response(200, content=b"%PDF-1.7"), httpx2.Response(200, text="<p>"))
    client = form.client(server)
    assert form.do(client.invoices.get_pdf("inv_1")) == b"%PDF-1.7"
    assert server.line == "GET /invoices/inv_1/pdf"
    assert form.do(client.invoices.get_html("inv_1")) == "<p>"
    assert server.line == "GET /invoices/inv_1/html"
