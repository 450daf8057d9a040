"""Usage added up, and whether everything still adds up, on both databases."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from tallybook.server.metering.models import PERIOD_WINDOW
from tallybook.server.metering.service import counters
from tallybook.server.reports.verify import verify_counters
from tallybook.server.storage import Database, Tx
from tests.conftest import Home
from tests.ingest.desk import Desk

DAY = date(2026, 1, 10)


@pytest.fixture
def desk(api: TestClient, db: Database, home: Home) -> Desk:
    return Desk(api, db, home.live)


def z(at: datetime | None) -> str:
    assert at is not None
    return at.isoformat().replace("+00:00", "Z")


def send(desk: Desk, *events: dict[str, Any]) -> None:
    full = [{"customer_external_id": "acme", "meter": "calls", **event} for event in events]
    result = desk.post("/events/batch", {"events": full, "backfill": True})
    assert result["rejected"] == result["unmatched"] == 0, result


def totals(desk: Desk, start: Any, end: Any, **params: Any) -> list[dict[str, Any]]:
    path = "/customers/external/acme/usage/aggregate"
    answer = desk.get(path, start_date=str(start), end_date=str(end), **params)
    return list(answer["items"])


VALUES = ["3", "1.5", "0.25", "1.5"]
FIGURES = {
    "count": "6.25",
    "sum": "6.25",
    "max": "3",
    "min": "0.25",
    "average": "1.5625",
    "unique_count": "3",
    "latest": "1.5",
}


def test_every_aggregation_is_exact(desk: Desk) -> None:
    desk.customer()
    for aggregation in FIGURES:
        desk.meter(aggregation, aggregation)
        send(
            desk,
            *(
                {"meter": aggregation, "quantity": value, "timestamp": f"2026-01-10T1{hour}:00:00Z"}
                for hour, value in enumerate(VALUES)
            ),
        )
    items = {item["meter"]: item for item in totals(desk, DAY, DAY)}
    assert {meter: item["quantity"] for meter, item in items.items()} == FIGURES
    assert {item["events"] for item in items.values()} == {4}
    assert all(items[name]["aggregation"] == name for name in FIGURES)
    assert all(items[name]["amount"] is None for name in FIGURES)
    (only,) = totals(desk, DAY, DAY, meter="max")
    assert only == items["max"]


def test_many_small_quantities_are_billed_as_their_exact_sum(desk: Desk) -> None:
    sub = desk.sell(unit_price="0.000128")
    for _ in range(5):
        send(desk, *({"quantity": "0.0001", "timestamp": desk.ago(hours=1)} for _ in range(1000)))
    (item,) = totals(desk, z(sub.current_period_start), z(sub.current_period_end))
    assert (item["events"], item["quantity"]) == (5000, "0.5")
    assert item["amount"] == "0.00"  # 0.000064, rounded once
    # 200 × as many come to 100 units: exactly 0.0128, so a cent.
    send(desk, {"quantity": "99.5", "timestamp": desk.ago(hours=1)})
    (item,) = totals(desk, z(sub.current_period_start), z(sub.current_period_end))
    assert (item["quantity"], item["amount"]) == ("100", "0.01")


def test_usage_is_grouped_by_agent_day_and_attribute(desk: Desk) -> None:
    desk.customer()
    desk.meter()
    agent = desk.post("/agents", {"name": "Bot", "external_id": "bot"})["id"]
    send(
        desk,
        {"timestamp": "2026-01-10T23:59:59Z", "quantity": "1", "attributes": {"model": "a"}},
        {"timestamp": "2026-01-11T00:00:00Z", "quantity": "2", "attributes": {"model": "b"}},
        {"timestamp": "2026-01-11T12:00:00Z", "quantity": "4", "agent": "bot"},
        {"timestamp": "2026-01-12T00:00:00Z", "quantity": "8"},
    )
    span = ("2026-01-10", "2026-01-11")

    def groups(group_by: str) -> list[tuple[dict[str, Any], str]]:
        return [(i["group"], i["quantity"]) for i in totals(desk, *span, group_by=group_by)]

    assert groups("meter") == [({}, "7")]
    assert groups("agent") == [({"agent": None}, "3"), ({"agent": agent}, "4")]
    assert groups("day") == [({"day": "2026-01-10"}, "1"), ({"day": "2026-01-11"}, "6")]
    assert groups("attribute:model") == [
        ({"attribute:model": None}, "4"),
        ({"attribute:model": "a"}, "1"),
        ({"attribute:model": "b"}, "2"),
    ]
    both = groups("day,agent,meter")
    assert both[1:] == [
        ({"day": "2026-01-11", "agent": None}, "2"),
        ({"day": "2026-01-11", "agent": agent}, "4"),
    ]
    path = "/customers/external/acme/usage/aggregate"
    for params in (
        {"start_date": span[0], "end_date": span[1], "group_by": "customer"},
        {"start_date": span[0], "end_date": span[1], "group_by": "attribute:"},
        {"start_date": span[0]},
        {"start_date": span[1], "end_date": "2026-01-09"},
    ):
        assert desk.http.get(path, params=params).status_code == 422, params


def test_a_whole_period_says_what_it_comes_to(desk: Desk) -> None:
    sub = desk.sell(included_units="100", unit_price="0.05")
    assert sub.current_period_start is not None
    span = (z(sub.current_period_start), z(sub.current_period_end))
    send(desk, {"quantity": "250.1", "timestamp": desk.ago(hours=1)})
    (item,) = totals(desk, *span)
    assert (item["billable_quantity"], item["included_units"]) == ("150.1", "100")
    assert (item["amount"], item["currency"]) == ("7.51", "USD")
    for other in (
        (z(sub.current_period_start + timedelta(hours=1)), span[1]),
        (span[0], z(sub.current_period_start + timedelta(days=29))),
    ):
        (part,) = totals(desk, *other)
        assert (part["quantity"], part["amount"], part["currency"]) == ("250.1", None, None)
    (grouped,) = totals(desk, *span, group_by="agent")
    assert grouped["amount"] is None


def test_usage_of_two_subscriptions_is_not_priced_as_one(desk: Desk) -> None:
    first = desk.sell()
    assert first.current_period_start is not None
    assert first.current_period_end is not None
    desk.plan("more", calls={})
    bounds = {"start": first.current_period_start, "end": first.current_period_end}
    second = desk.subscribe(first.customer_id, "more", **bounds)
    send(desk, {"timestamp": desk.ago(hours=1)})
    span = (z(bounds["start"]), z(bounds["end"]))
    assert totals(desk, *span)[0]["amount"] == "0.01"
    send(desk, {"timestamp": desk.ago(hours=1), "subscription_id": second.id})
    assert totals(desk, *span)[0]["amount"] is None


def test_windows_grant_their_units_anew(desk: Desk) -> None:
    quota = {"limit_type": "event_quota", "event_quota_window": "day"}
    sub = desk.sell(included_units="10", unit_price="1", **quota)
    for days, quantity in ((3, "15"), (2, "5"), (1, "10.5")):
        send(desk, {"quantity": quantity, "timestamp": desk.ago(days=days)})
    (item,) = totals(desk, z(sub.current_period_start), z(sub.current_period_end))
    assert (item["quantity"], item["billable_quantity"], item["amount"]) == ("30.5", "5.5", "5.50")
    stored = dict(desk.db.read(lambda tx: list(counters.scan(tx, desk.where.id))))
    by_day = {key.start.date(): t.total for key, t in stored.items() if key.window == "day"}
    assert sorted(by_day.values()) == [Decimal(5), Decimal("10.5"), Decimal(15)]
    assert desk.db.read(lambda tx: list(verify_counters(tx, desk.where.id))) == []


def test_archived_meters_keep_their_usage(desk: Desk) -> None:
    desk.customer()
    desk.meter("old", "sum")
    send(desk, {"meter": "old", "quantity": "7", "timestamp": "2026-01-10T12:00:00Z"})
    assert desk.http.delete("/meters/old", headers={"Idempotency-Key": "d"}).status_code < 300
    assert [(i["meter"], i["quantity"]) for i in totals(desk, DAY, DAY)] == [("old", "7")]
    assert desk.get("/events")["data"][0]["meter"] == "old"


@pytest.mark.parametrize("aggregation", FIGURES)
def test_verify_finds_what_was_changed_and_nothing_else(desk: Desk, aggregation: str) -> None:
    customer_id = desk.customer()
    desk.meter("calls", aggregation)
    desk.plan(calls={"included_units": "2", "limit_type": "event_quota"})
    start = datetime(2026, 1, 1, tzinfo=UTC)
    desk.subscribe(customer_id, start=start, end=datetime(2026, 2, 1, tzinfo=UTC))
    for hour, value in enumerate(VALUES):
        send(desk, {"quantity": value, "timestamp": f"2026-01-10T1{hour}:00:00Z"})

    def verify() -> list[Any]:
        return desk.db.read(lambda tx: list(verify_counters(tx, desk.where.id)))

    assert verify() == []
    stored = dict(desk.db.read(lambda tx: list(counters.scan(tx, desk.where.id))))
    ((key, tally),) = ((k, t) for k, t in stored.items() if k.window == PERIOD_WINDOW)

    def plant(tx: Tx) -> None:
        wrong = replace(tally, events=tally.events + 1)
        counters.save(tx, desk.where.id, {key: wrong})

    desk.db.write_now(plant)
    (found,) = verify()
    assert (found.what, found.space) == ("counter", desk.where.id)
    assert found.subject.startswith(key.subscription_id)
    assert found.stored.startswith("5 events")
    assert found.recomputed.startswith("4 events")
