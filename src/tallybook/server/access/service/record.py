"""Check and record in one step: nobody comes between the question and the usage."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import structs

from tallybook.server.access.errors import FeatureNotMetered
from tallybook.server.access.models import Decision, Entitlement, Reason
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.ingest.admit import Arrival, admit
from tallybook.server.ingest.errors import TimestampOutOfRange
from tallybook.server.ingest.models import Incoming, Verdict
from tallybook.server.ingest.rules.enrich import check_time, value_of
from tallybook.server.kernel.clock import from_micros
from tallybook.server.kernel.errors import FieldError
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.kernel.money import ZERO
from tallybook.server.metering import meters
from tallybook.server.metering.models import Aggregation, Owner
from tallybook.server.metering.service import counters, events
from tallybook.server.storage import Tx
from tallybook.wire.events import keep_json

from .gates import load_gates
from .standing import decision_on, entitled, load_usage


@dataclass(frozen=True, slots=True)
class Recorded:
    """The decision, and what became of the event; no verdict where access was denied."""

    decision: Decision
    verdict: Verdict | None = None


def check_and_record(
    tx: Tx,
    space: Space,
    customer: Customer,
    feature: str,
    item: Incoming,
    *,
    now: datetime,
    received_at: datetime,
) -> Recorded:
    """Record the event if access is given; the decision shows what is used with it.

    A key that has recorded before answers with its first event, whatever the limit says by now.
    Holds: however many do this at once, together they stay within the limit.
    Errors: SubscriptionNotFound; FeatureNotMetered; TimestampOutOfRange. What else ingest refuses
    is in the verdict.
    """
    at = now if item.at is None else from_micros(item.at)
    if (wrong := check_time(at, now, backfill=False)) is not None:
        field = FieldError("/timestamp", TimestampOutOfRange.code, wrong)
        raise TimestampOutOfRange(errors=[field], detail=wrong)
    keep_out_recounts(tx, space.id, customer.id)
    entitlement, hindrance = entitled(
        tx, space, customer, feature, at=at, subscription_id=item.named.subscription_id
    )
    if entitlement is not None and entitlement.meter_id is None:
        raise FeatureNotMetered(feature=feature, purpose="record")
    if entitlement is not None:
        lock(tx, space.id, entitlement)
        item = measured(item, entitlement)
    usage = load_usage(tx, space.id, [] if entitlement is None else [entitlement], now)

    gates = load_gates(tx, space, customer, now=now, agent=item.named.agent_ref)

    def decide(quantity: Decimal) -> Decision:
        return decision_on(
            customer,
            feature,
            entitlement,
            hindrance,
            usage,
            gates=gates,
            quantity=quantity,
            at=at,
            now=now,
        )

    is_repeated = _is_taken(tx, space.id, customer.id, item.idempotency_key)
    decision = decide(_added(tx, space.id, entitlement, item))
    if not decision.is_allowed and not is_repeated:
        return Recorded(decision)
    arrival = Arrival(now=now, received_at=received_at, strict=True, is_decided=True)
    (verdict,) = admit(tx, space, [item], arrival)
    if entitlement is not None:
        usage = load_usage(tx, space.id, [entitlement], now)
    after = replace(decide(ZERO), reason=decision.reason)
    if not after.is_allowed:  # it was, when the key was used first
        after = replace(after, reason=Reason.OK)
    return Recorded(after, verdict)


def keep_out_recounts(tx: Tx, space: SpaceId, customer_id: str) -> None:
    """Take the customer's lock first, as admitting does: all lock in one order."""
    events.share_customers(tx, space, {customer_id})


def lock(tx: Tx, space: SpaceId, entitlement: Entitlement) -> None:
    """Let nobody else count, or hold, or check and record, this feature before the commit."""
    counters.lock(tx, space, entitlement.counters)


def measured(item: Incoming, entitlement: Entitlement) -> Incoming:
    """Return the event with its quantity in the attribute that its meter adds up, if absent."""
    field = entitlement.value_field
    is_figure = entitlement.aggregation not in (Aggregation.COUNT, Aggregation.UNIQUE_COUNT)
    if field is None or not is_figure or field in (item.attributes or {}):
        return item
    attributes = {**(item.attributes or {}), field: keep_json(item.quantity)}
    return structs.replace(item, attributes=attributes, attributes_text=json_text(attributes))


def json_text(value: Mapping[str, Any] | None) -> str | None:
    """Return the text under which a caller's own JSON is stored."""
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _added(tx: Tx, space: SpaceId, entitlement: Entitlement | None, item: Incoming) -> Decimal:
    """Return what the event adds by the measure of its meter."""
    if entitlement is None or entitlement.meter_id is None or entitlement.used_counter is None:
        return item.quantity
    is_set = entitlement.aggregation is Aggregation.UNIQUE_COUNT
    if entitlement.value_field is None and not is_set:
        return item.quantity
    meter = meters.find_meters(tx, space, {entitlement.meter_id})[entitlement.meter_id]
    value, member, _ = value_of(item.quantity, item.attributes, meter)
    if not is_set:
        return item.quantity if value is None else value
    key = entitlement.used_counter
    is_known = member is not None and counters.find_members(tx, space, key, [member])
    return ZERO if is_known else Decimal(1)


def _is_taken(tx: Tx, space: SpaceId, customer_id: str, key: str) -> bool:
    owner = events.pack_owner(Owner(customer_id, None))
    return bool(events.find_by_keys(tx, space, [(owner, key)]))
