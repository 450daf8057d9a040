"""Holds: the most that a piece of work may use, set aside before it begins."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tallybook.server.access import store
from tallybook.server.access.errors import AccessDenied, FeatureNotMetered, HoldNotFound
from tallybook.server.access.models import HOLD_PREFIX, Hold, HoldStatus
from tallybook.server.access.rules import holds as rules
from tallybook.server.customers.models import Customer
from tallybook.server.identity.models import Space
from tallybook.server.ingest.admit import Arrival, admit
from tallybook.server.ingest.models import Incoming, Named, Verdict
from tallybook.server.kernel.ids import SpaceId, new_id
from tallybook.server.kernel.money import plain
from tallybook.server.metering import meters
from tallybook.server.storage import Tx
from tallybook.wire.events import keep_json

from .gates import load_gates
from .record import json_text, keep_out_recounts, lock
from .standing import decision_on, entitled, load_usage


def create_hold(
    tx: Tx,
    space: Space,
    customer: Customer,
    feature: str,
    quantity: Decimal,
    *,
    expires_in: timedelta,
    agent: str | None = None,
    now: datetime,
) -> Hold:
    """Set a quantity aside; until settled, released or expired it counts as used.

    Holds: what is used and held stays within the limit, however many ask at once.
    Errors: AccessDenied, with the reason and the figures; FeatureNotMetered.
    """
    keep_out_recounts(tx, space.id, customer.id)
    entitlement, hindrance = entitled(tx, space, customer, feature, at=now)
    if entitlement is not None:
        if entitlement.meter_id is None or not entitlement.aggregation.is_additive:
            raise FeatureNotMetered(feature=feature, purpose="hold")
        lock(tx, space.id, entitlement)
    usage = load_usage(tx, space.id, [] if entitlement is None else [entitlement], now)
    decision = decision_on(
        customer,
        feature,
        entitlement,
        hindrance,
        usage,
        gates=load_gates(tx, space, customer, now=now, agent=agent),
        quantity=quantity,
        at=now,
        now=now,
    )
    if not decision.is_allowed:
        raise AccessDenied(
            feature=decision.feature,
            reason=decision.reason.value,
            used=plain(decision.used),
            limit=None if decision.limit is None else plain(decision.limit),
            remaining=None if decision.remaining is None else plain(decision.remaining),
        )
    assert entitlement is not None
    assert entitlement.meter_id is not None
    hold = Hold(
        id=new_id(HOLD_PREFIX),
        customer_id=customer.id,
        feature=entitlement.feature,
        meter_id=entitlement.meter_id,
        subscription_id=entitlement.timeline.id,
        quantity=quantity,
        status=HoldStatus.HELD,
        settled_quantity=None,
        event_id=None,
        expires_at=now + expires_in,
        created_at=now,
        updated_at=now,
    )
    store.add(tx, space.id, hold)
    return hold


def get_hold(tx: Tx, space: SpaceId, hold_id: str, *, lock: bool = False) -> Hold:
    """Errors: HoldNotFound."""
    hold = store.find(tx, space, hold_id, lock=lock)
    if hold is None:
        raise HoldNotFound(hold_id=hold_id)
    return hold


def settle_hold(
    tx: Tx,
    space: Space,
    hold_id: str,
    quantity: Decimal,
    *,
    attributes: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    agent: str | None = None,
    action_type: str | None = None,
    now: datetime,
    received_at: datetime,
) -> tuple[Hold, Verdict | None]:
    """Record what was used, and free the rest; of nothing used there is no event.

    The event's key is the hold's id, so it is recorded once for ever. More than was held is
    recorded too: it has been used.
    Errors: HoldNotFound; HoldOver. What ingest refuses is in the verdict.
    """
    found = get_hold(tx, space.id, hold_id)
    keep_out_recounts(tx, space.id, found.customer_id)
    hold = rules.settled(get_hold(tx, space.id, hold_id, lock=True), quantity, now)
    verdict = None
    if quantity:
        meter = meters.get_meter(tx, space.id, hold.meter_id)
        if meter.value_field is not None:
            attributes = {meter.value_field: keep_json(quantity), **(attributes or {})}
        named = Named(
            customer_id=hold.customer_id,
            meter_ref=hold.meter_id,
            agent_ref=agent,
            action_type=action_type,
        )
        item = Incoming(
            named,
            quantity,
            None,
            hold.id,
            attributes=attributes,
            attributes_text=json_text(attributes),
            metadata_text=json_text(metadata),
        )
        arrival = Arrival(now=now, received_at=received_at, strict=True, is_decided=True)
        (verdict,) = admit(tx, space, [item], arrival)
        if verdict.event is not None:
            hold = replace(hold, event_id=verdict.event.id)
    store.save(tx, space.id, hold)
    return hold, verdict


def release_hold(tx: Tx, space: SpaceId, hold_id: str, *, now: datetime) -> Hold:
    """Free all that is held: nothing was used. Errors: HoldNotFound; HoldOver."""
    hold = rules.released(get_hold(tx, space, hold_id, lock=True), now)
    store.save(tx, space, hold)
    return hold
