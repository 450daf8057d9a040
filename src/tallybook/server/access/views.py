"""Access, as answers show it."""

from datetime import datetime
from typing import Any

from msgspec.json import encode

from tallybook.server.customers import views as customers
from tallybook.server.kernel.money import ZERO, plain
from tallybook.server.rating.models import Overage
from tallybook.server.subscriptions import views as subscriptions
from tallybook.server.wallets import views as wallets
from tallybook.wire import access as wire
from tallybook.wire import holds as hold_wire
from tallybook.wire.base import format_instant

from .models import CustomerState, Decision, Hold
from .rules.holds import status_at


def to_wire(decision: Decision, *, event_id: str | None = None) -> wire.AccessDecision:
    return wire.AccessDecision(**_fields(decision), event_id=event_id)


def to_json(decision: Decision) -> bytes:
    """Return the JSON of `to_wire`, made the short way."""
    fields = _fields(decision)
    for name in ("used", "limit", "remaining"):
        fields[name] = None if fields[name] is None else plain(fields[name])
    for name in ("reset_at", "checked_at"):
        fields[name] = None if fields[name] is None else format_instant(fields[name])
    return encode({**fields, "event_id": None})


def _fields(decision: Decision) -> dict[str, Any]:
    """Return what an answer shows, in its order."""
    entitlement = decision.entitlement
    overage = None if entitlement is None else entitlement.overage
    window = None if entitlement is None else entitlement.window
    return {
        "allowed": decision.is_allowed,
        "reason": decision.reason.value,
        "feature": decision.feature,
        "meter_id": None if entitlement is None else entitlement.meter_id,
        "subscription_id": None if entitlement is None else entitlement.timeline.id,
        "used": decision.used,
        "limit": decision.limit,
        "remaining": decision.remaining,
        "overage_allowed": overage in (Overage.BILL, Overage.FREE),
        "limit_type": "none" if entitlement is None else entitlement.limit_type.value,
        "event_quota_window": None if window is None else window.value,
        "reset_at": decision.reset_at,
        "checked_at": decision.checked_at,
    }


def _entitlement(decision: Decision) -> wire.Entitlement:
    entitlement = decision.entitlement
    assert entitlement is not None
    limit, window = decision.limit, entitlement.window
    over = ZERO if limit is None else max(ZERO, decision.used - limit)
    return wire.Entitlement(
        feature=decision.feature,
        meter_id=entitlement.meter_id,
        subscription_id=entitlement.timeline.id,
        plan_version_id=entitlement.period.terms.plan_version_id,
        allowed=decision.is_allowed,
        reason=decision.reason.value,
        used=decision.used,
        limit=limit,
        remaining=decision.remaining,
        included_units=entitlement.included_units,
        overage=None if entitlement.overage is None else entitlement.overage.value,
        over_limit=over,
        limit_type=entitlement.limit_type.value,
        event_quota_window=None if window is None else window.value,
        reset_at=decision.reset_at,
    )


def state_to_wire(state: CustomerState, now: datetime) -> wire.CustomerState:
    return wire.CustomerState(
        customer=customers.to_wire(state.customer),
        subscriptions=[subscriptions.to_wire(sub) for sub in state.subscriptions],
        wallets=[
            wallets.to_wire(balance.wallet, balance.credits_micros) for balance in state.wallets
        ],
        entitlements=[_entitlement(decision) for decision in state.entitlements],
        as_of=now,
    )


def hold_to_wire(hold: Hold, now: datetime) -> hold_wire.Hold:
    return hold_wire.Hold(
        id=hold.id,
        customer_id=hold.customer_id,
        feature=hold.feature,
        meter_id=hold.meter_id,
        subscription_id=hold.subscription_id,
        quantity=hold.quantity,
        status=status_at(hold, now).value,
        settled_quantity=hold.settled_quantity,
        event_id=hold.event_id,
        expires_at=hold.expires_at,
        created_at=hold.created_at,
        updated_at=hold.updated_at,
    )
