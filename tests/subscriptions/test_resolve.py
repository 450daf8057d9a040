"""Each unit of usage counts for one subscription at most."""

from datetime import timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.subscriptions.models import Timeline
from tallybook.server.subscriptions.rules.resolve import find_paying

from .examples import day, meter_terms, terms, timeline

AT = day(3, 15)
CALLS = "mtr_calls"


def test_nobody_pays_without_a_subscription_that_prices_the_meter() -> None:
    assert find_paying([], meter_id=CALLS, at=AT) is None
    other = timeline("sub_1", terms("pro", meter_terms("tokens")))
    assert find_paying([other], meter_id=CALLS, at=AT) is None


def test_a_period_is_half_open() -> None:
    one = timeline("sub_1", terms("pro", meter_terms("calls")))
    assert find_paying([one], meter_id=CALLS, at=day(3, 1)) is not None
    last = day(4, 1) - timedelta(microseconds=1)
    assert find_paying([one], meter_id=CALLS, at=last) is not None
    assert find_paying([one], meter_id=CALLS, at=day(4, 1)) is None
    assert find_paying([one], meter_id=CALLS, at=day(2, 28)) is None


def test_the_earliest_started_that_prices_the_meter_wins_in_any_order() -> None:
    lines = [
        timeline("sub_1", terms("free", meter_terms("tokens")), start=day(1, 1)),
        timeline("sub_2", terms("pro", meter_terms("calls")), start=day(3, 2)),
        timeline("sub_3", terms("max", meter_terms("calls")), start=day(3, 1)),
        timeline("sub_4", terms("old", meter_terms("calls")), start=day(3, 1)),
    ]
    for order in permutations(lines):
        found = find_paying(order, meter_id=CALLS, at=AT)
        assert found is not None
        assert found.timeline.id == "sub_3"


def addon(id: str = "sub_2", included: str = "50") -> Timeline:
    signed = terms(f"extra{id}", meter_terms("calls", included), parent="pro")
    return timeline(id, signed, start=day(2, 1))


def test_an_addon_adds_its_included_units_to_its_parents() -> None:
    parent = timeline("sub_1", terms("pro", meter_terms("calls", "100")))
    found = find_paying([parent, addon(), addon("sub_3", "7")], meter_id=CALLS, at=AT)
    assert found is not None
    assert found.timeline.id == "sub_1"
    assert found.included_units == 157
    assert {line.id for line in found.addons} == {"sub_2", "sub_3"}


def test_an_addon_pays_itself_where_its_parent_does_not() -> None:
    for others in ([], [timeline("sub_1", terms("pro", meter_terms("tokens")))]):
        found = find_paying([addon(), *others], meter_id=CALLS, at=AT)
        assert found is not None
        assert (found.timeline.id, found.included_units, found.addons) == ("sub_2", 50, ())


def test_an_addon_of_another_plan_adds_nothing() -> None:
    other = timeline("sub_1", terms("other", meter_terms("calls", "100")), start=day(1, 1))
    found = find_paying([other, addon()], meter_id=CALLS, at=AT)
    assert found is not None
    assert (found.timeline.id, found.included_units) == ("sub_1", 100)


def test_a_named_subscription_is_the_only_choice() -> None:
    first = timeline("sub_1", terms("pro", meter_terms("calls")), start=day(1, 1))
    second = timeline("sub_2", terms("max", meter_terms("calls")))
    found = find_paying([first, second], meter_id=CALLS, at=AT, subscription_id="sub_2")
    assert found is not None
    assert found.timeline.id == "sub_2"
    assert find_paying([first], meter_id=CALLS, at=AT, subscription_id="sub_2") is None


@given(
    lines=st.lists(
        st.tuples(st.sampled_from(["pro", "max", "extra"]), st.booleans(), st.integers(1, 20)),
        max_size=5,
    ),
    at=st.integers(1, 31),
)
def test_whoever_pays_prices_the_meter_then(lines: list[tuple[str, bool, int]], at: int) -> None:
    made = [
        timeline(
            f"sub_{number}",
            terms(plan, meter_terms("calls"), parent="pro" if plan == "extra" and adds else None),
            start=day(3, start),
        )
        for number, (plan, adds, start) in enumerate(lines)
    ]
    running = [line for line in made if line.find_period(day(3, at))]
    found = find_paying(made, meter_id=CALLS, at=day(3, at))
    assert (found is None) == (not running)
    if found is not None:
        assert found.timeline in running
        assert found.timeline not in found.addons
