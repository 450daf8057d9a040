"""The answer that is made the short way is the one that is documented."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.access import views
from tallybook.server.access.models import Decision, Reason

from .examples import NOW, entitlement

ENTITLEMENTS = [
    None,
    entitlement("100", overage="deny", limit_type="event_quota"),
    entitlement("0", overage="bill", limit_type="none"),
    entitlement("7.5", overage="free", limit_type="event_quota", event_quota_window="day"),
]
QUANTITIES = st.decimals(
    -(10**17), 10**17, places=12, allow_nan=False, allow_infinity=False
) | st.integers(0, 10**17).map(lambda n: Decimal(n).normalize())
TIMES = st.timedeltas(timedelta(0), timedelta(days=40_000)).map(lambda after: NOW + after)


@given(
    reason=st.sampled_from(list(Reason)),
    feature=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    one=st.sampled_from(ENTITLEMENTS),
    used=QUANTITIES,
    reset_at=st.none() | TIMES,
    checked_at=TIMES,
)
def test_both_ways_say_the_same_to_the_byte(
    reason: Reason,
    feature: str,
    one: Any,
    used: Decimal,
    reset_at: datetime | None,
    checked_at: datetime,
) -> None:
    decision = Decision(reason, feature, one, used, reset_at, checked_at)
    assert views.to_json(decision).decode() == views.to_wire(decision).model_dump_json()
