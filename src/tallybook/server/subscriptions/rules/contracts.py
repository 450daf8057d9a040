"""What a contract's state is, and what an edit of it changes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tallybook.server.catalog.models import Plan, PlanStatus, Terms
from tallybook.server.customers.models import Customer, CustomerStatus
from tallybook.server.kernel.errors import FieldError
from tallybook.server.subscriptions.models import (
    ContractVersion,
    Negotiated,
    Period,
    Status,
    Subscription,
)

SUPERSEDED: Final = "superseded"
PRICING: Final = frozenset({"base_price", "meter_overrides", "billing_period", "currency"})
"""Edits of these make the next version of a contract that is signed."""
PLAN: Final = frozenset({"billing_period", "currency"})
"""Edits of these choose another price of the plan, which is copied anew."""
ONLY_IN_DRAFT: Final = frozenset({"currency", "start_date"})


def status_of(sub: Subscription, version: int) -> str:
    """Return the status of a version of a contract, as the subscription's state has it."""
    return SUPERSEDED if version < sub.contract_version else sub.status.value


def changes_pricing(changes: Mapping[str, Any]) -> bool:
    return not PRICING.isdisjoint(changes)


def frozen_fields(sub: Subscription, changes: Mapping[str, Any]) -> list[str]:
    """Return which of the fields to change may be changed no more."""
    if sub.status is Status.DRAFT:
        return []
    return sorted(ONLY_IN_DRAFT.intersection(changes))


def on_terms(sub: Subscription, terms: Terms, version: int) -> Subscription:
    """Return the subscription on a version of its contract, whose terms these are."""
    return replace(
        sub,
        contract_version=version,
        plan_id=terms.plan_id,
        plan_key=terms.plan_key,
        parent_plan_id=terms.parent_plan_id,
        plan_version_id=terms.plan_version_id,
        market_id=terms.market_id,
        market_key=terms.market_key,
        currency=terms.currency,
        billing_period=terms.billing_period,
    )


def ending(sub: Subscription, current: Period) -> Subscription:
    """Return the subscription with its current period ending by its end date.

    What is paid for already stays one period; what follows its end is another.
    """
    end = current.end if sub.end_date is None else min(current.end, sub.end_date)
    return replace(sub, current_period_end=end)


def renegotiated(before: ContractVersion, changes: Mapping[str, Any]) -> Negotiated:
    """Return what is negotiated after an edit: a null goes back to the plan's own terms."""
    base_price = changes.get("base_price", before.base_price)
    overrides = changes.get("meter_overrides", before.meter_overrides)
    notes = changes.get("notes", before.notes)
    return Negotiated(base_price=base_price, meter_overrides=tuple(overrides or ()), notes=notes)


def warnings(*, plan: Plan, customer: Customer) -> list[FieldError]:
    """Return what a person should look at before the contract starts; none of it is wrong."""
    found = []
    if plan.status is not PlanStatus.ACTIVE:
        found.append(FieldError("/plan", "plan_not_active", f"the plan is {plan.status}"))
    if customer.status is not CustomerStatus.ACTIVE:
        detail = f"the customer is {customer.status}"
        found.append(FieldError("/customer_id", "customer_not_active", detail))
    return found
