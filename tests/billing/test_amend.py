"""Events after they came in: voided, or matched at last. Counters and invoices follow."""

from typing import Any

import pytest

from tallybook.server.reports.verify import verify_counters
from tallybook.server.storage import Database
from tests.conftest import Home

from .conftest import Books


@pytest.fixture
def sound(db: Database, home: Home) -> Any:
    """Check that every counter equals the events that it counted."""

    def check() -> None:
        assert db.read(lambda tx: list(verify_counters(tx, home.test.id))) == []

    return check


def used(books: Books, start: str = "2026-01-01", end: str = "2026-01-31") -> str:
    query = {"start_date": start, "end_date": end}
    items = books.get("/customers/external/acme/usage/aggregate", **query)["items"]
    return str(items[0]["quantity"]) if items else "0"


def state(books: Books) -> Any:
    (entitlement,) = books.get("/customers/external/acme/state")["entitlements"]
    return entitlement["used"]


@pytest.fixture
def calls(books: Books) -> Books:
    """A customer that pays 1.00 for each call of a month."""
    books.advance("2026-01-01T00:00:00Z")
    books.customer()
    books.meter("calls")
    books.plan("pro")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="1")
    books.subscribe()
    books.advance("2026-01-20T00:00:00Z")
    return books


def test_a_voided_event_counts_no_more_and_its_key_stays_taken(calls: Books, sound: Any) -> None:
    event = calls.use("calls", "5", "2026-01-02T00:00:00Z", idempotency_key="k")
    calls.use("calls", "7", "2026-01-03T00:00:00Z")
    voided = calls.post(f"/events/{event['id']}/void")
    assert (voided["id"], voided["status"]) == (event["id"], "voided")
    assert (used(calls), state(calls)) == ("7", "7")
    assert calls.post(f"/events/{event['id']}/void")["status"] == "voided"
    assert (used(calls), state(calls)) == ("7", "7")
    again = calls.use("calls", "5", "2026-01-02T00:00:00Z", idempotency_key="k")
    assert (again["status"], again["id"]) == ("duplicate", event["id"])
    assert used(calls) == "7"
    listed = calls.get("/events", status="voided")["data"]
    assert [one["id"] for one in listed] == [event["id"]]
    assert calls.http.post("/events/evt_nothing/void").json()["code"] == "event_not_found"
    sound()


def test_what_was_billed_is_adjusted_on_the_next_invoice(calls: Books, sound: Any) -> None:
    event = calls.use("calls", "5", "2026-01-02T00:00:00Z")
    calls.use("calls", "7", "2026-01-03T00:00:00Z")
    calls.advance("2026-02-02T00:00:00Z")
    (billed,) = calls.invoices()
    assert billed["total"] == "12.00"
    calls.post(f"/events/{event['id']}/void")
    calls.use("calls", "20", "2026-02-01T12:00:00Z")
    calls.advance("2026-03-02T00:00:00Z")
    assert calls.get(f"/invoices/{billed['id']}")["total"] == "12.00", "a finalized one stays"
    adjusted = calls.invoices()[1]
    late = [(line["total"], line["late"]) for line in adjusted["line_items"] if line["late"]]
    assert (late, adjusted["total"]) == ([("-5.00", True)], "15.00")
    sound()


def test_late_and_voided_before_the_next_invoice_leaves_no_line(calls: Books) -> None:
    calls.use("calls", "5", "2026-01-02T00:00:00Z")
    calls.advance("2026-02-02T00:00:00Z")
    late = calls.use("calls", "9", "2026-01-25T00:00:00Z")
    calls.post(f"/events/{late['id']}/void")
    calls.advance("2026-03-02T00:00:00Z")
    assert [one["total"] for one in calls.invoices()] == ["5.00"]


def test_a_limit_that_a_void_lifts_gives_access_again(books: Books) -> None:
    books.advance("2026-01-01T00:00:00Z")
    books.customer()
    books.meter("calls")
    books.plan("pro")
    books.price(
        "pro", "calls", pricing_model="per_unit", unit_price="1", included_units="5", overage="deny"
    )
    books.subscribe()
    books.advance("2026-01-20T00:00:00Z")
    event = books.use("calls", "5", "2026-01-02T00:00:00Z")
    question = {"customer_external_id": "acme", "feature": "calls"}
    assert books.post("/access/check", question)["reason"] == "limit_reached"
    books.post(f"/events/{event['id']}/void")
    assert books.post("/access/check", question)["reason"] == "ok"


def test_what_waited_for_its_meter_or_customer_is_matched_and_counted(
    calls: Books, sound: Any
) -> None:
    waits = calls.use("tokens", "3", "2026-01-02T00:00:00Z")
    other = calls.use("calls", "4", "2026-01-02T00:00:00Z", customer="other")
    assert (waits["status"], other["status"]) == ("unmatched", "unmatched")
    nothing = calls.post("/events/replay", {})
    assert nothing == {"matched": 0, "unmatched": 2, "duplicates": 0, "last_id": None}
    calls.meter("tokens")
    calls.customer("other")
    calls.subscribe("other")
    done = calls.post("/events/replay", {})
    assert done == {"matched": 2, "unmatched": 0, "duplicates": 0, "last_id": None}
    matched = calls.get(f"/events/{waits['id']}")
    assert (matched["status"], matched["meter"], matched["reason"]) == ("accepted", "tokens", None)
    assert calls.get("/events", status="unmatched")["data"] == []
    preview = calls.post("/invoices/preview", {"customer_external_id": "other"})
    assert preview["amount"] == "0.00", "its subscription began after the event"
    assert calls.post("/events/replay", {})["matched"] == 0
    sound()


def test_events_are_replayed_one_by_one_too(calls: Books) -> None:
    first, second = (calls.use("tokens", "3", f"2026-01-0{n}T00:00:00Z") for n in (2, 3))
    calls.meter("tokens")
    calls.price("pro", "tokens", pricing_model="per_unit", unit_price="2")
    done = calls.post("/events/replay", {"event_ids": [second["id"]]})
    assert (done["matched"], done["unmatched"]) == (1, 0)
    assert calls.get(f"/events/{first['id']}")["status"] == "unmatched"
    voided = calls.post(f"/events/{first['id']}/void")
    assert voided["status"] == "voided"
    done = calls.post("/events/replay", {"event_ids": [first["id"], second["id"]]})
    assert (done["matched"], done["unmatched"]) == (0, 0)
    refused = calls.http.post("/events/replay", json={"event_ids": ["evt_nothing"]})
    assert refused.json()["code"] == "event_not_found"


def test_matched_late_is_billed_late(calls: Books, sound: Any) -> None:
    calls.use("calls", "1", "2026-01-02T00:00:00Z")
    calls.use("later", "3", "2026-01-02T00:00:00Z")
    calls.advance("2026-02-02T00:00:00Z")
    assert calls.invoices()[0]["total"] == "1.00"
    meter = calls.get("/meters/calls")
    calls.http.patch(f"/meters/{meter['id']}", json={"name": "Calls"})
    calls.meter("later")
    assert calls.post("/events/replay", {})["matched"] == 1
    sound()
