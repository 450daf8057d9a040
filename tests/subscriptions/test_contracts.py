"""Contracts: drafts, activation, edits and the versions they make."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import PriceNotConfigured
from tallybook.server.catalog.models import MeterOverride, TermsSource
from tallybook.server.customers import service as customers
from tallybook.server.customers.errors import CustomerNotFound
from tallybook.server.customers.models import CustomerStatus
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.rating.rules.tiers import TierBounds
from tallybook.server.storage.pages import FIRST
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.errors import (
    AlreadySubscribed,
    ContractNotFound,
    ContractNotReady,
    DatesInvalid,
    IllegalTransition,
)
from tallybook.server.subscriptions.models import (
    Action,
    Agreement,
    ChangeReason,
    CollectionMethod,
    Negotiated,
    Opening,
    Status,
    Subscription,
)
from tallybook.server.subscriptions.rules.contracts import status_of
from tests.conftest import NOW

from .conftest import World
from .examples import day


def draft(world: World, **order: Any) -> Subscription:
    start = order.pop("start_date", date(2026, 4, 1))
    opening = Opening(start=world.where.midnight(start))
    return world.subscribe(is_draft=True, start_date=start, opening=opening, **order)


def edit(world: World, sub: Subscription, **changes: Any) -> Agreement:
    return world.do(subscriptions.update_contract, sub.contract_id, changes, space=world.where)


def activate(world: World, sub: Subscription, **given: Any) -> Agreement:
    return world.do(subscriptions.activate, sub.contract_id, space=world.where, **given)


def test_an_unknown_contract_is_not_found(world: World) -> None:
    for act in (subscriptions.get_contract, subscriptions.list_versions):
        with pytest.raises((ContractNotFound, Exception), match=r"no such"):
            world.ask(act, "ctr_nope")


class TestActivate:
    def test_the_first_period_begins_at_the_start_date(self, world: World) -> None:
        sub = draft(world, start_date=date(2026, 2, 1))
        activated = activate(world, sub).subscription
        assert activated.status is Status.ACTIVE
        period = world.ask(subscriptions.get_current_period, activated)
        assert (period.start, period.end) == (day(2, 1), day(3, 1))
        assert world.told() == ["created", "activated"]

    def test_a_date_ahead_schedules_it(self, world: World) -> None:
        agreement = activate(world, draft(world), start=day(5, 1))
        assert agreement.subscription.status is Status.SCHEDULED
        assert agreement.contract.start_date == date(2026, 5, 1)
        assert agreement.version.effective_at == day(5, 1)
        assert world.told() == ["created", "updated"]

    def test_only_a_draft_can_be_activated(self, world: World) -> None:
        sub = draft(world, start_date=date(2026, 3, 1))
        activate(world, sub)
        with pytest.raises(IllegalTransition) as refused:
            activate(world, sub)
        assert refused.value.details["current_state"] == "active"

    def test_one_of_two_drafts_on_a_plan_is_activated(self, world: World) -> None:
        first, second = draft(world), draft(world)
        activate(world, first)
        with pytest.raises(AlreadySubscribed):
            activate(world, second)

    def test_warnings_are_skipped_on_request(self, world: World) -> None:
        sub = draft(world)
        world.do(catalog.archive_plan, "pro")
        world.do(customers.update, world.customer.id, {"status": CustomerStatus.INACTIVE})
        with pytest.raises(ContractNotReady) as refused:
            activate(world, sub)
        codes = {error.code for error in refused.value.errors}
        assert codes == {"plan_not_active", "customer_not_active"}
        assert activate(world, sub, skip_validation=True).subscription.status is Status.SCHEDULED

    @pytest.mark.parametrize("skip", [True, False])
    def test_integrity_is_never_skipped(self, world: World, skip: bool) -> None:
        sub = draft(world, end_date=date(2026, 5, 1))
        with pytest.raises(DatesInvalid):
            activate(world, sub, start=day(5, 1), skip_validation=skip)
        world.do(customers.archive, world.customer.id)
        with pytest.raises(CustomerNotFound):
            activate(world, sub, skip_validation=skip)

    def test_a_trial_begins_with_it(self, world: World) -> None:
        world.add_plan("try", trial_available=True, trial_days=14)
        sub = activate(world, draft(world, plan="try", start_date=date(2026, 3, 1))).subscription
        assert (sub.status, sub.trial_end) == (Status.TRIALING, day(3, 15))


class TestPrices:
    def test_they_are_copied_when_the_draft_is_made(self, world: World) -> None:
        sub = draft(world)
        price = world.ask(catalog.choose_price, world.ask(catalog.get_plan, "pro"))
        world.do(catalog.update_price, price.id, base_price=Decimal(500))
        assert activate(world, sub).version.terms.base_price == 99

    def test_a_period_without_a_price_takes_the_default_with_a_base_price_given(
        self, world: World
    ) -> None:
        annual = BillingPeriod.ANNUAL
        with pytest.raises(PriceNotConfigured):
            draft(world, billing_period=annual, default_price_serves=True)
        sub = draft(
            world,
            billing_period=annual,
            default_price_serves=True,
            negotiated=Negotiated(base_price=Decimal(900)),
        )
        terms = world.ask(subscriptions.get_terms, sub.contract_id, 1)
        assert (terms.billing_period, terms.base_price) == (annual, 900)
        assert terms.meters[0].meter_key == "calls"

    def test_a_free_default_price_serves_without_one(self, world: World) -> None:
        world.add_plan("free", "0")
        sub = draft(
            world, plan="free", billing_period=BillingPeriod.ANNUAL, default_price_serves=True
        )
        assert sub.billing_period is BillingPeriod.ANNUAL

    def test_a_draft_is_rewritten(self, world: World) -> None:
        world.add_price("pro", "990", BillingPeriod.ANNUAL)
        sub = draft(world)
        edited = edit(world, sub, billing_period=BillingPeriod.ANNUAL, notes="yearly")
        assert (edited.version.version, edited.version.terms.base_price) == (1, 990)
        assert edited.subscription.billing_period is BillingPeriod.ANNUAL
        edited = edit(world, sub, base_price=Decimal(900))
        assert (edited.version.terms.base_price, edited.version.notes) == (900, "yearly")
        assert edit(world, sub, base_price=None).version.terms.base_price == 990

    def test_a_running_one_gets_its_next_version_with_the_next_period(self, world: World) -> None:
        sub = world.subscribe(start=day(2, 15))
        edited = edit(world, sub, base_price=Decimal(80))
        assert edited.version.version == 2
        running = edited.subscription
        assert (running.contract_version, running.next_version) == (1, 2)
        assert world.ask(subscriptions.get_agreement, sub.id).version.terms.base_price == 99
        world.ask(subscriptions.close_period, running)
        opened = world.do(subscriptions.open_next_period, running, space=world.where)
        assert opened is not None
        after, period = opened
        assert (after.contract_version, period.contract_version) == (2, 2)
        history = world.ask(subscriptions.list_versions, sub.id)
        assert [one.version.version for one in history] == [2, 1]
        assert [status_of(one.subscription, one.version.version) for one in history] == [
            "active",
            "superseded",
        ]
        assert [one.version.effective_at for one in history] == [day(3, 15), day(2, 15)]
        assert world.told()[-1] == "updated"

    def test_edits_build_on_what_waits(self, world: World) -> None:
        sub = world.subscribe()
        edit(world, sub, base_price=Decimal(80))
        override = MeterOverride("calls", {"included_units": Decimal(500)})
        edited = edit(world, sub, meter_overrides=(override,))
        assert (edited.version.version, edited.subscription.next_version) == (3, 3)
        terms = edited.version.terms
        assert (terms.base_price, terms.meters[0].shape.included_units) == (80, 500)
        plain = edit(world, sub, base_price=None, meter_overrides=None).version
        assert not plain.is_negotiated
        assert plain.terms.base_price_source is plain.terms.meters[0].source is TermsSource.PLAN

    def test_another_billing_period_waits_for_the_next_one(self, world: World) -> None:
        world.add_price("pro", "990", BillingPeriod.ANNUAL)
        edited = edit(world, world.subscribe(), billing_period=BillingPeriod.ANNUAL)
        change = edited.subscription.scheduled_change
        assert change is not None
        assert change.reason is ChangeReason.BILLING_PERIOD_CHANGE
        assert edited.subscription.billing_period is BillingPeriod.MONTHLY

    def test_tiers_are_kept_as_they_were_given(self, world: World) -> None:
        tiers = (
            TierBounds(None, Decimal(0), Decimal(10), Decimal("0.5"), Decimal(0)),
            TierBounds(None, Decimal(10), None, Decimal("0.25"), Decimal(1)),
        )
        override = MeterOverride(
            "calls", {"pricing_model": "graduated", "unit_price": None, "tiers": tiers}
        )
        sub = world.subscribe(negotiated=Negotiated(meter_overrides=(override,)))
        version = world.ask(subscriptions.get_contract, sub.contract_id).version
        assert version.meter_overrides == (override,)
        assert len(version.terms.meters[0].shape.tiers) == 2


class TestEdits:
    def test_the_paper_is_changed_at_once(self, world: World) -> None:
        sub = world.subscribe(contract_metadata={"a": 1, "b": 2})
        edited = edit(
            world,
            sub,
            name="New",
            description="text",
            metadata={"a": None, "c": 3},
            notes="note",
            collection_method=CollectionMethod.SEND_INVOICE,
            payment_terms_days=14,
        )
        assert (edited.contract.name, edited.contract.description) == ("New", "text")
        assert edited.contract.metadata == {"b": 2, "c": 3}
        assert (edited.version.version, edited.version.notes) == (1, "note")
        assert edited.subscription.collection_method is CollectionMethod.SEND_INVOICE
        assert edited.subscription.payment_terms_days == 14
        assert world.told() == ["created", "activated", "updated"]

    def test_an_edit_that_changes_nothing_is_not_told(self, world: World) -> None:
        sub = world.subscribe(name="Same")
        edit(world, sub, name="Same", payment_terms_days=30)
        assert world.told() == ["created", "activated"]

    def test_the_end_date_moves_the_end_of_the_current_period(self, world: World) -> None:
        sub = world.subscribe(start=day(3, 1))
        cut = edit(world, sub, end_date=date(2026, 3, 20))
        assert cut.subscription.current_period_end == cut.subscription.end_date == day(3, 20)
        assert cut.contract.end_date == date(2026, 3, 20)
        back = edit(world, sub, end_date=None).subscription
        assert (back.end_date, back.current_period_end) == (None, day(4, 1))
        with pytest.raises(DatesInvalid):
            edit(world, sub, end_date=date(2026, 3, 1))

    @pytest.mark.parametrize(
        ("name", "value"), [("currency", "EUR"), ("start_date", date(2026, 5, 1))]
    )
    def test_what_a_start_fixes_cannot_be_changed_later(
        self, world: World, name: str, value: object
    ) -> None:
        with pytest.raises(IllegalTransition):
            edit(world, world.subscribe(), **{name: value})

    def test_a_drafts_dates_can_be_changed_and_must_fit(self, world: World) -> None:
        sub = draft(world)
        edited = edit(world, sub, start_date=date(2026, 5, 1), end_date=date(2026, 6, 1))
        assert edited.subscription.opening.start == day(5, 1)
        with pytest.raises(DatesInvalid):
            edit(world, sub, start_date=date(2026, 7, 1))
        with pytest.raises(PriceNotConfigured):
            edit(world, sub, currency="EUR")

    def test_when_all_is_over_only_words_can_be_changed(self, world: World) -> None:
        sub = world.subscribe()
        world.do(subscriptions.apply, sub, Action.CANCEL, at=NOW + timedelta(days=1))
        assert edit(world, sub, name="Was").contract.name == "Was"
        for changes in ({"base_price": Decimal(1)}, {"end_date": None}, {"payment_terms_days": 1}):
            with pytest.raises(IllegalTransition):
                edit(world, sub, **changes)


def test_contracts_are_listed_with_their_newest_version(world: World) -> None:
    world.add_plan("max")
    sub = world.subscribe()
    other = draft(world, plan="max")
    edit(world, sub, base_price=Decimal(80))
    found = world.ask(subscriptions.list_contracts, FIRST)
    assert list(found.facts) == [other.contract_id, sub.contract_id]
    assert found.facts[sub.contract_id].version.version == 2
    by_status = world.ask(subscriptions.list_contracts, FIRST, status="draft")
    assert list(by_status.facts) == [other.contract_id]
    by_plan = world.ask(subscriptions.list_contracts, FIRST, plan="pro")
    assert list(by_plan.facts) == [sub.contract_id]
    assert not world.ask(subscriptions.list_contracts, FIRST, customer_id="cus_no").facts
