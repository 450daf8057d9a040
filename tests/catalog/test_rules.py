"""Which price is meant, and which charges belong to it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tallybook.server.catalog.errors import ChargePeriodTooShort, PriceNotConfigured
from tallybook.server.catalog.models import (
    Audience,
    ChargeId,
    ChargeType,
    Plan,
    PlanCategory,
    PlanCharge,
    PlanId,
    PlanPrice,
    PlanPriceId,
    PlanStatus,
    PlanType,
)
from tallybook.server.catalog.rules.charges import belongs_to, check_period
from tallybook.server.catalog.rules.prices import choose_price, default_market_key
from tallybook.server.kernel.periods import BillingPeriod

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLAN = Plan(
    id=PlanId("pln_1"),
    key="pro",
    name="Pro",
    description=None,
    target_audience=Audience.BOTH,
    currency="USD",
    category=PlanCategory.PLAN,
    plan_type=PlanType.STANDARD,
    billing_period=BillingPeriod.ANNUAL,
    trial_available=False,
    trial_days=None,
    status=PlanStatus.ACTIVE,
    parent_plan_id=None,
    parent_plan_key=None,
    features=(),
    metadata={},
    version=1,
    version_id="plv_1",
    default_price_id=PlanPriceId("prc_default"),
    created_at=NOW,
    updated_at=NOW,
)


def price(name: str, market: str, period: BillingPeriod, currency: str = "USD") -> PlanPrice:
    zero = Decimal(0)
    return PlanPrice(PlanPriceId(name), PLAN.id, market, market, currency, zero, period, NOW, NOW)


PRICES = [
    price("prc_default", "global", BillingPeriod.MONTHLY),
    price("prc_ksa_monthly", "ksa", BillingPeriod.MONTHLY, "SAR"),
    price("prc_ksa_annual", "ksa", BillingPeriod.ANNUAL, "SAR"),
    price("prc_eu_daily", "eu", BillingPeriod.DAILY, "EUR"),
    price("prc_eu_weekly", "eu", BillingPeriod.WEEKLY, "EUR"),
]


@pytest.mark.parametrize(
    ("market", "period", "currency", "chosen"),
    [
        (None, None, None, "prc_default"),
        ("global", None, None, "prc_default"),
        ("ksa", None, None, "prc_ksa_annual"),  # the plan's own period
        ("eu", None, None, "prc_eu_daily"),  # the oldest
        (None, BillingPeriod.MONTHLY, None, "prc_default"),
        (None, BillingPeriod.ANNUAL, None, "prc_ksa_annual"),
        (None, None, "EUR", "prc_eu_daily"),
        ("eu", BillingPeriod.WEEKLY, "EUR", "prc_eu_weekly"),
        ("global", BillingPeriod.ANNUAL, None, None),
        ("ksa", None, "USD", None),
        ("mars", None, None, None),
    ],
)
def test_what_is_named_decides_the_price(
    market: str | None, period: BillingPeriod | None, currency: str | None, chosen: str | None
) -> None:
    if chosen is None:
        with pytest.raises(PriceNotConfigured):
            choose_price(PLAN, PRICES, market_id=market, billing_period=period, currency=currency)
    else:
        got = choose_price(PLAN, PRICES, market_id=market, billing_period=period, currency=currency)
        assert got.id == chosen


def test_a_default_market_has_the_plans_currency() -> None:
    assert default_market_key("USD", "USD") == "global"
    assert default_market_key("SAR", "USD") == "global-sar"


CHARGE = PlanCharge(
    id=ChargeId("chg_1"),
    plan_id=PLAN.id,
    key="fee",
    name="Fee",
    description=None,
    charge_type=ChargeType.RECURRING,
    amount=Decimal(5),
    billing_period=BillingPeriod.QUARTERLY,
    meter=None,
    market_id=None,
    market_key=None,
    market_currency=None,
    created_at=NOW,
    updated_at=NOW,
)


def test_a_charge_belongs_to_its_market_or_to_the_default_currency() -> None:
    everywhere = [belongs_to(CHARGE, p, default_currency="USD") for p in PRICES]
    assert everywhere == [True, False, False, False, False]
    of_ksa = replace(CHARGE, market_id="ksa")
    assert [belongs_to(of_ksa, p, default_currency="USD") for p in PRICES] == [
        False,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("period", list(BillingPeriod))
def test_a_charge_recurs_as_often_as_its_price_or_less(period: BillingPeriod) -> None:
    too_short = period in (BillingPeriod.SEMI_ANNUAL, BillingPeriod.ANNUAL)
    if too_short:
        with pytest.raises(ChargePeriodTooShort):
            check_period(CHARGE, period)
    else:
        check_period(CHARGE, period)
    check_period(replace(CHARGE, billing_period=None), period)
    check_period(replace(CHARGE, charge_type=ChargeType.ONE_TIME), period)
