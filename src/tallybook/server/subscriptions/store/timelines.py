"""What rating needs of many customers' subscriptions, in three queries."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, select

from tallybook.server.catalog.models import Terms
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.subscriptions.models import Period, Status, Timeline, TimelinePeriod
from tallybook.server.subscriptions.tables import (
    contract_versions,
    subscription_periods,
    subscriptions,
)

from . import periods as period_store

_CUSTOMERS_MAX = 1_000  # asked for at once


def load(
    tx: Tx, space: SpaceId, customer_ids: Collection[str], *, since: datetime | None
) -> dict[str, list[Timeline]]:
    """Return each customer's subscriptions, the earliest started first; drafts have none.

    `since` leaves out the periods that ended at that time or before.
    """
    found: dict[str, list[Timeline]] = {customer_id: [] for customer_id in customer_ids}
    for some in _slices(sorted(found)):
        for timeline in _load(tx, space, some, since=since):
            found[timeline.customer_id].append(timeline)
    return found


def _load(
    tx: Tx, space: SpaceId, customer_ids: Sequence[str], *, since: datetime | None
) -> Iterator[Timeline]:
    s = subscriptions.c
    begun = (
        s.space_id == space,
        s.customer_id.in_(customer_ids),
        s.started_at.is_not(None),
    )
    recent = () if since is None else (subscription_periods.c.end > since,)
    periods = _periods(tx, space, begun=begun, recent=recent)
    terms = _terms(tx, space, begun=begun, recent=recent)
    query = select(subscriptions).where(*begun).order_by(s.started_at, s.id)
    for row in tx.execute(query).mappings():
        yield Timeline(
            id=row["id"],
            customer_id=row["customer_id"],
            plan_id=row["plan_id"],
            parent_plan_id=row["parent_plan_id"],
            status=Status(row["status"]),
            started_at=row["started_at"],
            ended_at=row["ended_at"],
            trial_end=row["trial_end"],
            past_due_at=row["past_due_at"],
            periods=tuple(
                TimelinePeriod(
                    number=period.number,
                    start=period.start,
                    end=period.end,
                    is_trial=period.is_trial,
                    is_closed=period.is_closed,
                    contract_version=period.contract_version,
                    terms=terms[row["contract_id"], period.contract_version],
                    unit_share=period.unit_share,
                )
                for period in periods[row["id"]]
            ),
        )


_Conditions = tuple[ColumnElement[bool], ...]


def _periods(
    tx: Tx, space: SpaceId, *, begun: _Conditions, recent: _Conditions
) -> dict[str, list[Period]]:
    s, p = subscriptions.c, subscription_periods.c
    mine = and_(p.space_id == s.space_id, p.subscription_id == s.id)
    query = (
        select(subscription_periods)
        .join(subscriptions, mine)
        .where(p.space_id == space, *begun, *recent)
        .order_by(p.subscription_id, p.number)
    )
    found: defaultdict[str, list[Period]] = defaultdict(list)
    for row in tx.execute(query).mappings():
        found[row["subscription_id"]].append(period_store.from_row(row))
    return found


def _terms(
    tx: Tx, space: SpaceId, *, begun: _Conditions, recent: _Conditions
) -> dict[tuple[str, int], Terms]:
    """Return the terms by contract and version, of those versions that a period runs on."""
    s, p, v = subscriptions.c, subscription_periods.c, contract_versions.c
    signed = and_(v.space_id == s.space_id, v.contract_id == s.contract_id)
    used = (
        p.space_id == s.space_id,
        p.subscription_id == s.id,
        p.contract_version == v.version,
        *recent,
    )
    query = (
        select(v.contract_id, v.version, v.terms)
        .join(subscriptions, signed)
        .where(v.space_id == space, *begun, exists().where(*used))
    )
    return {(row.contract_id, row.version): Terms.from_json(row.terms) for row in tx.execute(query)}


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _CUSTOMERS_MAX):
        yield ids[start : start + _CUSTOMERS_MAX]
