"""Suspending, resuming, trials about to end, end dates; and every state that refuses."""

from typing import Any

import pytest
from sqlalchemy import func, select

from tallybook.server.storage import Database
from tallybook.server.storage.tables import outbox
from tests.billing.conftest import Books
from tests.billing.test_cycle import lines


def begin(books: Books, *, credit: str | None = "1000", **fields: Any) -> tuple[str, Any]:
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.meter("calls")
    books.plan("pro", base="30")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="0.01")
    if credit is not None:
        books.wallet(customer, credit)
    return customer, books.subscribe(**fields)


def get(books: Books, sub: Any) -> Any:
    return books.get(f"/subscriptions/{sub['id']}")


def told(db: Database, event: str) -> int:
    query = select(func.count()).select_from(outbox).where(outbox.c.event == event)
    return int(db.read(lambda tx: tx.execute(query).scalar_one()))


def test_no_fees_while_suspended_and_it_resumes_on_its_date(books: Books) -> None:
    customer, sub = begin(books)
    books.use("calls", "100", "2026-04-01T00:00:00Z")
    books.advance("2026-04-10T00:00:00Z")
    body = {"reason": "holiday", "resume_date": "2026-06-10"}
    rests = books.post(f"/subscriptions/{sub['id']}/suspend", body)
    assert (rests["status"], rests["resume_date"]) == ("suspended", "2026-06-10T00:00:00Z")
    books.advance("2026-06-09T00:00:00Z")
    assert get(books, sub)["status"] == "suspended"
    assert [lines(i) for i in books.invoices()] == [[("base_fee", "30.00")], [("usage", "1.00")]]
    books.advance("2026-06-10T00:00:00Z")
    now = get(books, sub)
    assert (now["status"], now["resume_date"], now["suspended_at"]) == ("active", None, None)
    assert now["current_period_end"] == "2026-07-01T00:00:00Z", "the period ran on"
    books.advance("2026-07-02T00:00:00Z")
    assert lines(books.invoices()[2]) == [("base_fee", "30.00")]
    assert books.wallet(customer)["balance"] == "939.00"


def test_it_resumes_to_what_its_invoices_say(books: Books) -> None:
    customer, sub = begin(books, credit="1")
    assert get(books, sub)["status"] == "past_due"
    books.post(f"/subscriptions/{sub['id']}/suspend")
    assert books.post(f"/subscriptions/{sub['id']}/resume")["status"] == "past_due"
    books.post(f"/contracts/{sub['contract_id']}/suspend")
    books.wallet(customer, "100")
    assert get(books, sub)["status"] == "suspended"
    assert books.post(f"/contracts/{sub['contract_id']}/resume")["status"] == "active"


def test_a_resume_date_can_be_moved_and_a_cancel_ends_the_rest(books: Books) -> None:
    _, sub = begin(books)
    path = f"/subscriptions/{sub['id']}"
    books.post(f"{path}/suspend", {"resume_date": "2026-04-20"})
    books.post(f"{path}/resume", {"resume_date": "2026-04-25"})
    books.advance("2026-04-24T00:00:00Z")
    assert get(books, sub)["status"] == "suspended"
    done = books.post(f"{path}/cancel", {"when": "immediate"})
    assert done["subscription"]["status"] == "canceled"
    books.advance("2026-05-10T00:00:00Z")
    assert get(books, sub)["status"] == "canceled"


def test_a_trial_that_is_suspended_resumes_in_its_trial_or_after_it(books: Books) -> None:
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="30", trial_available=True, trial_days=14)
    books.wallet(customer, "100")
    sub = books.subscribe()
    path = f"/subscriptions/{sub['id']}"
    books.post(f"{path}/suspend")
    assert books.post(f"{path}/resume")["status"] == "trialing"
    books.post(f"{path}/suspend")
    books.advance("2026-04-20T00:00:00Z")
    assert books.invoices() == []
    assert books.post(f"{path}/resume")["status"] == "active"
    books.advance("2026-05-16T00:00:00Z")
    assert [i["total"] for i in books.invoices()] == ["30.00"]


def test_the_end_of_a_trial_is_told_three_days_before(books: Books, db: Database) -> None:
    books.advance("2026-04-01T00:00:00Z")
    books.customer()
    books.plan("pro", base="30", trial_available=True, trial_days=14)
    books.subscribe()
    books.advance("2026-04-11T23:59:59Z")
    assert told(db, "subscription.trial_ending") == 0
    books.advance("2026-04-12T00:00:00Z")
    assert told(db, "subscription.trial_ending") == 1
    books.advance("2026-05-20T00:00:00Z")
    assert told(db, "subscription.trial_ending") == 1


def test_an_end_date_ends_it_with_a_final_invoice(books: Books) -> None:
    customer, sub = begin(books, contract={"end_date": "2026-05-16"})
    books.use("calls", "100", "2026-04-01T00:00:00Z")
    books.advance("2026-05-02T00:00:00Z")
    books.use("calls", "200", "2026-05-01T12:00:00Z")
    assert lines(books.invoices()[1]) == [("base_fee", "14.52"), ("usage", "1.00")]
    books.advance("2026-05-16T00:00:00Z")
    assert get(books, sub)["status"] == "ended"
    books.advance("2026-08-01T00:00:00Z")
    assert [(i["type"], i["total"]) for i in books.invoices()] == [
        ("cycle", "30.00"),
        ("cycle", "15.52"),
        ("final", "2.00"),
    ]
    assert books.wallet(customer)["balance"] == "952.48"


def test_a_scheduled_subscription_begins_on_its_day(books: Books) -> None:
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="30")
    books.wallet(customer, "100")
    sub = books.subscribe(start_date="2026-04-15")
    assert (sub["status"], books.invoices()) == ("scheduled", [])
    books.advance("2026-04-15T00:00:00Z")
    assert (get(books, sub)["status"], books.invoices()[0]["status"]) == ("active", "paid")


def test_edited_prices_hold_from_the_next_period(books: Books) -> None:
    _, sub = begin(books)
    books.advance("2026-04-10T00:00:00Z")
    answer = books.http.patch(f"/contracts/{sub['contract_id']}", json={"base_price": "45"})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert len(books.invoices()) == 1
    books.advance("2026-05-02T00:00:00Z")
    assert lines(books.invoices()[1]) == [("base_fee", "45.00")]


ACTIONS = ("suspend", "resume", "cancel", "change-plan")
REFUSED = {
    "draft": {"suspend", "resume", "change-plan"},
    "scheduled": {"suspend", "resume", "change-plan"},
    "trialing": {"resume"},
    "active": {"resume"},
    "past_due": {"resume", "change-plan"},
    "suspended": {"suspend", "change-plan"},
    "canceled": set(ACTIONS),
    "ended": set(ACTIONS),
}


def in_state(books: Books, state: str) -> Any:
    """A subscription in a state, reached the way that customers reach it."""
    trial = {"trial_available": True, "trial_days": 14} if state == "trialing" else {}
    books.advance("2026-04-01T00:00:00Z")
    customer = books.customer()
    books.plan("pro", base="30", **trial)
    books.plan("big", base="60")
    books.wallet(customer, "1" if state == "past_due" else "1000")
    fields: dict[str, Any] = {
        "draft": {"status": "draft"},
        "scheduled": {"start_date": "2026-05-01"},
        "ended": {"contract": {"end_date": "2026-04-10"}},
    }.get(state, {})
    sub = books.subscribe(**fields)
    if state == "suspended":
        books.post(f"/subscriptions/{sub['id']}/suspend")
    if state == "canceled":
        books.post(f"/subscriptions/{sub['id']}/cancel", {"when": "immediate"})
    if state == "ended":
        books.advance("2026-04-10T00:00:00Z")
    assert get(books, sub)["status"] == state
    return sub


@pytest.mark.parametrize("state", REFUSED)
def test_each_action_is_refused_in_the_states_that_do_not_know_it(books: Books, state: str) -> None:
    sub = in_state(books, state)
    for action in ACTIONS:
        if action not in REFUSED[state]:
            continue
        body = {"new_plan": "big"} if action == "change-plan" else {}
        refused = books.post(f"/subscriptions/{sub['id']}/{action}", body, status=409)
        assert (refused["code"], refused["current_state"]) == ("invalid_state_transition", state)
        if action != "change-plan":
            refused = books.post(f"/contracts/{sub['contract_id']}/{action}", body, status=409)
            assert refused["current_state"] == state


@pytest.mark.parametrize("state", REFUSED)
@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_is_taken_in_the_others(books: Books, state: str, action: str) -> None:
    if action in REFUSED[state]:
        return
    sub = in_state(books, state)
    body = {"new_plan": "big"} if action == "change-plan" else {}
    books.post(f"/subscriptions/{sub['id']}/{action}", body)
