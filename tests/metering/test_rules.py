"""Event ids, tallies and averages."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.kernel.money import EXACT
from tallybook.server.metering.models import Aggregation, Tally, average
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.metering.rules.event_ids import event_id, read_event_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
moments = st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours))
values = st.decimals(0, 10**6, places=6, allow_nan=False).map(lambda d: d or Decimal(0))
usage = st.lists(st.tuples(values, moments), max_size=6)


def tally_of(events: Sequence[tuple[Decimal, datetime]]) -> Tally:
    made = Tally()
    for value, at in events:
        made = tallies.add(made, value, at)
    return made


@given(
    position=st.integers(1, 2**62 - 1),
    received_at=st.datetimes(datetime(1971, 1, 1), datetime(2900, 1, 1)),  # noqa: DTZ001
)
def test_an_event_id_gives_its_position_back(position: int, received_at: datetime) -> None:
    at = received_at.replace(tzinfo=UTC)
    made = event_id(position, at)
    assert len(made) == 36
    assert (made[4 + 12], made[4 + 16] in "89ab") == ("7", True), "it is a UUIDv7"
    read = read_event_id(made)
    assert read is not None
    assert read[0] == position
    assert read[1] == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_event_ids_of_one_moment_differ_and_do_not_tell_how_many_there_are() -> None:
    made = [event_id(position, NOON) for position in range(1, 1001)]
    assert len(set(made)) == 1000
    assert len({one[-4:] for one in made}) > 900


@pytest.mark.parametrize(
    "text", ["", "evt_", "evt_x" + "0" * 31, "cus_" + "0" * 32, "evt_" + "0" * 33]
)
def test_what_is_no_event_id_reads_as_none(text: str) -> None:
    assert read_event_id(text) is None


@given(usage)
def test_a_tally_does_not_depend_on_the_order(events: list[tuple[Decimal, datetime]]) -> None:
    expected = tally_of(events)
    for turned in list(permutations(events))[:24]:
        assert tally_of(turned) == expected
    assert tally_of(events[::-1]) == expected


def test_of_two_values_at_one_time_the_higher_is_the_latest() -> None:
    zero, five = (Decimal(0), NOON), (Decimal(5), NOON)
    assert tally_of([zero, five]).latest == tally_of([five, zero]).latest == Decimal(5)


@given(usage)
def test_figures_are_what_their_names_say(events: list[tuple[Decimal, datetime]]) -> None:
    made = tally_of(events)
    seen = [value for value, _ in events]
    total = sum(map(Fraction, seen), Fraction(0))
    assert Fraction(made.figure(Aggregation.SUM)) == total
    assert Fraction(made.figure(Aggregation.COUNT)) == total
    assert made.figure(Aggregation.MAX) == max(seen, default=0)
    assert made.figure(Aggregation.MIN) == min(seen, default=0)
    newest = max((at for _, at in events), default=None)
    at_last = [value for value, at in events if at == newest]
    assert made.figure(Aggregation.LATEST) == max(at_last, default=0)
    if events:
        mean = total / len(events)
        assert abs(Fraction(made.figure(Aggregation.AVERAGE)) - mean) * 2 <= Fraction(1, 10**12)


def test_an_average_is_rounded_half_up_to_twelve_places() -> None:
    assert average(Decimal(1), 3) == Decimal("0.333333333333")
    assert average(Decimal(2), 3) == Decimal("0.666666666667")
    assert average(Decimal("0.000000000001"), 2) == Decimal("0.000000000001")
    assert average(Decimal(0), 0) == 0


def test_a_million_small_quantities_lose_nothing() -> None:
    made, small = Tally(), Decimal("0.0001")
    for _ in range(100_000):
        made = tallies.add(made, small, NOON)
    assert made.total == Decimal(10)
    assert EXACT.multiply(made.total * 10, Decimal("0.000128")) == Decimal("0.0128")


def test_a_version_rises_only_with_a_change() -> None:
    before = tallies.add(Tally(), Decimal(1), NOON)
    assert tallies.changed(before, before) is before
    after = tallies.changed(before, tallies.add(before, Decimal(0), NOON))
    assert after.version == before.version + 1
