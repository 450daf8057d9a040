"""Which events an enforced limit keeps out: the rule, by a property."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tallybook.server.ingest.models import Counted, Quota
from tallybook.server.ingest.rules.enforce import refused
from tallybook.server.metering.models import PERIOD_WINDOW, Aggregation, CounterKey, Tally
from tallybook.server.metering.rules import tally as tallies

from .test_rules import priced

AT = datetime(2026, 3, 10, tzinfo=UTC)
KEY = CounterKey("sub_1", "mtr_calls", PERIOD_WINDOW, datetime(2026, 3, 1, tzinfo=UTC))
QUOTA = Quota(KEY, Decimal(10), priced(overage="deny"), None, KEY.start)


def event(position: int, value: Decimal, **fields: object) -> Counted:
    made = Counted(position, "cus_1", Aggregation.SUM, value, None, AT, KEY, QUOTA)
    return replace(made, **fields)  # type: ignore[arg-type]


def tally_of(values: list[Decimal]) -> Tally:
    made = Tally()
    for value in values:
        made = tallies.add(made, value, AT)
    return made


values = st.lists(st.decimals(0, 15, places=2), max_size=12)


@given(
    sent=values,
    was=st.lists(st.decimals(0, 5, places=2), max_size=3),
    earlier=st.decimals(0, 5, places=2),
    kind=st.sampled_from([Aggregation.SUM, Aggregation.COUNT, Aggregation.MAX]),
)
def test_no_limit_is_passed_and_nothing_that_fits_is_refused(
    sent: list[Decimal], was: list[Decimal], earlier: Decimal, kind: Aggregation
) -> None:
    usage = [event(number, value, aggregation=kind) for number, value in enumerate(sent)]
    out = refused(usage, {KEY: tally_of(was)}, earlier={KEY: earlier}, members={})
    kept = list(was)
    for one in usage:
        assert one.value is not None
        after = tally_of([*kept, one.value]).figure(kind) + earlier
        assert (after > 10) == (one.position in out)
        if one.position not in out:
            kept.append(one.value)


def test_what_has_no_such_limit_is_taken() -> None:
    billed = replace(QUOTA, terms=priced(overage="bill"))
    usage = [event(1, Decimal(99), quota=None), event(2, Decimal(99), quota=billed)]
    assert refused(usage, {KEY: Tally()}, earlier={}, members={}) == set()
