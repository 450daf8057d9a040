"""An invoice that is not paid: retries, reminders, and the end; on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.billing.rules.dunning import next_attempt
from tallybook.server.storage import Database

from .conftest import Books
from .test_settings import switch, told

__all__ = ["switch"]
START = datetime(2025, 1, 1, tzinfo=UTC)


def begin(books: Books, *, credit: str | None = "5", **fields: Any) -> tuple[str, str]:
    """A subscription of 20 a month from 1 January that the wallet cannot pay; its ids."""
    books.advance("2026-01-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="20")
    books.wallet(customer, credit)
    return customer, books.subscribe(**fields)["id"]


def days(db: Database, event: str) -> list[Any]:
    return [(one["attempt"], one["next_attempt_at"]) for one in told(db, event)]


def test_an_unpaid_invoice_is_tried_on_days_and_given_up(books: Books, db: Database) -> None:
    customer, sub = begin(books)
    assert days(db, "invoice.past_due") == [(0, "2026-01-02T00:00:00Z")]
    books.advance("2026-01-07T23:59:59Z")
    assert days(db, "invoice.past_due")[1:] == [
        (1, "2026-01-04T00:00:00Z"),
        (2, "2026-01-06T00:00:00Z"),
        (3, "2026-01-08T00:00:00Z"),
    ]
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["past_due"]) == ("open", True)
    books.advance("2026-01-08T00:00:00Z")
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["uncollectible_at"]) == (
        "uncollectible",
        "2026-01-08T00:00:00Z",
    )
    assert len(told(db, "invoice.uncollectible")) == 1
    assert len(told(db, "invoice.past_due")) == 4, "nothing is told of it any more"
    assert books.get(f"/subscriptions/{sub}")["status"] == "past_due"
    books.wallet(customer, "15")  # it can still be paid
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", "20.00")
    assert books.get(f"/subscriptions/{sub}")["status"] == "active"
    books.advance("2026-01-31T00:00:00Z")
    assert len(told(db, "invoice.past_due")) == 4


def test_a_retry_takes_what_is_there_by_then(books: Books, db: Database) -> None:
    customer, sub = begin(books)
    wallet = books.wallet(customer)
    # Credit that becomes effective later is no new credit that would be tried at once.
    books.post(
        f"/wallets/{wallet['id']}/grants",
        {"amount": "15", "effective_at": "2026-01-03T12:00:00Z"},
    )
    books.advance("2026-01-05T00:00:00Z")
    (invoice,) = books.invoices()
    assert (invoice["status"], invoice["paid_at"]) == ("paid", "2026-01-04T00:00:00Z")
    assert books.get(f"/subscriptions/{sub}")["status"] == "active"
    books.advance("2026-01-20T00:00:00Z")
    assert len(told(db, "invoice.past_due")) == 2
    assert told(db, "invoice.uncollectible") == []


def test_what_is_sent_is_reminded_of_and_never_taken(books: Books, db: Database) -> None:
    customer, _ = begin(books, credit="100", collection_method="send_invoice", payment_terms=10)
    books.advance("2026-01-18T00:00:00Z")
    (invoice,) = books.invoices()
    assert invoice["status"] == "uncollectible"
    assert [attempt for attempt, _ in days(db, "invoice.past_due")] == [0, 1, 2, 3]
    assert books.wallet(customer)["balance"] == "100.00"
    books.post(f"/invoices/{invoice['id']}/pay")
    assert books.invoices()[0]["status"] == "paid"


def test_the_days_are_a_switch_of_the_project(books: Books, db: Database, switch: Any) -> None:
    assert switch(dunning_days=[10, 20])["settings"]["dunning_days"] == [10, 20]
    begin(books)
    assert days(db, "invoice.past_due") == [(0, "2026-01-11T00:00:00Z")]
    switch(dunning_days=[])
    books.advance("2026-01-25T00:00:00Z")
    (invoice,) = books.invoices()
    assert invoice["status"] == "open", "it stays open for ever"
    for wrong in ([0], [2, 1], [1, 1], [366], ["x"], 1, list(range(1, 22))):
        switch(status=422, dunning_days=wrong)


def test_a_void_or_credited_invoice_is_left_alone(books: Books, db: Database) -> None:
    customer, _ = begin(books)
    (invoice,) = books.invoices()
    books.post("/credit-notes", {"invoice_id": invoice["id"], "reason": "we were down"})
    books.advance("2026-01-20T00:00:00Z")
    assert len(told(db, "invoice.past_due")) == 1
    assert books.wallet(customer)["balance"] == "5.00"


@given(
    start=st.integers(0, 700).map(lambda day: START + timedelta(days=day, minutes=7 * day)),
    days_=st.lists(st.integers(1, 60), unique=True, max_size=8).map(sorted),
    late=st.integers(0, 100),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
)
def test_attempts_rise_and_none_lies_in_the_past(
    start: datetime, days_: list[int], late: int, zone: str
) -> None:
    after, seen = start + timedelta(days=late), []
    while (found := next_attempt(start, days_, after=after, zone=ZoneInfo(zone))) is not None:
        number, at = found
        assert at > after
        assert abs(at - start - timedelta(days=days_[number - 1])) <= timedelta(hours=1)
        seen.append(number)
        after = at
    assert seen == sorted(set(seen))
    assert seen[-1:] == ([len(days_)] if days_ and days_[-1] > late + 1 else seen[-1:])


@pytest.mark.parametrize("body", [{"dunning_days": None}, {"dunning_days": "1,3"}])
def test_switches_are_given_or_left(switch: Any, body: dict[str, Any]) -> None:
    switch(status=422, **body)
