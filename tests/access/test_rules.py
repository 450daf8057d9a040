"""Each reason of the ladder, and what stands behind it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.server.access.errors import HoldOver
from tallybook.server.access.models import ALLOWED, Hold, HoldStatus, Reason, WalletGate
from tallybook.server.access.rules import holds
from tallybook.server.access.rules.decide import decide
from tallybook.server.access.rules.entitle import (
    find_entitlement,
    list_entitlements,
    reset_of,
)
from tallybook.server.access.rules.standing import continued, graced, hindrance_of, why_nothing
from tallybook.server.metering.models import PERIOD_WINDOW
from tallybook.server.rating.models import LimitType, Overage, QuotaWindow
from tallybook.server.subscriptions.models import Status
from tests.subscriptions.examples import day

from .examples import NOW, UTC_ZONE, entitlement, line, metered

STEP = Decimal("0.000000000001")
QUOTA = {"limit_type": "event_quota"}
MODES = {"bill": Reason.OVERAGE, "free": Reason.FREE_OVERAGE, "deny": Reason.LIMIT_REACHED}


def decided(one: Any, after: str | Decimal, **changes: Any) -> Reason:
    facts: dict[str, Any] = {"is_customer_suspended": False, "hindrance": None, **changes}
    return decide(one, used_after=Decimal(after), **facts)


@pytest.mark.parametrize("mode", MODES)
def test_the_limit_itself_may_be_used_and_no_step_more(mode: str) -> None:
    one = entitlement("100", overage=mode, **QUOTA)
    assert one.limit == 100
    for within in ("0", "99", "100"):
        assert decided(one, within) is Reason.OK
    assert decided(one, 100 + STEP) is MODES[mode]
    assert decided(one, "115") is MODES[mode]


@pytest.mark.parametrize("mode", ["bill", "free"])
def test_past_what_is_included_is_overage_without_a_quota_too(mode: str) -> None:
    one = entitlement("100", overage=mode, limit_type="none")
    assert (one.limit, one.limit_type) == (None, LimitType.NONE)
    assert decided(one, "100") is Reason.OK
    assert decided(one, "101") is MODES[mode]
    paying_by_use = entitlement("0", overage=mode, limit_type="none")
    assert decided(paying_by_use, "1000000") is Reason.OK


def test_a_quota_of_nothing_is_used_up() -> None:
    one = entitlement("0", overage="deny")
    assert decided(one, "0") is Reason.OK
    assert decided(one, STEP) is Reason.LIMIT_REACHED


def test_the_wallet_gate_denies_what_the_wallets_cannot_pay() -> None:
    one = entitlement("100", overage="bill", **QUOTA)
    enough = WalletGate(price=Decimal("5.00"), available=Decimal("5.00"))
    short = WalletGate(price=Decimal("5.01"), available=Decimal("5.00"))
    assert decided(one, "1", wallet_gate=enough) is Reason.OK
    assert decided(one, "101", wallet_gate=enough) is Reason.OVERAGE
    assert decided(one, "1", wallet_gate=short) is Reason.INSUFFICIENT_WALLET_BALANCE
    assert decided(one, "1", wallet_gate=None) is Reason.OK
    denied = entitlement("100", overage="deny")
    assert decided(denied, "101", wallet_gate=short) is Reason.LIMIT_REACHED


def test_a_suspended_customer_is_denied_whatever_else_is_true() -> None:
    one = entitlement("100", overage="bill")
    for hindrance in (None, Reason.NO_SUBSCRIPTION, Reason.SUBSCRIPTION_CANCELED):
        said = decided(one, "500", is_customer_suspended=True, hindrance=hindrance)
        assert said is Reason.CUSTOMER_SUSPENDED


def test_a_hindrance_goes_before_the_limit() -> None:
    one = entitlement("1", overage="deny")
    hindrance = Reason.SUBSCRIPTION_SUSPENDED
    assert decided(one, "5", hindrance=hindrance) is hindrance


@given(
    used_after=st.decimals("0", "1000", places=12),
    limit=st.decimals("0", "1000", places=12),
    mode=st.sampled_from(list(Overage)),
)
def test_a_limit_denies_exactly_what_is_past_it(
    used_after: Decimal, limit: Decimal, mode: Overage
) -> None:
    one = entitlement(str(limit), overage=mode.value, **QUOTA)
    reason = decided(one, used_after)
    assert (reason is Reason.OK) == (used_after <= limit)
    assert (reason not in ALLOWED) == (used_after > limit and mode is Overage.DENY)


HINDRANCES = {
    Status.TRIALING: None,
    Status.ACTIVE: None,
    Status.PAST_DUE: Reason.SUBSCRIPTION_PAST_DUE,
    Status.SUSPENDED: Reason.SUBSCRIPTION_SUSPENDED,
    Status.CANCELED: Reason.SUBSCRIPTION_CANCELED,
    Status.ENDED: Reason.SUBSCRIPTION_CANCELED,
    Status.DRAFT: Reason.NOT_STARTED,
    Status.SCHEDULED: Reason.NOT_STARTED,
}


@pytest.mark.parametrize("status", Status)
def test_each_status_has_its_say(status: Status) -> None:
    assert hindrance_of(line(status=status)) is HINDRANCES[status]


def test_past_due_blocks_when_the_grace_is_over() -> None:
    grace = timedelta(days=3)
    late = replace(line(status=Status.PAST_DUE), past_due_at=NOW - grace)
    blocked = Reason.SUBSCRIPTION_PAST_DUE
    assert hindrance_of(graced(late, NOW, grace)) is blocked
    almost = NOW - timedelta(microseconds=1)
    assert hindrance_of(graced(late, almost, grace)) is None
    assert hindrance_of(graced(late, NOW - grace, timedelta(0))) is blocked
    assert hindrance_of(graced(replace(late, past_due_at=None), NOW, grace)) is blocked
    other = replace(late, status=Status.SUSPENDED)
    assert graced(other, almost, grace) is other


def test_why_there_is_nothing() -> None:
    over = line(name="0", status=Status.CANCELED, start=day(1, 1), end=day(2, 1))
    ended = replace(over, status=Status.ENDED)
    to_come = line(name="2", status=Status.SCHEDULED, start=day(3, 20))
    suspended = line(name="3", plan="b", status=Status.SUSPENDED)
    past_due = line(name="4", plan="c", status=Status.PAST_DUE)
    running = line(name="5", plan="d")
    for lines, has_draft, reason in [
        ([], False, Reason.NO_SUBSCRIPTION),
        ([], True, Reason.NOT_STARTED),
        ([over], False, Reason.SUBSCRIPTION_CANCELED),
        ([ended], False, Reason.SUBSCRIPTION_CANCELED),
        ([over, to_come], False, Reason.NOT_STARTED),
        ([over, suspended], False, Reason.SUBSCRIPTION_SUSPENDED),
        ([suspended, past_due], False, Reason.SUBSCRIPTION_PAST_DUE),
        ([suspended, past_due, running], False, Reason.FEATURE_NOT_IN_PLAN),
    ]:
        assert why_nothing(lines, NOW, has_draft=has_draft) is reason


def test_a_late_renewal_shuts_nobody_out() -> None:
    old = line(metered(), start=day(2, 1), end=day(3, 1))
    assert find_entitlement([old], "calls", NOW, UTC_ZONE) is None
    one = find_entitlement([continued(old, NOW)], "calls", NOW, UTC_ZONE)
    assert one is not None
    assert one.counter is not None
    assert one.counter.start == day(3, 1)
    assert reset_of(one) is None
    for status in (Status.CANCELED, Status.ENDED):
        assert continued(replace(old, status=status), NOW) == replace(old, status=status)
    assert continued(replace(old, ended_at=day(3, 1)), NOW).find_period(NOW) is None
    current = line(metered())
    assert continued(current, NOW) is current


def test_a_feature_is_a_meters_key_or_id_or_a_name() -> None:
    lines = [line(metered(), features=("sso",))]
    by_key = find_entitlement(lines, "calls", NOW, UTC_ZONE)
    assert by_key == find_entitlement(lines, "mtr_calls", NOW, UTC_ZONE)
    assert by_key is not None
    assert (by_key.feature, by_key.meter_id) == ("calls", "mtr_calls")
    sso = find_entitlement(lines, "sso", NOW, UTC_ZONE)
    assert sso is not None
    assert (sso.meter_id, sso.limit, sso.overage, sso.window) == (None, None, None, None)
    assert decided(sso, "1000") is Reason.OK
    assert find_entitlement(lines, "other", NOW, UTC_ZONE) is None


def test_the_first_subscription_gives_a_meter_and_addons_add_to_it() -> None:
    parent = line(metered(overage="deny"), name="2", plan="pro", start=day(2, 20))
    addon = line(metered(included="50"), name="3", plan="extra", parent="pro", start=day(2, 1))
    later = line(metered(included="7", overage="deny"), name="4", plan="other")
    one = find_entitlement([later, addon, parent], "calls", NOW, UTC_ZONE)
    assert one is not None
    assert (one.timeline.id, one.limit) == ("sub_2", 150)
    named = find_entitlement(
        [later, addon, parent], "calls", NOW, UTC_ZONE, subscription_id="sub_4"
    )
    assert named is not None
    assert (named.timeline.id, named.limit) == ("sub_4", 7)


def test_a_boolean_feature_comes_from_whoever_gives_access() -> None:
    blocked = line(name="1", plan="a", features=("sso",), status=Status.SUSPENDED, start=day(2, 1))
    blocked = replace(blocked, periods=(replace(blocked.periods[0], end=day(4, 1)),))
    free = line(name="2", plan="b", features=("sso",))
    one = find_entitlement([blocked, free], "sso", NOW, UTC_ZONE)
    assert one is not None
    assert one.timeline.id == "sub_2"
    alone = find_entitlement([blocked], "sso", NOW, UTC_ZONE)
    assert alone is not None
    assert alone.timeline.id == "sub_1"


@pytest.mark.parametrize(
    ("window", "start", "reset_at"),
    [
        ("billing_period", day(3, 1), day(4, 1)),
        ("month", day(3, 1), day(4, 1)),
        ("week", day(3, 9), day(3, 16)),
        ("day", day(3, 10), day(3, 11)),
        ("hour", NOW, NOW + timedelta(hours=1)),
        ("lifetime", day(3, 1), None),
    ],
)
def test_windows_reset_at_their_end(window: str, start: Any, reset_at: Any) -> None:
    one = entitlement("5", overage="deny", event_quota_window=window)
    assert one.window is QuotaWindow(window)
    assert one.used_counter is not None
    assert (one.used_counter.start, reset_of(one)) == (start, reset_at)
    assert one.used_counter.window == (PERIOD_WINDOW if window == "billing_period" else window)


def test_days_are_the_projects() -> None:
    lines = [line(metered(overage="deny", event_quota_window="day"))]
    one = find_entitlement(lines, "calls", NOW, ZoneInfo("Asia/Dubai"))
    assert reset_of(one) == day(3, 10) + timedelta(hours=20)


def test_all_that_a_customer_has_is_listed_once() -> None:
    lines = [
        line(metered(), metered("tokens"), features=("sso", "audit")),
        line(metered(included="3"), name="2", plan="b", features=("sso",), start=day(3, 2)),
    ]
    found = list_entitlements(lines, NOW, UTC_ZONE)
    assert [(one.feature, one.timeline.id) for one in found] == [
        ("audit", "sub_1"),
        ("calls", "sub_1"),
        ("sso", "sub_1"),
        ("tokens", "sub_1"),
    ]
    assert list_entitlements([], NOW, UTC_ZONE) == []


def hold(status: HoldStatus = HoldStatus.HELD) -> Hold:
    return Hold(
        id="hld_1",
        customer_id="cus_1",
        feature="calls",
        meter_id="mtr_calls",
        subscription_id="sub_1",
        quantity=Decimal(10),
        status=status,
        settled_quantity=None,
        event_id=None,
        expires_at=NOW,
        created_at=day(3, 9),
        updated_at=day(3, 9),
    )


BEFORE = NOW - timedelta(microseconds=1)


@pytest.mark.parametrize("status", [HoldStatus.SETTLED, HoldStatus.RELEASED])
def test_what_is_over_stays_so(status: HoldStatus) -> None:
    for act in (
        lambda: holds.settled(hold(status), Decimal(1), BEFORE),
        lambda: holds.released(hold(status), BEFORE),
    ):
        with pytest.raises(HoldOver) as over:
            act()
        assert over.value.details["current_state"] == status.value
    assert holds.status_at(hold(status), NOW) is status


def test_a_hold_settles_or_is_released_until_it_expires() -> None:
    assert holds.status_at(hold(), BEFORE) is HoldStatus.HELD
    done = holds.settled(hold(), Decimal(12), BEFORE)
    assert (done.status, done.settled_quantity) == (HoldStatus.SETTLED, 12)
    assert holds.released(hold(), BEFORE).status is HoldStatus.RELEASED
    assert holds.status_at(hold(), NOW) is HoldStatus.EXPIRED
    with pytest.raises(HoldOver, match="expired"):
        holds.settled(hold(), Decimal(1), NOW)


def test_what_is_held_adds_up() -> None:
    assert holds.total([]) == 0
    assert holds.total([Decimal("0.1"), Decimal("0.2")]) == Decimal("0.3")
