"""The local gate: what it answers by itself, when it asks, and what it keeps over a restart."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tallybook import AccessCache, AsyncAccessCache, NotFoundError

from .stand_in import CUSTOMER, Blocking, StandIn, problem
from .tracked import until

AT = "2026-03-01T12:00:00Z"
CALLS = {
    "feature": "calls",
    "meter_id": "mtr_1",
    "subscription_id": "sub_1",
    "plan_version_id": "plv_1",
    "allowed": True,
    "reason": "ok",
    "used": "90",
    "limit": "100",
    "remaining": "10",
    "included_units": "100",
    "overage": "deny",
    "over_limit": "0",
    "limit_type": "event_quota",
    "event_quota_window": "month",
    "reset_at": None,
}
AUDIT = {
    **CALLS,
    "feature": "audit_log",
    "meter_id": None,
    "limit": None,
    "remaining": None,
    "overage": None,
    "limit_type": "none",
}


class Server:
    """Answers states and the feed."""

    def __init__(self) -> None:
        self.entitlements: list[dict[str, Any]] = [CALLS, AUDIT]
        self.feed: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.is_gone = False
        self.stand_in = StandIn(self.answer)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/api/v1")
        self.asked.append(path)
        if path == "/webhook-events":
            return self._feed(request.url.params.get("after"))
        if path == "/customers":
            page = {"data": [CUSTOMER], "has_more": False, "limit": 100}
            return httpx2.Response(200, json=page)
        if self.is_gone:
            return problem(404, "customer_not_found")
        state = {"customer": CUSTOMER, "subscriptions": [], "wallets": [], "as_of": AT}
        return httpx2.Response(200, json={**state, "entitlements": self.entitlements})

    def _feed(self, after: str | None) -> httpx2.Response:
        ids = [one["id"] for one in self.feed]
        if after == "latest":
            data = self.feed[-1:]
        elif after in ids:
            data = self.feed[ids.index(after) + 1 :]
        elif after:
            return problem(404, "webhook_event_not_found")
        else:
            data = self.feed
        return httpx2.Response(200, json={"data": data, "has_more": False, "limit": 100})

    def tell(self, event: str, **data: Any) -> dict[str, Any]:
        made = {
            "id": f"msg_{len(self.feed) + 1}",
            "event": event,
            "created_at": AT,
            "api_version": "1",
            "project_id": "prj_1",
            "sequence": len(self.feed) + 1,
            "data": {"customer_id": "cus_1", "customer_external_id": "acme", **data},
        }
        self.feed.append(made)
        return made


LIMIT = {
    "subscription_id": "sub_1",
    "feature": "calls",
    "meter_id": "mtr_1",
    "used": "100",
    "limit": "100",
    "remaining": "0",
    "overage_allowed": False,
    "limit_type": "event_quota",
    "event_quota_window": "month",
    "reset_at": None,
}


@pytest.fixture
def server() -> Server:
    return Server()


def cache_of(form: Blocking, server: Server, **options: Any) -> Any:
    kind: Any = AccessCache if form.name == "sync" else AsyncAccessCache
    return kind(form.client(server.stand_in), **options)


def ask(form: Blocking, cache: Any, feature: str = "calls", quantity: Any = 1) -> Any:
    return form.do(cache.check(customer_external_id="acme", feature=feature, quantity=quantity))


def test_it_asks_once_and_then_knows(form: Blocking, server: Server) -> None:
    cache = cache_of(form, server)
    assert cache.staleness == float("inf")
    assert cache.peek("acme", "calls") is None
    assert ask(form, cache)
    asked = len(server.asked)
    assert ask(form, cache, quantity=10).reason == "ok"
    denied = ask(form, cache, quantity=11)
    assert (denied.allowed, denied.reason) == (False, "limit_reached")
    assert ask(form, cache, "audit_log", 10**9)
    assert ask(form, cache, "other").reason == "feature_not_in_plan"
    assert cache.peek("cus_1", "mtr_1", Decimal("10.5")).allowed is False
    assert len(server.asked) == asked
    assert cache.staleness < 60
    with pytest.raises(TypeError, match="exactly one"):
        form.do(cache.check(customer_id="a", customer_external_id="b", feature="calls"))


@pytest.mark.parametrize(
    ("overage", "allowed", "reason"),
    [
        ("bill", True, "overage"),
        ("free", True, "free_overage"),
        ("deny", False, "limit_reached"),
    ],
)
def test_past_the_limit_the_overage_has_its_say(
    form: Blocking, server: Server, overage: str, allowed: bool, reason: str
) -> None:
    server.entitlements = [{**CALLS, "overage": overage}]
    past = ask(form, cache_of(form, server), quantity=11)
    assert (past.allowed, past.reason) == (allowed, reason)


@pytest.mark.parametrize(("policy", "allowed"), [("allow", True), ("deny", False)])
def test_cold_it_can_answer_by_itself(
    form: Blocking, server: Server, policy: str, allowed: bool
) -> None:
    cache = cache_of(form, server, when_cold=policy)
    answer = ask(form, cache)
    assert (answer.allowed, answer.reason) == (allowed, "not_known_here")
    assert server.asked == []
    assert form.do(cache.load(["acme"])) == 1
    assert ask(form, cache).reason == "ok"


def test_what_is_too_old_is_cold_again(form: Blocking, server: Server) -> None:
    cache = cache_of(form, server, when_cold="deny", max_age=1000)
    form.do(cache.load())
    assert ask(form, cache).reason == "ok"
    cache._heard_at_s -= 1001
    assert ask(form, cache).reason == "not_known_here"
    cache.apply(server.tell("customer.updated"))
    assert ask(form, cache).reason == "ok"


def test_webhooks_block_at_once_and_refresh(form: Blocking, server: Server) -> None:
    cache = cache_of(form, server)
    form.do(cache.load())
    update = cache.apply(server.tell("usage.limit_reached", **LIMIT))
    assert update.action == "block_access"
    assert ask(form, cache).reason == "limit_reached"
    assert ask(form, cache, "audit_log"), "only that feature"
    assert form.do(cache.refresh()) == 1
    assert ask(form, cache).reason == "ok", "the server says so"
    cache.apply(server.tell("subscription.suspended", subscription_id="sub_1"))
    assert ask(form, cache, "audit_log").reason == "subscription_suspended"
    cache.apply(server.tell("subscription.resumed", subscription_id="sub_1"))
    assert ask(form, cache, "audit_log")
    stranger = {"customer_id": "cus_2", "customer_external_id": None}
    cache.apply(server.tell("subscription.suspended", subscription_id="sub_2", **stranger))
    assert cache.peek("cus_2", "calls") is None


def test_the_feed_brings_what_no_webhook_did(form: Blocking, server: Server) -> None:
    server.tell("customer.created")
    cache = cache_of(form, server)
    form.do(cache.load())
    assert form.do(cache.sync()) == 0, "what was before is in the states"
    server.tell("subscription.suspended", subscription_id="sub_1")
    server.entitlements = []
    assert form.do(cache.sync()) == 1
    assert ask(form, cache).reason == "feature_not_in_plan"
    assert form.do(cache.sync()) == 0


def test_where_the_feed_reaches_back_no_more_all_is_asked_anew(
    form: Blocking, server: Server
) -> None:
    server.tell("customer.created")
    cache = cache_of(form, server)
    form.do(cache.load())
    server.feed[:] = [{**server.feed[0], "id": "msg_9"}]
    server.entitlements = [AUDIT]
    form.do(cache.sync())
    assert ask(form, cache).reason == "feature_not_in_plan"


def test_a_customer_that_is_gone_is_forgotten(form: Blocking, server: Server) -> None:
    cache = cache_of(form, server)
    form.do(cache.load())
    cache.apply(server.tell("customer.access_changed"))
    server.is_gone = True
    form.do(cache.refresh())
    assert cache.peek("acme", "calls") is None
    with pytest.raises(NotFoundError):
        ask(form, cache)


def test_it_syncs_in_the_background(form: Blocking, server: Server) -> None:
    async def begin() -> None:
        cache.start(0.02)

    cache = cache_of(form, server)
    form.do(cache.load())
    if form.name == "sync":
        cache.start(0.02)
    else:
        form.do(begin())
    server.entitlements = []
    server.tell("customer.access_changed")
    until(form, lambda: cache.peek("acme", "calls").reason == "feature_not_in_plan")
    form.do(cache.stop())
    asked = len(server.asked)
    form.do(cache.stop())
    assert len(server.asked) == asked


def test_a_restart_begins_with_the_snapshot(form: Blocking, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    server.tell("customer.created")
    cache = cache_of(form, server, snapshot=path)
    form.do(cache.load())
    form.do(cache.sync())
    cache.apply(server.tell("subscription.suspended", subscription_id="sub_1"))
    cache.save()
    again = cache_of(form, server, snapshot=path, when_cold="deny")
    assert again.peek("acme", "audit_log").reason == "subscription_suspended"
    assert again.staleness == float("inf")
    asked = len(server.asked)
    assert form.do(again.sync()) == 1
    assert "/customers" not in server.asked[asked:]
    assert again.peek("acme", "audit_log"), "the suspension was looked at, and is over"
    assert not list(tmp_path.glob("*.new"))
    with pytest.raises(ValueError, match="snapshot"):
        cache_of(form, server).save()


@pytest.mark.parametrize("harm", ["changed", "other key", "cut", "gone"])
def test_a_snapshot_that_cannot_be_trusted_is_not_used(
    form: Blocking, server: Server, tmp_path: Path, harm: str
) -> None:
    path = tmp_path / "access.json"
    server.entitlements = [{**CALLS, "allowed": False, "reason": "limit_reached"}]
    cache = cache_of(form, server, snapshot=path)
    form.do(cache.load())
    cache.save()
    match harm:
        case "changed":
            whole = path.read_bytes()
            path.write_bytes(whole.replace(b'"allowed": false', b'"allowed": true'))
            assert path.read_bytes() != whole
        case "other key":
            signature, _, body = path.read_bytes().partition(b"\n")
            path.write_bytes(b"0" * len(signature) + b"\n" + body)
        case "cut":
            path.write_bytes(path.read_bytes()[:-1])
        case "gone":
            path.unlink()
    again = cache_of(form, server, snapshot=path, when_cold="deny")
    assert again.peek("acme", "calls") is None


def test_the_snapshot_is_plain_json_behind_its_signature(server: Server, tmp_path: Path) -> None:
    form = Blocking()
    cache = cache_of(form, server, snapshot=tmp_path / "a.json")
    cache.load()
    cache.save()
    body = (tmp_path / "a.json").read_bytes().partition(b"\n")[2]
    assert json.loads(body)["customers"]["cus_1"]["external_id"] == "acme"
