"""Invoices over HTTP, on both databases."""

from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.conftest import Home

LINES = [
    {"description": "API requests", "quantity": "1000", "unit_price": "0.05", "subtotal": "50.00"},
    {"description": "Platform fee", "unit_price": "99", "total": "99.00"},
]


@pytest.fixture
def customer(api: TestClient) -> str:
    made = api.post("/customers", json={"name": "Acme", "external_id": "acme/eu"})
    customer_id: str = made.json()["id"]
    return customer_id


def create(api: TestClient, customer: str, *, answered: int = 201, **fields: Any) -> dict[str, Any]:
    answer = api.post("/invoices", json={"customer_id": customer, **fields})
    assert answer.status_code == answered, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_an_invoice_with_lines_and_tax_is_created_and_found(api: TestClient, customer: str) -> None:
    made = create(
        api,
        customer,
        line_items=LINES,
        tax_rate="0.08",
        issue_date="2026-04-01",
        due_date="2026-04-30",
        period_start="2026-03-01",
        period_end="2026-03-31",
        currency="USD",
        notes="March 2026 usage",
        metadata={"po": 7},
    )
    assert made["id"].startswith("inv_")
    assert (made["status"], made["number"], made["type"]) == ("draft", None, "manual")
    assert (made["subtotal"], made["tax_total"], made["total"]) == ("149.00", "11.92", "160.92")
    assert made["amount_due"] == "0.00"
    assert made["period_end"] == "2026-04-01T00:00:00Z"  # a day is inclusive
    assert made["taxes"] == [
        {"name": "Tax", "rate": "0.08", "taxable_amount": "149.00", "amount": "11.92"}
    ]
    assert made["tax_rate"] == "0.08"
    first, second = made["line_items"]
    assert first["id"].startswith("ili_")
    assert (first["subtotal"], first["total"], first["tax"]) == ("50.00", "50.00", "4.00")
    assert (second["quantity"], second["tax"]) == ("1", "7.92")
    assert api.get(f"/invoices/{made['id']}").json() == made


def test_every_field_of_a_line_comes_back(api: TestClient, customer: str) -> None:
    meter = {"name": "Tokens", "key": "tokens", "kind": "billable"}
    meter_id = api.post("/meters", json=meter).json()["id"]
    line = {
        "description": "Tokens",
        "quantity": "12.5",
        "unit_price": "0.000123456789",
        "discount": "0.00",
        "contract_id": None,
        "source_type": "agent_action",
        "source_id": "act_1",
        "feature_id": "tokens",
        "meter_id": meter_id,
        "pricing_model": "tiered",
        "period_start": "2026-03-01",
        "period_end": "2026-03-31",
        "included_units_used": "2.5",
        "billable_units": "10",
        "tier_number": 2,
        "sort_order": 7,
    }
    (shown,) = create(api, customer, line_items=[line])["line_items"]
    expected = {
        **line,
        "pricing_model": "graduated",
        "period_start": "2026-03-01T00:00:00Z",
        "period_end": "2026-04-01T00:00:00Z",
    }
    assert {name: shown[name] for name in expected} == expected
    assert shown["total"] == "0.00"


def test_a_total_makes_an_open_invoice_that_is_itemized(api: TestClient, customer: str) -> None:
    made = create(
        api,
        customer,
        period_start="2024-02-01",
        period_end="2024-02-29",
        subtotal=99,
        total=99,
        due_date="2024-02-15",
        status="open",
        type="manual",
    )
    assert (made["status"], made["number"], made["total"]) == ("open", "INV-000001", "99.00")
    assert made["past_due"] is True
    (lump,) = made["line_items"]
    assert (lump["kind"], lump["description"], lump["total"]) == ("lump", "Manual", "99.00")
    address = f"/invoices/{made['id']}/line-items"
    too_much = api.post(address, json={"description": "Pro", "unit_price": "99.01"})
    assert too_much.status_code == 422
    assert too_much.json()["left"] == "99"
    part = api.post(address, json={"description": "Setup", "unit_price": 9})
    assert part.status_code == 200, part.text
    assert [line["total"] for line in part.json()["line_items"]] == ["9.00", "90.00"]
    whole = api.post(address, json={"description": "Pro", "quantity": 1, "unit_price": 90})
    assert [line["kind"] for line in whole.json()["line_items"]] == ["manual", "manual"]
    assert whole.json()["total"] == "99.00"
    more = api.post(address, json={"description": "Pro", "unit_price": 1})
    assert more.status_code == 422


def test_a_draft_is_edited_and_a_finalized_invoice_is_not(api: TestClient, customer: str) -> None:
    made = create(api, customer, line_items=LINES, taxes=[{"name": "VAT", "rate": "0.2"}])
    address = f"/invoices/{made['id']}"
    changed = api.patch(
        address,
        json={"notes": "Hello", "line_items": [{"description": "One", "unit_price": "10"}]},
    ).json()
    assert (changed["subtotal"], changed["tax_total"], changed["total"]) == (
        "10.00",
        "2.00",
        "12.00",
    )
    changed = api.patch(address, json={"taxes": None, "due_date": "2026-05-15"}).json()
    assert (changed["tax_total"], changed["due_date"]) == ("0.00", "2026-05-15")
    assert changed["line_items"][0]["tax"] == "0.00"
    added = api.post(f"{address}/line-items", json={"description": "Two", "unit_price": "1.5"})
    assert added.json()["total"] == "11.50"
    done = api.post(f"{address}/finalize", json={"send_email": True})
    assert done.status_code == 200, done.text
    assert done.json()["number"] == "INV-000001"
    assert done.json()["sent_at"] is not None
    for answer in (
        api.patch(address, json={"notes": "x"}),
        api.post(f"{address}/line-items", json={"description": "x", "unit_price": 1}),
        api.post(f"{address}/finalize"),
    ):
        assert answer.status_code == 409
        assert answer.json()["code"] == "invalid_state_transition"
        assert answer.json()["current_state"] == "open"


def test_void_wants_a_reason_and_an_open_invoice(api: TestClient, customer: str) -> None:
    draft = create(api, customer, line_items=LINES)
    address = f"/invoices/{draft['id']}"
    assert api.post(f"{address}/void", json={"reason": "x"}).status_code == 409
    assert api.post(f"{address}/send").status_code == 409
    api.post(f"{address}/finalize")
    assert api.post(f"{address}/void", json={}).status_code == 422
    voided = api.post(f"{address}/void", json={"reason": "Issued in error"}).json()
    assert (voided["status"], voided["void_reason"]) == ("void", "Issued in error")
    assert voided["amount_due"] == "0.00"
    again = api.post(f"{address}/void", json={"reason": "x"})
    assert (again.status_code, again.json()["current_state"]) == (409, "void")


def test_an_open_invoice_is_sent_and_a_zero_one_is_paid(api: TestClient, customer: str) -> None:
    free = create(
        api, customer, line_items=[{"description": "x", "unit_price": 0}], auto_finalize=True
    )
    assert (free["status"], free["paid_at"] is not None) == ("paid", True)
    sent = api.post(f"/invoices/{free['id']}/send")
    assert (sent.status_code, sent.json()["sent_at"] is not None) == (200, True)
    empty = create(api, customer)
    refused = api.post(f"/invoices/{empty['id']}/finalize")
    assert (refused.status_code, refused.json()["code"]) == (422, "no_line_items")
    assert create(api, customer, answered=422, auto_finalize=True)["code"] == "no_line_items"


LINE = {"description": "x", "unit_price": "10"}


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"line_items": [LINE], "total": "11"}, "amount_mismatch", "/total"),
        ({"line_items": [LINE], "subtotal": "9.99"}, "amount_mismatch", "/subtotal"),
        ({"line_items": [{**LINE, "total": 9}]}, "amount_mismatch", "/line_items/0/total"),
        ({"line_items": [LINE, {**LINE, "subtotal": 9}]}, "amount_mismatch", None),
        ({"line_items": [{**LINE, "discount": "0.001"}]}, "too_many_decimals", None),
        ({"line_items": [{**LINE, "discount": "10.01"}]}, "validation_failed", None),
        ({"total": "1.005"}, "too_many_decimals", "/total"),
        ({"total": "100", "currency": "JPY", "subtotal": "99.5"}, "too_many_decimals", None),
        ({"line_items": [LINE], "tax_rate": "0.1", "taxes": []}, "validation_failed", "/tax_rate"),
        ({"line_items": [LINE], "tax_rate": "8"}, "validation_failed", "/tax_rate"),
        ({"total": 11, "tax_rate": "0.1"}, "validation_failed", "/subtotal"),
        ({"line_items": [LINE], "currency": "XYZ"}, "unknown_currency", None),
        ({"line_items": [{**LINE, "unit_price": "-10"}]}, "negative_total", None),
        ({"line_items": [{**LINE, "quantity": "-1"}]}, "validation_failed", None),
        ({"line_items": [{**LINE, "unit_price": "9" * 18}]}, "amount_too_large", None),
        ({"line_items": [LINE] * 1001}, "validation_failed", "/line_items"),
        (
            {"line_items": [LINE], "taxes": [{"name": "V", "rate": "0.1", "amount": "1.01"}]},
            "amount_mismatch",
            "/taxes/0/amount",
        ),
        (
            {"line_items": [LINE], "taxes": [{"name": "V", "rate": "0.1", "taxable_amount": 11}]},
            "validation_failed",
            "/taxes/0/taxable_amount",
        ),
        (
            {"line_items": [LINE], "taxes": [{"name": "V", "rate": "0.1"}] * 2},
            "validation_failed",
            "/taxes/1",
        ),
        (
            {"line_items": [LINE], "period_start": "2026-03-02", "period_end": "2026-03-01"},
            "validation_failed",
            "/period_end",
        ),
        ({"line_items": [LINE], "type": "weird"}, "validation_failed", "/type"),
        ({"line_items": [LINE], "status": "paid"}, "validation_failed", "/status"),
        ({"line_items": [{"description": " ", "unit_price": 1}]}, "validation_failed", None),
    ],
)
def test_what_does_not_add_up_is_refused(
    api: TestClient, customer: str, fields: dict[str, Any], code: str, pointer: str | None
) -> None:
    problem = create(api, customer, answered=422, **fields)
    assert problem["code"] == code, problem
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer
    assert api.get("/invoices").json()["data"] == []


def test_a_mismatch_names_both_figures(api: TestClient, customer: str) -> None:
    problem = create(api, customer, answered=422, line_items=LINES, tax_rate="0.08", total="160.93")
    assert (problem["given"], problem["computed"]) == ("160.93", "160.92")


def test_a_line_may_bring_its_own_tax(api: TestClient, customer: str) -> None:
    line = {**LINE, "discount": "2", "tax": "0.64", "total": "8.64"}
    made = create(api, customer, line_items=[line], total="8.64")
    assert made["line_items"][0]["total"] == "8.00"
    assert made["taxes"] == [
        {"name": "Tax", "rate": None, "taxable_amount": "8.00", "amount": "0.64"}
    ]
    again = api.post(f"/invoices/{made['id']}/line-items", json=LINE).json()
    assert (again["subtotal"], again["tax_total"]) == ("18.00", "0.64")
    with_rate = create(api, customer, line_items=[line], tax_rate="0.08", total="8.64")
    assert with_rate["tax_total"] == "0.64"
    wrong = create(api, customer, answered=422, line_items=[{**line, "tax": 1}], tax_rate="0.08")
    assert wrong["code"] == "amount_mismatch"


def test_a_draft_changes_its_currency(api: TestClient, customer: str) -> None:
    made = create(api, customer, line_items=[{**LINE, "unit_price": "10.5"}])
    address = f"/invoices/{made['id']}"
    changed = api.patch(address, json={"currency": "KWD"}).json()
    assert (changed["currency"], changed["total"]) == ("KWD", "10.500")
    changed = api.patch(address, json={"currency": "JPY"}).json()
    assert changed["total"] == "11"
    lump = create(api, customer, total="10.50")
    refused = api.patch(f"/invoices/{lump['id']}", json={"currency": "JPY", "total": "10.5"})
    assert refused.json()["code"] == "too_many_decimals"
    other = api.patch(f"/invoices/{lump['id']}", json={"total": "12"}).json()
    assert (other["total"], other["line_items"][0]["kind"]) == ("12.00", "lump")


def test_lists_are_filtered(api: TestClient, customer: str) -> None:
    other = api.post("/customers", json={"name": "B", "external_id": "b"}).json()["id"]
    draft = create(api, customer, line_items=[LINE], contract_id=None)
    late = create(
        api, customer, line_items=[LINE], due_date="2026-01-01", status="open", currency="EUR"
    )
    future = create(api, other, line_items=[LINE], due_date="2999-01-01", status="open")

    def ids(path: str = "/invoices", **params: str) -> list[str]:
        answer = api.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["data"]]

    assert ids() == [future["id"], late["id"], draft["id"]]
    assert ids(status="draft") == [draft["id"]]
    assert ids(status="open") == [future["id"], late["id"]]
    assert ids(status="past_due") == [late["id"]]
    assert ids(customer_external_id="b") == [future["id"]]
    assert ids(customer_id=customer, status="open") == [late["id"]]
    assert ids(f"/customers/{customer}/invoices") == [late["id"], draft["id"]]
    assert ids("/customers/external/acme/eu/invoices", status="draft") == [draft["id"]]
    assert ids(contract_id="ctr_none") == []
    assert ids(sort="issue_date", order="asc", limit="2") == [draft["id"], late["id"]]
    assert api.get("/invoices", params={"status": "paid?"}).status_code == 422
    assert api.get("/customers/cus_none/invoices").status_code == 404
    walked, cursor = [], None
    while True:
        params = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = api.get("/invoices", params=params).json()
        walked += [item["id"] for item in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert walked == [future["id"], late["id"], draft["id"]]


def test_another_spaces_invoice_and_ids_are_not_found(
    api: TestClient, home: Home, customer: str
) -> None:
    made = create(api, customer, line_items=[LINE])
    test_key = {"Authorization": f"Bearer {home.test_key}"}
    assert api.get(f"/invoices/{made['id']}", headers=test_key).status_code == 404
    assert api.get("/invoices", headers=test_key).json()["data"] == []
    for verb in ("finalize", "send"):
        answer = api.post(f"/invoices/{made['id']}/{verb}", headers=test_key)
        assert answer.json()["code"] == "invoice_not_found"
    body = {"customer_id": customer, "line_items": [LINE]}
    assert api.post("/invoices", json=body, headers=test_key).status_code == 404
    for field in ("meter_id", "agent_id"):
        missing = create(api, customer, answered=404, line_items=[{**LINE, field: "mtr_none"}])
        assert missing["code"].endswith("_not_found")


def test_a_repeated_request_makes_one_invoice(api: TestClient, customer: str) -> None:
    body = {"customer_id": customer, "line_items": [LINE], "auto_finalize": True}
    headers = {"Idempotency-Key": "once"}
    first = api.post("/invoices", json=body, headers=headers)
    again = api.post("/invoices", json=body, headers=headers)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(api.get("/invoices").json()["data"]) == 1
    address = f"/invoices/{first.json()['id']}/void"
    for key in ("v", "v"):
        answer = api.post(address, json={"reason": "r"}, headers={"Idempotency-Key": key})
        assert answer.status_code == 200


def test_an_invoice_explains_itself(api: TestClient, customer: str) -> None:
    made = create(
        api,
        customer,
        tax_rate="0.0825",
        line_items=[
            {"description": "a", "quantity": "3", "unit_price": "1.005", "discount": "1"},
            LINE,
        ],
    )
    told = api.get(f"/invoices/{made['id']}/explanation").json()
    assert told["lines"][0]["steps"] == [
        "3 × 1.005 = 3.015",
        "3.015 rounded to 3.02",
        "3.02 − 1.00 discount = 2.02",
    ]
    assert told["steps"] == [
        "2.02 + 10.00 = 12.02 subtotal",
        "Tax: 12.02 × 0.0825 = 0.99165, rounded to 0.99",
        "12.02 + 0.99 = 13.01 total",
    ]
    line_id = made["line_items"][1]["id"]
    one = api.get(f"/invoices/{made['id']}/explanation", params={"line_id": line_id}).json()
    assert [line["line_id"] for line in one["lines"]] == [line_id]
    missing = api.get(f"/invoices/{made['id']}/explanation", params={"line_id": "ili_no"})
    assert missing.json()["code"] == "invoice_line_not_found"


def test_what_it_names_is_the_customers_own(api: TestClient, customer: str) -> None:
    plan = {"name": "Pro", "key": "pro"}
    assert api.post("/plans", json=plan).status_code == 201
    other = api.post("/customers", json={"name": "B"}).json()["id"]
    headers = {"Idempotency-Key": "s"}
    made = api.post("/subscriptions", json={"customer_id": other, "plan": "pro"}, headers=headers)
    assert made.status_code == 201, made.text
    sub = made.json()
    for fields in (
        {"subscription_id": sub["id"]},
        {"contract_id": sub["contract_id"]},
        {"line_items": [{**LINE, "contract_id": sub["contract_id"]}]},
    ):
        body = {"line_items": [LINE], **fields}
        assert create(api, other, **body)["id"]
        refused = create(api, customer, answered=422, **body)
        assert "another customer" in refused["detail"]
    for field in ("subscription_id", "contract_id"):
        missing = create(api, customer, answered=404, line_items=[LINE], **{field: "x_none"})
        assert missing["code"].endswith("_not_found")
