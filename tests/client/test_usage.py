"""Usage and events: what is sent, in both forms, and what the real application makes of it."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
import pytest
from starlette.testclient import TestClient

from tallybook import NotFoundError, Tallybook, UnprocessableEntityError
from tallybook.client.keys import new_key
from tallybook.server.storage import Database
from tests.conftest import Home
from tests.ingest.desk import Desk

from .stand_in import Blocking, StandIn, customer, problem

EVENT = {
    "id": "evt_1",
    "customer_id": "cus_1",
    "meter_id": "mtr_1",
    "meter": "calls",
    "quantity": "0.0001",
    "timestamp": "2026-03-01T12:00:00Z",
    "received_at": "2026-03-01T12:00:01Z",
    "period": {
        "number": 0,
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-04-01T00:00:00Z",
        "subscription_id": "sub_1",
    },
    "idempotency_key": "k",
    "over_limit": False,
    "status": "accepted",
}
BATCH = {"accepted": 1, "unmatched": 0, "duplicates": 0, "rejected": 0, "retry": 0, "results": []}


def event() -> httpx2.Response:
    return httpx2.Response(201, json=EVENT)


def page(*items: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"data": list(items), "has_more": False, "limit": 25})


def test_an_event_is_sent_whole(form: Blocking) -> None:
    server = StandIn(event())
    made = form.do(
        form.client(server).usage.create(
            customer_external_id="acme",
            meter="calls",
            quantity=0.0001,
            timestamp=datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))),
            subscription_id="sub_1",
            agent="bot",
            action_type="task",
            attributes={"tokens": 0.5},
            metadata={"order": 7},
            idempotency_key="k",
        )
    )
    assert server.line == "POST /events"
    assert server.body == {
        "customer_external_id": "acme",
        "meter": "calls",
        "quantity": "0.0001",
        "timestamp": "2026-03-01T12:00:00Z",
        "subscription_id": "sub_1",
        "agent": "bot",
        "action_type": "task",
        "attributes": {"tokens": 0.5},
        "metadata": {"order": 7},
        "idempotency_key": "k",
    }
    assert server.last.headers["Idempotency-Key"] == "k"
    assert made.quantity == Decimal("0.0001")
    assert made.period is not None
    assert made.period.start == datetime(2026, 3, 1, tzinfo=UTC)


def test_only_what_is_given_is_sent_and_a_key(form: Blocking) -> None:
    server = StandIn(event())
    form.do(form.client(server).usage.create(customer_id="cus_1", meter="calls"))
    key = server.body.pop("idempotency_key", None) or server.body["idempotency_key"]
    assert set(server.body) == {"customer_id", "meter", "idempotency_key"}
    assert UUID(key).version == 7


def test_every_try_of_an_event_carries_the_same_key_in_its_body(form: Blocking) -> None:
    answers = (problem(503), httpx2.ReadError("lost"), event())
    server = StandIn(*answers)
    form.do(form.client(server).usage.create(customer_id="cus_1", meter="calls", quantity="1"))
    assert len(server.requests) == 3
    assert len({request.content for request in server.requests}) == 1
    key = server.body["idempotency_key"]
    assert {request.headers["Idempotency-Key"] for request in server.requests} == {key}


def test_every_try_of_a_batch_carries_the_same_keys(form: Blocking) -> None:
    server = StandIn(problem(503), httpx2.Response(200, json=BATCH))
    events = [
        {"customer_id": "cus_1", "meter": "calls", "quantity": 0.1},
        {"customer_id": "cus_1", "meter": "calls", "quantity": Decimal("2.50")},
        {"customer_id": "cus_1", "meter": "calls", "idempotency_key": "own"},
    ]
    result = form.do(form.client(server).usage.create_batch(events, backfill=True))
    assert server.line == "POST /events/batch"
    assert server.requests[0].content == server.requests[1].content
    sent = server.body["events"]
    assert [item.get("quantity") for item in sent] == ["0.1", "2.50", None]
    assert len({item["idempotency_key"] for item in sent}) == 3
    assert sent[2]["idempotency_key"] == "own"
    assert server.body["backfill"] is True
    assert all("idempotency_key" not in item for item in events[:2]), (
        "the caller's stay as they were"
    )
    assert result.accepted == 1


def test_what_has_no_exact_decimal_is_refused_here(form: Blocking) -> None:
    client = form.client(StandIn(event()))
    for wrong in (0.1 + 0.2, float("nan"), float("inf"), Decimal("NaN")):
        with pytest.raises(ValueError):
            form.do(client.usage.create(customer_id="c", meter="m", quantity=wrong))
        with pytest.raises(ValueError):
            form.do(client.usage.create_batch([{"meter": "m", "quantity": wrong}]))
    with pytest.raises(TypeError, match="exactly one of customer_id"):
        form.do(client.usage.create(meter="calls"))
    naive = datetime(2026, 3, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="no time zone"):
        form.do(client.usage.create(customer_id="c", meter="m", timestamp=naive))


def test_usage_is_listed_and_added_up(form: Blocking) -> None:
    server = StandIn(page(EVENT))
    client = form.client(server)
    listed = form.do(
        client.usage.get_customer_usage(
            customer_external_id="acme/eu", start_date=date(2026, 3, 1), meter="calls", limit=5
        )
    )
    assert server.line == (
        "GET /customers/external/acme%2Feu/usage?start_date=2026-03-01&meter=calls&limit=5"
    )
    assert listed.data[0].id == "evt_1"
    summed = {"start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z", "items": []}
    server.answers = [httpx2.Response(200, json=summed)]
    total = form.do(
        client.usage.get_aggregated_usage(
            "cus_1",
            start_date="2026-03-01",
            end_date=datetime(2026, 4, 1, tzinfo=UTC),
            group_by=["day", "attribute:model"],
        )
    )
    assert server.line == (
        "GET /customers/cus_1/usage/aggregate?start_date=2026-03-01"
        "&end_date=2026-04-01T00%3A00%3A00Z&group_by=day%2Cattribute%3Amodel"
    )
    assert total.items == []


def test_events_are_read(form: Blocking) -> None:
    server = StandIn(httpx2.Response(200, json=EVENT))
    client = form.client(server)
    assert form.do(client.events.get("evt_1")).id == "evt_1"
    assert server.line == "GET /events/evt_1"
    server.answers = [page(EVENT)]
    assert form.collect(form.do(client.events.list(status="unmatched")))[0].id == "evt_1"
    assert server.line == "GET /events?status=unmatched"


def test_a_customer_records_its_own_usage(form: Blocking) -> None:
    server = StandIn(customer(), event())
    made = form.do(form.client(server).customers.get("cus_1"))
    form.do(made.record_usage("calls", 2, metadata={"a": 1}, idempotency_key="k"))
    assert server.body == {
        "customer_id": "cus_1",
        "meter": "calls",
        "quantity": "2",
        "metadata": {"a": 1},
        "idempotency_key": "k",
    }


def test_raw_answers_are_there(form: Blocking) -> None:
    raw = form.client(StandIn(event())).usage.with_raw_response
    answer = form.do(raw.create(customer_id="c", meter="m"))
    assert (answer.status_code, answer.parse().id) == (201, "evt_1")


def test_keys_differ_and_rise() -> None:
    keys = [new_key() for _ in range(1_000)]
    assert len(set(keys)) == 1_000
    assert all(UUID(key).version == 7 and UUID(key).variant.startswith("spec") for key in keys)
    assert keys[0][:8] <= keys[-1][:8]


@pytest.fixture
def desk(api: TestClient, db: Database, home: Home) -> tuple[Desk, Tallybook]:
    client = Tallybook(home.live_key, base_url="http://testserver", http_client=api, max_retries=0)
    return Desk(api, db, home.live), client


def test_the_application_agrees(desk: tuple[Desk, Tallybook]) -> None:
    shop, client = desk
    sub = shop.sell()
    made = client.usage.create(
        customer_external_id="acme", meter="calls", quantity=0.1, idempotency_key="k"
    )
    assert (made.quantity, made.status, made.idempotent) == (Decimal("0.1"), "accepted", False)
    again = client.usage.create(
        customer_external_id="acme", meter="calls", quantity=0.1, idempotency_key="k"
    )
    assert (again.id, again.idempotent) == (made.id, True)
    assert client.events.get(made.id) == made
    result = client.usage.create_batch(
        [
            {"customer_external_id": "acme", "meter": "calls", "quantity": 0.2},
            {"customer_external_id": "acme", "meter": "calls", "quantity": "-1"},
            {"customer_external_id": "nobody", "meter": "calls"},
        ]
    )
    assert [item.status for item in result.results] == ["accepted", "rejected", "unmatched"]
    assert [item.reason for item in client.events.list(status="unmatched")] == [
        "customer_not_found"
    ]
    acme = client.customers.get(external_id="acme")
    assert acme.record_usage("calls", 3).period is not None
    assert len(client.usage.get_customer_usage(acme.id).data) == 3
    assert sub.current_period_start is not None
    assert sub.current_period_end is not None
    total = client.usage.get_aggregated_usage(
        acme.id, start_date=sub.current_period_start, end_date=sub.current_period_end
    )
    (item,) = total.items
    assert (item.quantity, item.amount, item.currency) == (Decimal("3.3"), Decimal("0.03"), "USD")
    with pytest.raises(NotFoundError) as missing:
        client.usage.create(customer_id=acme.id, meter="nothing")
    assert missing.value.code == "meter_not_found"
    with pytest.raises(UnprocessableEntityError) as old:
        client.usage.create(customer_id=acme.id, meter="calls", timestamp="2001-01-01T00:00:00Z")
    assert old.value.code == "timestamp_out_of_range"


def test_an_event_is_voided(form: Blocking) -> None:
    server = StandIn(httpx2.Response(200, json={**EVENT, "status": "voided"}))
    voided = form.do(form.client(server).events.void("evt_1"))
    assert (server.line, voided.status) == ("POST /events/evt_1/void", "voided")


def test_all_that_waits_is_replayed_in_parts(form: Blocking) -> None:
    part = {"matched": 2, "unmatched": 1, "duplicates": 0, "last_id": "evt_9"}
    server = StandIn(
        httpx2.Response(200, json=part), httpx2.Response(200, json={**part, "last_id": None})
    )
    client = form.client(server)
    done = form.do(client.events.replay())
    assert (done.matched, done.unmatched, done.last_id) == (4, 2, None)
    assert [request.content for request in server.requests] == [b"{}", b'{"after":"evt_9"}']
    keys = {request.headers["idempotency-key"] for request in server.requests}
    assert len(keys) == 2
    form.do(client.events.replay(["evt_1"]))
    assert server.body == {"event_ids": ["evt_1"]}
    with pytest.raises(ValueError, match="event_ids"):
        form.do(client.events.replay(idempotency_key="k"))
