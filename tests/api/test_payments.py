"""Payments over HTTP, on both databases."""

from decimal import Decimal
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete
from starlette.testclient import TestClient
from tests.conftest import open_project

from tallybook.server.storage import Database
from tallybook.server.storage.tables import idempotency_records


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def post(api: TestClient, path: str, key: str, **body: Any) -> httpx2.Response:
    return api.post(path, json=body, headers=keyed(key))


@pytest.fixture
def customer(api: TestClient) -> str:
    customer_id: str = api.post("/customers", json={"name": "Acme"}).json()["id"]
    return customer_id


def credits(api: TestClient, customer: str) -> str:
    balance: str = api.put(f"/customers/{customer}/wallets/USD").json()["credits_balance"]
    return balance


def test_a_payment_is_recorded_completed_and_refunded(api: TestClient, customer: str) -> None:
    made = post(
        api,
        "/payments",
        "a",
        customer_id=customer,
        amount="80",
        payment_method="bank_transfer",
        payment_date="2026-03-01",
        external_transaction_id="pi_1",
        metadata={"a": 1},
    )
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["status"], body["currency"], body["payment_date"]) == (
        "pending",
        "USD",
        "2026-03-01",
    )
    assert credits(api, customer) == "0"
    path = f"/payments/{body['id']}"
    done = api.patch(path, json={"status": "completed", "notes": "came"}, headers=keyed("b"))
    assert (done.json()["status"], done.json()["notes"]) == ("completed", "came")
    assert credits(api, customer) == "80"
    refund = post(api, f"{path}/refunds", "c", amount="30", external_refund_id="re_1", reason="x")
    assert refund.status_code == 201, refund.text
    assert refund.json()["id"].startswith("ref_")
    assert refund.json()["updated_at"] == refund.json()["created_at"]
    shown = api.get(path).json()
    assert shown["status"] == "partially_refunded"
    assert Decimal(shown["amount_refunded"]) == 30
    assert [item["external_refund_id"] for item in shown["refunds"]] == ["re_1"]
    assert credits(api, customer) == "50"
    rest = post(api, f"{path}/refunds", "d")
    assert Decimal(rest.json()["amount"]) == 50
    more = post(api, f"{path}/refunds", "e", amount="1")
    assert (more.status_code, more.json()["code"]) == (422, "refund_exceeds_payment")


def test_writes_need_a_key(api: TestClient, customer: str) -> None:
    made = post(api, "/payments", "a", customer_id=customer, amount="1").json()["id"]
    for answer in (
        api.post("/payments", json={"customer_id": customer, "amount": "1"}),
        api.patch(f"/payments/{made}", json={"notes": "x"}),
        api.post(f"/payments/{made}/refunds", json={}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


def test_a_key_makes_one_payment_for_ever(api: TestClient, db: Database, customer: str) -> None:
    fields = {"customer_id": customer, "amount": "10", "status": "completed"}
    first = post(api, "/payments", "k", **fields)
    db.write_now(lambda tx: tx.execute(delete(idempotency_records)))
    again = post(api, "/payments", "k", **fields)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = post(api, "/payments", "k", **{**fields, "amount": "11"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert credits(api, customer) == "10"


def test_an_external_transaction_id_is_unique(api: TestClient, customer: str) -> None:
    fields = {"customer_id": customer, "amount": "10", "external_transaction_id": "pi_1"}
    post(api, "/payments", "a", **fields)
    answer = post(api, "/payments", "b", **fields)
    assert answer.status_code == 409
    assert answer.json()["code"] == "duplicate_external_transaction_id"


def test_states_that_cannot_follow_are_409(api: TestClient, customer: str) -> None:
    made = post(api, "/payments", "a", customer_id=customer, amount="1", status="failed").json()
    path = f"/payments/{made['id']}"
    answer = api.patch(path, json={"status": "completed"}, headers=keyed("b"))
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_state_transition")
    assert answer.json()["current_state"] == "failed"
    for status in ("refunded", "partially_refunded"):
        answer = api.patch(path, json={"status": status}, headers=keyed(status))
        assert answer.status_code == 409
    assert api.patch(path, json={"status": "paid"}, headers=keyed("c")).status_code == 422
    assert post(api, f"{path}/refunds", "d").json()["code"] == "invalid_state_transition"


def test_only_what_was_never_paid_is_deleted(api: TestClient, customer: str) -> None:
    pending = post(api, "/payments", "a", customer_id=customer, amount="1").json()["id"]
    assert api.delete(f"/payments/{pending}").status_code == 204
    assert api.get(f"/payments/{pending}").json()["code"] == "payment_not_found"
    paid = post(api, "/payments", "b", customer_id=customer, amount="1", status="completed").json()
    answer = api.delete(f"/payments/{paid['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_not_deletable")


def test_payments_are_listed_with_filters(api: TestClient, customer: str) -> None:
    other = api.post("/customers", json={"name": "B", "external_id": "b"}).json()["id"]
    post(api, "/payments", "a", customer_id=customer, amount="1", status="completed")
    post(api, "/payments", "b", customer_id=customer, amount="2")
    post(api, "/payments", "c", customer_id=other, amount="3")

    def amounts(**params: str) -> list[Decimal]:
        page = api.get("/payments", params={"order": "asc", **params}).json()
        return [Decimal(item["amount"]) for item in page["data"]]

    assert amounts() == [1, 2, 3]
    assert amounts(customer_id=customer) == [1, 2]
    assert amounts(customer_external_id="b") == [3]
    assert amounts(status="completed") == [1]
    assert amounts(contract_id="ctr_none") == []
    assert api.get("/payments", params={"status": "paid"}).status_code == 422


def test_a_missing_invoice_is_404(api: TestClient, customer: str) -> None:
    answer = post(api, "/payments", "a", customer_id=customer, amount="1", invoice_id="inv_none")
    assert (answer.status_code, answer.json()["code"]) == (404, "invoice_not_found")


def test_another_projects_payment_is_not_there(
    api: TestClient, db: Database, customer: str
) -> None:
    made = post(api, "/payments", "a", customer_id=customer, amount="1").json()["id"]
    headers = {"Authorization": f"Bearer {open_project(db, 'Other').live_key}", **keyed("k")}
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"status": "completed"}),
        ("DELETE", "", None),
        ("POST", "/refunds", {}),
    ):
        answer = api.request(method, f"/payments/{made}{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "payment_not_found"), method
    body = {"customer_id": customer, "amount": "1"}
    answer = api.post("/payments", json=body, headers=headers)
    assert answer.json()["code"] == "customer_not_found"


def test_a_refusal_points_at_its_field(api: TestClient, customer: str) -> None:
    made = post(api, "/payments", "a", customer_id=customer, amount="5", status="completed")
    refused = post(api, f"/payments/{made.json()['id']}/refunds", "b", amount="6")
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "refund_exceeds_payment")
    (error,) = problem["errors"]
    assert (error["pointer"], error["code"]) == ("/amount", "refund_exceeds_payment")
    assert error["detail"] == problem["detail"]
