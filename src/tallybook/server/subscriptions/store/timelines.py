"""What rating needs of many customers' subscriptions, in three queries."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, select

from tallybook.server.catalog.models import terms_from_json
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared
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
    asked: dict[str, Any] = {f"customer_{n}": one for n, one in enumerate(customer_ids)}
    of_them = _statements(len(asked), has_since=since is not None)
    asked["space"] = space
    lasting = asked if since is None else {**asked, "since": since}
    periods: defaultdict[str, list[Period]] = defaultdict(list)
    for row in tx.rows(of_them.periods, **lasting):
        periods[row["subscription_id"]].append(period_store.from_row(row))
    terms = {
        (row["contract_id"], row["version"]): terms_from_json(row["terms"])
        for row in tx.rows(of_them.terms, **lasting)
    }
    for row in tx.rows(of_them.subscriptions, **asked):
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


@dataclass(frozen=True, slots=True)
class _Statements:
    """The three queries: what was begun, its periods, and the terms that these run on."""

    subscriptions: Prepared
    periods: Prepared
    terms: Prepared


@lru_cache(maxsize=64)
def _statements(count: int, *, has_since: bool) -> _Statements:
    """The queries of as many customers; `since` leaves out periods that ended before."""
    s, p, v = subscriptions.c, subscription_periods.c, contract_versions.c
    names: list[ColumnElement[str]] = [bindparam(f"customer_{n}") for n in range(count)]
    begun = (s.space_id == SPACE, s.customer_id.in_(names), s.started_at.is_not(None))
    recent = (p.end > bindparam("since"),) if has_since else ()
    began = select(subscriptions).where(*begun).order_by(s.started_at, s.id)
    lasting = (
        select(subscription_periods)
        .join(subscriptions, and_(p.space_id == s.space_id, p.subscription_id == s.id))
        .where(p.space_id == SPACE, *begun, *recent)
        .order_by(p.subscription_id, p.number)
    )
    used = exists().where(
        p.space_id == s.space_id,
        p.subscription_id == s.id,
        p.contract_version == v.version,
        *recent,
    )
    signed = (
        select(v.contract_id, v.version, v.terms)
        .join(subscriptions, and_(v.space_id == s.space_id, v.contract_id == s.contract_id))
        .where(v.space_id == SPACE, *begun, used)
    )
    return _Statements(
        Prepared(lambda _: began), Prepared(lambda _: lasting), Prepared(lambda _: signed)
    )


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _CUSTOMERS_MAX):
        yield ids[start : start + _CUSTOMERS_MAX]
