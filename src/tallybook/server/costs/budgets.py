"""Budgets: set, changed, and asked whether they deny access."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tallybook.server.identity import service as identity
from tallybook.server.identity.models import Space
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import EXACT, ZERO, minor_units
from tallybook.server.kernel.periods import Span
from tallybook.server.storage import Tx, due
from tallybook.server.storage.pages import PageRequest, Rows

from .errors import BudgetNotFound
from .models import (
    ALL_TIME,
    BUDGET_ACCESS,
    BUDGET_PREFIX,
    Budget,
    BudgetKind,
    BudgetPeriod,
    BudgetWindow,
)
from .rules.budgets import Stops, rearmed, spend, stops_of, window_of
from .spending import conclude, current_window, external_id_of
from .store import budgets as budget_store
from .store import costs as store
from .store.budgets import from_row

__all__ = ["external_id_of", "from_row"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget, and the period that runs."""

    budget: Budget
    window: BudgetWindow


def create(
    tx: Tx,
    space: Space,
    *,
    name: str,
    customer_id: str | None,
    agent_id: str | None,
    kind: BudgetKind,
    amount: Decimal,
    currency: str,
    period: BudgetPeriod,
    thresholds: Sequence[Decimal],
    hard_stop: bool,
    metadata: Mapping[str, Any],
    now: datetime,
    at: datetime,
) -> Standing:
    """Set a budget; what is spent of the period that runs is in it already.

    Errors: UnknownCurrency.
    """
    minor_units(currency)
    budget_store.hold(tx, space.id)
    window = window_of(period, now, space.zone)
    budget = Budget(
        id=new_id(BUDGET_PREFIX),
        name=name,
        customer_id=customer_id,
        agent_id=agent_id,
        kind=kind,
        amount=amount,
        currency=currency,
        period=period,
        thresholds=tuple(thresholds),
        hard_stop=hard_stop,
        counts_from=window.start,
        created_at=at,
        updated_at=at,
        metadata=metadata,
    )
    budget_store.save(tx, space.id, budget)
    tx.notes.pop("budgets", None)
    _watch(tx, space.id)
    if kind is BudgetKind.REVENUE:  # it counts from now on
        return Standing(budget, current_window(tx, space, budget, now))
    sums = {(budget.id, window): _spent(tx, space.id, budget, window)}
    ahead = store.scan(tx, space.id, Span(window.end, ALL_TIME.end), **_scope(budget))
    sums |= spend([budget], ((None, cost) for cost in ahead), space.zone)
    made = budget_store.windows(tx, space.id, sums.keys(), lock=True)
    for (_, span), spent in sums.items():
        counted = replace(made[budget.id, span.start], spent=spent)
        conclude(tx, space, budget, counted, now, was_stopped=False)
    return Standing(budget, current_window(tx, space, budget, now))


def _watch(tx: Tx, space: SpaceId) -> None:
    known = budget_store.list_all(tx, space)
    identity.note_budgets(
        tx,
        space,
        watches_revenue=any(budget.kind is BudgetKind.REVENUE for budget in known),
        has_hard_stops=any(budget.hard_stop for budget in known),
    )


def _scope(budget: Budget) -> dict[str, Any]:
    return {
        "customer_id": budget.customer_id,
        "agent_id": budget.agent_id,
        "currency": budget.currency,
    }


def _spent(tx: Tx, space: SpaceId, budget: Budget, window: Span) -> Decimal:
    return store.total(tx, space, window, **_scope(budget))


def get(tx: Tx, space: Space, budget_id: str, *, now: datetime) -> Standing:
    """Errors: BudgetNotFound."""
    budget = budget_store.find(tx, space.id, budget_id)
    if budget is None:
        raise BudgetNotFound(budget_id=budget_id)
    return Standing(budget, current_window(tx, space, budget, now))


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    customer_id: str | None = None,
    agent_id: str | None = None,
) -> Rows:
    return budget_store.list_page(tx, space, page, customer_id=customer_id, agent_id=agent_id)


def standing(tx: Tx, space: Space, budget: Budget, *, now: datetime) -> Standing:
    return Standing(budget, current_window(tx, space, budget, now))


def update(
    tx: Tx,
    space: Space,
    budget_id: str,
    fields: Mapping[str, Any],
    *,
    now: datetime,
    at: datetime,
) -> Standing:
    """Change a budget; thresholds that are no longer reached may be told again.

    Errors: BudgetNotFound.
    """
    budget_store.hold(tx, space.id)
    before = get(tx, space, budget_id, now=now).budget
    metadata = {**before.metadata, **fields.get("metadata", {})}
    kept = {name: value for name, value in metadata.items() if value is not None}
    given = {**fields, "metadata": kept, "updated_at": at}
    if "thresholds" in given:
        given["thresholds"] = tuple(given["thresholds"])
    after = replace(before, **given)
    budget_store.save(tx, space.id, after)
    _watch(tx, space.id)
    tx.notes.pop("budgets", None)
    for window in list(budget_store.list_windows(tx, space.id, budget_id=budget_id)):
        again = rearmed(after, window)
        conclude(tx, space, after, again, now, was_stopped=window.is_stopped)
    return get(tx, space, budget_id, now=now)


def remove(tx: Tx, space: Space, budget_id: str, *, now: datetime) -> None:
    """Delete a budget; access that it denied is given back. Errors: BudgetNotFound."""
    budget_store.hold(tx, space.id)
    found = get(tx, space, budget_id, now=now)
    if found.window.is_stopped:  # as if it had no hard stop: those whom it concerns are told
        update(tx, space, budget_id, {"hard_stop": False}, now=now, at=now)
    if found.budget.customer_id is not None:  # else the others are yet to be told
        due.cancel(tx, space.id, kind=BUDGET_ACCESS, subject_id=budget_id)
    budget_store.remove(tx, space.id, budget_id)
    _watch(tx, space.id)
    tx.notes.pop("budgets", None)


def stops(tx: Tx, space: Space, customer_id: str, *, now: datetime) -> Stops:
    """Return which budgets deny a customer access now; without hard stops, without a query."""
    if not space.has_hard_stops:
        return Stops()
    return stops_of(budget_store.list_stopping(tx, space.id, customer_id, now))


def verify(tx: Tx, space: Space) -> list[tuple[str, datetime, Decimal, Decimal]]:
    """Return (budget, start of a period, spent as stored, as its rows say) where they differ."""
    known = budget_store.list_all(tx, space.id)
    if not known:
        return []
    span = Span(min(budget.counts_from for budget in known), ALL_TIME.end)
    rows = ((None, cost) for cost in store.scan(tx, space.id, span))
    recounted = {
        (budget_id, window.start): amount
        for (budget_id, window), amount in spend(known, rows, space.zone).items()
    }
    by_id = {budget.id: budget for budget in known}
    for budget_id, at, amount in budget_store.list_entries(tx, space.id):
        key = (budget_id, window_of(by_id[budget_id].period, at, space.zone).start)
        recounted[key] = EXACT.add(recounted.get(key, ZERO), amount)
    stored = {(w.budget_id, w.start): w.spent for w in budget_store.list_windows(tx, space.id)}
    keys = sorted(stored.keys() | recounted.keys())
    pairs = [(key, stored.get(key, ZERO), recounted.get(key, ZERO)) for key in keys]
    return [(*key, have, want) for key, have, want in pairs if have != want]
