"""Subscriptions, terms and timelines to try rules with."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tallybook.server.catalog.models import MeterTerms, PlanCategory, PlanId, PlanPriceId, Terms
from tallybook.server.kernel.periods import BillingPeriod
from tallybook.server.metering.models import Aggregation, MeterId
from tallybook.server.rating.rules.shape import build_shape
from tallybook.server.subscriptions.models import (
    CollectionMethod,
    Opening,
    Status,
    Subscription,
    Timeline,
    TimelinePeriod,
)


def day(month: int, number: int, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def meter_terms(meter: str, included: str = "0") -> MeterTerms:
    return MeterTerms(
        meter_id=MeterId(f"mtr_{meter}"),
        meter_key=meter,
        meter_price_id=None,
        agent_action_id=None,
        aggregation=Aggregation.COUNT,
        value_field=None,
        unit_label=None,
        shape=build_shape(
            pricing_model="per_unit", unit_price=Decimal(1), included_units=Decimal(included)
        ),
    )


def terms(plan: str = "pro", *meters: MeterTerms, parent: str | None = None) -> Terms:
    return Terms(
        plan_id=PlanId(f"pln_{plan}"),
        plan_key=plan,
        plan_name=plan.title(),
        plan_version_id=f"plv_{plan}",
        plan_version=1,
        parent_plan_id=None if parent is None else PlanId(f"pln_{parent}"),
        category=PlanCategory.PLAN if parent is None else PlanCategory.ADDON,
        market_id="mkt_global",
        market_key="global",
        plan_price_id=PlanPriceId(f"prc_{plan}"),
        currency="USD",
        billing_period=BillingPeriod.MONTHLY,
        base_price=Decimal(99),
        features=(),
        trial_days=0,
        meters=meters,
        charges=(),
    )


def subscription(status: Status = Status.ACTIVE, **changes: Any) -> Subscription:
    fields: dict[str, Any] = {
        "id": "sub_1",
        "customer_id": "cus_1",
        "contract_id": "ctr_1",
        "contract_version": 1,
        "next_version": None,
        "plan_id": "pln_pro",
        "plan_key": "pro",
        "parent_plan_id": None,
        "plan_version_id": "plv_pro",
        "market_id": "mkt_global",
        "market_key": "global",
        "currency": "USD",
        "billing_period": BillingPeriod.MONTHLY,
        "status": status,
        "collection_method": CollectionMethod.CHARGE_AUTOMATICALLY,
        "payment_terms_days": 30,
        "opening": Opening(),
        "started_at": day(3, 1),
        "anchor": day(3, 1),
        "current_period": 0,
        "current_period_start": day(3, 1),
        "current_period_end": day(4, 1),
        "trial_end": None,
        "trial_plan_id": None,
        "end_date": None,
        "cancel_at": None,
        "canceled_at": None,
        "cancel_reason": None,
        "ended_at": None,
        "past_due_at": None,
        "suspended_at": None,
        "suspend_reason": None,
        "suspended_from": None,
        "resume_at": None,
        "scheduled_change": None,
        "metadata": {},
        "version": 1,
        "created_at": day(3, 1),
        "updated_at": day(3, 1),
    }
    return Subscription(**{**fields, **changes})


def timeline(
    id: str,
    signed: Terms,
    *,
    start: datetime = day(3, 1),
    end: datetime = day(4, 1),
    status: Status = Status.ACTIVE,
) -> Timeline:
    period = TimelinePeriod(0, start, end, False, False, 1, signed)
    return Timeline(
        id=id,
        customer_id="cus_1",
        plan_id=signed.plan_id,
        parent_plan_id=signed.parent_plan_id,
        status=status,
        started_at=start,
        ended_at=None,
        trial_end=None,
        periods=(period,),
    )
