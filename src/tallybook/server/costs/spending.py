"""What is spent of budgets: counted in the transaction of the cost, told once, access with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from tallybook.server.customers import service as customers
from tallybook.server.identity.models import Space
from tallybook.server.kernel.clock import from_micros, to_micros
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.kernel.periods import Span
from tallybook.server.storage import Tx, due, outbox
from tallybook.server.storage.pages import PageRequest

from . import views
from .models import ALL_TIME, BUDGET_ACCESS, Budget, BudgetKind, BudgetWindow
from .rules.budgets import Change, Outcome, settle, spend, window_of
from .store import budgets as budget_store

_THRESHOLD: Final = "budget.threshold_reached"
_TOLD_AT_ONCE: Final = 100


def count(tx: Tx, space: Space, changes: Sequence[Change], now: datetime) -> None:
    """Count changes of cost rows into the budgets that they concern.

    Holds: what is spent of a period equals the sum of its rows; each threshold is told once a
    period, in the transaction that reaches it.
    """
    budgets = _budgets(tx, space.id) if changes else {}
    sums = spend(list(budgets.values()), changes, space.zone) if budgets else {}
    _add(tx, space, budgets, sums, now)


def count_revenue(
    tx: Tx, space: Space, changes: Mapping[tuple[str, str], Decimal], now: datetime
) -> None:
    """Count what usage has brought, by (customer, currency), into the budgets of revenue.

    It counts in the period in which it is counted; what is taken back lowers that one.
    """
    budgets = {
        budget.id: budget
        for budget in _budgets(tx, space.id).values()
        if budget.kind is BudgetKind.REVENUE
    }
    sums: dict[tuple[str, Span], Decimal] = {}
    entries = []
    for (customer_id, currency), amount in sorted(changes.items()):
        for budget in budgets.values():
            is_its = budget.customer_id in (None, customer_id) and budget.currency == currency
            if amount and is_its:
                key = (budget.id, window_of(budget.period, now, space.zone))
                sums[key] = EXACT.add(sums.get(key, ZERO), amount)
                entry = {"budget_id": budget.id, "at": now, "customer_id": customer_id}
                entries.append({**entry, "amount": amount})
    if entries:
        budget_store.add_entries(tx, space.id, entries)
    _add(tx, space, budgets, sums, now)


def _add(
    tx: Tx,
    space: Space,
    budgets: Mapping[str, Budget],
    sums: Mapping[tuple[str, Span], Decimal],
    now: datetime,
) -> None:
    if not sums:
        return
    found = budget_store.windows(tx, space.id, sums.keys(), lock=True)
    for (budget_id, span), amount in sorted(sums.items(), key=_by_start):
        window = found[budget_id, span.start]
        spent = replace(window, spent=EXACT.add(window.spent, amount))
        conclude(tx, space, budgets[budget_id], spent, now, was_stopped=window.is_stopped)


def _by_start(item: tuple[tuple[str, Span], Decimal]) -> tuple[str, datetime]:
    (budget_id, span), _ = item
    return budget_id, span.start


def _budgets(tx: Tx, space: SpaceId) -> Mapping[str, Budget]:
    """Return the budgets, which nobody changes before the commit."""
    known: dict[SpaceId, Mapping[str, Budget]] = tx.notes.setdefault("budgets", {})
    if space not in known:  # many rows of a batch ask
        budget_store.share(tx, space)
        known[space] = {budget.id: budget for budget in budget_store.list_all(tx, space)}
    return known[space]


def conclude(
    tx: Tx,
    space: Space,
    budget: Budget,
    window: BudgetWindow,
    now: datetime,
    *,
    was_stopped: bool,
) -> BudgetWindow:
    """Store a period whose spend or budget has changed, and tell what that means."""
    outcome = settle(budget, window, now, was_stopped=was_stopped)
    budget_store.save_windows(tx, space.id, [outcome.window])
    _tell_thresholds(tx, space.id, budget, outcome, now)
    if outcome.access is not None:
        _tell_access(tx, space, budget, outcome, now)
    return outcome.window


def _tell_thresholds(
    tx: Tx, space: SpaceId, budget: Budget, outcome: Outcome, now: datetime
) -> None:
    if not outcome.reached:
        return
    external_id = external_id_of(tx, space, budget)
    for share in outcome.reached:
        data = views.threshold_reached(budget, outcome.window, share, external_id)
        outbox.append(tx, space, event=_THRESHOLD, object_id=budget.id, data=data, at=now)


def external_id_of(tx: Tx, space: SpaceId, budget: Budget) -> str | None:
    if budget.customer_id is None:
        return None
    return customers.get(tx, space, budget.customer_id).external_id


def _tell_access(tx: Tx, space: Space, budget: Budget, outcome: Outcome, now: datetime) -> None:
    """Tell that access is denied, or given back; to very many, a part at a time."""
    is_denied, ends = outcome.access == "denied", outcome.window.end
    due.cancel(tx, space.id, kind=BUDGET_ACCESS, subject_id=budget.id)
    if budget.customer_id is None:
        due.schedule(tx, space.id, kind=BUDGET_ACCESS, subject_id=budget.id, due_at=now)
        return
    _announce(tx, space.id, budget.customer_id, is_denied=is_denied, now=now)
    if is_denied and ends != ALL_TIME.end:
        due.schedule(tx, space.id, kind=BUDGET_ACCESS, subject_id=budget.id, due_at=ends)


def tell_access(tx: Tx, space: Space, subject_id: str, _due_at: datetime, now: datetime) -> None:
    """Tell whom a budget concerns whether it denies access now; go on at the period's end.

    `subject_id` is a budget's id, and where its customers are too many to be told at once, a
    space and the last one that was.
    """
    budget_id, _, last = subject_id.partition(" ")
    budget = budget_store.find(tx, space.id, budget_id)
    window = None if budget is None else current_window(tx, space, budget, now)
    is_denied = window is not None and window.is_stopped
    if budget is not None and budget.customer_id is not None:
        _announce(tx, space.id, budget.customer_id, is_denied=is_denied, now=now)
    else:  # one that was deleted denies nobody any more
        rest = _tell_part(tx, space.id, last, is_denied=is_denied, now=now)
        if rest is not None:
            subject = f"{budget_id} {rest}"
            due.schedule(tx, space.id, kind=BUDGET_ACCESS, subject_id=subject, due_at=now)
    if window is not None and is_denied and not last and window.end != ALL_TIME.end:
        due.schedule(tx, space.id, kind=BUDGET_ACCESS, subject_id=budget_id, due_at=window.end)


def _tell_part(tx: Tx, space: SpaceId, last: str, *, is_denied: bool, now: datetime) -> str | None:
    """Tell some customers; return the last of them where there are more."""
    after = None
    if last:
        at, _, customer_id = last.partition(" ")
        after = (from_micros(int(at)), customer_id)
    page = PageRequest(limit=_TOLD_AT_ONCE, order="asc", after=after)
    rows = customers.list_page(tx, space, page)
    for row in rows.rows:
        _announce(tx, space, row["id"], is_denied=is_denied, now=now)
    if rows.last is None:
        return None
    at, customer_id = rows.last
    return f"{to_micros(at)} {customer_id}"


def _announce(tx: Tx, space: SpaceId, customer_id: str, *, is_denied: bool, now: datetime) -> None:
    customers.announce_access(
        tx,
        space,
        customers.get(tx, space, customer_id),
        reason="budget_exceeded" if is_denied else "ok",
        caused_by=_THRESHOLD,
        at=now,
    )


def current_window(tx: Tx, space: Space, budget: Budget, now: datetime) -> BudgetWindow:
    span = window_of(budget.period, now, space.zone)
    found = budget_store.windows(tx, space.id, [(budget.id, span)])
    return found.get((budget.id, span.start), BudgetWindow(budget.id, span.start, span.end))
