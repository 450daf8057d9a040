"""Subscriptions that give access, to try its rules with."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tallybook.server.access.models import Entitlement
from tallybook.server.access.rules.entitle import find_entitlement
from tallybook.server.catalog.models import MeterTerms
from tallybook.server.rating.rules.shape import build_shape
from tallybook.server.subscriptions.models import Status, Timeline, TimelinePeriod
from tests.subscriptions.examples import day, meter_terms, terms

UTC_ZONE = ZoneInfo("UTC")
NOW = day(3, 10)


def metered(meter: str = "calls", included: str = "100", **shape: Any) -> MeterTerms:
    built = build_shape(
        pricing_model="per_unit",
        unit_price=Decimal(1),
        included_units=Decimal(included),
        **shape,
    )
    return replace(meter_terms(meter), shape=built)


def line(
    *meters: MeterTerms,
    name: str = "1",
    plan: str = "pro",
    parent: str | None = None,
    features: tuple[str, ...] = (),
    status: Status = Status.ACTIVE,
    start: datetime | None = None,
    end: datetime | None = None,
    ended_at: datetime | None = None,
) -> Timeline:
    start, end = start or day(3, 1), end or day(4, 1)
    signed = replace(terms(plan, *meters, parent=parent), features=features)
    period = TimelinePeriod(
        number=0,
        start=start,
        end=end,
        is_trial=False,
        is_closed=False,
        contract_version=1,
        terms=signed,
    )
    return Timeline(
        id=f"sub_{name}",
        customer_id="cus_1",
        plan_id=f"pln_{plan}",
        parent_plan_id=None if parent is None else f"pln_{parent}",
        status=status,
        started_at=start,
        ended_at=ended_at,
        trial_end=None,
        periods=(period,),
    )


def entitlement(included: str = "100", **shape: Any) -> Entitlement:
    found = find_entitlement([line(metered(included=included, **shape))], "calls", NOW, UTC_ZONE)
    assert found is not None
    return found
