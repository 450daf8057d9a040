"""What a decision stands on: subscriptions, counters and holds, in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tallybook.server.access import store
from tallybook.server.access.models import Ask, Decision, Entitlement, Reason
from tallybook.server.access.rules.decide import decide
from tallybook.server.access.rules.entitle import find_entitlement, reset_of
from tallybook.server.access.rules.holds import total
from tallybook.server.access.rules.standing import continued, graced, hindrance_of, why_nothing
from tallybook.server.customers.models import Customer, CustomerStatus
from tallybook.server.identity.models import Space
from tallybook.server.ingest.names import WINDOW_MAX
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import EXACT, ZERO
from tallybook.server.metering.models import Aggregation, CounterKey, Tally
from tallybook.server.metering.rules import tally as tallies
from tallybook.server.metering.service import counters
from tallybook.server.storage import Tx
from tallybook.server.subscriptions import service as subscriptions
from tallybook.server.subscriptions.errors import SubscriptionNotFound
from tallybook.server.subscriptions.models import Status, Timeline

from .gates import Gates


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used of an entitlement: counted now, counted in earlier periods, and held."""

    tally: Tally
    earlier: Decimal
    held: Decimal

    def counted(self, aggregation: Aggregation) -> Decimal:
        """Return what has been used, without what is held."""
        return EXACT.add(self.tally.figure(aggregation), self.earlier)

    def used(self, aggregation: Aggregation) -> Decimal:
        return self._with(self.tally, aggregation)

    def used_after(self, aggregation: Aggregation, quantity: Decimal, at: datetime) -> Decimal:
        """Return what would be used with one more event of a quantity."""
        if aggregation is Aggregation.UNIQUE_COUNT:
            return EXACT.add(self.used(aggregation), quantity)
        return self._with(tallies.add(self.tally, quantity, at), aggregation)

    def _with(self, tally: Tally, aggregation: Aggregation) -> Decimal:
        return EXACT.add(EXACT.add(tally.figure(aggregation), self.earlier), self.held)


def load_lines(tx: Tx, space: Space, customer_id: str, at: datetime) -> list[Timeline]:
    """Return a customer's subscriptions as they stand at a time."""

    def load() -> list[Timeline]:
        since = at - WINDOW_MAX
        return subscriptions.timelines(tx, space.id, {customer_id}, since=since)[customer_id]

    found = tx.remember(("timelines", space.id, customer_id), load)
    grace = space.settings.grace
    return [graced(continued(line, at), at, grace) for line in found]


def load_usage(
    tx: Tx, space: SpaceId, entitlements: Sequence[Entitlement], now: datetime
) -> dict[str, Usage]:
    """Return what is used of each entitlement, by feature: never by looking at events."""
    metered = [one for one in entitlements if one.used_counter is not None]
    keys = [one.used_counter for one in metered if one.used_counter is not None]
    found = counters.current(tx, space, keys) if keys else {}
    wanted = {(key.subscription_id, key.meter_id) for key in keys}
    held = _held(tx, space, wanted, now)
    usage: dict[str, Usage] = {}
    for one, key in zip(metered, keys, strict=True):
        earlier = _earlier(tx, space, one)
        quantities = held.get((key.subscription_id, key.meter_id), [])
        usage[one.feature] = Usage(found.get(key, Tally()), earlier, total(quantities))
    return usage


def _held(
    tx: Tx, space: SpaceId, wanted: set[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], list[Decimal]]:
    key = ("held", space, frozenset(wanted))
    found = tx.remember(key, lambda: store.held(tx, space, wanted, now)) if wanted else []
    held: dict[tuple[str, str], list[Decimal]] = {}
    for subscription_id, meter_id, quantity, expires_at in found:
        if expires_at > now:
            held.setdefault((subscription_id, meter_id), []).append(quantity)
    return held


def _earlier(tx: Tx, space: SpaceId, entitlement: Entitlement) -> Decimal:
    """Return what the quota window had counted in periods before this one."""
    quota = entitlement.quota
    if quota is None or quota.since >= quota.counter.start:
        return ZERO
    key: CounterKey = quota.counter
    parts = counters.list_windows(
        tx,
        space,
        subscription_id=key.subscription_id,
        meter_id=key.meter_id,
        window=key.window,
        start=quota.since,
        end=key.start,
    )
    return total([tally.figure(entitlement.aggregation) for _, tally in parts])


def entitled(
    tx: Tx,
    space: Space,
    customer: Customer,
    feature: str,
    *,
    at: datetime,
    subscription_id: str | None = None,
) -> tuple[Entitlement | None, Reason | None]:
    """Return what a customer has of a feature, and what of its subscription is in the way.

    Errors: SubscriptionNotFound, for one that is named and not the customer's.
    """
    lines = load_lines(tx, space, customer.id, at)
    named = subscription_id
    entitlement = find_entitlement(lines, feature, at, space.zone, subscription_id=named)
    if entitlement is not None:
        return entitlement, hindrance_of(entitlement.timeline)
    lines = [line for line in lines if named in (None, line.id)]
    drafts = () if lines else _drafts(tx, space.id, customer.id, named)
    if named is not None and not lines and not drafts:
        raise SubscriptionNotFound(subscription_id=named)
    return None, why_nothing(lines, at, has_draft=bool(drafts))


def _drafts(tx: Tx, space: SpaceId, customer_id: str, named: str | None) -> Sequence[str]:
    found = subscriptions.list_for_customer(tx, space, customer_id)
    return [s.id for s in found if s.status is Status.DRAFT and named in (None, s.id)]


def decision_on(
    customer: Customer,
    feature: str,
    entitlement: Entitlement | None,
    hindrance: Reason | None,
    usage: Mapping[str, Usage],
    *,
    gates: Gates,
    quantity: Decimal,
    at: datetime,
    now: datetime,
) -> Decision:
    """Return the decision on a quantity of a feature."""
    used = used_after = ZERO
    ask: Ask | None = None
    if entitlement is not None and entitlement.feature in usage:
        counted = usage[entitlement.feature]
        used = counted.used(entitlement.aggregation)
        used_after = counted.used_after(entitlement.aggregation, quantity, at)
        ask = _ask(entitlement, counted, used_after)
    reason = decide(
        entitlement,
        is_customer_suspended=customer.status is CustomerStatus.SUSPENDED,
        hindrance=hindrance,
        used_after=used_after,
        is_over_budget=gates.is_over_budget(entitlement),
        wallet_gate=gates.wallet_gate(entitlement, ask),
    )
    shown = feature if entitlement is None else entitlement.feature
    return Decision(reason, shown, entitlement, used, reset_of(entitlement), now)


def _ask(entitlement: Entitlement, counted: Usage, used_after: Decimal) -> Ask | None:
    if entitlement.meter_id is None:
        return None
    return Ask(
        subscription_id=entitlement.timeline.id,
        period_start=entitlement.period.start,
        meter_id=entitlement.meter_id,
        figure=EXACT.subtract(used_after, counted.earlier),
        included_units=entitlement.included_units,
        is_begun=bool(counted.tally.version),
    )
