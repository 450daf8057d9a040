"""What came before its subscription counts as if it had come after, on both databases."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select
from starlette.testclient import TestClient

from tallybook.server.ingest.recount import recount
from tallybook.server.metering.models import Aggregation, CounterKey, Tally
from tallybook.server.metering.service import counters
from tallybook.server.reports.verify import verify_counters
from tallybook.server.storage import Database
from tallybook.server.storage.tables import outbox
from tests.conftest import Home, open_project

from .desk import Desk

START = datetime(2026, 1, 5, tzinfo=UTC)
END = datetime(2026, 2, 5, tzinfo=UTC)


@pytest.fixture
def desk(api: TestClient, db: Database, home: Home) -> Desk:
    return Desk(api, db, home.live)


def usage(count: int, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [
        {
            "customer_external_id": "acme",
            "meter": "calls",
            "quantity": str(chance.randint(0, 9)),
            "timestamp": (
                datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=chance.randint(0, 999))
            )
            .isoformat()
            .replace("+00:00", "Z"),
            "idempotency_key": f"k{number}",
        }
        for number in range(count)
    ]


def send(desk: Desk, events: list[dict[str, Any]], **headers: str) -> None:
    body = {"events": events, "backfill": True}
    answer = desk.http.post("/events/batch", json=body, headers=headers)
    assert answer.json()["rejected"] == 0, answer.text


def counted(desk: Desk) -> dict[CounterKey, Tally]:
    return dict(desk.db.read(lambda tx: list(counters.scan(tx, desk.where.id))))


def recounted(desk: Desk, customer_id: str, since: datetime) -> int:
    return desk.db.write_now(
        lambda tx: recount(tx, desk.where, customer_id, since=since, now=desk.now)
    )


def sums(desk: Desk) -> set[tuple[Any, ...]]:
    """The counters without the ids of subscriptions, which differ."""
    return {
        (key.window, key.start, replace(tally, version=0)) for key, tally in counted(desk).items()
    }


def offer(desk: Desk, aggregation: str) -> str:
    customer_id = desk.customer()
    desk.meter("calls", aggregation)
    shape = {"included_units": "5", "limit_type": "event_quota"}
    if Aggregation(aggregation).is_additive:
        shape["event_quota_window"] = "day"
    desk.plan(calls=shape)
    return customer_id


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_a_backdated_subscription_picks_its_usage_up(
    desk: Desk, db: Database, aggregation: str
) -> None:
    customer_id = offer(desk, aggregation)
    send(desk, usage(60, seed=1))
    assert counted(desk) == {}
    desk.subscribe(customer_id, start=START, end=END)
    moved = recounted(desk, customer_id, START)
    placed = [event for event in desk.get("/events", limit=100)["data"] if event["period"]]
    assert moved == len(placed) > 20
    assert db.read(lambda tx: list(verify_counters(tx, desk.where.id))) == []

    other = open_project(db, "Other")
    headers = {"Authorization": f"Bearer {other.live_key}"}
    with TestClient(desk.http.app, base_url="http://testserver/api/v1", headers=headers) as http:
        after = Desk(http, db, other.live)
        customer = offer(after, aggregation)
        after.subscribe(customer, start=START, end=END)
        send(after, usage(60, seed=1))
        assert sums(desk) == sums(after)


def test_counting_again_changes_nothing(desk: Desk) -> None:
    customer_id = offer(desk, "sum")
    desk.subscribe(customer_id, start=START, end=END)
    send(desk, usage(60, seed=2))
    before = counted(desk)
    assert recounted(desk, customer_id, START) == 0
    assert counted(desk) == before, "versions too: nobody is billed anew"


def test_an_earlier_subscription_takes_usage_over_but_not_what_names_another(desk: Desk) -> None:
    customer_id = offer(desk, "sum")
    desk.plan("early", calls={})
    sub = desk.subscribe(customer_id, start=START, end=END)
    events = usage(40, seed=3)
    send(desk, [{**event, "subscription_id": sub.id} for event in events[:10]] + events[10:])
    early = desk.subscribe(customer_id, "early", start=START - timedelta(days=2), end=END)
    recounted(desk, customer_id, START - timedelta(days=2))
    listed = desk.get("/events", limit=100)["data"]
    named = {one["subscription_id"] for one in listed if int(one["idempotency_key"][1:]) < 10}
    others = {one["subscription_id"] for one in listed if int(one["idempotency_key"][1:]) >= 10}
    assert named <= {sub.id, None}
    assert others <= {early.id, None}
    assert early.id in others
    assert desk.db.read(lambda tx: list(verify_counters(tx, desk.where.id))) == []


def test_a_limit_that_is_reached_so_is_told(desk: Desk) -> None:
    customer_id = desk.customer()
    desk.meter()
    desk.plan(calls={"included_units": "5", "limit_type": "event_quota"})
    send(desk, [{**event, "quantity": "3"} for event in usage(60, seed=4)])
    desk.subscribe(customer_id, start=START, end=END)
    recounted(desk, customer_id, START)
    query = select(outbox.c.event).where(outbox.c.space_id == desk.where.id)
    told = desk.db.read(lambda tx: list(tx.execute(query).scalars()))
    assert [event for event in told if event.startswith("usage.")] == ["usage.limit_reached"]
