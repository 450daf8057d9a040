"""Subscribing: what is pinned, what is refused, what is told."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import PlanNotActive, PlanNotFound, PriceNotConfigured
from tallybook.server.catalog.models import MeterOverride, PlanStatus, TermsSource
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.kernel.errors import InvalidInput
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.errors import (
    AlreadySubscribed,
    DatesInvalid,
    PeriodNotFound,
    TrialAlreadyUsed,
)
from tallybook.server.subscriptions.models import Action, Negotiated, Opening, Status
from tests.conftest import NOW

from .conftest import World
from .examples import day


def test_a_subscription_runs_from_now_on_the_plans_default_price(world: World) -> None:
    sub = world.subscribe()
    assert sub.status is Status.ACTIVE
    assert (sub.started_at, sub.current_period_end) == (NOW, NOW.replace(month=4))
    assert (sub.plan_key, sub.market_key, sub.currency) == ("pro", "global", "USD")
    assert world.get(sub) == sub
    period = world.ask(subscriptions.get_current_period, sub)
    assert (period.number, period.start, period.end, period.share) == (0, NOW, period.cycle_end, 1)
    assert world.told() == ["created", "activated"]
    _, data = world.events()[0]
    assert data["customer_external_id"] == "acme"
    assert data["subscription"]["id"] == data["subscription_id"] == sub.id


def test_a_later_edit_of_the_plan_does_not_reach_it(world: World) -> None:
    sub = world.subscribe()
    price = world.ask(catalog.choose_price, world.ask(catalog.get_plan, "pro"))
    world.do(catalog.update_price, price.id, base_price=Decimal(500))
    terms = world.ask(subscriptions.get_terms, sub.contract_id, 1)
    assert terms.base_price == 99
    assert terms.plan_version_id == sub.plan_version_id


def test_negotiated_terms_are_pinned_with_their_source(world: World) -> None:
    override = MeterOverride(
        "calls", {"unit_price": Decimal("0.005"), "included_units": Decimal(50_000)}
    )
    negotiated = Negotiated(base_price=Decimal(700), meter_overrides=(override,), notes="launch")
    sub = world.subscribe(negotiated=negotiated, name="Enterprise", end_date=date(2027, 3, 1))
    agreement = world.ask(subscriptions.get_agreement, sub.id)
    terms = agreement.version.terms
    assert (terms.base_price, terms.base_price_source) == (700, TermsSource.CONTRACT)
    assert terms.meters[0].source is TermsSource.CONTRACT
    assert terms.meters[0].shape.included_units == 50_000
    assert agreement.version.plan_terms.base_price == 99
    assert agreement.version.meter_overrides == (override,)
    assert (agreement.contract.name, agreement.version.notes) == ("Enterprise", "launch")
    assert sub.end_date == day(3, 1, 2027)


def test_an_override_of_an_unknown_meter_is_refused_with_its_place(world: World) -> None:
    negotiated = Negotiated(meter_overrides=(MeterOverride("nope", {}),))
    with pytest.raises(InvalidInput) as refused:
        world.subscribe(negotiated=negotiated, terms_at="/contract")
    assert refused.value.errors[0].pointer == "/contract/meter_overrides/0/meter"
    assert world.told() == []


def test_an_archived_customer_is_not_found(world: World) -> None:
    world.do(customers.archive, world.customer.id)
    gone = world.ask(customers.get, world.customer.id)
    with pytest.raises(CustomerNotFound):
        world.subscribe(customer=gone)


def test_a_plan_that_is_not_sold_so_is_refused(world: World) -> None:
    with pytest.raises(PlanNotFound):
        world.subscribe("nope")
    with pytest.raises(PriceNotConfigured):
        world.subscribe(billing_period=BillingPeriod.ANNUAL)
    with pytest.raises(PriceNotConfigured):
        world.subscribe(currency="EUR")
    world.add_plan("later", status=PlanStatus.DRAFT)
    with pytest.raises(PlanNotActive):
        world.subscribe("later")


def test_a_second_live_subscription_on_the_same_plan_is_refused(world: World) -> None:
    first = world.subscribe()
    with pytest.raises(AlreadySubscribed) as refused:
        world.subscribe()
    assert refused.value.details["subscription_id"] == first.id
    world.add_plan("max")
    world.subscribe("max")
    world.do(subscriptions.apply, first, Action.CANCEL)
    world.subscribe()


def test_of_many_who_subscribe_at_once_one_succeeds(world: World) -> None:
    def attempt(_: int) -> bool:
        try:
            world.subscribe()
        except AlreadySubscribed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert world.told() == ["created", "activated"]


def test_a_draft_has_no_period_and_bars_nobody(world: World) -> None:
    draft = world.subscribe(is_draft=True)
    assert (draft.status, draft.started_at, draft.current_period) == (Status.DRAFT, None, None)
    with pytest.raises(PeriodNotFound):
        world.ask(subscriptions.get_current_period, draft)
    world.subscribe()
    assert world.told() == ["created", "created", "activated"]


def test_a_draft_whose_dates_do_not_fit_is_refused_at_once(world: World) -> None:
    with pytest.raises(DatesInvalid):
        world.subscribe(is_draft=True, start=day(4, 1), end_date=date(2026, 4, 1))


def test_a_start_ahead_is_scheduled_with_its_period_known(world: World) -> None:
    sub = world.subscribe(start=day(4, 1))
    assert (sub.status, sub.current_period_start) == (Status.SCHEDULED, day(4, 1))
    assert world.ask(subscriptions.get_current_period, sub).start == day(4, 1)
    assert world.told() == ["created"]


def test_local_days_are_the_projects(world: World) -> None:
    riyadh = replace(world.where, timezone="Asia/Riyadh")
    world.where = riyadh
    sub = world.subscribe(end_date=date(2026, 4, 1))
    assert sub.end_date == day(4, 1) - timedelta(hours=3)


class TestTrials:
    def test_a_plan_with_a_trial_begins_with_it(self, world: World) -> None:
        world.add_plan("try", trial_available=True, trial_days=14)
        sub = world.subscribe("try")
        assert (sub.status, sub.trial_end) == (Status.TRIALING, NOW + timedelta(days=14))
        assert sub.anchor == sub.current_period_end == sub.trial_end
        assert world.ask(subscriptions.get_current_period, sub).is_trial
        assert world.told() == ["created", "activated"]

    def test_there_is_one_trial_per_customer_and_plan(self, world: World) -> None:
        world.add_plan("try", trial_available=True, trial_days=14)
        first = world.subscribe("try")
        world.do(subscriptions.apply, first, Action.CANCEL, at=NOW + timedelta(days=1))
        later = NOW + timedelta(days=2)
        with pytest.raises(TrialAlreadyUsed):
            world.subscribe("try", opening=Opening(wants_trial=True), at=later)
        assert world.subscribe("try", at=later).status is Status.ACTIVE
        other, _ = world.do(customers.create, {"name": "Other"})
        assert world.subscribe("try", customer=other).status is Status.TRIALING

    def test_the_status_active_skips_it_and_does_not_use_it_up(self, world: World) -> None:
        world.add_plan("try", trial_available=True, trial_days=14)
        first = world.subscribe("try", opening=Opening(wants_trial=False))
        assert first.status is Status.ACTIVE
        world.do(subscriptions.apply, first, Action.CANCEL, at=NOW + timedelta(days=1))
        again = world.subscribe("try", at=NOW + timedelta(days=2))
        assert again.status is Status.TRIALING

    def test_a_trial_canceled_before_it_began_is_not_used_up(self, world: World) -> None:
        world.add_plan("try", trial_available=True, trial_days=14)
        first = world.subscribe("try", start=day(5, 1))
        world.do(subscriptions.apply, first, Action.CANCEL)
        assert world.subscribe("try").status is Status.TRIALING
