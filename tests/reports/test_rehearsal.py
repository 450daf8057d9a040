"""What a price would have billed: on both databases, the worker's runner included."""

from collections.abc import Callable
from typing import Any

import pytest

from tallybook.server.storage import Database, jobs
from tallybook.server.worker.jobs import JobRunner
from tests.billing.conftest import Books, books

__all__ = ["books"]
JANUARY = {"start": "2026-01-01", "end": "2026-01-31"}


@pytest.fixture
def rehearse(books: Books, db: Database) -> Callable[..., Any]:
    """Ask for a rehearsal, run it, and return it."""

    def run(plan: str = "pro", *, status: int = 202, **body: Any) -> Any:
        made = books.post(f"/plans/{plan}/rehearsals", {**JANUARY, **body}, status=status)
        if status != 202:
            return made
        assert (made["status"], made["progress"], made["result"]) == ("queued", 0, None)
        assert JobRunner(db).step() is True
        found = books.get(f"/rehearsals/{made['id']}")
        assert (found["status"], found["progress"]) == ("completed", 1), found["error"]
        return found

    return run


@pytest.fixture
def sold(books: Books) -> Books:
    """Two customers in January: acme used 1,200 calls over 20 days, beta 50 at once."""
    books.advance("2026-01-01T00:00:00Z")
    books.meter("calls")
    books.meter("seats", aggregation="max")
    books.plan("pro", base="20")
    books.price("pro", "calls", pricing_model="per_unit", unit_price="0.10", included_units="100")
    for name in ("acme", "beta"):
        books.wallet(books.customer(name), "1000")
        books.subscribe(name)
    for day in range(1, 21):
        books.advance(f"2026-01-{day:02d}T12:00:00Z")
        books.use("calls", "60", f"2026-01-{day:02d}T12:00:00Z")
        books.use("seats", str(day % 7), f"2026-01-{day:02d}T12:00:00Z")
    books.use("calls", "50", "2026-01-20T12:00:00Z", customer="beta")
    books.advance("2026-02-01T02:00:00Z")
    return books


def by_name(found: Any) -> dict[str, tuple[str, str, str]]:
    return {
        one["customer_external_id"]: (one["billed"], one["would_be"], one["difference"])
        for one in found["result"]["customers"]
    }


def test_the_same_price_bills_the_same(sold: Books, rehearse: Callable[..., Any]) -> None:
    found = rehearse()
    assert by_name(found) == {
        "acme": ("130.00", "130.00", "0.00"),
        "beta": ("20.00", "20.00", "0.00"),
    }
    totals = {"customers": 2, "billed": "150.00", "would_be": "150.00", "difference": "0.00"}
    assert found["result"]["totals"] == totals
    assert len(sold.invoices()) == 4, "nothing is billed by it"


def test_a_draft_plan_is_rehearsed_on_everybody(sold: Books, rehearse: Callable[..., Any]) -> None:
    sold.plan("next", base="10", status="draft")
    tiers = [
        {"start_unit": "0", "end_unit": "1000", "unit_price": "0.12"},
        {"start_unit": "1000", "end_unit": None, "unit_price": "0.05"},
    ]
    sold.price("next", "calls", pricing_model="graduated", tiers=tiers)
    sold.price("next", "seats", pricing_model="per_unit", unit_price="5")
    found = rehearse("next")
    # acme: 10 + 1000 × 0.12 + 200 × 0.05 + 6 seats × 5, a meter that pro does not price
    assert by_name(found) == {
        "acme": ("130.00", "170.00", "40.00"),
        "beta": ("20.00", "16.00", "-4.00"),
    }
    price = found["plan_price_id"]
    assert by_name(rehearse(price)) == by_name(found), "a price stands for its plan"
    assert by_name(rehearse("next", plan_price_id=price)) == by_name(found)


def test_terms_that_no_plan_has_are_tried(sold: Books, rehearse: Callable[..., Any]) -> None:
    overrides = [{"meter": "calls", "included_units": "10"}]
    found = rehearse(base_price="0", meter_overrides=overrides)
    # 1,190 units at 0.10
    assert by_name(found)["acme"] == ("130.00", "119.00", "-11.00")
    overrides[0] |= {"limit_type": "event_quota", "event_quota_window": "day"}
    found = rehearse(base_price="0", meter_overrides=overrides)
    # on each of 20 days 10 of 60 are free
    assert by_name(found)["acme"] == ("130.00", "100.00", "-30.00")
    assert by_name(found)["beta"] == ("20.00", "4.00", "-16.00")
    overrides[0] = {"meter": "calls", "included_units": "1000", "limit_type": "event_quota"}
    overrides[0]["event_quota_window"] = "lifetime"
    assert by_name(rehearse(meter_overrides=overrides))["acme"] == ("130.00", "40.00", "-90.00")


def test_whom_a_price_does_not_fit_is_named(sold: Books, rehearse: Callable[..., Any]) -> None:
    overrides = [
        {
            "meter": "calls",
            "pricing_model": "graduated",
            "unit_price": None,
            "tiers": [{"start_unit": "0", "end_unit": "1000", "unit_price": "0.12"}],
        }
    ]
    found = rehearse(meter_overrides=overrides)
    (acme,) = found["result"]["unrated"]
    assert (acme["customer_external_id"], acme["periods"]) == ("acme", 1)
    assert "1000" in acme["reason"]
    assert list(by_name(found)) == ["beta"]
    sold.plan("yearly", base="100", billing_period="annual")
    found = rehearse("yearly")
    assert {one["reason"] for one in found["result"]["unrated"]} == {
        "pays monthly, the price is annual"
    }


def test_periods_that_run_or_lie_outside_are_left_out(
    sold: Books, rehearse: Callable[..., Any]
) -> None:
    february = {"start": "2026-02-01", "end": "2026-02-28"}
    assert rehearse(**february)["result"]["customers"] == []
    sold.plan("other", base="1")
    assert by_name(rehearse(customers_of="other")) == {}
    assert rehearse(customers_of="nothing", status=404)["code"] == "plan_not_found"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"start": "2026-02-02", "end": "2026-02-01"}, 422, "/end"),
        ({"start": "yesterday"}, 422, "/start"),
        ({"plan_price_id": "prc_none"}, 404, "/plan_price_id"),
        ({"meter_overrides": [{"meter": "nothing"}]}, 422, "/meter_overrides/0/meter"),
        ({"base_price": "-1"}, 422, "/base_price"),
        ({"unheard_of": 1}, 422, "/unheard_of"),
    ],
)
def test_what_makes_no_sense_starts_nothing(
    books: Books, db: Database, body: Any, status: int, pointer: str
) -> None:
    books.plan("pro", base="20")
    problem = books.post("/plans/pro/rehearsals", {**JANUARY, **body}, status=status)
    assert problem["errors"][0]["pointer"] == pointer
    assert JobRunner(db).step() is False


def test_a_job_whose_runner_dies_begins_anew_and_at_last_fails(
    sold: Books, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sold.post("/plans/pro/rehearsals", JANUARY, status=202)
    path = f"/rehearsals/{made['id']}"
    monkeypatch.setattr(jobs, "LEASE", -jobs.LEASE)  # a lease that is over at once

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    for _ in range(jobs.ATTEMPTS_MAX - 1):
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "complete", die)
            with pytest.raises(SystemExit):
                JobRunner(db).step()
        shown = sold.get(path)
        assert (shown["status"], shown["total"], shown["result"]) == ("running", 2, None)
    assert JobRunner(db).step() is True
    assert sold.get(path)["status"] == "completed"
    again = sold.post("/plans/pro/rehearsals", {**JANUARY, "base_price": "1"}, status=202)
    for _ in range(jobs.ATTEMPTS_MAX):
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "complete", die)
            with pytest.raises(SystemExit):
                JobRunner(db).step()
    assert JobRunner(db).step() is True
    shown = sold.get(f"/rehearsals/{again['id']}")
    assert (shown["status"], shown["result"]) == ("failed", None)
    assert "runner ended each time" in shown["error"]
    assert JobRunner(db).step() is False
