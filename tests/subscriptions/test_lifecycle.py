"""States and periods of subscriptions that run, on both databases."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.errors import (
    AlreadySubscribed,
    DatesInvalid,
    IllegalTransition,
    PeriodTaken,
    SubscriptionNotFound,
    VersionConflict,
)
from tallybook.server.subscriptions.models import (
    Action,
    ChangeReason,
    Opening,
    Period,
    Status,
    Subscription,
)
from tests.conftest import NOW

from .conftest import World
from .examples import day


def renew(world: World, sub: Subscription, at: datetime = NOW) -> tuple[Subscription, Period]:
    world.ask(subscriptions.close_period, sub)
    opened = world.do(subscriptions.open_next_period, sub, space=world.where, at=at)
    assert opened is not None
    return opened


def test_an_unknown_subscription_is_not_found(world: World) -> None:
    with pytest.raises(SubscriptionNotFound):
        world.ask(subscriptions.get, "sub_nope")


def test_a_change_of_state_is_stored_and_told(world: World) -> None:
    sub = world.subscribe()
    late = world.do(subscriptions.apply, sub, Action.FALL_DUE, details={"access_blocked": True})
    assert world.get(late) == late
    assert late.status is Status.PAST_DUE
    event, data = world.events()[-1]
    assert event == "subscription.past_due"
    assert (data["previous_status"], data["access_blocked"]) == ("active", True)
    assert world.do(subscriptions.apply, late, Action.RECOVER).status is Status.ACTIVE
    assert world.told()[-1] == "recovered"


def test_a_stale_subscription_is_not_saved(world: World) -> None:
    stale = world.subscribe()
    world.do(subscriptions.apply, stale, Action.FALL_DUE)
    with pytest.raises(VersionConflict):
        world.do(subscriptions.apply, stale, Action.SUSPEND)
    assert world.told() == ["created", "activated", "past_due"]


class TestSuspend:
    def test_it_resumes_where_it_was_and_the_period_is_not_extended(self, world: World) -> None:
        sub = world.subscribe()
        until = NOW + timedelta(days=5)
        suspended = world.do(subscriptions.suspend, sub.id, reason="overdue", resume_at=until)
        assert (suspended.status, suspended.resume_at) == (Status.SUSPENDED, until)
        assert world.events()[-1][1]["reason"] == "overdue"
        resumed = world.do(subscriptions.resume, sub.id, at=until)
        assert (resumed.status, resumed.resume_at) == (Status.ACTIVE, None)
        assert resumed.current_period_end == sub.current_period_end
        assert world.told()[-2:] == ["suspended", "resumed"]

    def test_a_resume_date_ahead_moves_the_date(self, world: World) -> None:
        sub = world.subscribe()
        world.do(subscriptions.suspend, sub.id)
        waiting = world.do(subscriptions.resume, sub.id, resume_at=NOW + timedelta(days=1))
        assert (waiting.status, waiting.resume_at) == (Status.SUSPENDED, NOW + timedelta(days=1))

    def test_a_resume_date_behind_is_refused(self, world: World) -> None:
        sub = world.subscribe()
        with pytest.raises(DatesInvalid):
            world.do(subscriptions.suspend, sub.id, resume_at=NOW)

    def test_wrong_states_are_refused(self, world: World) -> None:
        sub = world.subscribe(start=day(5, 1))
        for act in (subscriptions.suspend, subscriptions.resume):
            with pytest.raises(IllegalTransition) as refused:
                world.do(act, sub.id)
            assert refused.value.details["current_state"] == "scheduled"


class TestCancel:
    def test_now_it_cuts_and_closes_the_period(self, world: World) -> None:
        sub = world.subscribe()
        at = NOW + timedelta(days=10)
        gone = world.do(subscriptions.apply, sub, Action.CANCEL, at=at, reason="too dear")
        assert (gone.canceled_at, gone.ended_at, gone.cancel_reason) == (at, at, "too dear")
        period = world.ask(subscriptions.get_current_period, gone)
        assert (period.end, period.is_closed) == (at, True)
        assert world.told()[-1] == "canceled"
        with pytest.raises(IllegalTransition):
            world.do(subscriptions.apply, gone, Action.CANCEL, at=at)

    def test_later_it_is_a_date_that_can_be_replaced_and_withdrawn(self, world: World) -> None:
        sub = world.subscribe()
        waiting = world.do(subscriptions.schedule_cancel, sub, cancel_at=day(4, 1))
        assert (waiting.status, waiting.cancel_at) == (Status.ACTIVE, day(4, 1))
        moved = world.do(subscriptions.schedule_cancel, waiting, cancel_at=day(5, 1))
        kept = world.do(subscriptions.resume, sub.id)
        assert (moved.cancel_at, kept.cancel_at) == (day(5, 1), None)
        assert world.told() == ["created", "activated", "updated", "updated", "updated"]
        with pytest.raises(IllegalTransition):
            world.do(subscriptions.resume, sub.id)

    def test_a_date_behind_is_refused(self, world: World) -> None:
        with pytest.raises(DatesInvalid):
            world.do(subscriptions.schedule_cancel, world.subscribe(), cancel_at=NOW)

    def test_before_the_start_nothing_has_run(self, world: World) -> None:
        sub = world.subscribe(start=day(5, 1))
        gone = world.do(subscriptions.apply, sub, Action.CANCEL)
        period = world.ask(subscriptions.get_current_period, gone)
        assert period.start == period.end

    def test_a_draft_can_be_canceled(self, world: World) -> None:
        draft = world.subscribe(is_draft=True)
        assert world.do(subscriptions.apply, draft, Action.CANCEL).status is Status.CANCELED


class TestPeriods:
    def test_they_tile_from_the_anchor(self, world: World) -> None:
        sub = world.subscribe(start=day(1, 31))
        for number, end in enumerate((day(3, 31), day(4, 30), day(5, 31)), start=1):
            before = world.ask(subscriptions.get_current_period, sub)
            sub, period = renew(world, sub)
            assert (period.number, period.start, period.end) == (number, before.end, end)
            assert world.get(sub).current_period_end == end
        assert [p.number for p in world.ask(subscriptions.list_periods, sub.id)] == [3, 2, 1, 0]

    def test_after_a_trial_the_paid_periods_are_counted_from_its_end(self, world: World) -> None:
        world.add_plan("try", trial_available=True, trial_days=14)
        sub, period = renew(world, world.subscribe("try", start=day(3, 1)))
        assert (period.start, period.end, period.is_trial) == (day(3, 15), day(4, 15), False)
        assert sub.status is Status.TRIALING  # what follows is for those who charge it
        assert world.do(subscriptions.apply, sub, Action.START).status is Status.ACTIVE

    def test_the_end_date_cuts_the_last_and_stops_there(self, world: World) -> None:
        sub = world.subscribe(start=day(3, 1), end_date=date(2026, 4, 16))
        sub, period = renew(world, sub)
        assert (period.end, period.cycle_end) == (day(4, 16), day(5, 1))
        assert period.share == Fraction(1, 2)
        assert world.do(subscriptions.open_next_period, sub, space=world.where) is None
        ended = world.do(subscriptions.apply, sub, Action.END, at=day(4, 16))
        assert (ended.status, world.told()[-1]) == (Status.ENDED, "ended")

    def test_a_period_is_opened_once(self, world: World) -> None:
        sub = world.subscribe()
        renew(world, sub)
        with pytest.raises((PeriodTaken, VersionConflict)):
            world.do(subscriptions.open_next_period, sub, space=world.where)
        assert len(world.ask(subscriptions.list_periods, sub.id)) == 2

    def test_a_start_inside_given_bounds_is_a_part_of_them(self, world: World) -> None:
        opening = Opening(start=day(2, 19), period_start=day(2, 1), period_end=day(3, 1))
        sub = world.subscribe(opening=opening)
        period = world.ask(subscriptions.get_current_period, sub)
        assert (period.start, period.share) == (day(2, 19), Fraction(10, 28))
        assert (sub.started_at, sub.current_period_start) == (day(2, 19), day(2, 1))

    def test_closing_again_changes_nothing(self, world: World) -> None:
        sub = world.subscribe()
        closed = world.do(subscriptions.close_period, sub, at=NOW + timedelta(days=1))
        assert world.do(subscriptions.close_period, sub, at=NOW) == closed


class TestPlanChanges:
    def sign(self, world: World, plan: str, **named: Any) -> Any:
        return world.do(subscriptions.sign, plan=plan, **named)

    def test_at_once_it_splits_the_cycle(self, world: World) -> None:
        world.add_plan("max", "199")
        sub = world.subscribe(start=day(3, 1))
        at = day(3, 11)
        changed = world.do(subscriptions.change_terms, sub, self.sign(world, "max"), at=at)
        assert (changed.closed.end, changed.closed.is_closed) == (at, True)
        assert (changed.opened.start, changed.opened.end) == (at, day(4, 1))
        assert changed.opened.cycle == changed.closed.cycle
        assert changed.closed.share + changed.opened.share == 1
        after = world.get(sub)
        assert after == changed.subscription
        assert (after.plan_key, after.contract_version) == ("max", 2)
        assert after.current_period_start == day(3, 1)
        assert world.ask(subscriptions.get_terms, sub.contract_id, 2).base_price == 199
        event, data = world.events()[-1]
        assert (event, data["previous_plan"]) == ("subscription.plan_changed", "pro")

    def test_later_it_comes_with_the_next_period(self, world: World) -> None:
        plan_id = world.add_plan("max", "199")
        sub = world.subscribe(start=day(3, 1))
        signed = self.sign(world, "max")
        waiting = world.do(subscriptions.schedule_terms, sub, signed, reason=ChangeReason.REQUESTED)
        assert waiting.plan_key == "pro"
        change = waiting.scheduled_change
        assert change is not None
        assert (change.plan_id, change.effective_at) == (plan_id, day(4, 1))
        assert world.get(sub) == waiting
        after, period = renew(world, waiting)
        assert (after.plan_key, period.contract_version, after.scheduled_change) == ("max", 2, None)
        assert world.told()[-2:] == ["updated", "plan_changed"]

    def test_another_billing_period_is_anchored_where_it_begins(self, world: World) -> None:
        world.add_price("pro", "990", BillingPeriod.ANNUAL)
        sub = world.subscribe(start=day(1, 31))
        signed = self.sign(world, "pro", billing_period=BillingPeriod.ANNUAL)
        reason = ChangeReason.BILLING_PERIOD_CHANGE
        waiting = world.do(subscriptions.schedule_terms, sub, signed, reason=reason)
        after, period = renew(world, waiting)
        assert (period.start, period.end) == (day(2, 28), day(2, 28, 2027))
        assert (after.anchor, after.billing_period) == (day(2, 28), BillingPeriod.ANNUAL)

    def test_a_second_change_replaces_the_first_and_can_be_withdrawn(self, world: World) -> None:
        world.add_plan("max", "199")
        world.add_plan("mini", "9")
        sub = world.subscribe()
        for plan in ("max", "mini"):
            signed = self.sign(world, plan)
            sub = world.do(subscriptions.schedule_terms, sub, signed, reason=ChangeReason.REQUESTED)
        assert sub.scheduled_change is not None
        assert sub.scheduled_change.plan_key == "mini"
        sub = world.do(subscriptions.withdraw_scheduled_terms, sub)
        assert (sub.next_version, sub.scheduled_change) == (None, None)
        assert renew(world, sub)[0].plan_key == "pro"
        with pytest.raises(IllegalTransition):
            world.do(subscriptions.withdraw_scheduled_terms, world.get(sub))

    def test_a_plan_that_is_held_already_is_refused(self, world: World) -> None:
        world.add_plan("max", "199")
        sub = world.subscribe()
        other = world.subscribe("max")
        signed = self.sign(world, "max")
        with pytest.raises(AlreadySubscribed):
            world.do(subscriptions.change_terms, sub, signed)
        with pytest.raises(AlreadySubscribed):
            world.do(subscriptions.schedule_terms, sub, signed, reason=ChangeReason.REQUESTED)
        world.do(subscriptions.apply, other, Action.CANCEL)
        world.do(subscriptions.schedule_terms, sub, signed, reason=ChangeReason.REQUESTED)
        with pytest.raises(AlreadySubscribed):
            world.subscribe("max")

    @pytest.mark.parametrize("action", [Action.FALL_DUE, Action.SUSPEND, Action.CANCEL])
    def test_only_a_subscription_in_order_changes_at_once(
        self, world: World, action: Action
    ) -> None:
        world.add_plan("max", "199")
        sub = world.do(subscriptions.apply, world.subscribe(), action)
        with pytest.raises(IllegalTransition):
            world.do(subscriptions.change_terms, sub, self.sign(world, "max"))

    def test_in_a_trial_both_parts_are_trial(self, world: World) -> None:
        world.add_plan("try", trial_available=True, trial_days=14)
        sub = world.subscribe("try")
        at = NOW + timedelta(days=1)
        changed = world.do(subscriptions.change_terms, sub, self.sign(world, "pro"), at=at)
        assert changed.opened.is_trial
        assert changed.subscription.trial_end == sub.trial_end


class TestTimelines:
    def test_they_hold_every_period_with_its_terms(self, world: World) -> None:
        world.add_plan("max", "199")
        sub = world.subscribe(start=day(3, 1))
        signed = world.do(subscriptions.sign, plan="max")
        world.do(subscriptions.change_terms, sub, signed, at=day(3, 11))
        world.subscribe(is_draft=True)
        found = world.ask(subscriptions.timelines, [world.customer.id, "cus_nobody"])
        assert found["cus_nobody"] == []
        (line,) = found[world.customer.id]
        assert (line.id, line.started_at, line.status) == (sub.id, day(3, 1), Status.ACTIVE)
        assert [(p.start, p.end, p.terms.base_price) for p in line.periods] == [
            (day(3, 1), day(3, 11), Decimal(99)),
            (day(3, 11), day(4, 1), Decimal(199)),
        ]
        period = line.find_period(day(3, 5))
        assert period is not None
        assert period.terms.meters[0].meter_key == "calls"

    def test_old_periods_can_be_left_out(self, world: World) -> None:
        sub = world.subscribe(start=day(1, 1))
        sub, _ = renew(world, sub)
        renew(world, sub)
        found = world.ask(subscriptions.timelines, [world.customer.id], since=day(2, 1))
        assert [period.number for period in found[world.customer.id][0].periods] == [1, 2]

    def test_of_several_the_earliest_started_comes_first(self, world: World) -> None:
        world.add_plan("max")
        later = world.subscribe(start=day(3, 1))
        earlier = world.subscribe("max", start=day(2, 1))
        found = world.ask(subscriptions.timelines, [world.customer.id])
        assert [line.id for line in found[world.customer.id]] == [earlier.id, later.id]
        listed = world.ask(subscriptions.list_for_customer, world.customer.id)
        assert [sub.id for sub in listed] == [earlier.id, later.id]


def test_whether_something_runs_can_be_asked(world: World) -> None:
    sub = world.subscribe(start=day(5, 1))
    assert world.ask(subscriptions.any_live_on_plan, sub.plan_id)
    assert world.ask(subscriptions.any_live_for_customer, world.customer.id)
    world.do(subscriptions.apply, sub, Action.CANCEL)
    assert not world.ask(subscriptions.any_live_on_plan, sub.plan_id)
    assert not world.ask(subscriptions.any_live_for_customer, world.customer.id)
