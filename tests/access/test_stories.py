"""Access over HTTP on a set clock, on both databases."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.billing.conftest import Books

START = "2026-01-01T00:00:00Z"
QUOTA = {"pricing_model": "per_unit", "unit_price": "1", "limit_type": "event_quota"}


def opened(books: Books, *, included: str = "100", subscribe: bool = True, **shape: Any) -> str:
    """Make a customer `acme` on a plan with a quota of `calls`."""
    books.advance(START)
    customer = books.customer()
    books.meter("calls")
    books.plan("pro", features=["sso"])
    books.price("pro", "calls", **{**QUOTA, "included_units": included, **shape})
    if subscribe:
        books.subscribe()
    return customer


def check(books: Books, feature: str = "calls", quantity: str = "1", **fields: Any) -> Any:
    body = {"customer_external_id": "acme", "feature": feature, "quantity": quantity, **fields}
    return books.post("/access/check", body, status=200)


def reason(books: Books, feature: str = "calls", quantity: str = "1", **fields: Any) -> str:
    decision = check(books, feature, quantity, **fields)
    assert decision["allowed"] == (decision["reason"] in ("ok", "overage", "free_overage"))
    return str(decision["reason"])


@pytest.mark.parametrize(
    ("overage", "past"),
    [("deny", "limit_reached"), ("bill", "overage"), ("free", "free_overage")],
)
def test_twenty_with_ten_left(books: Books, overage: str, past: str) -> None:
    opened(books, overage=overage)
    books.use("calls", "90", START)
    decision = check(books, quantity="20")
    assert decision == {
        "allowed": overage != "deny",
        "reason": past,
        "feature": "calls",
        "meter_id": decision["meter_id"],
        "subscription_id": decision["subscription_id"],
        "used": "90",
        "limit": "100",
        "remaining": "10",
        "overage_allowed": overage != "deny",
        "limit_type": "event_quota",
        "event_quota_window": "billing_period",
        "reset_at": "2026-02-01T00:00:00Z",
        "checked_at": START,
        "event_id": None,
    }
    assert decision["meter_id"].startswith("mtr_")
    assert decision["subscription_id"].startswith("sub_")
    assert reason(books, quantity="10") == "ok"
    assert reason(books, quantity="10.000000000001") == past
    assert reason(books, "sso") == "ok"
    assert reason(books, "other") == "feature_not_in_plan"


def test_a_subscriptions_life_gives_each_reason(books: Books) -> None:
    customer = opened(books, overage="deny", subscribe=False)
    assert reason(books) == "no_subscription"
    draft = books.subscribe(status="draft")
    assert reason(books) == "not_started"
    assert reason(books, subscription_id=draft["id"]) == "not_started"
    books.advance("2026-01-02T00:00:00Z")
    sub = books.subscribe(start_date="2026-01-10")
    assert (sub["status"], reason(books)) == ("scheduled", "not_started")
    books.advance("2026-01-10T00:00:00Z")
    assert reason(books) == "ok"
    books.http.patch(f"/customers/{customer}", json={"status": "suspended"})
    assert reason(books) == reason(books, "other") == "customer_suspended"
    books.http.patch(f"/customers/{customer}", json={"status": "active"})
    assert reason(books) == "ok"
    missing = books.http.post("/access/check", json={"customer_id": "cus_0", "feature": "calls"})
    assert (missing.status_code, missing.json()["code"]) == (404, "customer_not_found")
    other = books.http.post(
        "/access/check",
        json={"customer_id": customer, "feature": "calls", "subscription_id": "sub_0"},
    )
    assert (other.status_code, other.json()["code"]) == (404, "subscription_not_found")


def test_past_due_blocks_at_once_and_payment_gives_access_back(books: Books) -> None:
    books.advance(START)
    customer = books.customer()
    books.meter("calls")
    books.plan("pro", base="20")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="1")
    books.wallet(customer, "5")
    books.subscribe()
    assert reason(books) == "subscription_past_due"
    decision = check(books)
    assert (decision["limit"], decision["remaining"]) == (None, None)
    books.wallet(customer, "15")
    assert reason(books) == "ok"


def test_windows_begin_anew(books: Books) -> None:
    opened(books, included="5", overage="deny", event_quota_window="day")
    books.use("calls", "5", START)
    assert reason(books) == "limit_reached"
    assert check(books)["reset_at"] == "2026-01-02T00:00:00Z"
    books.advance("2026-01-01T23:59:59.999999Z")
    assert reason(books) == "limit_reached"
    books.advance("2026-01-02T00:00:00Z")
    assert reason(books, quantity="5") == "ok"


def test_usage_of_a_billing_period_ends_with_it(books: Books) -> None:
    opened(books, included="5", overage="deny")
    books.use("calls", "5", START)
    assert reason(books) == "limit_reached"
    books.advance("2026-02-01T00:00:00Z")
    decision = check(books)
    assert (decision["reason"], decision["used"]) == ("ok", "0")
    assert decision["reset_at"] == "2026-03-01T00:00:00Z"


def test_an_addon_adds_its_units(books: Books) -> None:
    opened(books, included="5", overage="deny")
    books.plan("extra", category="addon", parent_plan="pro")
    books.price("extra", "calls", **{**QUOTA, "included_units": "3"}, overage="deny")
    books.subscribe(plan="extra")
    assert (check(books)["limit"], reason(books, quantity="8")) == ("8", "ok")
    assert reason(books, quantity="9") == "limit_reached"


@pytest.mark.parametrize(
    ("aggregation", "uses", "allowed"),
    [
        ("sum", ["2", "2"], {"1": True, "2": False}),
        ("count", ["2", "2"], {"1": True, "2": False}),
        ("max", ["5", "3"], {"5": True, "6": False}),
        ("latest", ["9", "3"], {"5": True, "6": False}),
        ("unique_count", ["7", "8", "7"], {"3": True, "4": False}),
    ],
)
def test_each_aggregation_is_checked_by_its_own_measure(
    books: Books, aggregation: str, uses: list[str], allowed: dict[str, bool]
) -> None:
    books.advance(START)
    books.customer()
    books.meter("calls", aggregation)
    books.plan("pro")
    books.price("pro", "calls", **{**QUOTA, "included_units": "5"}, overage="deny")
    books.subscribe()
    for second, quantity in enumerate(uses):
        books.use("calls", quantity, f"2026-01-01T00:00:0{second}Z")
    books.advance("2026-01-01T01:00:00Z")
    for quantity, expected in allowed.items():
        assert check(books, quantity=quantity)["allowed"] is expected, quantity


def test_check_and_record_is_one_step(books: Books) -> None:
    opened(books, included="5", overage="deny")
    first = check(books, quantity="3", record=True, idempotency_key="a", metadata={"run": 1})
    assert (first["reason"], first["used"], first["remaining"]) == ("ok", "3", "2")
    event = books.get(f"/events/{first['event_id']}")
    assert (event["quantity"], event["metadata"], event["over_limit"]) == ("3", {"run": 1}, False)
    denied = check(books, quantity="3", record=True, idempotency_key="b")
    assert (denied["reason"], denied["used"], denied["event_id"]) == ("limit_reached", "3", None)
    last = check(books, quantity="2", record=True, idempotency_key="b")
    assert (last["reason"], last["used"]) == ("ok", "5"), "a denied key stays free"
    for key, made in (("a", first), ("b", last)):
        again = check(books, quantity=made["used"], record=True, idempotency_key=key)
        assert again["allowed"]
        assert (again["event_id"], again["used"]) == (made["event_id"], "5")
    assert len(books.get("/customers/external/acme/usage")["data"]) == 2


def test_a_repeat_says_so_and_usage_knows_its_key(books: Books) -> None:
    opened(books, included="5", overage="deny")
    body = {"customer_external_id": "acme", "feature": "calls", "record": True}
    headers = {"Idempotency-Key": "k"}
    first = books.http.post("/access/check", json=body, headers=headers)
    again = books.http.post("/access/check", json=body, headers=headers)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["event_id"] == first.json()["event_id"]
    event = {"customer_external_id": "acme", "meter": "calls", "idempotency_key": "k"}
    (result,) = books.post("/events/batch", {"events": [event]})["results"]
    assert (result["status"], result["code"]) == ("duplicate", None)


def test_recording_measures_as_the_meter_does(books: Books) -> None:
    books.advance(START)
    books.customer()
    books.meter("tokens", "sum", value_field="tokens")
    books.meter("seats", "unique_count", value_field="user")
    books.plan("pro")
    for meter in ("tokens", "seats"):
        books.price("pro", meter, **{**QUOTA, "included_units": "2"}, overage="deny")
    books.subscribe()
    made = check(books, "tokens", "1.5", record=True)
    assert made["used"] == "1.5"
    assert books.get(f"/events/{made['event_id']}")["attributes"] == {"tokens": 1.5}
    over = {"attributes": {"tokens": 0.6}, "record": True}
    assert reason(books, "tokens", **over) == "limit_reached"
    for user, expected in (("a", "ok"), ("b", "ok"), ("c", "limit_reached"), ("a", "ok")):
        said = reason(books, "seats", record=True, attributes={"user": user})
        assert said == expected, user
    assert check(books, "seats")["used"] == "2"


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"feature": "sso", "record": True}, 422, "feature_not_metered"),
        ({"record": True, "timestamp": "2001-01-01T00:00:00Z"}, 422, "timestamp_out_of_range"),
        ({"record": True, "subscription_id": "sub_0"}, 404, "subscription_not_found"),
        ({"metadata": {"a": 1}}, 422, "validation_failed"),
        ({"record": "yes"}, 422, "validation_failed"),
        ({"quantity": "-1"}, 422, "validation_failed"),
        ({"quantity": "NaN"}, 422, "validation_failed"),
        ({"feature": " "}, 422, "validation_failed"),
        ({"customer_id": "cus_1"}, 422, "validation_failed"),
        ({"more": 1}, 422, "validation_failed"),
    ],
)
def test_wrong_questions_are_refused(
    books: Books, fields: dict[str, Any], status: int, code: str
) -> None:
    opened(books, overage="deny")
    books.advance("2026-01-02T00:00:00Z")
    body = {"customer_external_id": "acme", "feature": "calls", **fields}
    answer = books.http.post("/access/check", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert books.get("/customers/external/acme/usage")["data"] == []


def test_nothing_is_recorded_where_access_is_denied(books: Books) -> None:
    opened(books, overage="deny", subscribe=False)
    assert reason(books, record=True) == "no_subscription"
    assert books.get("/customers/external/acme/usage")["data"] == []


def test_a_customers_state_tells_all_it_may_use(books: Books) -> None:
    customer = opened(books, included="5", overage="deny")
    books.wallet(customer, "12.50")
    books.use("calls", "7", START)
    state = books.get("/customers/external/acme/state")
    assert state == books.get(f"/customers/{customer}/state")
    assert state["customer"]["external_id"] == "acme"
    (sub,) = state["subscriptions"]
    (wallet,) = state["wallets"]
    assert (sub["status"], wallet["balance"]) == ("active", "12.50")
    calls, sso = state["entitlements"]
    assert calls == {
        "feature": "calls",
        "meter_id": calls["meter_id"],
        "subscription_id": sub["id"],
        "plan_version_id": sub["plan_version_id"],
        "allowed": False,
        "reason": "limit_reached",
        "used": "7",
        "limit": "5",
        "remaining": "0",
        "included_units": "5",
        "overage": "deny",
        "over_limit": "2",
        "limit_type": "event_quota",
        "event_quota_window": "billing_period",
        "reset_at": "2026-02-01T00:00:00Z",
    }
    assert (sso["feature"], sso["allowed"], sso["limit"], sso["overage"]) == (
        "sso",
        True,
        None,
        None,
    )
    assert books.http.get("/customers/cus_0/state").status_code == 404
    other = books.customer("other")
    empty = books.get(f"/customers/{other}/state")
    assert (empty["subscriptions"], empty["wallets"], empty["entitlements"]) == ([], [], [])


def held(books: Books, quantity: str, *, status: int = 201, **fields: Any) -> Any:
    body = {"customer_external_id": "acme", "feature": "calls", "quantity": quantity, **fields}
    return books.post("/holds", body, status=status)


def test_what_is_held_counts_until_it_is_settled(books: Books) -> None:
    customer = opened(books, included="10", overage="deny")
    made = held(books, "6")
    assert (made["status"], made["quantity"]) == ("held", "6")
    assert made["customer_id"] == customer
    assert made["expires_at"] == "2026-01-01T00:15:00Z"
    assert check(books)["used"] == "6"
    assert books.get("/customers/external/acme/state")["entitlements"][0]["used"] == "6"
    refused = held(books, "5", status=409)
    assert (refused["code"], refused["reason"]) == ("access_denied", "limit_reached")
    assert (refused["used"], refused["limit"], refused["remaining"]) == ("6", "10", "4")
    assert reason(books, quantity="5", record=True) == "limit_reached"
    done = books.post(f"/holds/{made['id']}/settle", {"quantity": "2.5", "metadata": {"a": 1}})
    assert (done["status"], done["settled_quantity"]) == ("settled", "2.5")
    event = books.get(f"/events/{done['event_id']}")
    assert (event["idempotency_key"], event["quantity"]) == (made["id"], "2.5")
    assert (event["meter"], event["metadata"]) == ("calls", {"a": 1})
    assert check(books)["used"] == "2.5"
    assert books.get(f"/holds/{made['id']}") == done


@pytest.mark.parametrize(
    ("end", "state"), [("settle", "settled"), ("release", "released"), (None, "expired")]
)
def test_a_hold_ends_once(books: Books, end: str | None, state: str) -> None:
    opened(books, included="10", overage="deny")
    made = held(books, "6", expires_in=60)
    if end is None:
        books.advance("2026-01-01T00:00:59.999999Z")
        assert check(books)["used"] == "6"
        books.advance("2026-01-01T00:01:00Z")
    else:
        books.post(f"/holds/{made['id']}/{end}", {"quantity": "6"} if end == "settle" else None)
    assert books.get(f"/holds/{made['id']}")["status"] == state
    assert check(books)["used"] == ("6" if state == "settled" else "0")
    for act, body in (("settle", {"quantity": "1"}), ("release", None)):
        over = books.post(f"/holds/{made['id']}/{act}", body, status=409)
        assert (over["code"], over["current_state"]) == ("hold_over", state)
    usage = books.get("/customers/external/acme/usage")["data"]
    assert len(usage) == (1 if state == "settled" else 0)


def test_settling_takes_what_was_used_even_past_the_hold(books: Books) -> None:
    opened(books, included="10", overage="deny")
    more, nothing = held(books, "4"), held(books, "4")
    books.post(f"/holds/{more['id']}/settle", {"quantity": "8"})
    done = books.post(f"/holds/{nothing['id']}/settle", {"quantity": "0"})
    assert (done["status"], done["event_id"], done["settled_quantity"]) == ("settled", None, "0")
    assert check(books)["used"] == "8"


def test_a_repeated_settle_is_answered_the_same(books: Books) -> None:
    opened(books, included="10", overage="deny")
    made = held(books, "4")
    path, headers = f"/holds/{made['id']}/settle", {"Idempotency-Key": "once"}
    first = books.http.post(path, json={"quantity": "3"}, headers=headers)
    again = books.http.post(path, json={"quantity": "3"}, headers=headers)
    assert (first.content, again.headers["Idempotent-Replayed"]) == (again.content, "true")
    assert check(books)["used"] == "3"


def test_a_hold_of_summed_attributes_settles_in_them(books: Books) -> None:
    books.advance(START)
    books.customer()
    books.meter("tokens", "sum", value_field="tokens")
    books.plan("pro")
    books.price("pro", "tokens", **{**QUOTA, "included_units": "1000"}, overage="deny")
    books.subscribe()
    made = held(books, "900", feature="tokens")
    books.post(f"/holds/{made['id']}/settle", {"quantity": "250", "attributes": {"model": "m"}})
    assert check(books, "tokens")["used"] == "250"


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"feature": "sso"}, 422, "feature_not_metered"),
        ({"feature": "other"}, 409, "access_denied"),
        ({"quantity": "0"}, 422, "validation_failed"),
        ({"expires_in": 0}, 422, "validation_failed"),
        ({"expires_in": 604801}, 422, "validation_failed"),
        ({"expires_in": "900"}, 422, "validation_failed"),
    ],
)
def test_wrong_holds_are_refused(
    books: Books, fields: dict[str, Any], status: int, code: str
) -> None:
    opened(books, overage="deny")
    assert held(books, **{"quantity": "1", **fields}, status=status)["code"] == code


@pytest.mark.parametrize("act", ["get", "settle", "release"])
def test_a_hold_that_is_not_there(books: Books, act: str) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "get": lambda: books.http.get("/holds/hld_0"),
        "settle": lambda: books.http.post("/holds/hld_0/settle", json={"quantity": "1"}),
        "release": lambda: books.http.post("/holds/hld_0/release"),
    }
    answer = calls[act]()
    assert (answer.status_code, answer.json()["code"]) == (404, "hold_not_found")
