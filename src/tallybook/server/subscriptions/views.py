"""Subscriptions and contracts, as answers and webhooks show them."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from tallybook.server.kernel.money import plain
from tallybook.server.rating.rules.shape import terms_of
from tallybook.server.rating.rules.tiers import TierBounds
from tallybook.wire import contracts as contract_wire
from tallybook.wire import subscriptions as wire

from .models import Agreement, ScheduledChange, Subscription
from .rules.contracts import status_of


def to_wire(sub: Subscription) -> wire.Subscription:
    return wire.Subscription(
        id=sub.id,
        customer_id=sub.customer_id,
        plan=sub.plan_key,
        plan_id=sub.plan_id,
        plan_version_id=sub.plan_version_id,
        market=sub.market_key,
        market_id=sub.market_id,
        currency=sub.currency,
        billing_period=sub.billing_period.value,
        status=sub.status.value,
        contract_id=sub.contract_id,
        contract_version=sub.contract_version,
        start_date=sub.opening.start if sub.started_at is None else sub.started_at,
        started_at=sub.started_at,
        current_period_start=sub.current_period_start,
        current_period_end=sub.current_period_end,
        trial_end=sub.trial_end,
        end_date=sub.end_date,
        cancel_at=sub.cancel_at,
        canceled_at=sub.canceled_at,
        cancel_reason=sub.cancel_reason,
        ended_at=sub.ended_at,
        past_due_at=sub.past_due_at,
        suspended_at=sub.suspended_at,
        suspend_reason=sub.suspend_reason,
        resume_date=sub.resume_at,
        collection_method=sub.collection_method.value,
        payment_terms=sub.payment_terms_days,
        scheduled_change=None
        if sub.scheduled_change is None
        else change_to_wire(sub.scheduled_change),
        metadata=dict(sub.metadata),
        created_at=sub.created_at,
        updated_at=sub.updated_at,
    )


def change_to_wire(change: ScheduledChange) -> wire.ScheduledChange:
    return wire.ScheduledChange(
        reason=change.reason.value,
        effective_at=change.effective_at,
        plan_id=change.plan_id,
        plan=change.plan_key,
        market=change.market_key,
        billing_period=change.billing_period.value,
    )


def contract_to_wire(agreement: Agreement) -> contract_wire.Contract:
    paper, version, sub = agreement.contract, agreement.version, agreement.subscription
    terms = version.terms
    return contract_wire.Contract(
        id=paper.id,
        version=version.version,
        status=status_of(sub, version.version),
        subscription_id=sub.id,
        customer_id=sub.customer_id,
        plan=terms.plan_key,
        plan_id=terms.plan_id,
        plan_version_id=terms.plan_version_id,
        market=terms.market_key,
        name=paper.name,
        description=paper.description,
        notes=version.notes,
        start_date=paper.start_date,
        end_date=paper.end_date,
        billing_period=terms.billing_period.value,
        currency=terms.currency,
        base_price=terms.base_price,
        source="contract" if version.is_negotiated else "plan",
        meter_overrides=[
            {"meter": override.meter, **_written(override.changes)}
            for override in version.meter_overrides
        ],
        collection_method=sub.collection_method.value,
        payment_terms=sub.payment_terms_days,
        version_reason=version.reason.value,
        signed_at=version.created_at,
        effective_at=version.effective_at,
        metadata=dict(paper.metadata),
        created_at=paper.created_at,
        updated_at=paper.updated_at,
    )


def resolved_terms(agreement: Agreement) -> wire.ResolvedTerms:
    sub, terms = agreement.subscription, agreement.version.terms
    return wire.ResolvedTerms(
        subscription_id=sub.id,
        contract_id=sub.contract_id,
        contract_version=agreement.version.version,
        plan=terms.plan_key,
        plan_id=terms.plan_id,
        plan_version_id=terms.plan_version_id,
        market=terms.market_key,
        billing_period=terms.billing_period.value,
        base_price=wire.ResolvedPrice(
            amount=terms.base_price,
            currency=terms.currency,
            source=terms.base_price_source.value,
        ),
        meters=[
            wire.ResolvedMeter(
                **terms_of(meter.shape),
                meter=meter.meter_key,
                meter_id=meter.meter_id,
                aggregation=meter.aggregation.value,
                unit_label=meter.unit_label,
                source=meter.source.value,
            )
            for meter in terms.meters
        ],
        charges=[
            wire.ResolvedCharge(
                id=charge.id,
                key=charge.key,
                name=charge.name,
                charge_type=charge.charge_type.value,
                amount=charge.amount,
                billing_period=(charge.billing_period or terms.billing_period).value,
                meter=charge.meter_key,
            )
            for charge in terms.charges
        ],
        features=list(terms.features),
    )


def announced(
    sub: Subscription, *, external_id: str | None, details: Mapping[str, Any]
) -> dict[str, Any]:
    """The data of every `subscription.…` event."""
    return {
        "customer_id": sub.customer_id,
        "customer_external_id": external_id,
        "subscription_id": sub.id,
        "status": sub.status.value,
        **details,
        "subscription": to_wire(sub).model_dump(mode="json"),
    }


def _written(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Write price terms as they came."""
    return {name: _plain(value) for name, value in changes.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, TierBounds):
        return _written(asdict(value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return plain(value) if isinstance(value, Decimal) else value
