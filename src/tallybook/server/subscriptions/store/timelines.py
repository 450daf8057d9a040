"""What rating needs of many customers' subscriptions, in three queries."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import and_, bindparam, exists, select

from tallybook.server.catalog.models import Terms, terms_from_json
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Tx
from tallybook.server.storage.prepared import SPACE, Prepared, one_of
from tallybook.server.subscriptions.models import (
    Period,
    Status,
    Subscription,
    Timeline,
    TimelinePeriod,
)
from tallybook.server.subscriptions.tables import (
    contract_versions,
    subscription_periods,
    subscriptions,
)

from . import contracts as contract_store
from . import periods as period_store
from . import subscriptions as subscription_store

_CUSTOMERS_MAX: Final = 1_000  # asked for at once
_PERIODS_MAX: Final = 1_000_000  # all there are
_FACTS: Final = tuple(field.name for field in fields(Timeline) if field.name != "periods")


def load(
    tx: Tx, space: SpaceId, customer_ids: Collection[str], *, since: datetime | None
) -> dict[str, list[Timeline]]:
    """Return each customer's subscriptions, the earliest started first; drafts have none.

    `since` leaves out the periods that ended at that time or before.
    """
    found: dict[str, list[Timeline]] = {}
    for customer_id in sorted(customer_ids):
        found[customer_id] = _kept(tx, space, customer_id, since=since)
    for some in _slices([one for one in found if not tx.is_kept(_key(space, one))]):
        for timeline in _load(tx, space, some, since=since):
            found[timeline.customer_id].append(timeline)
    return found


def keep(tx: Tx, space: SpaceId, customer_ids: Sequence[str]) -> None:
    """Read for gathered work what timelines are made of; what it changes is held already."""
    asked = {"space": space, "customers": customer_ids}
    begun: dict[str, list[Subscription]] = {customer_id: [] for customer_id in customer_ids}
    for row in tx.rows(_BEGUN, **asked):
        sub = subscription_store.find(tx, space, row["id"])  # most of them are held
        assert sub is not None
        begun[sub.customer_id].append(sub)
    subs = [sub for of_customer in begun.values() for sub in of_customer]
    if not subs:
        return
    contract_store.keep_versions(tx, space, [sub.contract_id for sub in subs])
    periods: dict[str, list[Period]] = {sub.id: [] for sub in subs}
    for row in tx.rows(_statements(has_since=False).periods, **asked):
        periods[row["subscription_id"]].append(period_store.from_row(row))
    period_store.keep_all(tx, space, periods)
    for customer_id, of_customer in begun.items():
        tx.keep(_key(space, customer_id), of_customer)


def _kept(tx: Tx, space: SpaceId, customer_id: str, *, since: datetime | None) -> list[Timeline]:
    """Return a customer's timelines, as gathered work has read and changed them."""
    key = _key(space, customer_id)
    begun: Sequence[Subscription] = tx.kept(key, tuple) if tx.is_kept(key) else ()
    lines = []
    for seen in begun:
        sub = subscription_store.find_held(tx, space, seen.id) or seen
        periods = period_store.list_of(tx, space, sub.id, limit=_PERIODS_MAX)[::-1]
        lasting = [one for one in periods if since is None or one.end > since]
        terms = {}
        for number in {period.contract_version for period in lasting}:
            version = contract_store.find_version(tx, space, sub.contract_id, number)
            assert version is not None
            terms[number] = version.terms
        facts = {name: getattr(sub, name) for name in _FACTS}
        lines.append(_timeline(facts, lasting, terms))
    return lines


def _key(space: SpaceId, customer_id: str) -> tuple[str, SpaceId, str]:
    return ("begun subscriptions", space, customer_id)


def _load(
    tx: Tx, space: SpaceId, customer_ids: Sequence[str], *, since: datetime | None
) -> Iterator[Timeline]:
    of_them = _statements(has_since=since is not None)
    asked: dict[str, Any] = {"space": space, "customers": customer_ids}
    lasting = asked if since is None else {**asked, "since": since}
    periods: defaultdict[str, list[Period]] = defaultdict(list)
    for row in tx.rows(of_them.periods, **lasting):
        periods[row["subscription_id"]].append(period_store.from_row(row))
    terms: defaultdict[str, dict[int, Terms]] = defaultdict(dict)
    for row in tx.rows(of_them.terms, **lasting):
        terms[row["contract_id"]][row["version"]] = terms_from_json(row["terms"])
    for row in tx.rows(of_them.subscriptions, **asked):
        yield _timeline(row, periods[row["id"]], terms[row["contract_id"]])


def _timeline(
    facts: Mapping[str, Any], periods: Sequence[Period], terms: Mapping[int, Terms]
) -> Timeline:
    return Timeline(
        id=facts["id"],
        customer_id=facts["customer_id"],
        plan_id=facts["plan_id"],
        parent_plan_id=facts["parent_plan_id"],
        status=Status(facts["status"]),
        started_at=facts["started_at"],
        ended_at=facts["ended_at"],
        trial_end=facts["trial_end"],
        past_due_at=facts["past_due_at"],
        periods=tuple(
            TimelinePeriod(
                number=period.number,
                start=period.start,
                end=period.end,
                is_trial=period.is_trial,
                is_closed=period.is_closed,
                contract_version=period.contract_version,
                terms=terms[period.contract_version],
                unit_share=period.unit_share,
            )
            for period in periods
        ),
    )


_BEGUN: Final = Prepared(
    lambda _: (
        select(subscriptions.c.id)
        .where(
            subscriptions.c.space_id == SPACE,
            one_of(subscriptions.c.customer_id, "customers"),
            subscriptions.c.started_at.is_not(None),
        )
        .order_by(subscriptions.c.started_at, subscriptions.c.id)
    )
)


@dataclass(frozen=True, slots=True)
class _Statements:
    """The three queries: what was begun, its periods, and the terms that these run on."""

    subscriptions: Prepared
    periods: Prepared
    terms: Prepared


@cache
def _statements(*, has_since: bool) -> _Statements:
    """The queries of some customers; `since` leaves out periods that ended before."""
    s, p, v = subscriptions.c, subscription_periods.c, contract_versions.c
    named = one_of(s.customer_id, "customers")
    begun = (s.space_id == SPACE, named, s.started_at.is_not(None))
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
