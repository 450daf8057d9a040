"""Counting a batch by parts is counting it event by event."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.ingest.models import Incoming, Named
from tallybook.server.ingest.rules.count import Counts, count
from tallybook.server.ingest.rules.enrich import Enriching, Placed
from tallybook.server.ingest.rules.lanes import Lane
from tallybook.server.ingest.rules.parts import count_parts, keys_of, parts_of
from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.metering.models import Aggregation, Tally
from tallybook.server.metering.rules import tally as tallies
from tests.subscriptions.examples import terms

from .test_rules import NOW, SUB_1, UTC_ZONE, incoming, line, meter, names, priced

VALUES = st.decimals("0", "9999", places=2) | st.integers(0, 20).map(Decimal)
TIMES = st.integers(0, 3).map(lambda hour: to_micros(NOW + timedelta(hours=hour - 3)))


@given(st.lists(st.tuples(VALUES, TIMES)), st.lists(st.tuples(VALUES, TIMES), min_size=1))
def test_adding_many_is_adding_one_by_one(
    first: list[tuple[Decimal, int]], more: list[tuple[Decimal, int]]
) -> None:
    before = Tally(version=3)
    for value, at in first:
        before = tallies.add(before, value, from_micros(at))
    expected = before
    for value, at in more:
        expected = tallies.add(expected, value, from_micros(at))
    values, times = zip(*more, strict=True)
    made = tallies.add_all(before, values, times)
    assert made == expected
    assert str(made) == str(expected), "to the digit, not by value alone"


def placed_of(
    aggregation: Aggregation, window: str | None, sent: Sequence[tuple[Decimal, int, str]]
) -> list[Placed]:
    shape = {"limit_type": "none"} if window is None else {"event_quota_window": window}
    included = "0" if window is None else "10"
    known = names(
        line(SUB_1, terms("pro", priced(included=included, **shape))),
        external_ids={"acme": line(SUB_1, terms("pro", priced())).customer_id},
        meters={"calls": meter("calls", aggregation)},
    )
    enriching = Enriching(known, now=NOW, backfill=False, zone=UTC_ZONE)
    named = {
        action: Named(customer_external_id="acme", meter_ref="calls", action_type=action)
        for action in ("task", "outcome")
    }
    made = []
    for position, (quantity, at, action) in enumerate(sent, start=1):
        one = enriching.place(Incoming(named[action], quantity, at, str(position)), position)
        assert isinstance(one, Placed)
        assert one.counted is not None
        made.append(one)
    return made


def shown(counts: Counts) -> Any:
    told = [(c.kind, c.used, c.quota.counter) for c in counts.crossings]
    return counts.after, counts.over_limit, sorted(told, key=str)


@pytest.mark.parametrize("aggregation", Aggregation)
@pytest.mark.parametrize("window", [None, "hour", "billing_period"])
@given(
    sent=st.lists(st.tuples(VALUES, TIMES, st.sampled_from(["task", "outcome"])), min_size=1),
    start=st.lists(st.tuples(VALUES, TIMES, st.just("task")), max_size=3),
    earlier=st.sampled_from(["0", "4", "10"]),
)
def test_counting_parts_is_counting_one_by_one(
    aggregation: Aggregation,
    window: str | None,
    sent: list[tuple[Decimal, int, str]],
    start: list[tuple[Decimal, int, str]],
    earlier: str,
) -> None:
    placed = placed_of(aggregation, window, sent)
    events = [one.counted for one in placed if one.counted is not None]
    parts = parts_of(placed)
    outside = {one.quota.counter: Decimal(earlier) for one in events if one.quota is not None}
    before = dict.fromkeys(keys_of(parts), Tally())
    for one in (one.counted for one in placed_of(aggregation, window, start)):
        if one is not None and aggregation is not Aggregation.UNIQUE_COUNT:
            assert one.value is not None
            for key in {one.counter} | ({one.quota.counter} if one.quota else set()):
                before[key] = tallies.add(before.get(key, Tally()), one.value, one.at)
    before = {key: before[key] for key in keys_of(parts)}
    fresh = {key: {event.position: True for event in events} for key in before}
    expected = count(events, before, earlier=outside, fresh_members=fresh)
    made, alone = count_parts(parts, before, earlier=outside)
    rest = [one.counted for one in alone if one.counted is not None]
    touched = {event.counter for event in rest} | {e.quota.counter for e in rest if e.quota}
    mine = {key: before[key] for key in touched}
    others = count(rest, mine, earlier=outside, fresh_members=fresh)
    assert not touched & made.after.keys()
    made.after |= others.after
    made.over_limit |= others.over_limit
    made.crossings += others.crossings
    assert shown(made) == shown(expected)
    if aggregation is Aggregation.SUM and window is None:
        assert not rest, "nothing to look at one by one"


CONTENTS: list[dict[str, Any]] = [
    {},
    {"quantity": Decimal(2)},
    {"at": NOW + timedelta(microseconds=1)},
    {"meter_ref": "other"},
    {"agent_ref": "bot"},
    {"action_type": "task"},
    {"subscription_id": SUB_1},
    {"attributes_text": "{}"},
    {"attributes_text": "1"},
    {"attributes_text": '{"a":1}'},
]


def test_each_thing_that_was_given_changes_the_fingerprint() -> None:
    made = set()
    for fields in CONTENTS:
        item = incoming(**fields)
        made.add(Lane(item, names()).content_of(item, str(item.quantity)))
    assert len(made) == len(CONTENTS)
    assert all(-(2**63) <= mark < 2**63 for mark in made)
    first = incoming()
    again = Incoming(first.named, first.quantity, first.at, "another key", metadata_text="{}")
    assert Lane(again, names()).content_of(again, "1") in made
