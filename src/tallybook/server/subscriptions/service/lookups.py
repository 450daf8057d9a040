"""Finding subscriptions, their periods, and what rating needs of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from tallybook.server.catalog.service import Found
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.pages import PageRequest
from tallybook.server.subscriptions.errors import (
    AlreadySubscribed,
    PeriodNotFound,
    SubscriptionNotFound,
)
from tallybook.server.subscriptions.models import Period, Subscription, Timeline
from tallybook.server.subscriptions.store import periods as period_store
from tallybook.server.subscriptions.store import subscriptions as store
from tallybook.server.subscriptions.store import timelines as timeline_store

OF_A_CUSTOMER_MAX: Final = 1_000
PERIODS_MAX: Final = 1_000


def get(tx: Tx, space: SpaceId, sub_id: str, *, lock: bool = False) -> Subscription:
    """Return a subscription, locked until the commit if asked. Errors: SubscriptionNotFound."""
    sub = store.find(tx, space, sub_id, lock=lock)
    if sub is None:
        raise SubscriptionNotFound(subscription_id=sub_id)
    return sub


def keep(tx: Tx, space: SpaceId, ids: Sequence[str]) -> list[Subscription]:
    """Hold subscriptions for gathered work; read their customers' timelines, terms and periods."""
    held = store.keep(tx, space, ids)
    if held:
        timeline_store.keep(tx, space, sorted({sub.customer_id for sub in held}))
    return held


def list_page(
    tx: Tx,
    space: SpaceId,
    page: PageRequest,
    *,
    status: str | None = None,
    plan: str | None = None,
    market: str | None = None,
    customer_id: str | None = None,
) -> Found[Subscription]:
    """Return one page; plan and market are ids or keys."""
    rows = store.page(
        tx, space, page, status=status, plan=plan, market=market, customer_id=customer_id
    )
    return Found(rows, {row["id"]: store.from_row(row) for row in rows.rows})


def list_for_customer(
    tx: Tx, space: SpaceId, customer_id: str, *, only_live: bool = False
) -> list[Subscription]:
    """Return a customer's subscriptions, the earliest started first, drafts last."""
    limit = OF_A_CUSTOMER_MAX
    return store.list_of_customer(tx, space, customer_id, only_live=only_live, limit=limit)


def any_live_on_plan(tx: Tx, space: SpaceId, plan_id: str) -> bool:
    return store.exists_live(tx, space, plan_id=plan_id)


def any_live_for_customer(tx: Tx, space: SpaceId, customer_id: str) -> bool:
    return store.exists_live(tx, space, customer_id=customer_id)


def require_free(
    tx: Tx, space: SpaceId, *, customer_id: str, plan_id: str, besides: str | None = None
) -> None:
    """Raise AlreadySubscribed where a live subscription is on the plan, or will change to it.

    It stays so until the commit: the customer is locked. `besides` is left out of account.
    """
    store.lock_customer(tx, space, customer_id)
    for sub in list_for_customer(tx, space, customer_id, only_live=True):
        change = sub.scheduled_change
        plans = {sub.plan_id, None if change is None else change.plan_id}
        if plan_id in plans and sub.id != besides:
            raise AlreadySubscribed(subscription_id=sub.id, plan_id=plan_id)


def get_period(tx: Tx, space: SpaceId, sub_id: str, number: int) -> Period:
    """Errors: PeriodNotFound."""
    period = period_store.find(tx, space, sub_id, number)
    if period is None:
        raise PeriodNotFound(subscription_id=sub_id, number=number)
    return period


def get_current_period(tx: Tx, space: SpaceId, sub: Subscription) -> Period:
    """Return the newest period. Errors: PeriodNotFound (a draft has none)."""
    if sub.current_period is None:
        raise PeriodNotFound(subscription_id=sub.id, number=0)
    return get_period(tx, space, sub.id, sub.current_period)


def list_periods(tx: Tx, space: SpaceId, sub_id: str, *, limit: int = PERIODS_MAX) -> list[Period]:
    """Return the periods, the newest first."""
    return period_store.list_of(tx, space, sub_id, limit=limit)


def timelines(
    tx: Tx, space: SpaceId, customer_ids: Collection[str], *, since: datetime | None = None
) -> dict[str, list[Timeline]]:
    """Return each customer's subscriptions with their periods and terms; drafts have none.

    Three queries for a thousand customers. `since` leaves out periods that ended by then.
    """
    return timeline_store.load(tx, space, customer_ids, since=since)
