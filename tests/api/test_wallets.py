"""Wallets over HTTP, on both databases."""

from datetime import UTC, datetime, timedelta
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
    made = api.post("/customers", json={"name": "Acme", "external_id": "acme/eu"})
    customer_id: str = made.json()["id"]
    return customer_id


@pytest.fixture
def wallet(api: TestClient, customer: str) -> str:
    wallet_id: str = api.put(f"/customers/{customer}/wallets/USD").json()["id"]
    return wallet_id


def test_the_default_wallet_is_found_by_either_name(api: TestClient, customer: str) -> None:
    first = api.put(f"/customers/{customer}/wallets/USD")
    assert first.status_code == 200, first.text
    body = first.json()
    assert body["id"].startswith("wal_")
    assert (body["is_default"], body["currency"]) == (True, "USD")
    assert (Decimal(body["balance"]), body["conversion_rate"]) == (0, "1")
    assert api.put("/customers/external/acme%2Feu/wallets/USD").json() == body
    assert api.put(f"/customers/{customer}/wallets/usd").status_code == 422
    assert api.put(f"/customers/{customer}/wallets/XXX").json()["code"] == "unknown_currency"
    missing = api.put("/customers/cus_none/wallets/USD")
    assert (missing.status_code, missing.json()["code"]) == (404, "customer_not_found")


def test_writes_need_a_key(api: TestClient, customer: str, wallet: str) -> None:
    for answer in (
        api.post("/wallets", json={"customer_id": customer, "name": "A"}),
        api.patch(f"/wallets/{wallet}", json={"name": "A"}),
        api.post(f"/wallets/{wallet}/top-ups", json={"amount": "1"}),
        api.post(f"/wallets/{wallet}/grants", json={"amount": "1"}),
        api.post(f"/wallets/{wallet}/deductions", json={"amount": "1"}),
    ):
        assert answer.status_code == 400
        assert answer.json()["code"] == "idempotency_key_missing"


def test_a_wallets_life(api: TestClient, customer: str, wallet: str) -> None:
    top_up = post(api, f"/wallets/{wallet}/top-ups", "a", amount="100", reference="wire 7")
    assert top_up.status_code == 201, top_up.text
    body = top_up.json()
    assert (body["transaction"]["type"], body["transaction"]["credit_type"]) == (
        "top_up",
        "purchased",
    )
    assert Decimal(body["transaction"]["amount"]) == Decimal(body["wallet"]["balance"]) == 100
    assert body["transaction"]["payment_id"].startswith("pay_")
    post(api, f"/wallets/{wallet}/grants", "a", amount="20", credit_type="bonus")
    done = post(api, f"/wallets/{wallet}/deductions", "a", amount="30", description="run")
    assert done.status_code == 201, done.text
    line = done.json()["transaction"]
    assert (line["credits"], line["credits_balance_after"], line["source"]) == ("-30", "90", "api")
    balance = api.get(f"/wallets/{wallet}/balance").json()
    assert balance["wallet_id"] == wallet
    assert balance["credits_balance"] == "90"
    assert balance["by_credit_type"] == {
        "free": "0",
        "purchased": "90",
        "promotional": "0",
        "bonus": "0",
    }
    assert api.get(f"/wallets/{wallet}").json()["credits_balance"] == "90"
    statement = api.get(f"/wallets/{wallet}/transactions").json()
    assert (statement["total_count"], statement["limit"]) == (3, 50)
    assert [item["type"] for item in statement["data"]] == ["deduction", "grant", "top_up"]


def test_more_than_there_is_is_402(api: TestClient, wallet: str) -> None:
    post(api, f"/wallets/{wallet}/grants", "a", amount="5")
    answer = post(api, f"/wallets/{wallet}/deductions", "b", amount="5.5")
    assert answer.status_code == 402
    problem = answer.json()
    assert problem["code"] == "insufficient_wallet_balance"
    assert (problem["required"], problem["available"]) == ("5.5", "5")
    assert (problem["currency"], problem["wallet_id"]) == ("USD", wallet)


def test_a_key_replays_with_and_without_its_http_record(
    api: TestClient, db: Database, wallet: str
) -> None:
    path = f"/wallets/{wallet}/top-ups"
    first = post(api, path, "order-7", amount="100")
    again = post(api, path, "order-7", amount="100")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    db.write_now(lambda tx: tx.execute(delete(idempotency_records)))  # as after 30 days
    later = post(api, path, "order-7", amount="100")
    assert later.headers["Idempotent-Replayed"] == "true"
    assert later.json()["transaction"] == first.json()["transaction"]
    for _ in range(2):
        other = post(api, path, "order-7", amount="200")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        db.write_now(lambda tx: tx.execute(delete(idempotency_records)))
    assert api.get(f"/wallets/{wallet}").json()["credits_balance"] == "100"


def test_named_wallets_are_made_listed_and_changed(
    api: TestClient, customer: str, wallet: str
) -> None:
    made = post(
        api,
        "/wallets",
        "a",
        customer_external_id="acme/eu",
        name="Main",
        currency="EUR",
        conversion_rate="100",
        initial_credits="250.5",
        auto_recharge_enabled=True,
        auto_recharge_threshold="50",
        auto_recharge_amount="1000",
        metadata={"team": "a"},
    )
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["credits_balance"], Decimal(body["balance"])) == ("250.5", Decimal("2.50"))
    assert (body["auto_recharge_threshold"], body["auto_recharge_amount"]) == ("50", "1000")
    taken = post(api, "/wallets", "b", customer_id=customer, name="Main")
    assert (taken.status_code, taken.json()["code"]) == (409, "already_exists")
    listed = api.get("/wallets", params={"customer_id": customer, "sort": "name", "order": "asc"})
    assert [item["id"] for item in listed.json()["data"]] == [wallet, body["id"]]
    assert listed.json()["data"][1]["credits_balance"] == "250.5"
    assert len(api.get("/wallets").json()["data"]) == 2
    both = {"customer_id": customer, "customer_external_id": "acme/eu"}
    assert api.get("/wallets", params=both).status_code == 422
    patched = api.patch(
        f"/wallets/{body['id']}",
        json={"name": "Agents", "auto_recharge_enabled": False, "metadata": {"team": None, "n": 1}},
        headers=keyed("c"),
    )
    assert patched.json()["name"] == "Agents"
    assert patched.json()["metadata"] == {"n": 1}
    for fixed in ({"conversion_rate": "2"}, {"currency": "USD"}, {"balance": "5"}):
        answer = api.patch(f"/wallets/{body['id']}", json=fixed, headers=keyed("d"))
        assert answer.json()["errors"][0]["code"] == "unknown_field"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("top-ups", {"amount": "0"}, 422),
        ("top-ups", {"amount": "-1"}, 422),
        ("top-ups", {"amount": "0.001"}, 422),
        ("top-ups", {"amount": "1e3"}, 422),
        ("top-ups", {"amount": True}, 422),
        ("top-ups", {"amount": "999999999999999999"}, 422),
        ("top-ups", {"amount": "1", "credit_type": "gift"}, 422),
        ("top-ups", {"amount": "1", "balance": "9"}, 422),
        ("grants", {"amount": "1", "credit_type": "purchased"}, 422),
        ("grants", {"amount": "1", "priority": 1.5}, 422),
        ("grants", {"amount": "1", "expires_at": "2020-01-01T00:00:00Z"}, 422),
        ("grants", {"amount": "1", "expires_at": "2999-01-01"}, 422),
        ("deductions", {"amount": "0.0000001"}, 422),
        ("deductions", {}, 422),
    ],
)
def test_bad_bodies_change_nothing(
    api: TestClient, wallet: str, path: str, body: dict[str, Any], status: int
) -> None:
    answer = post(api, f"/wallets/{wallet}/{path}", "k", **body)
    assert answer.status_code == status, answer.text
    assert api.get(f"/wallets/{wallet}/transactions").json()["data"] == []


def test_a_grant_is_not_purchased(api: TestClient, wallet: str) -> None:
    answer = post(api, f"/wallets/{wallet}/grants", "k", amount="1", credit_type="purchased")
    assert answer.json()["code"] == "credit_type_refused"
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/credit_type"]


def test_a_grant_for_later_shows_when(api: TestClient, wallet: str) -> None:
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = post(api, f"/wallets/{wallet}/grants", "a", amount="10", effective_at=at)
    assert answer.status_code == 201, answer.text
    assert answer.json()["transaction"]["effective_at"] is not None
    assert answer.json()["wallet"]["credits_balance"] == "0"
    assert api.get(f"/wallets/{wallet}/transactions").json()["total_count"] == 0


def test_the_statement_walks_by_cursor(api: TestClient, wallet: str) -> None:
    for number in range(5):
        post(api, f"/wallets/{wallet}/grants", f"g{number}", amount=str(number + 1))
    seen, cursor = [], None
    while True:
        params: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.get(f"/wallets/{wallet}/transactions", params=params).json()
        assert page["total_count"] == 5
        seen += [item["credits"] for item in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == ["5", "4", "3", "2", "1"]


def test_another_projects_wallet_is_not_there(api: TestClient, db: Database, wallet: str) -> None:
    other = open_project(db, "Other").live_key
    headers = {"Authorization": f"Bearer {other}", **keyed("k")}
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/balance", None),
        ("GET", "/transactions", None),
        ("PATCH", "", {"name": "x"}),
        ("POST", "/top-ups", {"amount": "1"}),
        ("POST", "/grants", {"amount": "1"}),
        ("POST", "/deductions", {"amount": "1"}),
    ):
        answer = api.request(method, f"/wallets/{wallet}{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "wallet_not_found"), path
    assert api.get("/wallets", headers=headers).json()["data"] == []
