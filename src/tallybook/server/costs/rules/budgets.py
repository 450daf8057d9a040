"""What budgets count, and when they tell.

Source: docs/costs.md#budgets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal
from zoneinfo import ZoneInfo

from tallybook.server.costs.models import (
    ALL_TIME,
    Budget,
    BudgetKind,
    BudgetPeriod,
    BudgetWindow,
    Cost,
    Status,
)
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.kernel.periods import BillingPeriod, Span, local_midnight, period_at

_FIRST: Final = date(2001, 1, 1)  # a Monday, and the first day of a year

Change = tuple[Cost | None, Cost | None]
"""A cost row as it was (None: it is new), and as it is."""


def window_of(period: BudgetPeriod, at: datetime, zone: ZoneInfo) -> Span:
    """Return the calendar period that contains a time; weeks begin on Mondays."""
    if period is BudgetPeriod.LIFETIME:
        return ALL_TIME
    return period_at(local_midnight(_FIRST, zone), BillingPeriod(period.value), at, zone)


def counted_amount(cost: Cost | None) -> Decimal:
    """Return what a cost row adds to sums: nothing while it is unpriced, or once it is voided."""
    if cost is None or cost.amount is None or cost.status is Status.VOIDED:
        return ZERO
    return cost.amount


def counts(budget: Budget, cost: Cost) -> bool:
    """Tell whether a cost is one that a budget counts."""
    if budget.kind is not BudgetKind.COST or cost.currency != budget.currency:
        return False
    if cost.at < budget.counts_from:
        return False
    is_customers = budget.customer_id in (None, cost.customer_id)
    return is_customers and budget.agent_id in (None, cost.agent_id)


def spend(
    budgets: Sequence[Budget], changes: Iterable[Change], zone: ZoneInfo
) -> dict[tuple[str, Span], Decimal]:
    """Return what changes add to the periods of budgets; below 0, what they take back.

    Holds: the sum of a period is that of the rows that stand in it.
    """
    sums: dict[tuple[str, Span], Decimal] = {}
    for before, after in changes:
        for cost, sign in ((before, -1), (after, 1)):
            amount = counted_amount(cost)
            if cost is None or not amount:
                continue
            for budget in budgets:
                if counts(budget, cost):
                    key = (budget.id, window_of(budget.period, cost.at, zone))
                    sums[key] = EXACT.add(sums.get(key, ZERO), EXACT.multiply(amount, sign))
    return {key: amount for key, amount in sums.items() if amount}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A period after its spend or its budget changed, and what is to be told."""

    window: BudgetWindow
    reached: tuple[Decimal, ...]  # thresholds to tell
    access: Literal["denied", "given"] | None  # None: as it was


def settle(budget: Budget, window: BudgetWindow, now: datetime, *, was_stopped: bool) -> Outcome:
    """Return what a period's spend means: thresholds reached, access denied or given back.

    Holds: each threshold is told once a period, and of the period that is running only.
    """
    is_running = window.start <= now < window.end
    is_stopped = budget.hard_stop and window.spent >= budget.amount
    reached: tuple[Decimal, ...] = ()
    if is_running:
        reached = tuple(
            share
            for share in budget.thresholds
            if share not in window.told and window.spent >= EXACT.multiply(budget.amount, share)
        )
    told = tuple(sorted((*window.told, *reached)))
    after = replace(window, told=told, is_stopped=is_stopped)
    access: Literal["denied", "given"] | None = None
    if is_running and is_stopped != was_stopped:
        access = "denied" if is_stopped else "given"
    return Outcome(after, reached, access)


def rearmed(budget: Budget, window: BudgetWindow) -> BudgetWindow:
    """Return a period whose budget was changed: what is no longer reached may be told again."""
    told = tuple(
        share
        for share in window.told
        if share in budget.thresholds and window.spent >= EXACT.multiply(budget.amount, share)
    )
    return replace(window, told=told)


@dataclass(frozen=True, slots=True)
class Stops:
    """The budgets that deny access now, as far as a customer goes."""

    denies_all: bool = False  # the customer's own, or the project's
    agent_ids: frozenset[str] = frozenset()

    def denies(self, agents_of_meter: Iterable[str], agent_id: str | None) -> bool:
        """Tell whether work is denied: by an agent that is named, or of a meter that only
        agents without budget bring."""
        if self.denies_all or agent_id in self.agent_ids:
            return True
        agents = set(agents_of_meter)
        return agent_id is None and bool(agents) and agents <= self.agent_ids


def stops_of(budgets: Iterable[Budget]) -> Stops:
    found = list(budgets)
    return Stops(
        any(budget.agent_id is None for budget in found),
        frozenset(budget.agent_id for budget in found if budget.agent_id is not None),
    )
