"""What budgets count and when they tell: pure rules, at their bounds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.costs.models import (
    ALL_TIME,
    Attribution,
    Budget,
    BudgetKind,
    BudgetPeriod,
    BudgetWindow,
    Cost,
    Source,
    Status,
)
from tallybook.server.costs.rules.budgets import (
    Change,
    Stops,
    rearmed,
    settle,
    spend,
    stops_of,
    window_of,
)
from tallybook.server.kernel.periods import Span
from tallybook.server.metering.models import CostCategory

UTC_ZONE = ZoneInfo("UTC")
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MARCH = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def budget(amount: str = "100", **fields: object) -> Budget:
    made = Budget(
        id="bud_1",
        name="March",
        customer_id=None,
        agent_id=None,
        kind=BudgetKind.COST,
        amount=Decimal(amount),
        currency="USD",
        period=BudgetPeriod.MONTHLY,
        thresholds=(Decimal("0.5"), Decimal("0.8"), Decimal(1)),
        hard_stop=True,
        counts_from=MARCH.start,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def cost(amount: str | None, at: datetime = NOW, **fields: object) -> Cost:
    made = Cost(
        id="cst_1",
        key="k",
        response_key=None,
        at=at,
        received_at=NOW,
        customer_id="cus_1",
        customer_external_id=None,
        agent_id="agt_1",
        action_id=None,
        meter_id=None,
        event_id=None,
        amount=None if amount is None else Decimal(amount),
        currency="USD",
        category=CostCategory.OTHER,
        source=Source.DIRECT,
        status=Status.PRICED,
        reason=None,
        attribution=Attribution.EXPLICIT,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def window(spent: str = "0", told: tuple[str, ...] = (), span: Span = MARCH) -> BudgetWindow:
    shares = tuple(Decimal(share) for share in told)
    return BudgetWindow("bud_1", span.start, span.end, Decimal(spent), shares)


@pytest.mark.parametrize(
    ("period", "zone", "at", "start", "end"),
    [
        ("daily", "UTC", "2026-03-10T00:00", "2026-03-10T00:00", "2026-03-11T00:00"),
        ("daily", "Asia/Riyadh", "2026-03-10T21:00", "2026-03-10T21:00", "2026-03-11T21:00"),
        ("daily", "America/New_York", "2026-03-08T12:00", "2026-03-08T05:00", "2026-03-09T04:00"),
        ("weekly", "UTC", "2026-03-15T23:59", "2026-03-09T00:00", "2026-03-16T00:00"),
        ("weekly", "UTC", "2026-03-16T00:00", "2026-03-16T00:00", "2026-03-23T00:00"),
        ("monthly", "UTC", "2026-02-28T23:59", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("quarterly", "UTC", "2026-03-31T00:00", "2026-01-01T00:00", "2026-04-01T00:00"),
        ("semi_annual", "UTC", "2026-07-01T00:00", "2026-07-01T00:00", "2027-01-01T00:00"),
        ("annual", "UTC", "1999-06-01T00:00", "1999-01-01T00:00", "2000-01-01T00:00"),
    ],
)
def test_a_period_is_a_calendar_period(
    period: str, zone: str, at: str, start: str, end: str
) -> None:
    def read(text: str) -> datetime:
        return datetime.fromisoformat(f"{text}+00:00")

    found = window_of(BudgetPeriod(period), read(at), ZoneInfo(zone))
    assert found == Span(read(start), read(end))


def test_a_lifetime_is_all_time() -> None:
    assert window_of(BudgetPeriod.LIFETIME, NOW, UTC_ZONE) == ALL_TIME


@pytest.mark.parametrize(
    ("scope", "counted"),
    [
        ({}, True),
        ({"customer_id": "cus_1"}, True),
        ({"customer_id": "cus_2"}, False),
        ({"agent_id": "agt_1"}, True),
        ({"agent_id": "agt_2"}, False),
        ({"currency": "EUR"}, False),
        ({"counts_from": NOW}, True),
        ({"counts_from": NOW + timedelta(microseconds=1)}, False),
    ],
)
def test_a_budget_counts_its_own_costs(scope: dict[str, object], counted: bool) -> None:
    sums = spend([budget(**scope)], [(None, cost("1"))], UTC_ZONE)
    assert sums == ({("bud_1", MARCH): Decimal(1)} if counted else {})


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (None, cost("3"), "3"),
        (None, cost(None, status=Status.UNPRICED), None),
        (cost(None, status=Status.UNPRICED), cost(None, status=Status.REPRICED), None),
        (cost("3"), cost("3", status=Status.VOIDED), "-3"),
        (cost("3"), cost("3", agent_id="agt_2"), None),
        (None, cost("-1", source=Source.ADJUSTMENT), "-1"),
    ],
)
def test_what_a_change_adds(before: Cost | None, after: Cost, change: str | None) -> None:
    sums = spend([budget()], [(before, after)], UTC_ZONE)
    assert sums == ({} if change is None else {("bud_1", MARCH): Decimal(change)})


def test_a_cost_that_moves_leaves_the_one_and_enters_the_other() -> None:
    mine, other = budget(agent_id="agt_1"), budget(id="bud_2", agent_id="agt_2")
    sums = spend([mine, other], [(cost("3"), cost("3", agent_id="agt_2"))], UTC_ZONE)
    assert sums == {("bud_1", MARCH): Decimal(-3), ("bud_2", MARCH): Decimal(3)}


STEP = Decimal("0.000000000001")


@pytest.mark.parametrize(
    ("spent", "reached", "stopped"),
    [
        (Decimal(50) - STEP, [], False),
        (Decimal(50), ["0.5"], False),
        (Decimal(80) - STEP, ["0.5"], False),
        (Decimal(80), ["0.5", "0.8"], False),
        (Decimal(100) - STEP, ["0.5", "0.8"], False),
        (Decimal(100), ["0.5", "0.8", "1"], True),
    ],
)
def test_a_threshold_is_reached_at_its_amount(
    spent: Decimal, reached: list[str], stopped: bool
) -> None:
    found = settle(budget(), window(str(spent)), NOW, was_stopped=False)
    assert [str(share) for share in found.reached] == reached
    assert found.window.is_stopped == stopped
    assert found.access == ("denied" if stopped else None)
    again = settle(budget(), found.window, NOW, was_stopped=stopped)
    assert (again.reached, again.access) == ((), None)


def test_no_hard_stop_denies_nothing() -> None:
    found = settle(budget(hard_stop=False), window("200"), NOW, was_stopped=False)
    assert (len(found.reached), found.access, found.window.is_stopped) == (3, None, False)


def test_a_period_that_is_over_is_counted_and_not_told() -> None:
    found = settle(budget(), window("200"), MARCH.end, was_stopped=False)
    assert (found.reached, found.access) == ((), None)
    last = settle(budget(), window("200"), MARCH.end - timedelta(microseconds=1), was_stopped=False)
    assert (len(last.reached), last.access) == (3, "denied")


def test_less_spent_gives_access_back_and_tells_no_threshold_again() -> None:
    full = settle(budget(), window("100"), NOW, was_stopped=False).window
    less = settle(budget(), replace(full, spent=Decimal(99)), NOW, was_stopped=True)
    assert (less.reached, less.access) == ((), "given")
    more = settle(budget(), replace(less.window, spent=Decimal(100)), NOW, was_stopped=False)
    assert (more.reached, more.access) == ((), "denied")


def test_a_changed_budget_tells_anew_what_it_no_longer_reaches() -> None:
    reached = window("90", ("0.5", "0.8"))
    assert rearmed(budget("150"), reached).told == (Decimal("0.5"),)
    assert rearmed(budget(thresholds=(Decimal("0.8"),)), reached).told == (Decimal("0.8"),)


@pytest.mark.parametrize(
    ("stops", "agents", "named", "denied"),
    [
        (Stops(), ["a"], "a", False),
        (Stops(denies_all=True), [], None, True),
        (Stops(agent_ids=frozenset("a")), ["a"], None, True),
        (Stops(agent_ids=frozenset("a")), ["a", "b"], None, False),
        (Stops(agent_ids=frozenset("a")), ["a", "b"], "a", True),
        (Stops(agent_ids=frozenset("a")), ["a", "b"], "b", False),
        (Stops(agent_ids=frozenset("a")), [], None, False),
        (Stops(agent_ids=frozenset("ab")), ["a", "b"], None, True),
    ],
)
def test_whom_spent_budgets_deny(
    stops: Stops, agents: list[str], named: str | None, denied: bool
) -> None:
    assert stops.denies(agents, named) == denied


def test_stops_are_of_all_or_of_agents() -> None:
    assert stops_of([]) == Stops()
    assert stops_of([budget(customer_id="cus_1")]) == Stops(denies_all=True)
    assert stops_of([budget(agent_id="agt_1")]) == Stops(agent_ids=frozenset({"agt_1"}))


amounts = st.decimals("-1000", "1000", places=12)
times = st.integers(0, 360 * 24).map(lambda hours: YEAR + timedelta(hours=hours))
rows = st.builds(
    lambda amount, at, customer: cost(str(amount), at, customer_id=customer),
    amounts,
    times,
    st.sampled_from(["cus_1", "cus_2", None]),
)


@given(st.lists(st.tuples(rows, rows, st.booleans()), max_size=30))
def test_spend_is_the_sum_of_the_rows_as_they_stand(
    changes: list[tuple[Cost, Cost, bool]],
) -> None:
    known = [budget(counts_from=YEAR), budget(id="bud_2", customer_id="cus_1", counts_from=YEAR)]
    told: list[Change] = []
    for first, second, moves in changes:
        told.append((None, first))
        if moves:
            told.append((first, second))
    stand: list[Change] = [(None, second if moves else first) for first, second, moves in changes]
    assert spend(known, told, UTC_ZONE) == spend(known, stand, UTC_ZONE)
