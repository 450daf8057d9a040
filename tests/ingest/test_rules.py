"""Which subscription, window and limit an event counts for; and what a batch adds up to."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.catalog.models import ChargeId, ChargeTerms, ChargeType, MeterTerms, Terms
from tallybook.server.ingest.models import Counted, CrossingKind, Incoming, Named, Refused
from tallybook.server.ingest.rules.count import count
from tallybook.server.ingest.rules.enrich import Placed, check_time, enrich
from tallybook.server.ingest.rules.lanes import Names, place_of
from tallybook.server.ingest.rules.quota import counting_since
from tallybook.server.kernel.clock import to_micros
from tallybook.server.kernel.periods import Span
from tallybook.server.metering.models import (
    PERIOD_WINDOW,
    Aggregation,
    CounterKey,
    Event,
    Meter,
    MeterId,
    MeterKind,
    MeterStatus,
    Tally,
)
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.rating.rules.shape import build_shape
from tallybook.server.subscriptions.models import Status, Timeline, TimelinePeriod
from tests.subscriptions.examples import day, terms

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
CUS, AGT = f"cus_{1:032x}", f"agt_{1:032x}"
SUB_1, SUB_2, SUB_3 = (f"sub_{number:032x}" for number in (1, 2, 3))


def meter_id(key: str) -> str:
    return f"mtr_{key.encode().hex():>032}"


def meter(
    key: str = "calls",
    aggregation: Aggregation = Aggregation.COUNT,
    value_field: str | None = None,
) -> Meter:
    return Meter(
        id=MeterId(meter_id(key)), key=key, name=key, kind=MeterKind.BILLABLE,
        aggregation=aggregation, unit_label=None, value_field=value_field, description=None,
        status=MeterStatus.ACTIVE, cost_type=None, cost_per_unit=None, category=None, metadata={},
        events_seen=False, created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def priced(key: str = "calls", included: str = "10", **shape: Any) -> MeterTerms:
    shape = {"limit_type": "event_quota", **shape}
    return MeterTerms(
        meter_id=MeterId(meter_id(key)), meter_key=key, meter_price_id=None, agent_action_id=None,
        aggregation=Aggregation.COUNT, value_field=None, unit_label=None,
        shape=build_shape(
            pricing_model="per_unit", unit_price=Decimal(1),
            included_units=Decimal(included), **shape,
        ),
    )  # fmt: skip


def line(
    id: str, signed: Terms, *spans: tuple[datetime, datetime], versions: Sequence[int] = (),
    trial: bool = False, closed: bool = False,
) -> Timeline:  # fmt: skip
    spans = spans or ((day(3, 1), day(4, 1)),)
    periods = tuple(
        TimelinePeriod(
            number, start, end, trial and number == 0, closed,
            versions[number] if versions else 1, signed,
        )
        for number, (start, end) in enumerate(spans)
    )  # fmt: skip
    return Timeline(
        id=id, customer_id=CUS, plan_id=signed.plan_id, parent_plan_id=signed.parent_plan_id,
        status=Status.ACTIVE, started_at=spans[0][0], ended_at=None, trial_end=None,
        periods=periods,
    )  # fmt: skip


def incoming(**fields: Any) -> Incoming:
    given: dict[str, Any] = {"customer_external_id": "acme", "meter_ref": "calls", **fields}
    naming = {name: given.pop(name) for name in Named.__struct_fields__ if name in given}
    at = given.pop("at", NOW)
    micros = None if at is None else to_micros(at)
    return Incoming(Named(**naming), given.pop("quantity", Decimal(1)), micros, "k", **given)


def names(*lines: Timeline, **fields: Any) -> Names:
    given: dict[str, Any] = {
        "customer_ids": frozenset({CUS}),
        "external_ids": {"acme": CUS},
        "meters": {"calls": meter()},
        "timelines": {CUS: lines},
    }
    return Names(**{**given, **fields})


def placed(item: Incoming, known: Names, **given: Any) -> Placed | Refused:
    options: dict[str, Any] = {
        "position": 1, "now": NOW, "backfill": False, "zone": UTC_ZONE,
    }  # fmt: skip
    return enrich(item, known, **{**options, **given})


def event_of(made: Placed) -> Event:
    return made.row.as_event(NOW, over_limit=False)


def counted_of(item: Incoming, known: Names, **given: Any) -> Counted:
    made = placed(item, known, **given)
    assert isinstance(made, Placed), made
    assert made.counted is not None
    return made.counted


@pytest.mark.parametrize(
    ("at", "backfill", "good"),
    [
        (NOW, False, True),
        (NOW + timedelta(minutes=5), False, True),
        (NOW + timedelta(minutes=5, microseconds=1), False, False),
        (NOW - timedelta(days=35), False, True),
        (NOW - timedelta(days=35, microseconds=1), False, False),
        (NOW - timedelta(days=9999), True, True),
        (NOW + timedelta(minutes=6), True, False),
    ],
)
def test_times_are_taken_from_35_days_ago_to_5_minutes_ahead(
    at: datetime, backfill: bool, good: bool
) -> None:
    assert (check_time(at, NOW, backfill=backfill) is None) is good


def test_an_event_without_a_time_is_of_now() -> None:
    made = placed(incoming(at=None), names())
    assert isinstance(made, Placed)
    assert event_of(made).at == NOW


@pytest.mark.parametrize(
    ("item", "known", "reason"),
    [
        (incoming(customer_external_id="x"), {}, "customer_not_found"),
        (incoming(meter_ref="x"), {}, "meter_not_found"),
        (incoming(meter_ref=None, agent_ref="x"), {}, "agent_not_found"),
        (incoming(meter_ref=None, agent_ref="b"), {"agents": {"b": AGT}}, "meter_ambiguous"),
        (incoming(), {"meters": {"calls": meter("calls", Aggregation.SUM, "n")}}, "value_missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_placed_is_kept_and_never_counted(
    item: Incoming, known: dict[str, Any], reason: str
) -> None:
    made = placed(item, names(line(SUB_1, terms("pro", priced())), **known))
    assert isinstance(made, Placed)
    assert (event_of(made).reason, made.counted, event_of(made).subscription_id) == (
        reason,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("aggregation", "given", "value", "member"),
    [
        (Aggregation.COUNT, None, "3", None),
        (Aggregation.SUM, Decimal("1.5"), "1.5", None),
        (Aggregation.SUM, "1.5", "1.5", None),
        (Aggregation.MAX, 7, "7", None),
        (Aggregation.LATEST, 0, "0", None),
        (Aggregation.SUM, None, None, None),
        (Aggregation.SUM, "", None, None),
        (Aggregation.SUM, "many", None, None),
        (Aggregation.SUM, "NaN", None, None),
        (Aggregation.SUM, Decimal("1e400"), None, None),
        (Aggregation.SUM, Decimal("-1"), None, None),
        (Aggregation.SUM, True, None, None),
        (Aggregation.SUM, [1], None, None),
        (Aggregation.UNIQUE_COUNT, "ann", "3", "ann"),
        (Aggregation.UNIQUE_COUNT, 7, "3", "7"),
        (Aggregation.UNIQUE_COUNT, Decimal("7.0"), "3", "7"),
        (Aggregation.UNIQUE_COUNT, "", None, None),
        (Aggregation.UNIQUE_COUNT, None, None, None),
        (Aggregation.UNIQUE_COUNT, True, None, None),
        (Aggregation.UNIQUE_COUNT, {}, None, None),
    ],
)
def test_what_a_meter_reads_of_an_event(
    aggregation: Aggregation, given: Any, value: str | None, member: str | None
) -> None:
    read = meter("calls", aggregation, "n")
    made = placed(
        incoming(quantity=Decimal(3), attributes={"n": given}), names(meters={"calls": read})
    )
    assert isinstance(made, Placed)
    if value is None:
        assert (event_of(made).reason, event_of(made).value) == ("value_missing", None)
    else:
        assert (event_of(made).value, event_of(made).member) == (Decimal(value), member)


def test_without_a_value_field_the_quantity_is_read() -> None:
    for aggregation in Aggregation:
        known = names(meters={"calls": meter("calls", aggregation)})
        made = placed(incoming(quantity=Decimal("2.50")), known)
        assert isinstance(made, Placed)
        assert event_of(made).value == Decimal("2.5")


def test_an_agents_action_gives_the_meter() -> None:
    actions = {AGT: [("task", meter("a")), ("task", meter("b")), ("outcome", meter("c"))]}
    known = names(agents={"bot": AGT}, actions=actions)
    bare = {"meter_ref": None, "agent_ref": "bot"}

    def found(**fields: Any) -> str | None:
        made = placed(incoming(**{**bare, **fields}), known)
        assert isinstance(made, Placed)
        return event_of(made).meter_id

    assert found(action_type="outcome") == meter_id("c")
    assert found(action_type="task") is None
    assert found() is None
    assert found(action_type="task", attributes={"action": "b"}) == meter_id("b")
    assert found(attributes={"action": "c"}) == meter_id("c")
    assert found(action_type="task", attributes={"action": "c"}) is None


def test_the_earliest_subscription_counts_unless_another_is_named() -> None:
    signed = terms("pro", priced())
    first = line(SUB_1, signed, (day(3, 1), day(4, 1)))
    second = line(SUB_2, signed, (day(3, 2), day(4, 2)))
    known = names(second, first)
    assert counted_of(incoming(), known).counter.subscription_id == SUB_1
    named = counted_of(incoming(subscription_id=SUB_2), known)
    assert named.counter == CounterKey(SUB_2, meter_id("calls"), PERIOD_WINDOW, day(3, 2))
    refused = placed(incoming(subscription_id=SUB_3), known)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.pointer) == ("subscription_not_found", "/subscription_id")


def test_an_addon_raises_the_limit_of_its_parent() -> None:
    parent = line(SUB_1, terms("pro", priced(included="10")))
    addon = line(SUB_2, terms("more", priced(included="5"), parent="pro"), (day(3, 10), day(4, 10)))
    before = counted_of(incoming(at=day(3, 9)), names(parent, addon))
    after = counted_of(incoming(at=day(3, 11)), names(parent, addon))
    assert before.quota is not None
    assert after.quota is not None
    assert (before.quota.limit, after.quota.limit) == (Decimal(10), Decimal(15))
    assert before.counter == after.counter == before.quota.counter


def test_a_trial_and_a_closed_period_count_too() -> None:
    for known in (
        names(line(SUB_1, terms("pro", priced()), trial=True)),
        names(line(SUB_1, terms("pro", priced()), closed=True)),
    ):
        assert counted_of(incoming(), known).counter.start == day(3, 1)


def test_a_time_between_periods_counts_nowhere() -> None:
    spans = ((day(2, 1), day(3, 1)), (day(4, 1), day(5, 1)))
    made = placed(incoming(), names(line(SUB_1, terms("pro", priced()), *spans)))
    assert isinstance(made, Placed)
    assert (made.counted, event_of(made).reason, event_of(made).period) == (None, None, None)


def test_a_boundary_belongs_to_the_later_period() -> None:
    spans = ((day(2, 1), day(3, 1)), (day(3, 1), day(4, 1)))
    known = names(line(SUB_1, terms("pro", priced()), *spans))
    just_before = counted_of(incoming(at=day(3, 1) - timedelta(microseconds=1)), known)
    assert just_before.counter.start == day(2, 1)
    assert counted_of(incoming(at=day(3, 1)), known).counter.start == day(3, 1)


def test_a_charge_by_a_meter_counts_it_without_a_limit() -> None:
    charge = ChargeTerms(
        ChargeId("chg_1"), "seats", "Seats", ChargeType.SEAT_BASED, Decimal(5), None,
        MeterId(meter_id("calls")), "calls", Aggregation.MAX,
    )  # fmt: skip
    signed = terms("pro")
    by_charge = line(SUB_1, Terms(**{**_fields(signed), "charges": (charge,)}))
    made = counted_of(incoming(), names(by_charge))
    assert (made.counter.subscription_id, made.quota) == (SUB_1, None)
    priced_later = line(SUB_2, terms("more", priced()), (day(3, 5), day(4, 5)))
    place = place_of([by_charge, priced_later], meter_id("calls"), NOW)
    assert place is not None
    assert place.timeline.id == SUB_2, "a price goes before a charge"


def _fields(signed: Terms) -> dict[str, Any]:
    return {name: getattr(signed, name) for name in Terms.__dataclass_fields__}


KOLKATA, LORD_HOWE = ZoneInfo("Asia/Kolkata"), ZoneInfo("Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("window", "zone", "start", "reset_at"),
    [
        ("hour", UTC_ZONE, NOW, NOW + timedelta(hours=1)),
        ("hour", KOLKATA, NOW - timedelta(minutes=30), NOW + timedelta(minutes=30)),
        ("day", UTC_ZONE, day(3, 15), day(3, 16)),
        ("day", KOLKATA, day(3, 15) - timedelta(hours=5.5), day(3, 16) - timedelta(hours=5.5)),
        ("day", LORD_HOWE, day(3, 15) - timedelta(hours=11), day(3, 16) - timedelta(hours=11)),
        ("week", UTC_ZONE, day(3, 9), day(3, 16)),
        ("month", UTC_ZONE, day(3, 1), day(4, 1)),
        ("billing_period", UTC_ZONE, day(3, 10), day(4, 10)),
        ("lifetime", UTC_ZONE, day(3, 10), None),
    ],
)
def test_a_quota_window_is_local_and_starts_anew(
    window: str, zone: ZoneInfo, start: datetime, reset_at: datetime | None
) -> None:
    spans = ((day(2, 10), day(3, 10)), (day(3, 10), day(4, 10)))
    signed = terms("pro", priced(event_quota_window=window))
    quota = counted_of(incoming(), names(line(SUB_1, signed, *spans)), zone=zone).quota
    assert quota is not None
    assert quota.reset_at == reset_at
    assert quota.counter.start == max(start, day(3, 10))
    expected = {"billing_period": day(3, 10), "lifetime": day(2, 10)}.get(window, start)
    assert quota.since == expected
    assert quota.counter.window == (PERIOD_WINDOW if window == "billing_period" else window)


def test_a_window_goes_on_over_a_renewal_and_starts_at_0_with_new_terms() -> None:
    spans = ((day(2, 10), day(3, 10)), (day(3, 10), day(3, 12)), (day(3, 12), day(4, 10)))
    signed = terms("pro", priced(event_quota_window="month"))
    for versions, since in (
        ((1, 1, 1), day(3, 1)),
        ((1, 1, 2), day(3, 12)),
        ((1, 2, 2), day(3, 10)),
    ):
        sub = line(SUB_1, signed, *spans, versions=versions)
        quota = counted_of(incoming(), names(sub)).quota
        assert quota is not None
        assert (quota.counter.start, quota.since) == (day(3, 12), since)
    sub = line(SUB_1, signed, *spans)
    assert counting_since(sub, sub.periods[2]) == day(2, 10)


def event(position: int, value: str, hours: int = 0, **fields: Any) -> Counted:
    given: dict[str, Any] = {
        "position": position, "customer_id": CUS, "aggregation": Aggregation.SUM,
        "value": Decimal(value), "member": None, "at": NOW + timedelta(hours=hours),
    }  # fmt: skip
    known = names(line(SUB_1, terms("pro", priced(included="10"))))
    like = counted_of(incoming(), known)
    return Counted(**{**given, "counter": like.counter, "quota": like.quota, **fields})


def after(events: Sequence[Counted], start: str = "0", earlier: str = "0") -> Any:
    key = events[0].counter
    before = {key: Tally(total=Decimal(start))}
    return count(events, before, earlier={key: Decimal(earlier)}, fresh_members={})


def test_the_event_that_crosses_the_line_is_stored_whole_and_marked() -> None:
    made = after([event(1, "9"), event(2, "1"), event(3, "0.5"), event(4, "0")])
    assert made.over_limit == {3}
    (crossing,) = made.crossings
    assert (crossing.kind, crossing.used) == (CrossingKind.REACHED, Decimal("10.5"))
    (tally,) = made.after.values()
    assert (tally.total, tally.events, tally.version) == (Decimal("10.5"), 4, 1)


@pytest.mark.parametrize(
    ("start", "added", "kinds"),
    [
        ("0", "7.9", []),
        ("0", "8", [CrossingKind.APPROACHING]),
        ("8", "1", []),
        ("8", "2", [CrossingKind.REACHED]),
        ("0", "10", [CrossingKind.REACHED]),
        ("0", "99", [CrossingKind.REACHED]),
        ("10", "1", []),
    ],
)
def test_a_limit_is_told_once(start: str, added: str, kinds: list[CrossingKind]) -> None:
    assert [crossing.kind for crossing in after([event(1, added)], start).crossings] == kinds


def test_what_a_window_had_counted_in_an_earlier_period_counts_against_its_limit() -> None:
    made = after([event(1, "3")], earlier="8")
    assert made.over_limit == {1}
    assert [crossing.used for crossing in made.crossings] == [Decimal(11)]


def test_usage_that_falls_below_its_limit_again_is_told() -> None:
    latest = {"aggregation": Aggregation.LATEST}
    key = event(1, "0").counter
    before = {key: Tally(events=1, latest=Decimal(12), latest_at=NOW)}
    made = count([event(1, "3", 1, **latest)], before, earlier={}, fresh_members={})
    assert [crossing.kind for crossing in made.crossings] == [CrossingKind.RESET]
    up_and_down = [event(1, "12", 1, **latest), event(2, "3", 2, **latest)]
    made = count(up_and_down, {key: Tally()}, earlier={}, fresh_members={})
    assert made.crossings == []
    assert made.over_limit == {1}


def test_members_are_counted_once() -> None:
    unique = {"aggregation": Aggregation.UNIQUE_COUNT}
    events = [event(n, "1", member=m, **unique) for n, m in enumerate("aab", start=1)]
    key = events[0].counter
    fresh = {key: {1: True, 3: True}}
    made = count(events, {key: Tally()}, earlier={}, fresh_members=fresh)
    assert (made.after[key].events, made.after[key].members) == (3, 2)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=12), st.randoms())
def test_counters_do_not_depend_on_order_or_batches(
    given_events: list[tuple[int, int]], turned: random.Random
) -> None:
    events = [event(n, str(v), h) for n, (v, h) in enumerate(given_events, start=1)]
    expected = Tally()
    for one in events:
        assert one.value is not None
        expected = tallies.add(expected, one.value, one.at)
    turned.shuffle(events)
    tally, crossed = Tally(), 0
    while events:
        size = turned.randint(1, len(events))
        some, events = events[:size], events[size:]
        made = count(some, {some[0].counter: tally}, earlier={}, fresh_members={})
        tally = made.after[some[0].counter]
        crossed += sum(crossing.kind is CrossingKind.REACHED for crossing in made.crossings)
    assert (tally.total, tally.events, tally.latest, tally.highest, tally.lowest) == (
        expected.total, expected.events, expected.latest, expected.highest, expected.lowest,
    )  # fmt: skip
    assert crossed == int(tally.total >= 10)


def test_spans_are_half_open() -> None:
    span = Span(day(3, 1), day(4, 1))
    assert span.contains(day(3, 1))
    assert not span.contains(day(4, 1))
