"""Usage over HTTP, on both databases: in, and out again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.conftest import Home, open_project
from tests.ingest.corpus import BODIES, BROKEN, ITEMS, REFUSED
from tests.ingest.desk import Desk

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Scope
from tallybook.server.kernel import clock
from tallybook.server.metering.service import counters
from tallybook.server.reports.verify import verify_counters
from tallybook.server.storage import Database


@pytest.fixture
def desk(api: TestClient, db: Database, home: Home) -> Iterator[Desk]:
    made = Desk(api, db, home.live)
    yield made
    found = db.read(lambda tx: list(verify_counters(tx, home.live.id)))
    assert found == [], "whatever a test does, the counters are what their events say"


def key_of(db: Database, home: Home, scope: Scope) -> tuple[str, str]:
    made = db.write_now(lambda tx: identity.create_key(tx, home.live, scope=scope, at=clock.now()))
    return made[0].id, made[1]


def with_key(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


EVENT = {"customer_external_id": "acme", "meter": "calls"}


def test_an_event_is_stored_and_shown(desk: Desk) -> None:
    sub = desk.sell(included_units="5", limit_type="event_quota")
    body = {
        **EVENT,
        "quantity": 1.5,
        "timestamp": desk.ago(hours=1),
        "attributes": {"model": "m", "tokens": 12, "ratio": 0.1},
        "metadata": {"order": "7"},
        "idempotency_key": "k1",
    }
    answer = desk.http.post("/events", json=body)
    assert answer.status_code == 201, answer.text
    event = answer.json()
    assert event["id"].startswith("evt_")
    assert (event["quantity"], event["status"], event["over_limit"]) == ("1.5", "accepted", False)
    assert (event["meter"], event["idempotency_key"]) == ("calls", "k1")
    assert event["attributes"] == {"model": "m", "tokens": 12, "ratio": 0.1}
    assert event["metadata"] == {"order": "7"}
    period = event["period"]
    assert (period["number"], period["subscription_id"]) == (0, sub.id)
    assert sub.current_period_start is not None
    assert period["start"] == sub.current_period_start.isoformat().replace("+00:00", "Z")
    assert period["start"] <= event["timestamp"] < period["end"]
    assert desk.get(f"/events/{event['id']}") == event
    assert desk.get("/events")["data"] == [event]
    assert desk.get("/customers/external/acme/usage")["data"] == [event]
    assert desk.get(f"/customers/{event['customer_id']}/usage", meter="calls")["data"] == [event]


def test_a_repeat_answers_the_first_event(desk: Desk) -> None:
    desk.sell()
    body = {**EVENT, "quantity": "2", "idempotency_key": "k1"}
    first = desk.http.post("/events", json=body)
    again = desk.http.post("/events", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    other = desk.http.post("/events", json={**body, "quantity": "3"})
    assert (other.status_code, other.json()) == (200, first.json())


def test_the_header_is_the_events_key_where_the_body_has_none(desk: Desk) -> None:
    desk.sell()
    headers = {"Idempotency-Key": "h1"}
    first = desk.http.post("/events", json=EVENT, headers=headers)
    again = desk.http.post("/events", json=EVENT, headers=headers)
    assert first.json()["idempotency_key"] == "h1"
    assert (again.status_code, again.json()) == (200, first.json())
    own = desk.http.post("/events", json={**EVENT, "idempotency_key": "b1"}, headers=headers)
    assert (own.status_code, own.json()["idempotency_key"]) == (201, "b1")
    without = [desk.http.post("/events", json=EVENT).status_code for _ in range(2)]
    assert without == [201, 201]


def test_a_batch_answers_item_by_item(desk: Desk) -> None:
    desk.sell()
    first = {"idempotency_key": "a", "quantity": "2"}
    result = desk.batch(
        first,
        first,
        {"idempotency_key": "a", "quantity": "3"},
        {"idempotency_key": "b", "quantity": -1},
        {"idempotency_key": "c", "customer_external_id": "nobody"},
        {"idempotency_key": "d", "meter": "nothing"},
        {"idempotency_key": "e", "timestamp": desk.ago(days=36)},
        {"idempotency_key": "f", "timestamp": desk.ago(minutes=-6)},
        {"idempotency_key": "g", "customer_external_id": None, "customer_id": "cus_none"},
        {"idempotency_key": "h", "subscription_id": "sub_none"},
        {"idempotency_key": "i", "agent": "unknown"},
    )
    seen = [(item["status"], item["code"]) for item in result["results"]]
    assert seen == [
        ("accepted", None),
        ("duplicate", None),
        ("duplicate", "conflict"),
        ("rejected", "invalid_quantity"),
        ("unmatched", "customer_not_found"),
        ("unmatched", "meter_not_found"),
        ("rejected", "timestamp_out_of_range"),
        ("rejected", "timestamp_out_of_range"),
        ("rejected", "customer_not_found"),
        ("rejected", "subscription_not_found"),
        ("accepted", None),
    ]
    assert {key: result[key] for key in result if key != "results"} == {
        "accepted": 4,
        "unmatched": 2,
        "duplicates": 2,
        "rejected": 5,
        "retry": 0,
    }
    assert [item["index"] for item in result["results"]] == list(range(11))
    assert [item["idempotency_key"] for item in result["results"]] == list("aaabcdefghi")
    assert result["results"][0]["id"] == result["results"][1]["id"]
    listed = desk.get("/events", status="unmatched")["data"]
    assert [(one["idempotency_key"], one["reason"], one["meter"]) for one in listed] == [
        ("d", "meter_not_found", "nothing"),
        ("c", "customer_not_found", "calls"),
    ]
    again = desk.batch({"idempotency_key": "a", "quantity": "2"}, {"idempotency_key": "b"})
    assert [item["status"] for item in again["results"]] == ["duplicate", "accepted"]


def test_a_key_is_a_customers_own(desk: Desk) -> None:
    desk.sell()
    desk.customer("other")
    event = {"idempotency_key": "k"}
    assert desk.statuses(event, {**event, "customer_external_id": "other"}) == ["accepted"] * 2


def test_a_key_stays_taken_when_its_customer_becomes_known(desk: Desk) -> None:
    desk.meter()
    event = {"idempotency_key": "k", "quantity": "5"}
    waiting = desk.batch(event)["results"][0]
    assert waiting["status"] == "unmatched"
    desk.customer()
    again = desk.batch(event, {**event, "quantity": "6"}, {"idempotency_key": "new"})["results"]
    assert [(item["status"], item["code"]) for item in again] == [
        ("duplicate", None),
        ("duplicate", "conflict"),
        ("accepted", None),
    ]
    assert again[0]["id"] == waiting["id"]


def test_a_meter_that_gets_its_name_later_makes_no_conflict(desk: Desk) -> None:
    desk.customer()
    event = {"idempotency_key": "k"}
    assert desk.statuses(event) == ["unmatched"]
    desk.meter()
    (again,) = desk.batch(event)["results"]
    assert (again["status"], again["code"]) == ("duplicate", None)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"customer_external_id": "nobody"}, 404, "customer_not_found"),
        ({"customer_external_id": None, "customer_id": "cus_x"}, 404, "customer_not_found"),
        ({"meter": "nothing"}, 404, "meter_not_found"),
        ({"meter": None, "agent": "nobody"}, 404, "agent_not_found"),
        ({"subscription_id": "sub_x"}, 404, "subscription_not_found"),
        ({"timestamp": "2020-01-01T00:00:00Z"}, 422, "timestamp_out_of_range"),
        ({"meter": "size"}, 422, "value_missing"),
        ({"meter": "size", "attributes": {"bytes": "many"}}, 422, "value_missing"),
        ({"meter": "size", "attributes": {"bytes": -1}}, 422, "value_missing"),
        ({"quantity": "-1"}, 422, "validation_failed"),
    ],
)
def test_a_single_event_is_strict(desk: Desk, change: Any, status: int, code: str) -> None:
    desk.sell()
    desk.meter("size", "sum", value_field="bytes")
    answer = desk.http.post("/events", json={**EVENT, "idempotency_key": "k", **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["errors"][0]["pointer"].startswith("/")
    assert desk.get("/events")["data"] == []
    good = desk.http.post("/events", json={**EVENT, "idempotency_key": "k"})
    assert good.status_code == 201, "a refused event's key is free"


def test_a_batch_keeps_what_lacks_its_value(desk: Desk) -> None:
    desk.sell()
    desk.meter("size", "sum", value_field="bytes")
    assert desk.statuses({"meter": "size"}) == ["unmatched"]


def test_backfill_takes_old_times_and_never_future_ones(desk: Desk, home: Home) -> None:
    desk.sell()
    old, future = {"timestamp": "2001-01-01T00:00:00Z"}, {"timestamp": desk.ago(minutes=-6)}
    result = desk.batch(old, future, backfill=True)
    assert [item["status"] for item in result["results"]] == ["accepted", "rejected"]
    _, text = key_of(desk.db, home, Scope.INGEST)
    body = {"events": [{**EVENT, **old}], "backfill": True}
    refused = desk.http.post("/events/batch", json=body, headers=with_key(text))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


def test_what_a_key_may_do_with_usage(desk: Desk, home: Home) -> None:
    desk.sell()
    _, ingest = key_of(desk.db, home, Scope.INGEST)
    _, read = key_of(desk.db, home, Scope.READ)
    for path, body in (("/events", EVENT), ("/events/batch", {"events": [EVENT]})):
        assert desk.http.post(path, json=body, headers=with_key(ingest)).status_code in (200, 201)
        refused = desk.http.post(path, json=body, headers=with_key(read))
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        none = desk.http.post(path, json=body, headers={"Authorization": ""})
        assert (none.status_code, none.json()["code"]) == (401, "invalid_api_key")
        wrong = desk.http.post(path, json=body, headers=with_key("tb_live_x"))
        assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_api_key")
        other = desk.http.post(path, json=body, headers={"X-Project-Id": "prj_other"})
        assert (other.status_code, other.json()["code"]) == (403, "project_mismatch")
    for path in ("/events", "/customers/external/acme/usage"):
        refused = desk.http.get(path, headers=with_key(ingest))
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        assert desk.http.get(path, headers=with_key(read)).status_code == 200
    assert len(desk.get("/events")["data"]) == 2


def test_a_revoked_key_is_refused_by_the_next_request_under_load(desk: Desk, home: Home) -> None:
    desk.sell()
    key_id, text = key_of(desk.db, home, Scope.INGEST)

    def send(header: dict[str, str]) -> int:
        return desk.http.post("/events", json=EVENT, headers=header).status_code

    with ThreadPoolExecutor(8) as pool:
        load = [pool.submit(send, {}) for _ in range(60)]
        assert send(with_key(text)) == 201
        desk.db.write_now(lambda tx: identity.revoke_key(tx, key_id, at=clock.now()))
        assert [send(with_key(text)) for _ in range(5)] == [401] * 5
        assert {future.result() for future in load} == {201}


def test_a_bad_body_is_refused_whole(desk: Desk) -> None:
    desk.sell()
    for case in BODIES:
        if case.pointer is None:
            continue
        answer = desk.http.post("/events/batch", content=case.body)
        assert answer.status_code == 422, case.name
        assert answer.json()["errors"][0]["pointer"] == case.pointer
    for name, body in {**BROKEN, **REFUSED}.items():
        for path in ("/events", "/events/batch"):
            answer = desk.http.post(path, content=body)
            assert answer.status_code in (400, 422), (name, answer.text)
    twice = desk.http.post("/events", content=b'{"meter": "a", "meter": "b", "customer_id": "c"}')
    assert (twice.status_code, twice.json()["code"]) == (400, "malformed_json")
    large = desk.http.post("/events/batch", content=b" " * (1 << 20) + b'{"events": []}')
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    form = desk.http.post(
        "/events/batch", content=b'{"events": []}', headers={"Content-Type": "text/plain"}
    )
    assert (form.status_code, form.json()["code"]) == (400, "malformed_json")
    unknown = {"events": [EVENT, {**EVENT, "typo": 1}]}
    answer = desk.http.post("/events/batch", json=unknown)
    assert answer.json()["errors"][0] == {
        "pointer": "/events/1/typo",
        "code": "unknown_field",
        "detail": "Object contains unknown field `typo`",
    }
    assert desk.get("/events")["data"] == []


def test_bad_items_are_refused_and_never_break_the_server(desk: Desk) -> None:
    desk.sell()
    bad = [case for case in ITEMS if case.pointer is not None]
    for case in bad:
        answer = desk.http.post("/events", content=case.body)
        assert answer.status_code == 422, (case.name, answer.text)
        assert answer.json()["errors"][0]["pointer"] == case.pointer
    small = [case.body for case in bad if len(case.body) < 5_000]
    answer = desk.http.post("/events/batch", content=b'{"events": [' + b",".join(small) + b"]}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["rejected"] == len(small)
    assert desk.get("/events")["data"] == []


def test_threads_that_send_the_same_keys_store_each_once(desk: Desk) -> None:
    sub = desk.sell()
    meter_id = desk.get("/meters/calls")["id"]
    when = desk.ago(minutes=1)
    keys = [f"k{number}" for number in range(200)]

    def send(number: int) -> dict[str, int]:
        turned = keys[number:] + keys[:number]
        chosen = turned if number % 2 else turned[::-1]
        events = [
            {**EVENT, "quantity": "0.1", "idempotency_key": k, "timestamp": when} for k in chosen
        ]
        answer = desk.http.post("/events/batch", json={"events": events})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(send, range(32)))
    assert sum(result["accepted"] for result in results) == 200
    assert sum(result["duplicates"] for result in results) == 31 * 200
    assert all(item["code"] is None for result in results for item in result["results"])
    scanned = dict(desk.db.read(lambda tx: list(counters.scan(tx, desk.where.id))))
    (key,) = scanned
    assert (key.subscription_id, key.meter_id) == (sub.id, meter_id)
    assert (scanned[key].events, str(scanned[key].total)) == (200, "20")


def test_limits_are_told_once(desk: Desk, db: Database) -> None:
    sub = desk.sell(included_units="10", limit_type="event_quota", overage="deny")
    seen = [desk.batch({"quantity": q})["results"][0]["over_limit"] for q in ("7", "1", "1")]
    assert seen == [False, False, False]
    assert desk.batch({"quantity": "5"}, {"quantity": "0"})["results"][0]["over_limit"] is True
    assert desk.batch({"quantity": "1"})["results"][0]["over_limit"] is True
    told = [(event, data) for event, data in outbox(db, desk) if event.startswith("usage.limit")]
    assert [event for event, _ in told] == ["usage.limit_approaching", "usage.limit_reached"]
    reached = told[1][1]
    assert reached == {
        "customer_id": sub.customer_id,
        "customer_external_id": "acme",
        "subscription_id": sub.id,
        "feature": "calls",
        "meter_id": reached["meter_id"],
        "used": "14",
        "limit": "10",
        "remaining": "0",
        "overage_allowed": False,
        "limit_type": "event_quota",
        "event_quota_window": "billing_period",
        "reset_at": reached["reset_at"],
    }
    assert [one["over_limit"] for one in desk.get("/events", order="asc")["data"]] == [
        False, False, False, True, False, True,
    ]  # fmt: skip


def outbox(db: Database, desk: Desk) -> list[tuple[str, Any]]:
    from sqlalchemy import select

    from tallybook.server.storage.tables import outbox as table

    def work(tx: Any) -> list[tuple[str, Any]]:
        query = select(table.c.event, table.c.data).where(table.c.space_id == desk.where.id)
        return [(row.event, row.data) for row in tx.execute(query.order_by(table.c.id))]

    return db.read(work)


def test_another_projects_events_are_not_there(desk: Desk, db: Database) -> None:
    desk.sell()
    event = desk.http.post("/events", json=EVENT).json()
    other = open_project(db, "Other")
    for key in (other.live_key, other.test_key):
        headers = with_key(key)
        answer = desk.http.get(f"/events/{event['id']}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "event_not_found")
        assert desk.http.get("/events", headers=headers).json()["data"] == []
        same = desk.http.post("/events/batch", json={"events": [EVENT]}, headers=headers)
        assert same.json()["unmatched"] == 1
    for wrong in ("evt_x", "evt_" + "0" * 32, event["id"][:-1] + "0", "evt_" + "f" * 32, "x"):
        if wrong != event["id"]:
            answer = desk.http.get(f"/events/{wrong}")
            assert (answer.status_code, answer.json()["code"]) == (404, "event_not_found")


def test_usage_is_listed_by_its_time_and_by_cursor(desk: Desk) -> None:
    desk.sell()
    desk.meter("other")
    for hours in (3, 1, 2):
        desk.batch({"timestamp": desk.ago(hours=hours), "idempotency_key": f"k{hours}"})
    desk.batch({"meter": "other", "timestamp": desk.ago(hours=4), "idempotency_key": "k4"})
    path = "/customers/external/acme/usage"
    page = desk.get(path, limit=2)
    assert [one["idempotency_key"] for one in page["data"]] == ["k1", "k2"]
    rest = desk.get(path, limit=2, cursor=page["next_cursor"])
    assert [one["idempotency_key"] for one in rest["data"]] == ["k3", "k4"]
    assert not rest["has_more"]
    only = desk.get(path, meter="calls", start_date=desk.ago(hours=2), order="asc")
    assert [one["idempotency_key"] for one in only["data"]] == ["k2", "k1"]
    assert [one["period"]["number"] for one in only["data"]] == [0, 0]
    assert desk.get(path, include_total=True)["total_count"] == 4
    for params, status in (
        ({"meter": "nothing"}, 404),
        ({"agent": "nobody"}, 404),
        ({"page": 2}, 422),
        ({"start_date": "yesterday"}, 422),
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, 422),
    ):
        answer = desk.http.get(path, params=params)
        assert answer.status_code == status, (params, answer.text)
    assert desk.http.get("/customers/external/nobody/usage").status_code == 404


def test_an_agent_says_what_was_used(desk: Desk) -> None:
    desk.sell()
    desk.post("/agents", {"name": "Bot", "external_id": "bot"})
    action = {
        "name": "Answer",
        "action_type": "task",
        "billable_meter": {"name": "answers", "key": "answers", "aggregation": "count"},
    }
    desk.post("/agents/bot/actions", action)
    bare = {"customer_external_id": "acme", "agent": "bot", "action_type": "task"}
    event = desk.post("/events", bare)
    assert (event["meter"], event["action_type"]) == ("answers", "task")
    assert event["agent_id"].startswith("agt_")
    two = {**action, "billable_meter": {**action["billable_meter"], "key": "talks"}}
    desk.post("/agents/bot/actions", two)
    refused = desk.post("/events", bare, status=422)
    assert refused["code"] == "meter_ambiguous"
    chosen = desk.post("/events", {**bare, "attributes": {"action": "talks"}})
    assert chosen["meter"] == "talks"
    path = "/customers/external/acme/usage"
    assert len(desk.get(path, agent="bot")["data"]) == 2


def test_an_event_outside_of_any_period_is_accepted_and_not_counted(desk: Desk) -> None:
    desk.sell(days=5)
    event = desk.post("/events", {**EVENT, "timestamp": desk.ago(days=6)})
    assert (event["status"], event["period"], event["subscription_id"]) == ("accepted", None, None)
    assert desk.db.read(lambda tx: list(counters.scan(tx, desk.where.id))) == []


def test_a_named_subscription_is_the_one_that_counts(desk: Desk) -> None:
    first = desk.sell()
    desk.plan("more", calls={})
    start = desk.now - timedelta(days=2)
    second = desk.subscribe(first.customer_id, "more", start=start, end=start + timedelta(days=30))
    seen = [
        desk.post("/events", {**EVENT, **named})["subscription_id"]
        for named in ({}, {"subscription_id": second.id}, {"subscription_id": first.id})
    ]
    assert seen == [first.id, second.id, first.id]
