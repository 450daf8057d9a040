"""The catalog's use cases, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from tallybook.server.catalog import service as catalog
from tallybook.server.catalog.errors import (
    ChargePeriodTooShort,
    KeyTaken,
    MeterAlreadyPriced,
    MeterPriceNotFound,
    PlanInUse,
    PlanNotActive,
    PlanNotFound,
    PriceExists,
    PriceNotConfigured,
)
from tallybook.server.catalog.models import (
    ChargeType,
    MeterOverride,
    MeterPrice,
    Plan,
    PlanCategory,
    PlanStatus,
    Terms,
)
from tallybook.server.kernel.errors import InvalidInput
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering import meters
from tallybook.server.metering.errors import MeterHasEvents, MeterInUse
from tallybook.server.metering.models import Aggregation, MeterKind
from tallybook.server.storage import Database, Tx
from tallybook.server.storage.pages import FIRST

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
T = TypeVar("T")

PER_UNIT = {"pricing_model": "per_unit", "unit_price": Decimal("0.05")}


class Shop:
    """Short words for what the tests do in one space."""

    def __init__(self, db: Database, space: SpaceId) -> None:
        self.db, self.space = db, space

    def do(self, use_case: Callable[..., T], *args: Any, at: datetime = NOW, **more: Any) -> T:
        return self.db.write_now(lambda tx: use_case(tx, self.space, *args, **more, at=at))

    def see(self, query: Callable[..., T], *args: Any, **more: Any) -> T:
        return self.db.read(lambda tx: query(tx, self.space, *args, **more))

    def plan(self, key: str = "pro", **fields: Any) -> Plan:
        return self.do(catalog.create_plan, {"key": key, "name": key.title(), **fields})

    def meter(self, key: str = "calls", **fields: Any) -> Any:
        kind = {"key": key, "name": key, "kind": MeterKind.BILLABLE, **fields}
        return self.do(meters.create_meter, kind)

    def price(self, plan: str, base: str = "99", **more: Any) -> Any:
        given = {"market": "global", "billing_period": BillingPeriod.MONTHLY, **more}
        return self.do(catalog.add_price_to_plan, plan, base_price=Decimal(base), **given)[0]

    def meter_price(self, plan: str, terms: dict[str, Any], **more: Any) -> MeterPrice:
        def work(tx: Tx) -> MeterPrice:
            edited = catalog.get_plan(tx, self.space, plan, lock="update")
            edited = catalog.ensure_default_price(tx, self.space, edited, at=NOW)
            chosen = catalog.choose_price(tx, self.space, edited)
            return catalog.add_meter_price(
                tx, self.space, edited, chosen, terms, **{"meter": "calls", **more}, at=NOW
            )

        return self.db.write_now(work)

    def sign(self, plan: str = "pro", **more: Any) -> Terms:
        return self.do(catalog.sign_terms, plan, **more)


@pytest.fixture
def shop(db: Database, space: SpaceId) -> Shop:
    return Shop(db, space)


def test_a_project_begins_with_a_global_market_in_its_currency(shop: Shop) -> None:
    markets = shop.see(catalog.list_markets, FIRST)
    (market,) = markets.facts.values()
    assert (market.key, market.currency, market.is_default) == ("global", "USD", True)
    (balance,) = shop.see(catalog.list_balances, FIRST).facts.values()
    assert (balance.currency, balance.is_default) == ("USD", True)


def test_every_edit_of_a_plan_makes_the_next_version(shop: Shop) -> None:
    plan = shop.plan()
    shop.meter()
    versions = [(plan.version, plan.version_id)]

    def now() -> None:
        found = shop.see(catalog.get_plan, "pro")
        versions.append((found.version, found.version_id))

    shop.do(catalog.update_plan, "pro", {"name": "Professional"})
    now()
    price = shop.price("pro")
    now()
    shop.do(catalog.update_price, price.id, base_price=Decimal(120))
    now()
    priced = shop.meter_price("pro", PER_UNIT)
    now()
    shop.do(catalog.update_meter_price, "pro", priced.id, {"unit_price": Decimal("0.06")})
    now()
    charge = shop.do(catalog.add_charge, "pro", fee())
    now()
    shop.do(catalog.update_charge, "pro", charge.id, {"amount": Decimal(7)})
    now()
    shop.do(catalog.remove_charge, "pro", charge.id)
    now()
    shop.do(catalog.remove_meter_price, "pro", priced.id)
    now()
    assert [version for version, _ in versions] == list(range(1, 11))
    assert len({version_id for _, version_id in versions}) == 10


def test_an_edit_that_changes_nothing_makes_no_version(shop: Shop) -> None:
    shop.plan(metadata={"a": 1})
    same = shop.do(catalog.update_plan, "pro", {"name": "Pro", "metadata": {"a": 1}}, at=LATER)
    assert (same.version, same.updated_at) == (1, NOW)


def test_signed_terms_stay_as_they_were_signed(shop: Shop) -> None:
    shop.plan(features=("sso",), trial_available=True, trial_days=14)
    shop.meter()
    price = shop.price("pro")
    priced = shop.meter_price("pro", {**PER_UNIT, "included_units": Decimal(100)})
    shop.do(catalog.add_charge, "pro", fee())
    signed = shop.sign()
    stored = signed.to_json()
    assert signed.base_price == 99
    assert (signed.currency, signed.market_key, signed.trial_days) == ("USD", "global", 14)
    assert signed.features == ("sso",)
    assert [meter.meter_key for meter in signed.meters] == ["calls"]
    assert [charge.amount for charge in signed.charges] == [Decimal(5)]
    shop.do(catalog.update_price, price.id, base_price=Decimal(1000))
    shop.do(catalog.update_meter_price, "pro", priced.id, {"unit_price": Decimal(9)})
    shop.do(catalog.update_plan, "pro", {"features": ()})
    assert Terms.from_json(stored) == signed
    again = shop.sign()
    assert again.base_price == 1000
    assert again.plan_version == signed.plan_version + 3
    assert again.plan_version_id != signed.plan_version_id


def test_a_plan_without_prices_gets_its_default_one_when_signed(shop: Shop) -> None:
    shop.plan()
    terms = shop.sign()
    assert (terms.base_price, terms.currency, terms.billing_period) == (0, "USD", "monthly")
    assert terms.plan_price_id == shop.see(catalog.get_plan, "pro").default_price_id
    shop.plan("riyal", currency="SAR", billing_period=BillingPeriod.ANNUAL)
    terms = shop.sign("riyal")
    assert (terms.market_key, terms.currency, terms.billing_period) == (
        "global-sar",
        "SAR",
        "annual",
    )


def test_a_pair_that_is_not_configured_is_refused(shop: Shop) -> None:
    shop.plan()
    for asked in (
        {"market": "global", "billing_period": BillingPeriod.ANNUAL},
        {"billing_period": BillingPeriod.ANNUAL},
        {"currency": "EUR"},
    ):
        with pytest.raises(PriceNotConfigured):
            shop.sign(**asked)
    shop.price("pro")
    with pytest.raises(PriceNotConfigured):
        shop.sign(market="global", billing_period=BillingPeriod.ANNUAL)
    assert shop.sign(market="global").base_price == 99
    with pytest.raises(PriceExists):
        shop.price("pro")


@pytest.mark.parametrize("status", [PlanStatus.DRAFT, PlanStatus.INACTIVE, PlanStatus.ARCHIVED])
def test_only_active_plans_are_signed(shop: Shop, status: PlanStatus) -> None:
    shop.plan(status=status)
    with pytest.raises(PlanNotActive):
        shop.sign()


def test_keys_are_taken_once_in_a_space(shop: Shop, home: Any) -> None:
    first = shop.plan()
    with pytest.raises(KeyTaken) as refused:
        shop.plan()
    assert refused.value.details["existing_id"] == first.id
    elsewhere = Shop(shop.db, home.test.id)
    assert elsewhere.plan().id != first.id
    with pytest.raises(PlanNotFound):
        elsewhere.see(catalog.get_plan, first.id)


@pytest.mark.parametrize("key", ["pln_x", "pln_"])
def test_a_key_that_looks_like_an_id_is_refused(shop: Shop, key: str) -> None:
    with pytest.raises(InvalidInput):
        shop.plan(key)


def test_a_meter_is_priced_once_in_a_plan_price_and_again_after_removal(shop: Shop) -> None:
    shop.plan()
    shop.meter()
    first = shop.meter_price("pro", PER_UNIT)
    with pytest.raises(MeterAlreadyPriced):
        shop.meter_price("pro", PER_UNIT)
    shop.do(catalog.remove_meter_price, "pro", first.id)
    with pytest.raises(MeterPriceNotFound):
        shop.see(catalog.get_meter_price, "pro", first.id)
    assert shop.meter_price("pro", PER_UNIT).id != first.id


def test_meter_prices_are_copied_with_ids_of_their_own(shop: Shop) -> None:
    shop.plan()
    shop.meter()
    source = shop.price("pro")
    tiers = {"pricing_model": "graduated", "tiers": bounds((0, 100, 10), (101, None, 5))}
    copied_from = shop.meter_price("pro", tiers)
    shop.do(catalog.create_market, key="ksa", name="KSA", currency="SAR")
    copy, warnings = shop.do(
        catalog.add_price_to_plan,
        "pro",
        market="ksa",
        base_price=Decimal(400),
        billing_period=BillingPeriod.MONTHLY,
        copy_meter_pricing_from=source.id,
    )
    assert warnings == ["copied_across_currencies"]
    (made,) = shop.see(catalog.meter_prices_of, copy)
    assert made.shape == copied_from.shape
    assert made.id != copied_from.id
    assert not {t.id for t in made.tiers} & {t.id for t in copied_from.tiers}


def test_a_charge_without_market_keeps_to_its_currency(shop: Shop) -> None:
    shop.plan()
    shop.do(catalog.create_market, key="ksa", name="KSA", currency="SAR")
    shop.price("pro")
    shop.price("pro", market="ksa")
    shop.do(catalog.add_charge, "pro", fee(key="everywhere"))
    shop.do(catalog.add_charge, "pro", fee(key="ksa", market="ksa"))
    assert [c.key for c in shop.sign().charges] == ["everywhere"]
    assert [c.key for c in shop.sign(market="ksa").charges] == ["ksa"]


def test_a_charge_never_recurs_more_often_than_the_price(shop: Shop) -> None:
    shop.plan()
    with pytest.raises(ChargePeriodTooShort):
        shop.do(catalog.add_charge, "pro", fee(billing_period=BillingPeriod.WEEKLY))
    shop.do(catalog.add_charge, "pro", fee(billing_period=BillingPeriod.MONTHLY))
    shop.price("pro")
    shop.price("pro", billing_period=BillingPeriod.ANNUAL)
    assert shop.sign().charges
    with pytest.raises(ChargePeriodTooShort):
        shop.sign(billing_period=BillingPeriod.ANNUAL)


def test_a_plan_in_use_is_not_archived(shop: Shop) -> None:
    shop.plan()
    with pytest.raises(PlanInUse):
        shop.do(catalog.archive_plan, "pro", in_use=True)
    addon = shop.plan("more", category=PlanCategory.ADDON, parent_plan="pro")
    assert addon.parent_plan_key == "pro"
    with pytest.raises(PlanInUse):
        shop.do(catalog.archive_plan, "pro")
    shop.do(catalog.archive_plan, "more")
    assert shop.do(catalog.archive_plan, "pro").status is PlanStatus.ARCHIVED
    assert not shop.see(catalog.list_plans, FIRST).facts
    assert len(shop.see(catalog.list_plans, FIRST, status="archived").facts) == 2


def test_a_meter_in_use_is_not_deleted(shop: Shop) -> None:
    shop.plan()
    shop.meter()
    priced = shop.meter_price("pro", PER_UNIT)
    with pytest.raises(MeterInUse):
        shop.do(catalog.delete_meter, "calls")
    shop.do(catalog.remove_meter_price, "pro", priced.id)
    with pytest.raises(MeterInUse):
        shop.do(catalog.delete_meter, "calls", in_use=True)
    shop.do(catalog.delete_meter, "calls")
    assert not shop.see(meters.list_meters)


def test_a_meter_that_has_counted_is_frozen(shop: Shop) -> None:
    meter = shop.meter()
    assert not shop.see(meters.meter_has_events, meter.id)
    shop.do(meters.update_meter, "calls", {"aggregation": Aggregation.SUM})
    shop.db.write_now(lambda tx: meters.mark_events_seen(tx, shop.space, [meter.id]))
    assert shop.see(meters.meter_has_events, meter.id)
    for change in ({"aggregation": Aggregation.MAX}, {"key": "other"}, {"kind": MeterKind.COST}):
        with pytest.raises(MeterHasEvents):
            shop.do(meters.update_meter, "calls", change)
    assert shop.do(meters.update_meter, "calls", {"name": "Calls"}).name == "Calls"


def test_a_contract_overrides_the_plan_and_adds_meters(shop: Shop) -> None:
    shop.plan()
    shop.meter()
    shop.meter("seats", aggregation=Aggregation.MAX)
    shop.price("pro")
    shop.meter_price("pro", PER_UNIT)
    terms = shop.sign()
    negotiated = shop.see(
        catalog.override_terms,
        terms,
        base_price=Decimal(50),
        meter_overrides=[
            MeterOverride("calls", {"unit_price": Decimal("0.01")}),
            MeterOverride("seats", {"pricing_model": "per_unit", "unit_price": Decimal(3)}),
        ],
    )
    assert (negotiated.base_price, negotiated.base_price_source) == (50, "contract")
    assert [(m.meter_key, m.shape.unit_price, m.source) for m in negotiated.meters] == [
        ("calls", Decimal("0.01"), "contract"),
        ("seats", Decimal(3), "contract"),
    ]
    assert terms.meters[0].source == "plan"
    assert Terms.from_json(negotiated.to_json()) == negotiated
    with pytest.raises(InvalidInput) as refused:
        shop.see(catalog.override_terms, terms, meter_overrides=[MeterOverride("nope", PER_UNIT)])
    assert refused.value.errors[0].pointer == "/meter_overrides/0/meter"


def fee(**more: Any) -> dict[str, Any]:
    fields = {"key": "fee", "name": "Fee", "charge_type": ChargeType.RECURRING}
    return {**fields, "amount": Decimal(5), **more}


def bounds(*tiers: tuple[int, int | None, int]) -> list[Any]:
    from tallybook.server.rating.rules.tiers import TierBounds

    return [
        TierBounds(
            None, Decimal(start), None if end is None else Decimal(end), Decimal(unit), Decimal(0)
        )
        for start, end, unit in tiers
    ]
