"""Deductions go the short way, and are answered and refused as all else is."""

import asyncio
import threading
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from tests.conftest import NOW, Home

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Scope
from tallybook.server.storage import Database

GOOD = b'{"amount":"1"}'


@pytest.fixture
def wallet(api: TestClient) -> str:
    customer = api.post("/customers", json={"name": "Acme", "external_id": "acme"}).json()["id"]
    wallet_id: str = api.put(f"/customers/{customer}/wallets/USD").json()["id"]
    path, headers = f"/wallets/{wallet_id}/top-ups", {"Idempotency-Key": "fund"}
    assert api.post(path, json={"amount": "10"}, headers=headers).status_code == 201
    return wallet_id


def balance(api: TestClient, wallet: str) -> Decimal:
    return Decimal(api.get(f"/wallets/{wallet}/balance").json()["credits_balance"])


def told(answer: httpx2.Response) -> Any:
    body = answer.json()
    fields = [(one["pointer"], one["code"], one["detail"]) for one in body.get("errors", ())]
    return answer.status_code, body["code"], body["detail"], fields, sorted(answer.headers)


@pytest.mark.parametrize(
    ("body", "headers", "query"),
    [
        (b"", {}, ""),
        (b"{}", {}, ""),
        (b"[]", {}, ""),
        (b'{"amount":"-1"}', {}, ""),
        (b'{"amount":"1","amount":"1"}', {}, ""),
        (b'{"amount":', {}, ""),
        (b'{"amount":"1","color":"red"}', {}, ""),
        (GOOD, {"Content-Type": "text/plain"}, ""),
        (GOOD, {"Idempotency-Key": "\u00fc".encode("latin-1")}, ""),
        (GOOD, {"Authorization": "Bearer tb_live_no"}, ""),
        (b"{}", {"Authorization": "Bearer tb_live_no"}, ""),
        (b"{}", {"Authorization": "Bearer ingest only"}, ""),
        (GOOD, {}, "?project_id=prj_other"),
    ],
)
def test_what_is_wrong_is_told_as_of_a_top_up(
    api: TestClient,
    db: Database,
    home: Home,
    wallet: str,
    body: bytes,
    headers: dict[str, Any],
    query: str,
) -> None:
    if headers.get("Authorization") == "Bearer ingest only":
        _, key = db.write_now(
            lambda tx: identity.create_key(tx, home.live, scope=Scope.INGEST, at=NOW)
        )
        headers = {"Authorization": f"Bearer {key}"}
    sent = {"Content-Type": "application/json", "Idempotency-Key": "k", **headers}
    short, long = (
        api.post(f"/wallets/{wallet}/{what}{query}", content=body, headers=sent)
        for what in ("deductions", "top-ups")
    )
    assert short.status_code >= 400
    assert told(short) == told(long)
    assert balance(api, wallet) == 10


def test_what_is_missing_is_told(api: TestClient, wallet: str) -> None:
    without = api.post(f"/wallets/{wallet}/deductions", json={"amount": "1"})
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    headers = {"Idempotency-Key": "k"}
    nowhere = api.post("/wallets/wal_none/deductions", json={"amount": "1"}, headers=headers)
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "wallet_not_found")
    assert nowhere.json()["instance"] == "/api/v1/wallets/wal_none/deductions"
    assert api.get(f"/wallets/{wallet}/deductions").status_code == 405
    assert api.post(f"/wallets/{wallet}/deductions/more", json={}).status_code == 404


def test_a_key_that_was_revoked_deducts_nothing_more(
    api: TestClient, db: Database, home: Home, wallet: str
) -> None:
    key, text = db.write_now(
        lambda tx: identity.create_key(tx, home.live, scope=Scope.FULL, at=NOW)
    )
    path = f"/wallets/{wallet}/deductions"

    def deduct(name: str) -> int:
        headers = {"Idempotency-Key": name, "Authorization": f"Bearer {text}"}
        return api.post(path, json={"amount": "1"}, headers=headers).status_code

    assert [deduct("a"), deduct("b")] == [201, 201]
    db.write_now(lambda tx: identity.revoke_key(tx, key.id, at=NOW))
    assert [deduct("c"), deduct("a")] == [401, 401]
    assert balance(api, wallet) == 8


def test_a_client_that_goes_away_stops_nothing(
    api: TestClient, db: Database, home: Home, wallet: str
) -> None:
    path = f"/api/v1/wallets/{wallet}/deductions"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {home.live_key}".encode()),
            (b"idempotency-key", b"gone"),
        ],
        "server": ("testserver", 80),
    }
    go_on = threading.Event()
    holding = db.write(lambda _: go_on.wait(10))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": GOOD, "more_body": False}

    async def send(_: Any) -> None:
        raise AssertionError

    async def go_away() -> None:
        waiting = asyncio.ensure_future(api.app(scope, receive, send))
        await asyncio.sleep(0.2)
        waiting.cancel()
        await asyncio.wait([waiting])

    asyncio.run(go_away())
    go_on.set()
    assert holding.result(10)
    db.write(lambda _: None).result(10)
    headers = {"Idempotency-Key": "gone"}
    again = api.post(f"/wallets/{wallet}/deductions", json={"amount": "1"}, headers=headers)
    assert again.status_code in (200, 201)
    assert balance(api, wallet) == 9
