"""Costs, as answers show them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.kernel.money import plain
from tallybook.wire import budgets as budget_wire
from tallybook.wire import costs as wire
from tallybook.wire.base import format_instant

from .models import ALL_TIME, Budget, BudgetWindow, Cost, ModelPrice


def to_wire(cost: Cost) -> wire.Cost:
    tokens = cost.tokens
    return wire.Cost(
        id=cost.id,
        timestamp=cost.at,
        received_at=cost.received_at,
        customer_id=cost.customer_id,
        customer_external_id=cost.customer_external_id,
        agent_id=cost.agent_id,
        action_id=cost.action_id,
        meter_id=cost.meter_id,
        event_id=cost.event_id,
        amount=cost.amount,
        currency=cost.currency,
        category=cost.category.value,
        source=cost.source.value,
        status=cost.status.value,
        reason=cost.reason,
        attribution=cost.attribution.value,
        provider=cost.provider,
        model=cost.model,
        response_id=cost.response_id,
        adjusts=cost.adjusts,
        tokens=None if tokens is None else wire.Tokens(**tokens),
        price=None if cost.price is None else dict(cost.price),
        idempotency_key=cost.key.removeprefix("api "),
        metadata=dict(cost.metadata),
    )


def price_to_wire(price: ModelPrice) -> wire.ModelPrice:
    named: dict[str, Decimal] = dict(price.prices)
    return wire.ModelPrice(
        id=price.id,
        provider=price.provider,
        model=price.model,
        prices=wire.TokenPrices(**named),
        alias_of=price.alias_of,
        effective_from=price.effective_from,
        effective_to=price.effective_to,
        origin="own",
        created_at=price.created_at,
        updated_at=price.updated_at,
    )


def budget_to_wire(
    budget: Budget, window: BudgetWindow, customer_external_id: str | None
) -> budget_wire.Budget:
    return budget_wire.Budget(
        id=budget.id,
        name=budget.name,
        customer_id=budget.customer_id,
        customer_external_id=customer_external_id,
        agent_id=budget.agent_id,
        kind=budget.kind.value,
        amount=budget.amount,
        currency=budget.currency,
        period=budget.period.value,
        thresholds=list(budget.thresholds),
        hard_stop=budget.hard_stop,
        spent=window.spent,
        remaining=window.remaining(budget.amount),
        is_stopped=window.is_stopped,
        thresholds_reached=list(window.told),
        period_start=_bound(window.start),
        period_end=_bound(window.end),
        metadata=dict(budget.metadata),
        created_at=budget.created_at,
        updated_at=budget.updated_at,
    )


def threshold_reached(
    budget: Budget, window: BudgetWindow, share: Decimal, customer_external_id: str | None
) -> dict[str, Any]:
    """The data of `budget.threshold_reached`."""
    start, end = _bound(window.start), _bound(window.end)
    return {
        "budget_id": budget.id,
        "name": budget.name,
        "customer_id": budget.customer_id,
        "customer_external_id": customer_external_id,
        "agent_id": budget.agent_id,
        "kind": budget.kind.value,
        "threshold": plain(share),
        "amount": plain(budget.amount),
        "spent": plain(window.spent),
        "remaining": plain(window.remaining(budget.amount)),
        "currency": budget.currency,
        "period": budget.period.value,
        "period_start": None if start is None else format_instant(start),
        "period_end": None if end is None else format_instant(end),
        "hard_stop": budget.hard_stop,
        "is_stopped": window.is_stopped,
    }


def _bound(at: datetime) -> datetime | None:
    return None if at in (ALL_TIME.start, ALL_TIME.end) else at
