"""Webhooks on the receiving side."""

import hashlib
import hmac
import json
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tallybook import webhooks
from tallybook.client.webhooks import signatures
from tallybook.server.webhooks.rules import signing
from tallybook.webhooks import WEBHOOK_EVENTS
from tallybook.wire.webhooks import EventName

from .stand_in import Blocking, StandIn

SECRET = "whsec_" + b64encode(b"k" * 32).decode()
OTHER = "whsec_" + b64encode(b"o" * 32).decode()
NOW = 1_800_000_000
ID = "msg_1"
LIMIT_REACHED = {
    "id": "msg_1",
    "event": "usage.limit_reached",
    "created_at": "2026-05-15T12:00:00Z",
    "data": {
        "customer_id": "cus_123",
        "subscription_id": "sub_123",
        "feature": "api_calls",
        "meter_id": "mtr_123",
        "used": 5000,
        "limit": "5000",
        "remaining": 0,
        "overage_allowed": False,
        "limit_type": "event_quota",
        "event_quota_window": "billing_period",
        "reset_at": "2026-06-15T12:00:00Z",
        "later_field": 1,
    },
}
BODY = json.dumps(LIMIT_REACHED).encode()


@pytest.fixture(autouse=True)
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures.time, "time", lambda: float(NOW))


def sent(body: bytes = BODY, at: int = NOW, *secrets: str) -> dict[str, str]:
    return signing.headers(body, message_id=ID, sent_at_s=at, secrets=secrets or (SECRET,))


def plain(body: bytes = BODY, at: int = NOW, *secrets: str) -> str:
    return sent(body, at, *secrets)["X-Webhook-Signature"]


def test_the_example_of_the_standard_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1614265330.0)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert signatures.verify_standard('{"test": 2432232314}', headers, secret, 300)
    assert not signatures.verify_standard('{"test": 2432232315}', headers, secret, 300)


def test_what_the_server_signs_the_sdk_verifies() -> None:
    assert webhooks.verify_webhook_signature(BODY, plain(), SECRET)
    assert webhooks.verify_webhook_signature(BODY.decode(), plain(), [OTHER, SECRET])
    both = plain(BODY, NOW, OTHER, SECRET)
    assert webhooks.verify_webhook_signature(BODY, both, SECRET)
    assert webhooks.unwrap(BODY, sent(), SECRET).id == "msg_1"
    assert webhooks.unwrap(BODY, {"X-WEBHOOK-SIGNATURE": plain()}, SECRET).id == "msg_1"
    pairs = [(name.encode(), value.encode()) for name, value in sent().items()]
    assert webhooks.unwrap(BODY, pairs, [OTHER, SECRET]).id == "msg_1"


@pytest.mark.parametrize(
    ("age", "good"),
    [(0, True), (299, True), (300, True), (301, False), (-300, True), (-301, False)],
)
def test_a_signature_has_five_minutes(age: int, good: bool) -> None:
    assert webhooks.verify_webhook_signature(BODY, plain(BODY, NOW - age), SECRET) is good
    assert signatures.verify_standard(BODY, sent(BODY, NOW - age), SECRET, 300) is good
    assert webhooks.verify_webhook_signature(BODY, plain(BODY, NOW - age), SECRET, 10**6)


GOOD = plain()
HEX = GOOD.partition("v1=")[2]
HOSTILE: list[Any] = [
    None,
    "",
    "nonsense",
    "t=,v1=",
    f"t={NOW}",
    f"v1={HEX}",
    f"t={NOW},v1=",
    f"t={NOW},v1={HEX[:-1]}0" if HEX[-1] != "0" else f"t={NOW},v1={HEX[:-1]}1",
    f"t={NOW},v1={HEX.upper()}",
    f"t={NOW},v0={HEX}",
    f"t={NOW},v1a={HEX}",
    f"t={NOW},t={NOW},v1={HEX}",
    f"t={NOW}.0,v1={HEX}",
    f"t=+{NOW},v1={HEX}",
    f"t={'9' * 5000},v1={HEX}",
    f"t=١٢٣,v1={HEX}",
    f"t={NOW},v1=\udc80\ud800",
    f"t={NOW},v1=é",
    "," * 10_000,
    "=" * 10_000,
    f"t={NOW}," + "v1=00," * 10_000,
    123,
    b"t=1,v1=2",
    ["t=1"],
]


@pytest.mark.parametrize("signature", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_signatures_are_false_and_nothing_else(signature: Any) -> None:
    assert webhooks.verify_webhook_signature(BODY, signature, SECRET) is False
    headers = {**sent(), "webhook-signature": signature}
    assert signatures.verify_standard(BODY, headers, SECRET, 300) is False
    with pytest.raises(webhooks.WebhookSignatureError):
        webhooks.unwrap(BODY, {"x-webhook-signature": signature}, SECRET)


@pytest.mark.parametrize(
    "secret", ["", [], "whsec_", "whsec_!!", OTHER, [OTHER], "a", None, 7, b"x"]
)
def test_another_secret_or_none_is_false(secret: Any) -> None:
    assert webhooks.verify_webhook_signature(BODY, plain(), secret) is False
    with pytest.raises(webhooks.WebhookSignatureError):
        webhooks.unwrap(BODY, sent(), secret)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", BODY + b" ", BODY[:-1], None, 5, {}])
def test_another_body_is_false(body: Any) -> None:
    assert webhooks.verify_webhook_signature(body, plain(), SECRET) is False
    again = json.dumps(json.loads(BODY), separators=(",", ":"))
    assert webhooks.verify_webhook_signature(again, plain(), SECRET) is False


def test_the_valid_token_may_be_the_last_of_many_and_after_malformed_ones() -> None:
    headers = sent()
    token = headers["webhook-signature"]
    for before in ("v1a,AAAA", "nonsense", "v1,a,b", "v1,!!", "v1", ",", " "):
        headers["webhook-signature"] = f"{before} {token}"
        assert signatures.verify_standard(BODY, headers, SECRET, 300)
    flipped = "A" if token[5] != "A" else "B"
    headers["webhook-signature"] = token[:5] + flipped + token[6:]
    assert not signatures.verify_standard(BODY, headers, SECRET, 300)


def test_a_wrong_standard_header_is_not_saved_by_the_other_one() -> None:
    headers = {**sent(), "webhook-signature": "v1,AAAA"}
    with pytest.raises(webhooks.WebhookSignatureError):
        webhooks.unwrap(BODY, headers, SECRET)
    with pytest.raises(webhooks.WebhookSignatureError, match="no signature"):
        webhooks.unwrap(BODY, {}, SECRET)
    with pytest.raises(webhooks.WebhookSignatureError):
        webhooks.unwrap(BODY, None, SECRET)


def test_a_documented_payload_is_typed_and_keeps_what_is_new() -> None:
    event = webhooks.parse_and_validate_webhook_payload(BODY)
    assert event.event == WEBHOOK_EVENTS.USAGE_LIMIT_REACHED
    assert isinstance(event.data, webhooks.UsageLimitReachedWebhookData)
    assert (event.data.used, event.data.remaining) == (5000, 0)
    assert event.data.model_extra == {"later_field": 1}
    assert webhooks.validate_webhook_payload(LIMIT_REACHED) == event
    schema = webhooks.webhook_payload_schemas[WEBHOOK_EVENTS.USAGE_LIMIT_REACHED]
    assert schema.model_validate(LIMIT_REACHED) == event


@pytest.mark.parametrize("missing", sorted(set(LIMIT_REACHED["data"]) - {"later_field"}))  # type: ignore[arg-type]
def test_documented_fields_are_required(missing: str) -> None:
    data = {name: value for name, value in LIMIT_REACHED["data"].items() if name != missing}  # type: ignore[attr-defined]
    with pytest.raises(webhooks.WebhookPayloadError, match=missing):
        webhooks.validate_webhook_payload({**LIMIT_REACHED, "data": data})


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, b'{"event": 1}', "no", None]
)
def test_what_is_no_event_is_a_payload_error(payload: Any) -> None:
    with pytest.raises(webhooks.WebhookPayloadError):
        webhooks.parse_and_validate_webhook_payload(payload)


def test_an_unknown_event_is_no_error() -> None:
    payload = {**LIMIT_REACHED, "event": "moon.landed", "data": [1, {"a": 2}]}
    event = webhooks.validate_webhook_payload(payload)
    assert isinstance(event, webhooks.UnknownWebhookEvent)
    assert event.data == [1, {"a": 2}]
    assert webhooks.to_webhook_update(event).action == "none"


@pytest.mark.parametrize(
    ("event", "data", "action", "feature"),
    [
        ("usage.limit_reached", LIMIT_REACHED["data"], "block_access", "api_calls"),
        (
            "usage.limit_reached",
            {**LIMIT_REACHED["data"], "overage_allowed": True},  # type: ignore[dict-item]
            "refresh_entitlements",
            "api_calls",
        ),
        ("usage.limit_reset", LIMIT_REACHED["data"], "allow_access", "api_calls"),
        ("usage.limit_approaching", LIMIT_REACHED["data"], "none", "api_calls"),
        ("subscription.recovered", {}, "allow_access", None),
        ("subscription.resumed", {}, "allow_access", None),
        ("subscription.suspended", {}, "block_access", None),
        ("subscription.canceled", {}, "block_access", None),
        ("subscription.ended", {}, "block_access", None),
        ("subscription.past_due", {"access_blocked": True}, "block_access", None),
        ("subscription.past_due", {"access_blocked": False}, "refresh_entitlements", None),
        ("subscription.past_due", {}, "refresh_entitlements", None),
        ("customer.access_changed", {}, "refresh_entitlements", None),
        ("subscription.plan_changed", {}, "refresh_entitlements", None),
        ("subscription.created", {}, "refresh_entitlements", None),
        ("subscription.activated", {}, "refresh_entitlements", None),
        ("subscription.updated", {}, "none", None),
        ("customer.created", {}, "none", None),
        ("payment.completed", {"payment_id": "pay_1"}, "none", None),
    ],
)
def test_the_update_map(event: str, data: Any, action: str, feature: str | None) -> None:
    named = {"customer_id": "cus_1", "customer_external_id": "acme", "subscription_id": "sub_1"}
    payload = {**LIMIT_REACHED, "event": event, "data": {**data, **named}}
    update = webhooks.to_webhook_update(webhooks.validate_webhook_payload(payload))
    assert (update.action, update.feature, update.event_type) == (action, feature, event)
    assert (update.customer_id, update.customer_external_id) == ("cus_1", "acme")
    assert webhooks.to_webhook_update(payload) == update


def test_the_list_the_schemas_and_the_names_agree() -> None:
    names = [event.value for event in WEBHOOK_EVENTS]
    assert sorted(webhooks.webhook_payload_schemas) == sorted(names)
    assert list(EventName.__args__) == names  # type: ignore[attr-defined]
    document = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text())
    assert sorted(document["webhooks"]) == sorted(names)


def test_the_client_has_the_helpers_with_its_secret(form: Blocking) -> None:
    client = form.client(StandIn(), webhook_secret=SECRET)
    assert client.webhook_secret == SECRET
    assert client.webhooks.unwrap(BODY, sent()).event == "usage.limit_reached"
    assert client.webhooks.verify_webhook_signature(BODY, plain())
    assert not client.webhooks.verify_webhook_signature(BODY, plain(), OTHER)
    assert client.webhooks.to_webhook_update(LIMIT_REACHED).action == "block_access"
    without = form.client(StandIn())
    assert not without.webhooks.verify_webhook_signature(BODY, plain())
    with pytest.raises(webhooks.WebhookSignatureError, match="no secret"):
        without.webhooks.unwrap(BODY, sent())


def test_what_the_resources_send(form: Blocking) -> None:
    server = StandIn(lambda _request: __import__("httpx2").Response(404, json={}))
    client = form.client(server, max_retries=0)
    calls = client.webhook_endpoints
    for call, line, body in [
        (lambda: calls.create(url="https://x/"), "POST /webhook-endpoints", {"url": "https://x/"}),
        (lambda: calls.get("whe_1"), "GET /webhook-endpoints/whe_1", None),
        (
            lambda: calls.update("whe_1", events=["a"], description=None),
            "PATCH /webhook-endpoints/whe_1",
            {"events": ["a"], "description": None},
        ),
        (lambda: calls.delete("whe_1"), "DELETE /webhook-endpoints/whe_1", None),
        (lambda: calls.rotate_secret("a"), "POST /webhook-endpoints/a/rotate-secret", None),
        (
            lambda: calls.replay("a", message_id="msg_1"),
            "POST /webhook-endpoints/a/replay",
            {"message_id": "msg_1"},
        ),
        (lambda: calls.test("a"), "POST /webhook-endpoints/a/test", None),
        (
            lambda: calls.deliveries("a", status="failed"),
            "GET /webhook-endpoints/a/deliveries?status=failed",
            None,
        ),
        (lambda: client.webhook_events.list(after="m"), "GET /webhook-events?after=m", None),
    ]:
        with pytest.raises(Exception, match="404"):
            form.do(call())
        assert server.line == line
        if body is not None:
            assert server.body == body


def test_the_signature_is_the_documented_one() -> None:
    """Written out by hand, as a user without this SDK would."""
    digest = hmac.new(b"k" * 32, f"{NOW}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert plain() == f"t={NOW},v1={digest}"


def test_the_module_is_there_without_an_import_of_its_own() -> None:
    code = "import tallybook; tallybook.webhooks.verify_webhook_signature('', '', '')"
    subprocess.run([sys.executable, "-c", code], check=True)
