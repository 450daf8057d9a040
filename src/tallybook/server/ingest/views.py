"""Usage, as answers and webhooks show it."""

import json
from collections import Counter
from typing import Any

import msgspec
from msgspec import Struct

from tallybook.server.kernel.money import ZERO, plain
from tallybook.server.metering.models import Event
from tallybook.server.rating.models import Overage
from tallybook.server.subscriptions.models import TimelinePeriod
from tallybook.wire import events as wire
from tallybook.wire.base import format_instant

from .models import Crossing, Verdict

encode = msgspec.json.Encoder().encode


def to_wire(
    event: Event, *, meter_key: str | None, period: TimelinePeriod | None
) -> wire.UsageEvent:
    """`period` is the one that the event counts in."""
    fields = _fields(event, meter_key, period)
    for name in ("attributes", "metadata"):
        fields[name] = None if fields[name] is None else json.loads(fields[name])
    return wire.UsageEvent(**fields)


def to_json(event: Event, *, meter_key: str | None, period: TimelinePeriod | None) -> bytes:
    """Return the JSON of `to_wire`, made the short way."""
    fields = _fields(event, meter_key, period)
    fields["quantity"] = plain(event.quantity)
    for name in ("timestamp", "received_at"):
        fields[name] = format_instant(fields[name])
    if fields["period"] is not None:
        for name in ("start", "end"):
            fields["period"][name] = format_instant(fields["period"][name])
    for name in ("attributes", "metadata"):
        text = fields[name]
        fields[name] = None if text is None else msgspec.Raw(text.encode())
    return encode(fields)


def _fields(event: Event, meter_key: str | None, period: TimelinePeriod | None) -> dict[str, Any]:
    """Return what an answer shows, in its order."""
    subscription_id = event.subscription_id
    return {
        "id": event.id,
        "customer_id": event.owner.customer_id,
        "customer_external_id": event.owner.customer_external_id,
        "meter_id": event.meter_id,
        "meter": meter_key or event.meter_ref,
        "quantity": event.quantity,
        "timestamp": event.at,
        "received_at": event.received_at,
        "period": None
        if subscription_id is None or period is None
        else {
            "number": period.number,
            "start": period.start,
            "end": period.end,
            "subscription_id": subscription_id,
        },
        "subscription_id": subscription_id,
        "agent_id": event.agent_id,
        "action_type": event.action_type,
        "attributes": event.attributes,
        "metadata": event.metadata,
        "idempotency_key": event.idempotency_key,
        "over_limit": event.over_limit,
        "status": event.status.label,
        "reason": event.reason,
    }


class _Result(Struct, gc=False):
    """A `wire.EventResult`."""

    index: int
    id: str | None
    idempotency_key: str | None
    status: str
    code: str | None
    detail: str | None
    over_limit: bool


def batch_result(verdicts: list[Verdict]) -> dict[str, Any]:
    """Return a `wire.BatchResult` as plain values: this answer is built very often."""
    counted = Counter(verdict.status for verdict in verdicts)
    results = [
        _Result(
            index,
            verdict.id,
            verdict.idempotency_key,
            verdict.status,
            verdict.code,
            verdict.detail,
            verdict.over_limit,
        )
        for index, verdict in enumerate(verdicts)
    ]
    return {
        "accepted": counted["accepted"] + counted["unmatched"],
        "unmatched": counted["unmatched"],
        "duplicates": counted["duplicate"],
        "rejected": counted["rejected"],
        "retry": counted["retry"],
        "results": results,
    }


def limit_crossed(crossing: Crossing, customer_external_id: str | None) -> dict[str, Any]:
    """The data of `usage.limit_reached` and its like."""
    quota, shape = crossing.quota, crossing.quota.terms.shape
    return {
        "customer_id": crossing.customer_id,
        "customer_external_id": customer_external_id,
        "subscription_id": crossing.subscription_id,
        "feature": quota.terms.meter_key,
        "meter_id": quota.terms.meter_id,
        "used": plain(crossing.used),
        "limit": plain(quota.limit),
        "remaining": plain(max(ZERO, quota.limit - crossing.used)),
        "overage_allowed": shape.overage is not Overage.DENY,
        "limit_type": shape.limit_type.value,
        "event_quota_window": shape.event_quota_window.value,
        "reset_at": None if quota.reset_at is None else format_instant(quota.reset_at),
    }
