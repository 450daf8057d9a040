"""Webhook endpoints and the feed over HTTP."""

from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.conftest import Home
from tests.webhooks.receiver import LOOPBACK, Receiver, wait_until

from tallybook.server.api.app import build_app
from tallybook.server.kernel import clock
from tallybook.server.storage import Database
from tallybook.server.webhooks.sender import Sender
from tallybook.wire.base import format_instant

URL = "https://8.8.8.8/hook"


@pytest.fixture
def make(api: TestClient) -> Callable[..., dict[str, Any]]:
    def create(**fields: Any) -> dict[str, Any]:
        answer = api.post("/webhook-endpoints", json={"url": URL, **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return create


def test_an_endpoints_life(api: TestClient, make: Callable[..., dict[str, Any]]) -> None:
    made = make(events=["invoice.paid"], description="Books")
    assert made["id"].startswith("whe_")
    assert len(b64decode(made["secret"].removeprefix("whsec_"))) == 32
    path = f"/webhook-endpoints/{made['id']}"
    shown = api.get(path).json()
    assert "secret" not in shown
    assert (shown["url"], shown["events"], shown["status"]) == (URL, ["invoice.paid"], "enabled")
    assert api.get("/webhook-endpoints").json()["data"] == [shown]
    changed = api.patch(path, json={"events": "all", "status": "disabled"}).json()
    assert (changed["events"], changed["disabled_reason"]) == ("all", "by_user")
    assert api.post(f"{path}/test").json()["code"] == "webhook_endpoint_disabled"
    assert api.patch(path, json={"status": "enabled"}).json()["disabled_at"] is None
    rotated = api.post(f"{path}/rotate-secret").json()
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_expires_at"]
    assert api.delete(path).status_code == 204
    assert api.get(path).json()["code"] == "webhook_endpoint_not_found"


@pytest.mark.parametrize(
    "body",
    [
        {"url": "http://127.0.0.1/"},
        {"url": "https://169.254.169.254/latest"},
        {"url": "https://[::1]/"},
        {"url": "https://localhost/"},
        {"url": "http://8.8.8.8/"},
        {"url": "file:///etc/passwd"},
        {"url": ""},
        {"url": None},
        {},
        {"url": URL, "events": []},
        {"url": URL, "events": ["no.such"]},
        {"url": URL, "events": "some"},
        {"url": URL, "secret": "whsec_mine"},
        {"url": URL, "status": "enabled"},
    ],
)
def test_what_is_refused_writes_nothing(api: TestClient, body: dict[str, Any]) -> None:
    answer = api.post("/webhook-endpoints", json=body)
    assert answer.status_code == 422, answer.text
    assert api.get("/webhook-endpoints").json()["data"] == []


def test_a_url_is_checked_when_it_changes(
    api: TestClient, make: Callable[..., dict[str, Any]]
) -> None:
    made = make()
    answer = api.patch(f"/webhook-endpoints/{made['id']}", json={"url": "https://10.0.0.1/"})
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook_url_refused")
    assert answer.json()["errors"][0]["pointer"] == "/url"


def test_a_repeated_creation_shows_the_same_secret(api: TestClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = api.post("/webhook-endpoints", json={"url": URL}, headers=headers)
    again = api.post("/webhook-endpoints", json={"url": URL}, headers=headers)
    assert first.content == again.content


def test_spaces_do_not_see_each_others(
    api: TestClient, home: Home, make: Callable[..., dict[str, Any]]
) -> None:
    made = make()
    api.post("/customers", json={"name": "Acme"})
    other = {"Authorization": f"Bearer {home.test_key}"}
    message = api.get("/webhook-events").json()["data"][0]["id"]
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {"status": "disabled"}),
        ("DELETE", "", None),
        ("GET", "/deliveries", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/test", None),
        ("POST", "/replay", {"message_id": message}),
    ]:
        target = f"/webhook-endpoints/{made['id']}{path}"
        answer = api.request(method, target, json=body, headers=other)
        assert answer.status_code == 404, (method, path)
    assert api.get("/webhook-events", headers=other).json()["data"] == []
    assert api.get(f"/webhook-events?after={message}", headers=other).status_code == 404


def test_the_feed_has_what_happened_in_order(api: TestClient, home: Home) -> None:
    for number in range(5):
        api.post("/customers", json={"name": f"C{number}"})
    first = api.get("/webhook-events?limit=3").json()
    names = [item["data"]["customer"]["name"] for item in first["data"]]
    assert names == ["C0", "C1", "C2"]
    assert first["has_more"]
    event = first["data"][0]
    assert (event["event"], event["sequence"]) == ("customer.created", 1)
    assert event["project_id"] == home.project_id
    rest = api.get(f"/webhook-events?cursor={first['next_cursor']}").json()
    assert [item["data"]["customer"]["name"] for item in rest["data"]] == ["C3", "C4"]
    assert not rest["has_more"]
    last = rest["data"][-1]["id"]
    assert api.get(f"/webhook-events?after={last}").json()["data"] == []
    api.post("/customers", json={"name": "C5"})
    (later,) = api.get(f"/webhook-events?after={last}").json()["data"]
    assert later["data"]["customer"]["name"] == "C5"
    assert api.get("/webhook-events?after=msg_x").json()["code"] == "webhook_event_not_found"


def test_deliveries_tests_and_replays(db: Database, home: Home) -> None:
    receiver = Receiver()
    app = build_app(db, webhook_networks=LOOPBACK)
    headers = {"Authorization": f"Bearer {home.live_key}"}
    sender = Sender(db, allowed=LOOPBACK, poll_s=0.05)
    with TestClient(app, base_url="http://testserver/api/v1", headers=headers) as api:
        made = api.post("/webhook-endpoints", json={"url": receiver.url}).json()
        path = f"/webhook-endpoints/{made['id']}"
        sender.start()
        tested = api.post(f"{path}/test").json()
        assert (tested["status"], tested["event"]) == ("pending", "webhook_endpoint.test")
        api.post("/customers", json={"name": "Acme"})

        def done() -> list[Any]:
            found: list[Any] = api.get(f"{path}/deliveries?status=succeeded").json()["data"]
            return found if len(found) == 2 else []

        customer, test = wait_until(done)
        assert (test["id"], customer["event"]) == (tested["id"], "customer.created")
        assert customer["attempts"][0]["status_code"] == 204
        replayed = api.post(f"{path}/replay", json={"message_id": customer["message_id"]})
        assert replayed.json() == {"replayed": 1}
        wait_until(lambda: len(receiver.got) == 3)
        since = format_instant(clock.now() - timedelta(hours=1))
        assert api.post(f"{path}/replay", json={"since": since}).json() == {"replayed": 0}
        assert api.post(f"{path}/replay", json={}).status_code == 422
        query = f"{path}/deliveries?message_id={customer['message_id']}"
        assert len(api.get(query).json()["data"]) == 1
    sender.stop()
    receiver.close()


def test_a_secret_is_in_no_other_answer(
    api: TestClient, make: Callable[..., dict[str, Any]]
) -> None:
    made = make()
    api.post("/customers", json={"name": "Acme"})
    path = f"/webhook-endpoints/{made['id']}"
    for target in (path, f"{path}/deliveries", "/webhook-endpoints", "/webhook-events"):
        assert "whsec_" not in api.get(target).text
