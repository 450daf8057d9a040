"""A difference that is planted between counters and events is found, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Executable, delete, insert, select, update
from starlette.testclient import TestClient

from tallybook.server.kernel.clock import to_micros
from tallybook.server.metering.tables.counters import counter_members, counters
from tallybook.server.metering.tables.events import events
from tallybook.server.reports.verify import verify_counters
from tallybook.server.storage import Database, Tx
from tests.conftest import Home
from tests.ingest.desk import Desk

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
NINE = Decimal(9)
Plant = Callable[[Tx], Executable]


def counter(window: str = "day", **values: object) -> Plant:
    """The counters of the window that there are say something else."""
    t = counters.c
    mine = (t.window == window, t.start == (START if window == "period" else _day(10)))
    return lambda _: update(counters).where(*mine).values(values)


def event(key: str = "a", **values: object) -> Plant:
    return lambda _: update(events).where(events.c.key == key).values(values)


def _day(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


def surplus(tx: Tx) -> Executable:
    """A counter of a day without events."""
    row = dict(tx.execute(select(counters).where(counters.c.window == "day")).mappings().one())
    return insert(counters).values(row | {"start": _day(11)})


def one_more_member(tx: Tx) -> Executable:
    row = dict(tx.execute(select(counter_members).limit(1)).mappings().one())
    return insert(counter_members).values(row | {"member": bytes(16)})


def another_meter(tx: Tx) -> Executable:
    other = select(events.c.meter).where(events.c.key == "who-a").scalar_subquery()
    return update(events).where(events.c.key == "a").values(meter=other)


DAY, PERIOD = ["day"], ["period"]
PLANTED: dict[str, tuple[Plant, list[str]]] = {
    "one event too many": (counter(events=4), DAY),
    "events too few": (counter("period", events=2), [*PERIOD, *PERIOD]),
    "total": (counter(total=NINE), DAY),
    "total by the last digit": (counter(total=Decimal("6.000000000001")), DAY),
    "highest": (counter(highest=NINE), DAY),
    "lowest": (counter(lowest=None), DAY),
    "latest": (counter(latest=NINE), DAY),
    "time of the latest": (counter(latest_at=_day(10)), DAY),
    "number of members": (counter("period", members=9), [*PERIOD, *PERIOD]),
    "missing": (lambda _: delete(counters).where(counters.c.window == "day"), DAY),
    "all missing": (lambda _: delete(counters), [*DAY, *PERIOD, *PERIOD]),
    "surplus": (surplus, DAY),
    "value of an event": (event(value=NINE), [*DAY, *PERIOD]),
    "day of an event": (event(at=to_micros(_day(12))), [*DAY, *DAY, *PERIOD]),
    "meter of an event": (another_meter, [*DAY, *PERIOD, *PERIOD]),
    "an event taken out": (event(status=2), [*DAY, *PERIOD]),
    "an event lost": (lambda _: delete(events).where(events.c.key == "a"), [*DAY, *PERIOD]),
    "an event nowhere": (event(subscription=None, period=None), [*DAY, *PERIOD]),
    "an event in no period": (event(period=7), ["event", *DAY, *PERIOD]),
    "member of an event": (event("who-a", member="bob"), ["members", *PERIOD]),
    "members lost": (lambda _: delete(counter_members), ["members"]),
    "members too many": (one_more_member, ["members"]),
}


@pytest.fixture
def desk(api: TestClient, db: Database, home: Home) -> Desk:
    desk = Desk(api, db, home.live)
    customer_id = desk.customer()
    desk.meter("calls", "sum")
    desk.meter("who", "unique_count", value_field="user")
    quota = {"included_units": "2", "limit_type": "event_quota", "event_quota_window": "day"}
    desk.plan(calls=quota, who={})
    desk.subscribe(customer_id, start=START, end=END)
    sent = [
        {"idempotency_key": key, "quantity": quantity, "timestamp": f"2026-01-10T1{hour}:00:00Z"}
        for hour, (key, quantity) in enumerate([("a", "1"), ("b", "3"), ("c", "2")])
    ]
    people = [
        {"idempotency_key": f"who-{key}", "meter": "who", "attributes": {"user": user}}
        for key, user in [("a", "ann"), ("b", "bob"), ("c", "bob")]
    ]
    for one in people:
        one["timestamp"] = "2026-01-10T12:00:00Z"
    answer = desk.batch(*sent, *people, backfill=True)
    assert answer["accepted"] == 6
    return desk


def differences(desk: Desk) -> list[str]:
    """What is found: the windows of counters, or what else it is."""
    found = desk.db.read(lambda tx: list(verify_counters(tx, desk.where.id)))
    return sorted(one.subject.split()[2] if one.what == "counter" else one.what for one in found)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(desk: Desk, name: str) -> None:
    plant, expected = PLANTED[name]
    assert differences(desk) == []
    desk.db.write_now(lambda tx: tx.execute(plant(tx)))
    assert differences(desk) == sorted(expected)
