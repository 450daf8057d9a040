"""The end of a window whose limit was reached is told, once, on both databases."""

from typing import Any

import pytest

from tests.billing.conftest import Books

from .test_stories import QUOTA, opened


def told(books: Books) -> list[tuple[str, str]]:
    """The limits that were crossed: what happened, and when."""
    feed = books.get("/webhook-events", limit=100, order="asc")["data"]
    rows = sorted(feed, key=lambda row: (row["created_at"], row["id"]))
    return [
        (row["event"].removeprefix("usage.limit_"), row["created_at"])
        for row in rows
        if row["event"] in ("usage.limit_reached", "usage.limit_reset")
    ]


def data_of_last_reset(books: Books) -> Any:
    feed = books.get("/webhook-events", limit=100)["data"]
    return next(row["data"] for row in feed if row["event"] == "usage.limit_reset")


@pytest.mark.parametrize("overage", ["deny", "bill"])
def test_a_day_that_is_over_grants_anew(books: Books, overage: str) -> None:
    opened(books, included="5", overage=overage, event_quota_window="day")
    books.use("calls", "5", "2026-01-01T00:00:00Z")
    books.advance("2026-01-03T12:00:00Z")
    reached = ("reached", "2026-01-01T00:00:00Z")
    assert told(books) == [reached, ("reset", "2026-01-02T00:00:00Z")]
    data = data_of_last_reset(books)
    assert (data["feature"], data["used"], data["limit"]) == ("calls", "0", "5")
    assert data["customer_external_id"] == "acme"
    assert data["reset_at"] == "2026-01-03T00:00:00Z"
    books.use("calls", "4", "2026-01-03T12:00:00Z")
    books.advance("2026-01-05T00:00:00Z")
    assert len(told(books)) == 2, "nothing was reached, so nothing is reset"


def test_a_billing_period_that_is_over_grants_anew(books: Books) -> None:
    opened(books, included="5", overage="deny")
    books.use("calls", "7", "2026-01-01T00:00:00Z")
    books.advance("2026-03-01T00:00:00Z")
    assert told(books)[1:] == [("reset", "2026-02-01T00:00:00Z")]
    assert data_of_last_reset(books)["reset_at"] == "2026-03-01T00:00:00Z"


def test_a_limit_for_life_is_never_reset(books: Books) -> None:
    opened(books, included="5", overage="deny", event_quota_window="lifetime")
    books.use("calls", "5", "2026-01-01T00:00:00Z")
    books.advance("2026-03-01T00:00:00Z")
    assert told(books) == [("reached", "2026-01-01T00:00:00Z")]


def test_a_late_event_does_not_end_the_window_that_is_used_up(books: Books) -> None:
    opened(books, included="5", overage="deny", event_quota_window="day")
    books.advance("2026-01-02T12:00:00Z")
    books.use("calls", "5", "2026-01-02T12:00:00Z")
    books.use("calls", "5", "2026-01-01T12:00:00Z")
    books.advance("2026-01-02T13:00:00Z")
    assert [kind for kind, _ in told(books)] == ["reached", "reached"]
    books.advance("2026-01-04T00:00:00Z")
    assert told(books)[2:] == [("reset", "2026-01-03T00:00:00Z")]


def test_what_is_canceled_is_not_reset(books: Books) -> None:
    opened(books, included="5", overage="deny")
    (sub,) = books.get("/subscriptions")["data"]
    books.use("calls", "5", "2026-01-01T00:00:00Z")
    books.post(f"/subscriptions/{sub['id']}/cancel", {"when": "period_end"})
    books.advance("2026-02-01T00:00:00Z")
    assert [kind for kind, _ in told(books)] == ["reached"]


def test_a_plan_change_that_grants_anew_is_told(books: Books) -> None:
    opened(books, included="10", overage="deny")
    books.plan("more")
    terms = {**QUOTA, "included_units": "30", "overage": "deny"}
    books.price("more", "calls", **terms)
    (sub,) = books.get("/subscriptions")["data"]
    books.use("calls", "10", "2026-01-01T00:00:00Z")
    books.advance("2026-01-11T00:00:00Z")
    books.post(f"/subscriptions/{sub['id']}/change-plan", {"new_plan": "more"})
    reset = ("reset", "2026-01-11T00:00:00Z")
    assert told(books)[1:] == [reset]
    assert data_of_last_reset(books)["used"] == "0"
    limit = data_of_last_reset(books)["limit"]
    assert limit == "21", "what is left of the month, rounded up"
    books.use("calls", limit, "2026-01-11T00:00:00Z")
    books.advance("2026-02-01T00:00:00Z")
    assert [kind for kind, _ in told(books)] == ["reached", "reset", "reached", "reset"]


def test_an_addon_that_raises_a_limit_resets_it(books: Books) -> None:
    opened(books, included="10", overage="deny")
    books.plan("extra", category="addon", parent_plan="pro")
    books.price("extra", "calls", **{**QUOTA, "included_units": "5"})
    books.use("calls", "10", "2026-01-01T00:00:00Z")
    books.subscribe(plan="extra")
    assert told(books)[1:] == [("reset", "2026-01-01T00:00:00Z")]
    data = data_of_last_reset(books)
    assert (data["used"], data["limit"], data["remaining"]) == ("10", "15", "5")


def test_an_addon_that_is_too_small_resets_nothing(books: Books) -> None:
    opened(books, included="10", overage="deny")
    books.plan("extra", category="addon", parent_plan="pro")
    books.price("extra", "calls", **{**QUOTA, "included_units": "5"})
    books.use("calls", "15", "2026-01-01T00:00:00Z")
    books.subscribe(plan="extra")
    books.advance("2026-02-01T00:00:00Z")
    assert told(books)[1:] == [("reset", "2026-02-01T00:00:00Z")]


def test_new_terms_for_life_reset_what_was_reached(books: Books) -> None:
    opened(books, included="10", overage="deny", event_quota_window="lifetime")
    (sub,) = books.get("/subscriptions")["data"]
    books.use("calls", "10", "2026-01-01T00:00:00Z")
    terms = {
        **QUOTA,
        "meter": "calls",
        "included_units": "50",
        "overage": "deny",
        "event_quota_window": "lifetime",
    }
    books.http.patch(f"/contracts/{sub['contract_id']}", json={"meter_overrides": [terms]})
    books.advance("2026-03-01T00:00:00Z")
    assert told(books)[1:] == [("reset", "2026-02-01T00:00:00Z")]
    assert data_of_last_reset(books)["limit"] == "50"


def test_an_addon_that_ends_below_what_is_used_closes_the_limit(books: Books) -> None:
    opened(books, included="10", overage="deny")
    books.plan("extra", category="addon", parent_plan="pro")
    books.price("extra", "calls", **{**QUOTA, "included_units": "5"})
    addon = books.subscribe(plan="extra")
    books.use("calls", "12", "2026-01-01T00:00:00Z")
    assert told(books) == []
    books.post(f"/subscriptions/{addon['id']}/cancel", {"when": "immediate"})
    reached = ("reached", "2026-01-01T00:00:00Z")
    assert told(books) == [reached]
    feed = books.get("/webhook-events", limit=100)["data"]
    data = next(row["data"] for row in feed if row["event"] == "usage.limit_reached")
    assert (data["used"], data["limit"], data["remaining"]) == ("12", "10", "0")
    books.advance("2026-02-01T00:00:00Z")
    assert told(books) == [reached, ("reset", "2026-02-01T00:00:00Z")]


def test_an_addon_that_ends_above_what_is_used_tells_nothing(books: Books) -> None:
    opened(books, included="10", overage="deny")
    books.plan("extra", category="addon", parent_plan="pro")
    books.price("extra", "calls", **{**QUOTA, "included_units": "5"})
    addon = books.subscribe(plan="extra")
    books.use("calls", "9", "2026-01-01T00:00:00Z")
    books.post(f"/subscriptions/{addon['id']}/cancel", {"when": "immediate"})
    assert told(books) == []


def test_a_plan_that_includes_nothing_tells_nothing_at_its_begin(books: Books) -> None:
    opened(books, included="0", overage="deny")
    assert told(books) == []
